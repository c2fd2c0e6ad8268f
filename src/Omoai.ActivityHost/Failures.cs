using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using Omoai.Isolation;
using Omoai.Language.Engines;
using Omoai.Transcripts.Activities;

namespace Omoai.ActivityHost;

/// <summary>What an exception from an activity means for the job.</summary>
internal static class Failures
{
    /// <summary>Null for what is no concern of these activities.</summary>
    public static ActivityFailure? Classify(Exception exception) => exception switch
    {
        BadInputException e => new(FailureClass.BadInput, false, e.Message),
        MissingRequirementException e => new(FailureClass.ModelMissing, false, e.Message),
        OutOfMemoryException e => new(FailureClass.OutOfMemory, true, $"The activity ran out of memory. {e.Message}"),
        // What is wrong with a model is MissingRequirementException by now: this is a device or a library that failed.
        OnnxRuntimeException e => new(FailureClass.Internal, true, $"ONNX Runtime failed: {e.Message}"),
        // A server that is down, or has no more to give now, may answer the next attempt.
        LanguageServerException e => new(FailureClass.Internal, true, e.Message),
        // Static constructors are where native libraries are loaded.
        TypeInitializationException { InnerException: { } inner } => Classify(inner),
        DllNotFoundException or EntryPointNotFoundException or BadImageFormatException
            when exception.Message.Contains("onnxruntime", StringComparison.OrdinalIgnoreCase) => new(
                FailureClass.ModelMissing, false,
                "The native library of ONNX Runtime can't be loaded on this machine. Build again with a package feed that " +
                $"has Microsoft.ML.OnnxRuntime, or run `npm ci --ignore-scripts`. ({exception.Message})"),
        DllNotFoundException e => new(FailureClass.ModelMissing, false, $"A native library is missing: {e.Message}"),
        // A disk that is full now may not be so later.
        IOException or UnauthorizedAccessException => new(FailureClass.Internal, true, exception.Message),
        JsonException e => new(FailureClass.BadInput, false, $"The activity's input can't be read: {e.Message}"),
        _ => null,
    };
}
