using System.IO.Pipes;
using System.Security.Cryptography;
using System.Text;

namespace Omoai.Isolation.Protocol;

/// <summary>The parent's end of a named pipe with a random name that one process of the same user connects to, once.</summary>
internal sealed class PrivatePipe : IAsyncDisposable
{
    // What a Unix socket's path may be long, with its terminating zero.
    private const int MaxPath = 104;

    private readonly NamedPipeServerStream _server;
    private bool _fileIsGone;

    /// <param name="folder">
    /// Where its file is, until the host has connected: a folder that is cleaned when this process is killed before that. Not used
    /// where the path would be too long, nor on Windows.
    /// </param>
    public PrivatePipe(string folder)
    {
        var name = $"omoai-{RandomNumberGenerator.GetHexString(20, lowercase: true)}";
        Name = OperatingSystem.IsWindows() ? name : ((string[])[folder, Path.GetTempPath(), "/tmp"])
            .Select(parent => Path.Combine(parent, name)).First(path => Encoding.UTF8.GetByteCount(path) < MaxPath);
        _server = new NamedPipeServerStream(
            Name, PipeDirection.InOut, maxNumberOfServerInstances: 1, PipeTransmissionMode.Byte,
            PipeOptions.Asynchronous | PipeOptions.CurrentUserOnly);
    }

    /// <summary>What the host connects to: a path, or a name on Windows.</summary>
    public string Name { get; }

    public Stream Stream => _server;

    /// <summary>Waits for the host.</summary>
    /// <exception cref="InvalidDataException">Another process connected.</exception>
    public async Task AcceptAsync(int hostPid, CancellationToken cancellationToken)
    {
        await _server.WaitForConnectionAsync(cancellationToken);
        DeleteFile();
        if (PeerPid(_server) is { } peer && peer != hostPid)
            throw new InvalidDataException($"process {peer} connected in its place");
    }

    /// <summary>The process at the other end, as the kernel knows it; null where it can't be asked.</summary>
    public static int? PeerPid(PipeStream pipe) =>
        OperatingSystem.IsLinux() ? Linux.Libc.PeerPid((int)pipe.SafePipeHandle.DangerousGetHandle()) : null;

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        DeleteFile();
    }

    private void DeleteFile()
    {
        // Once: later the folder may be gone.
        if (!OperatingSystem.IsWindows() && !_fileIsGone)
            File.Delete(Name);
        _fileIsGone = true;
    }
}
