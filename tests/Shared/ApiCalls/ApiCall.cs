using System.Net.Http.Headers;
using System.Text;

namespace Omoai.Tests.ApiCalls;

/// <summary>What a host has, where hosts differ.</summary>
[Flags]
internal enum HostTraits
{
    None = 0,

    /// <summary>Its activities run in Omoai.EndToEnd.TestHost, and Omoai:Pipeline:MaxRecordingBytes is
    /// <see cref="ApiConversation.MaxRecordingBytes"/>.</summary>
    TestSettings = 1,

    /// <summary>Its storage is a folder, in which the recording <c>{blob}</c> lies.</summary>
    Folder = 2,

    /// <summary>Its storage is an account.</summary>
    Account = 4,
}

/// <summary>A request, and the answer that every host gives to it. <c>{name}</c> is what was kept from an answer before.</summary>
/// <param name="Name">For people.</param>
/// <param name="Method">The HTTP method.</param>
/// <param name="Path">Below <c>/api/</c>; or a whole URL, which then has no key sent to it.</param>
/// <param name="Status">The status of the answer.</param>
internal sealed record ApiCall(string Name, string Method, string Path, int Status)
{
    public ApiBody? Body { get; init; }

    public (string Name, string Value)[] Headers { get; init; } = [];

    /// <summary>The content type of the answer; null is JSON, or problem details for an error.</summary>
    public string? ContentType { get; init; }

    /// <summary>Only the status is looked at: the host answers it before our code is asked.</summary>
    public bool IsHostsOwn { get; init; }

    /// <summary>The <c>code</c> of the problem.</summary>
    public string? Code { get; init; }

    /// <summary>What must be in the JSON; the rest is not looked at. <c>"*"</c> is anything but null, <c>"!x"</c> anything but
    /// x, and an array with one element says what each of some elements is.</summary>
    public string? Json { get; init; }

    /// <summary>What must be in the data of the last of the server-sent events.</summary>
    public string? LastEvent { get; init; }

    /// <summary>What is kept of the JSON of the answer: a name, and the property.</summary>
    public (string Name, string Property)[] Keeps { get; init; } = [];

    /// <summary>Asks until the answer is so.</summary>
    public bool Waits { get; init; }

    /// <summary>Left out on hosts that haven't all of these.</summary>
    public HostTraits Needs { get; init; }
}

/// <summary>The body of a request.</summary>
/// <param name="ContentType">Its type; null sends none.</param>
/// <param name="Bytes">What it is.</param>
internal sealed record ApiBody(string? ContentType, byte[] Bytes)
{
    private const string Boundary = "----omoai";

    public static ApiBody Json(string json) => new("application/json", Encoding.UTF8.GetBytes(json));

    public static ApiBody Audio(byte[] bytes) => new("audio/wav", bytes);

    /// <summary>A form; the part <c>audio</c> is a file.</summary>
    public static ApiBody Form(params (string Name, byte[] Content)[] parts)
    {
        var form = new MemoryStream();
        foreach (var (name, content) in parts)
        {
            var file = name == "audio" ? "; filename=\"talk.wav\"" : "";
            form.Write(Encoding.UTF8.GetBytes($"--{Boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n"));
            form.Write(content);
            form.Write("\r\n"u8);
        }

        form.Write(Encoding.UTF8.GetBytes($"--{Boundary}--\r\n"));
        return new ApiBody($"multipart/form-data; boundary={Boundary}", form.ToArray());
    }

    public HttpContent ToContent(Func<string, string> fill)
    {
        var content = new ByteArrayContent(ContentType == "application/json" ? Encoding.UTF8.GetBytes(fill(Encoding.UTF8.GetString(Bytes))) : Bytes);
        content.Headers.ContentType = ContentType is null ? null : MediaTypeHeaderValue.Parse(ContentType);
        return content;
    }
}
