using System.Text.Json;
using System.Text.Json.Serialization;

namespace Omoai.Processes.Host;

/// <summary>What the peers in Python and Node do too: from the features of one stretch of speech to the likeliest token of each frame.</summary>
/// <param name="Model">The graph.</param>
/// <param name="Features">A file of float32, little-endian, frame by frame.</param>
/// <param name="Bins">Values in a frame.</param>
internal sealed record InferInput(string Model, string Features, int Bins);

/// <summary>The features of a recording, as <see cref="InferInput"/> wants them.</summary>
/// <param name="Audio">A WAV file as parts are: 16 kHz mono, 16-bit, with a header of 44 bytes.</param>
/// <param name="ModelFolder">Whose features.</param>
/// <param name="Output">Where to.</param>
internal sealed record FeaturesInput(string Audio, string ModelFolder, string Output);

/// <param name="Bins">Values in a frame.</param>
internal sealed record FeaturesOutput(int Bins);

/// <summary>When a host was where, as Stopwatch.GetTimestamp tells: CLOCK_MONOTONIC, the same in all processes.</summary>
/// <param name="Main">The first line of its Main.</param>
/// <param name="Begun">The activity's first line.</param>
/// <param name="Library">ONNX Runtime was loaded.</param>
/// <param name="Model">The model was loaded.</param>
/// <param name="Done">The work was done.</param>
internal sealed record Stamps(long Main, long Begun, long Library, long Model, long Done);

/// <summary>A process that asked for a session of its own.</summary>
/// <param name="Pid">It.</param>
/// <param name="Leads">Whether it leads one now.</param>
internal sealed record Daemon(int Pid, bool Leads);

/// <summary>Generated at build time, so that a host starts without reflection.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(InferInput))]
[JsonSerializable(typeof(FeaturesInput))]
[JsonSerializable(typeof(FeaturesOutput))]
[JsonSerializable(typeof(Stamps))]
[JsonSerializable(typeof(Daemon))]
[JsonSerializable(typeof(int[]))]
internal sealed partial class HostJson : JsonSerializerContext;
