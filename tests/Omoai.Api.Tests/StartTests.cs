using System.Text.Json;
using Omoai.Api.Tests.Support;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Formats;

namespace Omoai.Api.Tests;

public sealed class StartTests
{
    private const string Options = """{"maxKeyPoints":3,"formats":["txt"]}""";

    public static TheoryData<string, string> BadOptions { get; } = new()
    {
        { "{", "The JSON can't be used" },
        { """{"maxKeyPoint":3}""", "maxKeyPoint" },
        { """{"summary":"short"}""", "$.summary" },
        { """{"maxKeyPoints":0}""", "MaxKeyPoints" },
        { """{"maxKeyPoints":3,"maxKeyPoints":4}""", "maxKeyPoints" },
        { """{"formats":["doc"]}""", "'doc'" },
        { """{"formats":[null]}""", "format" },
        { """{"punctuation":0}""", "$.punctuation" },
        { """{"llm":"NAME"}""".Replace("NAME", new string('x', 201), StringComparison.Ordinal), "language model" },
        { """{"summaryLanguage":"en_GB"}""", "BCP 47" },
        { """{"spellingEdits":5}""", "0 to 4" },
        { """{"spellingEdits":-1}""", "0 to 4" },
        { """{"llm":"gpt"}""", "neither punctuation nor summary" },
        { """{"punctuation":"llm","summaryLanguage":"vi"}""", "summary by a language model" },
        { """{"summary":"llm","spellingEdits":1}""", "punctuation by a language model" },
        { """{"timestamps":"hours"}""", "$.timestamps" },
        { """{"include":"raw"}""", "$.include" },
        { """{"include":["raw",null]}""", "$.include" },
        { """{"include":["all"]}""", "$.include" },
        { """{"qualityMetrics":1}""", "could not be converted" },
        { """{"diff":true}""", "diff" },
        { "[]", "The JSON can't be used" },
    };

    public static TheoryData<string> BadBlobs { get; } =
    [
        "a.wav", "", "/", "transcripts/x/final.json", "omoai-work/x", "audio-in/", "audio-in/..", "audio-in/../omoai-work/x",
        "audio-api/.tmp-x", "audio-in//x",
    ];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_form_starts_a_job_wherever_its_options_are(bool optionsFirst)
    {
        await using var server = await ApiServer.StartAsync();
        (string, HttpContent)[] parts = [("options", Bodies.Json(Options)), ("audio", Bodies.Audio())];

        var answer = await server.PostAsync(ApiServer.Jobs, Bodies.Form(optionsFirst ? parts : [.. parts.Reverse()]));

        answer.Is(202);
        Assert.Equal($"{ApiServer.Jobs}/{answer.Id}", answer.Headers["Location"]);
        Assert.Equal("queued", (string?)answer.Json["status"]);
        Assert.Equal(
            ["events", "json", "md", "run", "self", "srt", "txt", "vtt"], answer.Json["links"]!.AsObject().Select(link => link.Key));
        var job = server.Engine[answer.Id].Job;
        Assert.Equal(("talk.wav", 3), (job.InputName, job.Options.MaxKeyPoints));
        Assert.Equal(["txt"], job.Options.Formats!);
        Assert.Single(server.Recordings);
    }

    [Theory]
    [InlineData("audio/wav")]
    [InlineData("video/mp4")]
    [InlineData("application/octet-stream")]
    public async Task A_body_that_is_the_recording_starts_a_job(string type)
    {
        await using var server = await ApiServer.StartAsync();

        var answer = await server.PostAsync(
            $"{ApiServer.Jobs}?name=talk.wav&options={Uri.EscapeDataString(Options)}", Bodies.Audio(type: type));

        var job = server.Engine[answer.Is(202).Id].Job;
        Assert.Equal(("talk.wav", 3), (job.InputName, job.Options.MaxKeyPoints));
        Assert.Null(job.Refusal);
        await using var recording = await server.Store.OpenReadAsync(job.Input, default);
        var bytes = new MemoryStream();
        await recording!.CopyToAsync(bytes);
        Assert.Equal(Bodies.AudioBytes(), bytes.ToArray());
    }

    [Fact]
    public async Task A_recording_as_long_as_is_allowed_is_taken_also_without_its_length()
    {
        await using var server = await ApiServer.StartAsync();

        (await server.PostAsync(ApiServer.Jobs, Bodies.Audio(ApiServer.MaxRecordingBytes))).Is(202);
        (await server.PostAsync(ApiServer.Jobs, Bodies.ChunkedAudio(ApiServer.MaxRecordingBytes))).Is(202);
        (await server.PostAsync(ApiServer.Jobs, Bodies.Form(("audio", Bodies.Audio(ApiServer.MaxRecordingBytes))))).Is(202);

        Assert.Equal(3, server.Recordings.Length);
    }

    [Fact]
    public async Task What_plainly_is_no_recording_gets_a_job_that_says_so()
    {
        await using var server = await ApiServer.StartAsync();

        var answer = await server.PostAsync($"{ApiServer.Jobs}?name=a.wav", new StringContent("This is a text and not audio.", null, "audio/wav"));

        Assert.Equal("a.wav isn't audio: it is text.", server.Engine[answer.Is(202).Id].Job.Refusal!.Reason);
    }

    [Fact]
    public async Task A_blob_starts_one_job_and_another_on_other_options_only_when_a_rerun_is_asked_for()
    {
        await using var server = await ApiServer.StartAsync();
        await server.CommitAsync("audio-in/sub/a.wav", Bodies.AudioBytes());
        var body = new { blob = "audio-in/sub/a.wav", options = new { maxKeyPoints = 3 } };

        var first = await server.PostAsync(ApiServer.Jobs, Bodies.Json(body));
        var again = await server.PostAsync(ApiServer.Jobs, Bodies.Json(body));
        var other = await server.PostAsync(ApiServer.Jobs, Bodies.Json(new { body.blob }));
        var rerun = await server.PostAsync(ApiServer.Jobs, Bodies.Json(new { body.blob, rerun = true, name = "b.wav" }));

        Assert.Equal(first.Is(202).Id, again.Is(202).Id);
        other.IsProblem(409, ProblemCodes.OptionsConflict);
        Assert.Equal(first.Id, (string?)other.Json["job"]);
        Assert.NotEqual(first.Id, rerun.Is(202).Id);
        Assert.Equal(["a.wav", "b.wav"], server.Engine.Jobs.Select(record => record.Job.InputName));
    }

    [Theory]
    [MemberData(nameof(BadBlobs))]
    public async Task A_blob_that_is_none_of_ours_is_refused(string blob)
    {
        await using var server = await ApiServer.StartAsync();
        await server.CommitAsync("omoai-work/x", Bodies.AudioBytes());

        var detail = (await server.PostAsync(ApiServer.Jobs, Bodies.Json(new { blob }))).IsProblem(400, ProblemCodes.InvalidRequest);

        Assert.DoesNotContain("Parameter", detail);
        Assert.Empty(server.Engine.Jobs);
    }

    [Fact]
    public async Task A_blob_that_isnt_there_is_not_found()
    {
        await using var server = await ApiServer.StartAsync();

        (await server.PostAsync(ApiServer.Jobs, Bodies.Json(new { blob = "audio-in/a.wav" }))).IsProblem(404, ProblemCodes.BlobNotFound);
    }

    [Fact]
    public async Task A_blob_that_is_too_large_is_refused_and_stays()
    {
        await using var server = await ApiServer.StartAsync();
        await server.CommitAsync("audio-in/a.wav", Bodies.AudioBytes(ApiServer.MaxRecordingBytes + 1));

        (await server.PostAsync(ApiServer.Jobs, Bodies.Json(new { blob = "audio-in/a.wav" }))).IsProblem(413, ProblemCodes.TooLarge);

        Assert.Single(server.Files);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[1")]
    [InlineData("""{"blob":null}""")]
    [InlineData("""{"blob":"audio-in/a.wav","colour":"red"}""")]
    [InlineData("""{"blob":"audio-in/a.wav","options":{"maxKeyPoint":3}}""")]
    public async Task JSON_that_isnt_as_asked_for_is_refused(string json)
    {
        await using var server = await ApiServer.StartAsync();

        var detail = (await server.PostAsync(ApiServer.Jobs, Bodies.Json(json))).IsProblem(400, ProblemCodes.InvalidRequest);

        Assert.DoesNotContain("Omoai.", detail);
    }

    [Fact]
    public async Task A_job_gets_the_language_model_that_is_configured_and_all_that_is_asked_for()
    {
        await using var server = await ApiServer.StartAsync(
            ("Omoai:Llm:OpenAi:Endpoint", "http://127.0.0.1:9/v1"), ("Omoai:Llm:OpenAi:Model", "gpt"), ("Omoai:Llm:OpenAi:Token", "t0p-s3cret"));
        const string Asked =
            """
            {"punctuation":"llm","summary":"llm","llm":"gpt","summaryLanguage":"vi","spellingEdits":2,"timestamps":"clock",
             "include":["raw","words"],"qualityMetrics":true,"diffs":true}
            """;

        var answer = await server.PostAsync($"{ApiServer.Jobs}?options={Uri.EscapeDataString(Asked)}", Bodies.Audio());

        var job = server.Engine[answer.Is(202).Id].Job;
        var options = job.Options;
        Assert.Equal((PunctuationMethod.Llm, SummaryMethod.Llm, "gpt", "vi", 2), (options.Punctuation, options.Summary, options.Llm, options.SummaryLanguage, options.SpellingEdits));
        Assert.Equal((TimestampStyle.Clock, true, true), (options.Timestamps, options.QualityMetrics, options.Diffs));
        Assert.Equal([TranscriptPart.Raw, TranscriptPart.Words], options.Include!);
        Assert.Equal(("gpt", new Uri("http://127.0.0.1:9/v1"), 2), (job.Settings.Llm!.Model, job.Settings.Llm.Endpoint, job.Settings.Llm.MaxSpellingEdits));
        Assert.DoesNotContain("t0p-s3cret", JsonSerializer.Serialize(job, OmoaiJson.Compact));
    }

    [Theory]
    [InlineData("""{"summary":"llm"}""", "Omoai:Llm:Model")]
    [InlineData("""{"punctuation":"llm"}""", "Omoai:Llm:Model")]
    [InlineData("""{"punctuation":"llm","llm":"qwen"}""", "'qwen'")]
    public async Task A_language_model_that_there_isnt_is_missing_and_the_recording_is_not_kept(string options, string reason)
    {
        await using var server = await ApiServer.StartAsync();

        var answer = await server.PostAsync($"{ApiServer.Jobs}?options={Uri.EscapeDataString(options)}", Bodies.Audio());

        Assert.Contains(reason, answer.IsProblem(400, ProblemCodes.ModelMissing), StringComparison.Ordinal);
        Assert.Empty(server.Recordings);
        Assert.Empty(server.Engine.Jobs);
    }

    [Theory]
    [MemberData(nameof(BadOptions))]
    public async Task Options_that_cant_be_used_are_refused_and_the_recording_is_not_kept(string options, string reason)
    {
        await using var server = await ApiServer.StartAsync();
        await server.CommitAsync("audio-in/a.wav", Bodies.AudioBytes());
        Answer[] answers =
        [
            await server.PostAsync($"{ApiServer.Jobs}?options={Uri.EscapeDataString(options)}", Bodies.Audio()),
            await server.PostAsync(ApiServer.Jobs, Bodies.Form(("options", Bodies.Json(options)), ("audio", Bodies.Audio()))),
            await server.PostAsync(ApiServer.Jobs, Bodies.Form(("audio", Bodies.Audio()), ("options", Bodies.Json(options)))),
        ];

        Assert.All(answers, answer =>
        {
            var detail = answer.IsProblem(400, ProblemCodes.InvalidOptions);
            Assert.Contains(reason, detail, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("Omoai.", detail);
        });
        Assert.Empty(server.Recordings);
        Assert.Empty(server.Engine.Jobs);
    }

    [Fact]
    public async Task A_model_that_isnt_installed_is_refused_by_name_and_the_recording_is_not_kept()
    {
        await using var server = await ApiServer.StartAsync();

        var answer = await server.PostAsync($"{ApiServer.Jobs}?options={Uri.EscapeDataString("""{"asr":"nobody"}""")}", Bodies.Audio());

        Assert.Contains("nobody", answer.IsProblem(400, ProblemCodes.ModelMissing));
        Assert.Empty(server.Recordings);
    }

    [Fact]
    public async Task A_form_with_the_wrong_parts_is_refused_and_nothing_is_kept()
    {
        await using var server = await ApiServer.StartAsync();
        HttpContent[] forms =
        [
            Bodies.Form(("audio", Bodies.Audio()), ("audio", Bodies.Audio())),
            Bodies.Form(("options", Bodies.Json("{}")), ("options", Bodies.Json("{}")), ("audio", Bodies.Audio())),
            Bodies.Form(("audio", Bodies.Audio()), ("colour", Bodies.Text("red"))),
            Bodies.Form(("options", Bodies.Json("{}"))),
        ];

        foreach (var form in forms)
        {
            (await server.PostAsync(ApiServer.Jobs, form)).IsProblem(400, ProblemCodes.InvalidRequest);
        }

        Assert.Empty(server.Recordings);
        Assert.Empty(server.Engine.Jobs);
    }

    [Theory]
    [InlineData("multipart/form-data", "--x--")]
    [InlineData("multipart/form-data; boundary=", "--x--")]
    [InlineData("multipart/form-data; boundary=x", "no form at all")]
    [InlineData("multipart/form-data; boundary=x", "--x\r\n\r\nwithout a name\r\n--x--\r\n")]
    [InlineData("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=audio\r\n\r\nRIFF and then nothing")]
    [InlineData("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=audio\r\n\r\nRIFF\r\n--x\r\n" +
        "Content-Disposition: form-data; name=options\r\n\r\n{")]
    public async Task A_form_that_is_cut_or_is_none_is_refused_and_nothing_is_kept(string type, string body)
    {
        await using var server = await ApiServer.StartAsync();

        var answer = await server.SendRawAsync(ApiServer.Jobs, [$"Content-Type: {type}", $"Content-Length: {body.Length}"], body);

        answer.IsProblem(400, ProblemCodes.InvalidRequest);
        Assert.Empty(server.Recordings);
    }

    [Fact]
    public async Task An_empty_recording_is_refused_and_not_kept()
    {
        await using var server = await ApiServer.StartAsync();

        (await server.PostAsync(ApiServer.Jobs, Bodies.Audio(0))).IsProblem(400, ProblemCodes.EmptyAudio);
        (await server.PostAsync(ApiServer.Jobs, Bodies.Form(("audio", Bodies.Audio(0))))).IsProblem(400, ProblemCodes.EmptyAudio);

        Assert.Empty(server.Recordings);
    }

    [Fact]
    public async Task A_body_of_another_type_or_of_none_is_refused()
    {
        await using var server = await ApiServer.StartAsync();
        var job = await server.StartJobAsync();

        (await server.PostAsync(ApiServer.Jobs, Bodies.Text("text"))).IsProblem(415, ProblemCodes.UnsupportedMediaType);
        (await server.PostAsync(ApiServer.Jobs, null)).IsProblem(415, ProblemCodes.UnsupportedMediaType);
        (await server.PostAsync($"{ApiServer.Jobs}/{job}/rerun", Bodies.Text("text"))).IsProblem(415, ProblemCodes.UnsupportedMediaType);
    }
}
