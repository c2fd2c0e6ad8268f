using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Tests;

namespace Omoai.OnnxRuntime.Tests;

/// <summary>
/// The stand-in (eng/partial-feed/OnnxRuntime) promises to be a part of the official package. Its public members are
/// listed in a file: whichever assembly is in place is held against it.
/// </summary>
public sealed partial class StandInTests
{
    private static readonly string Folder =
        Path.Combine(TestPaths.Repository, "eng", "partial-feed", "OnnxRuntime");

    private static readonly string[] Listed = File.ReadAllLines(Path.Combine(Folder, "public-api.txt"));

    private static readonly Assembly InPlace = typeof(InferenceSession).Assembly;

    [Fact]
    public void The_assembly_in_place_has_every_member_of_the_list() =>
        Assert.Empty(Listed.Except(PublicApi.Describe(InPlace)));

    [StandInFact]
    public void The_list_has_every_member_of_the_stand_in() =>
        Assert.Empty(PublicApi.Describe(InPlace).Except(Listed));

    [StandInFact]
    public void The_stand_in_offers_no_device_that_its_library_cannot_use()
    {
        Assert.DoesNotContain("CUDAExecutionProvider", OrtEnv.Instance().GetAvailableProviders());
        Assert.Throws<OnnxRuntimeException>(() => new OrtCUDAProviderOptions());
    }

    [StandInFact]
    public void What_is_disposed_of_is_not_used_again()
    {
        // The official assembly takes the process down for some of these.
        var session = new InferenceSession(new OnnxGraph()
            .Input("in", TensorElementType.Float, 1)
            .Output("out", TensorElementType.Float, 1)
            .Node("Neg", ["in"], ["out"])
            .ToModel());
        using var options = new RunOptions();
        using var value = OrtValue.CreateTensorValueFromMemory(new float[1], [1]);
        var disposed = OrtValue.CreateTensorValueFromMemory(new float[1], [1]);
        disposed.Dispose();
        disposed.Dispose();
        Assert.Throws<ObjectDisposedException>(() => { disposed.GetTensorDataAsSpan<float>(); });
        Assert.Throws<ObjectDisposedException>(() => session.Run(options, ["in"], [disposed], ["out"]));
        session.Dispose();
        Assert.Throws<ObjectDisposedException>(() => session.Run(options, ["in"], [value], ["out"]));
    }

    [HeaderFact]
    public void Each_function_is_called_where_the_official_header_has_it()
    {
        var header = File.ReadAllText(HeaderFactAttribute.Header!);
        var functions = FunctionsOf(header);
        var source = File.ReadAllText(Path.Combine(Folder, "OrtApi.cs"));
        var offsets = FieldOffset().Matches(source);

        Assert.True(offsets.Count > 40);
        foreach (Match offset in offsets)
        {
            var index = int.Parse(offset.Groups["index"].Value, CultureInfo.InvariantCulture);
            Assert.Equal(functions[index], offset.Groups["name"].Value);
        }
    }

    /// <summary>The names of the functions of <c>struct OrtApi</c> in the order of the header.</summary>
    private static List<string> FunctionsOf(string header)
    {
        var text = Comment().Replace(header, "");
        var start = text.IndexOf("struct OrtApi {", StringComparison.Ordinal);
        var end = text.IndexOf("\n};", start, StringComparison.Ordinal);
        return text[text.IndexOf('{', start)..end]
            .Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(declaration => Function().Match(declaration) is { Success: true } match
                ? (match.Groups["release"].Success ? "Release" : "") + match.Groups["name"].Value
                : throw new InvalidDataException($"No function: {declaration}"))
            .ToList();
    }

    [GeneratedRegex(@"/\*.*?\*/|//[^\n]*", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"(ORT_API2_STATUS\(|(?<release>ORT_CLASS_RELEASE)\(|ORT_API_T\([^,]*,|ORT_API_CALL\*)\s*(?<name>\w+)")]
    private static partial Regex Function();

    [GeneratedRegex(@"\[FieldOffset\((?<index>\d+) \* 8\)\]\s+public delegate\*[^;]*> (?<name>\w+);")]
    private static partial Regex FieldOffset();

    /// <summary>A test of the stand-in itself, whose assembly is not signed as the official one is.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    private sealed class StandInFactAttribute : FactAttribute
    {
        public StandInFactAttribute() =>
            Skip = InPlace.GetName().GetPublicKeyToken() is null or [] ? null : "The official package is in place.";
    }

    /// <summary>A test that reads the C header, which the official packages bring along.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    private sealed class HeaderFactAttribute : FactAttribute
    {
        public HeaderFactAttribute() => Skip = Header is null ? "No official package is in the NuGet cache." : null;

        /// <summary>The newest header in the NuGet cache, or null.</summary>
        public static string? Header { get; } = Directory
            .EnumerateDirectories(
                InTests.GetCustomAttributes<AssemblyMetadataAttribute>()
                    .Single(data => data.Key == "NuGetPackageRoot").Value!,
                "microsoft.ml.onnxruntime*")
            .SelectMany(Directory.EnumerateDirectories)
            .Select(package => Path.Combine(package, "build", "native", "include", "onnxruntime_c_api.h"))
            .Where(File.Exists)
            .Max(StringComparer.Ordinal);

        private static Assembly InTests => typeof(StandInTests).Assembly;
    }
}
