namespace Omoai.Functions;

/// <summary>What the functions are called, but for the activities (PipelineActivities). Settings, the infrastructure and the
/// Event Grid subscriptions name functions by these.</summary>
internal static class FunctionNames
{
    /// <summary>A recording in <c>audio-in</c>, told by Event Grid.</summary>
    public const string AudioUploaded = "AudioUploaded";

    /// <summary>A recording in <c>audio-in</c>, found by polling: for Azurite, which has no Event Grid.</summary>
    public const string AudioUploadedPolling = "AudioUploadedPolling";

    /// <summary>An upload that the triggers above gave up.</summary>
    public const string UploadPoisoned = "UploadPoisoned";

    /// <summary>An event that Event Grid could not deliver.</summary>
    public const string EventDeadLettered = "EventDeadLettered";

    public const string TranscriptionOrchestrator = "TranscriptionOrchestrator";

    public const string StartTranscription = "StartTranscription";
    public const string ListTranscriptions = "ListTranscriptions";
    public const string GetTranscription = "GetTranscription";
    public const string DeleteTranscription = "DeleteTranscription";
    public const string RerunTranscription = "RerunTranscription";
    public const string WatchTranscription = "WatchTranscription";
    public const string GetOutput = "GetOutput";
    public const string CreateUpload = "CreateUpload";
    public const string Live = "Live";
    public const string Ready = "Ready";
    public const string OpenApi = "OpenApi";
}
