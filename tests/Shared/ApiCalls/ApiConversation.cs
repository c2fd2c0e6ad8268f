using System.Text;
using static Omoai.Tests.ApiCalls.HostTraits;

namespace Omoai.Tests.ApiCalls;

/// <summary>The calls of docs/http-api.md, in an order that makes sense, with the answers that every host of the API gives. What a
/// host answers by itself to keys, paths and methods that there are not is hardly among them.</summary>
internal static class ApiConversation
{
    /// <summary>See <see cref="TestSettings"/>.</summary>
    public const int MaxRecordingBytes = 100_000;

    private const string NoJob = "00000000000000000000000000000000";
    private const string NotAudio = "This is a text, and nobody could take it for a recording of anything at all.";

    private static readonly string TooLong = $$"""{"blob":"audio-in/{{new string('x', 70_000)}}.wav"}""";

    public static IReadOnlyList<ApiCall> Calls { get; } =
    [
        new("the process answers", "GET", "health/live", 200) { Json = """{"status":"live"}""" },
        new("jobs can be taken", "GET", "health/ready", 200) { Json = """{"status":"ready","checks":{"storage":null,"jobs":null}}""" },
        new("the document of the API", "GET", "openapi.json", 200)
        {
            Json = """{"openapi":"*","paths":{"/api/transcriptions":{"post":"*","get":"*"},"/api/transcriptions/{id}/events":{"get":"*"}}}""",
        },

        // A recording as the body.
        new("a recording is posted", "POST", "transcriptions?name=talk.wav", 202)
        {
            Body = ApiBody.Audio(Wav(1)),
            Json = """{"id":"*","status":"*","createdAt":"*","endedAt":null,"error":null,"links":{"self":"*","events":"*","txt":"*"}}""",
            Keeps = [("job", "id")],
        },
        new("it becomes a transcript", "GET", "transcriptions/{job}", 200)
        {
            Json = """
                {"id":"{job}","status":"succeeded","stage":"Publish","progress":1,"createdAt":"*","startedAt":"*","endedAt":"*","error":null,
                 "links":{"self":"/api/transcriptions/{job}","events":"/api/transcriptions/{job}/events","json":"/api/transcriptions/{job}/json"}}
                """,
            Waits = true,
        },
        new("the transcript as JSON", "GET", "transcriptions/{job}/json", 200) { Json = """{"jobId":"{job}","source":{"name":"talk.wav"}}""" },
        new("the transcript as text", "GET", "transcriptions/{job}/txt", 200) { ContentType = "text/plain; charset=utf-8" },
        new("the transcript as SubRip", "GET", "transcriptions/{job}/srt", 200) { ContentType = "application/x-subrip; charset=utf-8" },
        new("the transcript as WebVTT", "GET", "transcriptions/{job}/vtt", 200) { ContentType = "text/vtt; charset=utf-8" },
        new("the transcript as Markdown", "GET", "transcriptions/{job}/md", 200) { ContentType = "text/markdown; charset=utf-8" },
        new("the record of the run", "GET", "transcriptions/{job}/run", 200) { Json = "{}" },
        new("an output that no job has", "GET", "transcriptions/{job}/docx", 404) { IsHostsOwn = true },
        new("the events of a job that has ended", "GET", "transcriptions/{job}/events", 200)
        {
            ContentType = "text/event-stream",
            LastEvent = """{"id":"{job}","status":"succeeded","progress":1}""",
        },
        new("a job that has ended can't be cancelled", "DELETE", "transcriptions/{job}", 409) { Code = "job_ended", Json = """{"job":"{job}"}""" },

        // A form.
        new("a form is posted", "POST", "transcriptions", 202)
        {
            Body = ApiBody.Form(("audio", Wav(2)), ("options", """{"formats":["txt"],"summary":"none"}"""u8.ToArray())),
            Keeps = [("form", "id")],
            Json = """{"id":"!{job}"}""",
        },
        new("its events until the end", "GET", "transcriptions/{form}/events", 200)
        {
            ContentType = "text/event-stream",
            LastEvent = """{"id":"{form}","status":"succeeded","endedAt":"*"}""",
        },
        new("the output that was asked for", "GET", "transcriptions/{form}/txt", 200) { ContentType = "text/plain; charset=utf-8" },
        new("an output that was not asked for", "GET", "transcriptions/{form}/srt", 404) { Code = "output_not_written" },
        new("a form without a recording", "POST", "transcriptions", 400)
        {
            Body = ApiBody.Form(("options", "{}"u8.ToArray())),
            Code = "invalid_request",
        },
        new("a form with something else", "POST", "transcriptions", 400)
        {
            Body = ApiBody.Form(("audio", Wav(3)), ("more", "{}"u8.ToArray())),
            Code = "invalid_request",
        },
        new("a form with options that nobody knows", "POST", "transcriptions", 400)
        {
            Body = ApiBody.Form(("audio", Wav(3)), ("options", """{"speed":2}"""u8.ToArray())),
            Code = "invalid_options",
        },

        // What can't be used.
        new("options that nobody knows", "POST", "transcriptions?options={\"speed\":2}", 400) { Body = ApiBody.Audio(Wav(3)), Code = "invalid_options" },
        new("options that aren't JSON", "POST", "transcriptions?options={", 400) { Body = ApiBody.Audio(Wav(3)), Code = "invalid_options" },
        new("a value out of range", "POST", "transcriptions?options={\"maxKeyPoints\":51}", 400) { Body = ApiBody.Audio(Wav(3)), Code = "invalid_options" },
        new("an empty hot word", "POST", "transcriptions?options={\"hotWords\":[\"a\",\" \"]}", 400) { Body = ApiBody.Audio(Wav(3)), Code = "invalid_options" },
        new("channels by number", "POST", "transcriptions?options={\"channels\":1}", 400) { Body = ApiBody.Audio(Wav(3)), Code = "invalid_options" },
        new("a language that is no tag", "POST", "transcriptions?options={\"language\":\"en_GB\"}", 400) { Body = ApiBody.Audio(Wav(3)), Code = "invalid_options" },
        new("channels that there aren't", "POST", "transcriptions?options={\"channels\":\"left\"}", 400) { Body = ApiBody.Audio(Wav(3)), Code = "invalid_options" },
        new("a format that there isn't", "POST", "transcriptions?options={\"formats\":[\"docx\"]}", 400) { Body = ApiBody.Audio(Wav(3)), Code = "invalid_options" },
        new("a language model that there isn't", "POST", "transcriptions?options={\"summary\":\"llm\"}", 400) { Body = ApiBody.Audio(Wav(3)), Code = "model_missing" },
        new("a language model that nobody has heard of", "POST", "transcriptions?options={\"punctuation\":\"llm\",\"llm\":\"no-such-model\"}", 400) { Body = ApiBody.Audio(Wav(3)), Code = "model_missing" },
        new("times that there aren't", "POST", "transcriptions?options={\"timestamps\":\"hours\"}", 400) { Body = ApiBody.Audio(Wav(3)), Code = "invalid_options" },
        new("parts that there aren't", "POST", "transcriptions?options={\"include\":[\"all\"]}", 400) { Body = ApiBody.Audio(Wav(3)), Code = "invalid_options" },
        new("a webhook that is no URL", "POST", "transcriptions?options={\"webhook\":\"nowhere\"}", 400) { Body = ApiBody.Audio(Wav(3)), Code = "invalid_options" },
        new("a speech model that isn't installed", "POST", "transcriptions?options={\"asr\":\"no-such-model\"}", 400) { Body = ApiBody.Audio(Wav(3)), Code = "model_missing" },
        new("an empty recording", "POST", "transcriptions", 400) { Body = ApiBody.Audio([]), Code = "empty_audio" },
        new("a recording that is too large", "POST", "transcriptions", 413)
        {
            Body = ApiBody.Audio(new byte[MaxRecordingBytes + 1]),
            Code = "too_large",
            Needs = TestSettings,
        },
        new("a type that is no recording", "POST", "transcriptions", 415)
        {
            Body = new ApiBody("text/plain", Encoding.UTF8.GetBytes(NotAudio)),
            Code = "unsupported_media_type",
        },
        new("no type at all", "POST", "transcriptions", 415) { Body = new ApiBody(null, Wav(3)), Code = "unsupported_media_type" },
        new("JSON that is none", "POST", "transcriptions", 400) { Body = ApiBody.Json("{"), Code = "invalid_request" },
        new("JSON without a blob", "POST", "transcriptions", 400) { Body = ApiBody.Json("{}"), Code = "invalid_request" },
        new("JSON of nothing", "POST", "transcriptions", 400) { Body = ApiBody.Json(""), Code = "invalid_request" },
        new("JSON with a name that nobody knows", "POST", "transcriptions", 400) { Body = ApiBody.Json("""{"blob":"audio-in/x.wav","when":1}"""), Code = "invalid_request" },
        new("JSON that is too long", "POST", "transcriptions", 413) { Body = ApiBody.Json(TooLong), Code = "too_large" },
        new("a blob of another container", "POST", "transcriptions", 400) { Body = ApiBody.Json("""{"blob":"transcripts/x.wav"}"""), Code = "invalid_request" },
        new("a blob that isn't there", "POST", "transcriptions", 404) { Body = ApiBody.Json("""{"blob":"audio-api/no-such-blob"}"""), Code = "blob_not_found" },

        // The same again.
        new("a recording is posted with a key", "POST", "transcriptions?name=keyed.wav", 202)
        {
            Body = ApiBody.Audio(Wav(4)),
            Headers = [("Idempotency-Key", "{run}")],
            Keeps = [("keyed", "id")],
        },
        new("the same key gives the same job", "POST", "transcriptions?name=keyed.wav", 202)
        {
            Body = ApiBody.Audio(Wav(4)),
            Headers = [("Idempotency-Key", "{run}")],
            Json = """{"id":"{keyed}"}""",
        },
        new("other options with that key are a conflict", "POST", "transcriptions?options={\"maxKeyPoints\":3}", 409)
        {
            Body = ApiBody.Audio(Wav(4)),
            Headers = [("Idempotency-Key", "{run}")],
            Code = "options_conflict",
            Json = """{"job":"{keyed}"}""",
        },
        new("a key that is none", "POST", "transcriptions", 400)
        {
            Body = ApiBody.Audio(Wav(4)),
            Headers = [("Idempotency-Key", new string('k', 500))],
            Code = "invalid_request",
        },

        // A recording that is in storage.
        new("a folder has no URLs to upload to", "POST", "uploads", 409) { Code = "uploads_unavailable", Needs = Folder },
        new("a URL to upload to", "POST", "uploads", 201)
        {
            Json = """{"url":"*","method":"PUT","headers":{"x-ms-blob-type":"BlockBlob"},"blob":"*","expiresAt":"*"}""",
            Keeps = [("url", "url"), ("blob", "blob")],
            Needs = Account,
        },
        new("the upload", "PUT", "{url}", 201) { Body = ApiBody.Audio(Wav(5)), Headers = [("x-ms-blob-type", "BlockBlob")], ContentType = "", Needs = Account },
        new("a blob is named", "POST", "transcriptions", 202) { Body = ApiBody.Json("""{"blob":"{blob}","name":"stored.wav"}"""), Keeps = [("stored", "id")] },
        new("the same version of it gives the same job", "POST", "transcriptions", 202)
        {
            Body = ApiBody.Json("""{"blob":"{blob}"}"""),
            Json = """{"id":"{stored}"}""",
        },
        new("other options on it are a conflict", "POST", "transcriptions", 409)
        {
            Body = ApiBody.Json("""{"blob":"{blob}","options":{"summary":"none"}}"""),
            Code = "options_conflict",
            Json = """{"job":"{stored}"}""",
        },
        new("unless another run is asked for", "POST", "transcriptions", 202)
        {
            Body = ApiBody.Json("""{"blob":"{blob}","options":{"summary":"none"},"rerun":true}"""),
            Json = """{"id":"!{stored}"}""",
        },

        // Again.
        new("a job is run again", "POST", "transcriptions/{job}/rerun", 202) { Json = """{"id":"!{job}","error":null}""", Keeps = [("again", "id")] },
        new("it becomes a transcript, too", "GET", "transcriptions/{again}", 200) { Json = """{"status":"succeeded"}""", Waits = true },
        new("with other options", "POST", "transcriptions/{job}/rerun", 202)
        {
            Body = ApiBody.Json("""{"options":{"formats":["md"]}}"""),
            Json = """{"id":"!{again}"}""",
        },
        new("with options that can't be used", "POST", "transcriptions/{job}/rerun", 400)
        {
            Body = ApiBody.Json("""{"options":{"formats":["docx"]}}"""),
            Code = "invalid_options",
        },
        new("with JSON that is none", "POST", "transcriptions/{job}/rerun", 400) { Body = ApiBody.Json("{"), Code = "invalid_request" },
        new("a job that there isn't, again", "POST", $"transcriptions/{NoJob}/rerun", 404) { Code = "not_found" },

        // A job that fails.
        new("a text is posted as a recording", "POST", "transcriptions?name=letter.wav", 202)
        {
            Body = ApiBody.Audio(Encoding.UTF8.GetBytes(NotAudio)),
            Keeps = [("failed", "id")],
        },
        new("its job fails", "GET", "transcriptions/{failed}", 200)
        {
            Json = """{"status":"failed","endedAt":"*","error":{"class":"bad_input","retryable":false,"reason":"*"}}""",
            Waits = true,
        },
        new("it has no outputs", "GET", "transcriptions/{failed}/txt", 409) { Code = "job_failed", Json = """{"job":"{failed}"}""" },
        new("it can't be cancelled", "DELETE", "transcriptions/{failed}", 409) { Code = "job_ended" },

        // The list.
        new("the newest job", "GET", "transcriptions?limit=1", 200)
        {
            Json = """{"jobs":[{"id":"{failed}","status":"failed","links":{"self":"*"}}],"continuation":"*"}""",
            Keeps = [("next", "continuation")],
        },
        new("the next page", "GET", "transcriptions?limit=1&continuation={next}", 200) { Json = """{"jobs":[{"id":"!{failed}"}],"continuation":"*"}""" },
        new("the jobs that failed", "GET", "transcriptions?status=failed", 200) { Json = """{"jobs":[{"status":"failed"}]}""" },
        new("the jobs that succeeded", "GET", "transcriptions?status=Succeeded&limit=1000", 200) { Json = """{"jobs":[{"status":"succeeded"}]}""" },
        new("all jobs", "GET", "transcriptions", 200) { Json = """{"jobs":[{"id":"*"}]}""" },
        new("a status that there isn't", "GET", "transcriptions?status=done", 400) { Code = "invalid_request" },
        new("a status by its number", "GET", "transcriptions?status=1", 400) { Code = "invalid_request" },
        new("a limit of nothing", "GET", "transcriptions?limit=0", 400) { Code = "invalid_request" },
        new("a limit that is too high", "GET", "transcriptions?limit=1001", 400) { Code = "invalid_request" },
        new("a limit that is no number", "GET", "transcriptions?limit=all", 400) { Code = "invalid_request" },
        new("a continuation that is none", "GET", "transcriptions?continuation=nonsense", 400) { Code = "invalid_request" },

        // A job that would never end.
        new("a recording without end is posted", "POST", "transcriptions?name=sleep.wav", 202)
        {
            Body = ApiBody.Audio("SLEEP\0 for ever"u8.ToArray()),
            Keeps = [("endless", "id")],
            Needs = TestSettings,
        },
        new("its job runs", "GET", "transcriptions/{endless}", 200)
        {
            Json = """{"status":"running","stage":"Transcribe","startedAt":"*","endedAt":null}""",
            Waits = true,
            Needs = TestSettings,
        },
        new("it is among the jobs that run", "GET", "transcriptions?status=running&limit=1", 200)
        {
            Json = """{"jobs":[{"id":"{endless}","status":"running"}]}""",
            Needs = TestSettings,
        },
        new("its outputs aren't there yet", "GET", "transcriptions/{endless}/json", 409) { Code = "not_ready", Json = """{"job":"{endless}"}""", Needs = TestSettings },
        new("it can't be deleted yet", "DELETE", "transcriptions/{endless}?purge=true", 409) { Code = "job_not_ended", Needs = TestSettings },
        new("it is cancelled", "DELETE", "transcriptions/{endless}", 202) { Json = """{"id":"{endless}"}""", Needs = TestSettings },
        new("its events until it is", "GET", "transcriptions/{endless}/events", 200)
        {
            ContentType = "text/event-stream",
            LastEvent = """{"id":"{endless}","status":"cancelled","error":{"class":"cancelled"}}""",
            Needs = TestSettings,
        },
        new("it stays cancelled", "GET", "transcriptions/{endless}", 200) { Json = """{"status":"cancelled","endedAt":"*"}""", Needs = TestSettings },
        new("it has no outputs either", "GET", "transcriptions/{endless}/txt", 409) { Code = "job_failed", Needs = TestSettings },
        new("it is cancelled once more", "DELETE", "transcriptions/{endless}", 202) { Json = """{"status":"cancelled"}""", Needs = TestSettings },

        // Deleting.
        new("purge is true or false", "DELETE", "transcriptions/{job}?purge=maybe", 400) { Code = "invalid_request" },
        new("the recording isn't deleted alone", "DELETE", "transcriptions/{job}?input=true", 400) { Code = "invalid_request" },
        new("what is kept of a job is deleted", "DELETE", "transcriptions/{job}?purge=true", 204) { ContentType = "" },
        new("with its recording", "DELETE", "transcriptions/{form}?purge=true&input=true", 204) { ContentType = "" },
        new("a job that failed is deleted as well", "DELETE", "transcriptions/{failed}?purge=true", 204) { ContentType = "" },

        // What there isn't, or no longer.
        new("a job that was deleted", "GET", "transcriptions/{job}", 404) { Code = "not_found" },
        new("its outputs", "GET", "transcriptions/{job}/json", 404) { Code = "not_found" },
        new("its events", "GET", "transcriptions/{job}/events", 404) { Code = "not_found" },
        new("again", "POST", "transcriptions/{job}/rerun", 404) { Code = "not_found" },
        new("deleted again", "DELETE", "transcriptions/{job}?purge=true", 404) { Code = "not_found" },
        new("a job that there isn't", "GET", $"transcriptions/{NoJob}", 404) { Code = "not_found" },
        new("what is no id", "GET", "transcriptions/..%5C..%5Ctranscripts", 404) { Code = "not_found" },
        new("a job that there isn't, deleted", "DELETE", $"transcriptions/{NoJob}", 404) { Code = "not_found" },
    ];

    /// <summary>A second of silence. The real activity host takes it too, and hears nothing.</summary>
    private static byte[] Wav(byte number)
    {
        const int Rate = 16000, HeaderBytes = 44, Bytes = 2 * Rate;
        using var wav = new MemoryStream(HeaderBytes + Bytes);
        using var writer = new BinaryWriter(wav);
        writer.Write("RIFF"u8);
        writer.Write(HeaderBytes - 8 + Bytes);
        writer.Write("WAVEfmt "u8);
        writer.Write(16);
        writer.Write((short)1);
        writer.Write((short)1);
        writer.Write(Rate);
        writer.Write(2 * Rate);
        writer.Write((short)2);
        writer.Write((short)16);
        writer.Write("data"u8);
        writer.Write(Bytes);
        writer.Write(new byte[Bytes - 2]);
        // Tells it from others, and can't be heard.
        writer.Write((short)number);
        return wav.ToArray();
    }
}
