using System.Reflection;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using Omoai.Isolation;
using Omoai.Language.Engines;
using Omoai.Transcripts.Activities;

namespace Omoai.ActivityHost.Tests;

public sealed class FailuresTests
{
    [Fact]
    public void What_the_activities_throw_becomes_a_class()
    {
        Check(new BadInputException("no audio"), FailureClass.BadInput, false, "no audio");
        Check(new MissingRequirementException("get a model"), FailureClass.ModelMissing, false, "get a model");
        Check(new DllNotFoundException("libav.so"), FailureClass.ModelMissing, false, "libav.so");
        Check(new OutOfMemoryException(), FailureClass.OutOfMemory, true, "memory");
        Check(OnnxRuntimeFailure("CUDA failure 700"), FailureClass.Internal, true, "CUDA failure 700");
        Check(new LanguageServerException("answered none of 5 requests"), FailureClass.Internal, true, "none of 5 requests");
        Check(new IOException("No space left on device"), FailureClass.Internal, true, "No space left");
        Check(new JsonException("unexpected end"), FailureClass.BadInput, false, "unexpected end");
        Assert.Null(Failures.Classify(new InvalidOperationException()));
    }

    [Fact]
    public void A_missing_native_ONNX_Runtime_says_what_to_do_also_from_a_static_constructor()
    {
        var missing = new DllNotFoundException("Unable to load shared library 'onnxruntime'");

        Check(missing, FailureClass.ModelMissing, false, "npm ci");
        Check(new TypeInitializationException("NativeMethods", missing), FailureClass.ModelMissing, false, "npm ci");
    }

    /// <summary>Its constructor takes a code, of a type that isn't public either.</summary>
    private static OnnxRuntimeException OnnxRuntimeFailure(string message)
    {
        var constructor = Assert.Single(typeof(OnnxRuntimeException).GetConstructors(BindingFlags.Instance | BindingFlags.NonPublic));
        var code = Enum.ToObject(constructor.GetParameters()[0].ParameterType, 1);
        return (OnnxRuntimeException)constructor.Invoke([code, message]);
    }

    private static void Check(Exception exception, FailureClass @class, bool retryable, string reason)
    {
        var failure = Failures.Classify(exception)!;
        Assert.Equal((@class, retryable), (failure.Class, failure.Retryable));
        Assert.Contains(reason, failure.Reason, StringComparison.Ordinal);
    }
}
