using System.Globalization;
using Omoai.Tests.ApiCalls;

namespace Omoai.EndToEnd.Serve;

/// <summary><c>omoai serve</c> gives the answers that every host of the API gives; the Functions app's are Omoai.Functions.Tests's.</summary>
public sealed class ApiCallsTests
{
    [Fact]
    public async Task The_server_answers_as_every_host_does()
    {
        using var folder = new ServeFolder(settings:
            ("Omoai__Pipeline__MaxRecordingBytes", ApiConversation.MaxRecordingBytes.ToString(CultureInfo.InvariantCulture)));
        await using var server = await folder.StartAsync();
        Directory.CreateDirectory(folder.Artifact("audio-api"));
        await File.WriteAllBytesAsync(folder.Artifact("audio-api/stored.wav"), "RIFF\0 stored"u8.ToArray());

        await new ApiTalk(server.Client, HostTraits.TestSettings | HostTraits.Folder).RunAsync(("blob", "audio-api/stored.wav"));
    }
}
