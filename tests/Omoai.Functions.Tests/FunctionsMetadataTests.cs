using System.Reflection;
using System.Text.Json;
using Microsoft.Azure.Functions.Worker;
using Omoai.Tests;

namespace Omoai.Functions.Tests;

/// <summary>What the build tells the Functions host of the functions (functions.metadata).</summary>
public sealed class FunctionsMetadataTests
{
    // bin/<configuration>/net10.0 of this test project is as that of every other.
    private static readonly string File = Path.Combine(
        [TestPaths.Repository, "src", "Omoai.Functions", .. AppContext.BaseDirectory.TrimEnd('/').Split('/').TakeLast(3), "functions.metadata"]);

    public static TheoryData<string, string> Functions => new()
    {
        { "AudioUploaded", "blobTrigger path=audio-in/{name} source=EventGrid" },
        { "AudioUploadedPolling", "blobTrigger path=audio-in/{name} source=LogsAndContainerScan" },
        { "UploadPoisoned", "queueTrigger queueName=webjobs-blobtrigger-poison" },
        { "EventDeadLettered", "blobTrigger path=dead-letters/{name} source=EventGrid" },
        { "TranscriptionOrchestrator", "orchestrationTrigger" },
        { "Prepare", "activityTrigger" },
        { "Transcribe", "activityTrigger" },
        { "PostProcess", "activityTrigger" },
        { "Publish", "activityTrigger" },
        { "RecordFailure", "activityTrigger" },
        { "Notify", "activityTrigger" },
        { "StartTranscription", "httpTrigger authLevel=Function methods=post route=transcriptions" },
        { "ListTranscriptions", "httpTrigger authLevel=Function methods=get route=transcriptions" },
        { "GetTranscription", "httpTrigger authLevel=Function methods=get route=transcriptions/{id}" },
        { "DeleteTranscription", "httpTrigger authLevel=Function methods=delete route=transcriptions/{id}" },
        { "RerunTranscription", "httpTrigger authLevel=Function methods=post route=transcriptions/{id}/rerun" },
        { "WatchTranscription", "httpTrigger authLevel=Function methods=get route=transcriptions/{id}/events" },
        { "GetOutput", "httpTrigger authLevel=Function methods=get route=transcriptions/{id}/{output:regex(^(json|txt|srt|vtt|md|run)$)}" },
        { "CreateUpload", "httpTrigger authLevel=Function methods=post route=uploads" },
        { "Live", "httpTrigger authLevel=Anonymous methods=get route=health/live" },
        { "OpenApi", "httpTrigger authLevel=Function methods=get route=openapi.json" },
        { "Ready", "httpTrigger authLevel=Anonymous methods=get route=health/ready" },
    };

    [Theory]
    [MemberData(nameof(Functions))]
    public void A_function_has_the_trigger_that_it_should(string name, string trigger)
    {
        var function = Assert.Single(Read(), function => function.GetProperty("name").GetString() == name);

        Assert.Equal(trigger, Describe(Assert.Single(Bindings(function), binding => TypeOf(binding).EndsWith("Trigger", StringComparison.Ordinal))));
    }

    [Fact]
    public void Every_function_is_in_this_table_and_in_the_code()
    {
        var built = Read().Select(function => function.GetProperty("name").GetString()!).Order(StringComparer.Ordinal).ToList();
        var written = typeof(FunctionNames).Assembly.GetTypes().SelectMany(type => type.GetMethods())
            .Select(method => method.GetCustomAttribute<FunctionAttribute>()?.Name).OfType<string>().Order(StringComparer.Ordinal);

        Assert.Equal(written, built);
        Assert.Equal(
            Functions.Select(row => (string)row[0]).Order(StringComparer.Ordinal),
            built);
    }

    [Fact]
    public void No_function_is_handed_the_content_of_a_blob()
    {
        var blobs = Read().SelectMany(Bindings).Where(binding => TypeOf(binding).StartsWith("blob", StringComparison.OrdinalIgnoreCase)).ToList();

        Assert.NotEmpty(blobs);
        Assert.All(blobs, blob =>
        {
            Assert.Equal("True", blob.GetProperty("properties").GetProperty("supportsDeferredBinding").GetString());
            Assert.False(blob.TryGetProperty("dataType", out _));
        });
    }

    private static List<JsonElement> Read() => [.. JsonDocument.Parse(System.IO.File.ReadAllBytes(File)).RootElement.EnumerateArray()];

    private static IEnumerable<JsonElement> Bindings(JsonElement function) => function.GetProperty("bindings").EnumerateArray();

    private static string TypeOf(JsonElement binding) => binding.GetProperty("type").GetString()!;

    private static string Describe(JsonElement trigger) => string.Join(' ', new[] { "path", "source", "queueName", "authLevel", "methods", "route" }
        .Where(name => trigger.TryGetProperty(name, out _))
        .Select(name => $"{name}={Text(trigger.GetProperty(name))}").Prepend(TypeOf(trigger)));

    private static string Text(JsonElement value) => value.ValueKind == JsonValueKind.Array
        ? string.Join(',', value.EnumerateArray().Select(element => element.GetString())) : value.GetString()!;
}
