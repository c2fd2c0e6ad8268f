using Omoai.Pipeline.Artifacts;

namespace Omoai.Storage;

/// <summary>Takes the names of artifacts apart.</summary>
internal static class ArtifactPath
{
    /// <summary>The containers that there are.</summary>
    public static string[] Containers { get; } =
    [
        ArtifactNames.InputContainer, ArtifactNames.ApiContainer, ArtifactNames.WorkContainer, ArtifactNames.OutputContainer,
    ];

    /// <summary>Splits <c>container/path</c>; the path may be empty, and may be anything.</summary>
    /// <exception cref="ArgumentException">The container isn't one of <see cref="ArtifactNames"/>.</exception>
    public static (string Container, string Path) Split(string artifact)
    {
        var slash = artifact.IndexOf('/', StringComparison.Ordinal);
        var container = slash < 0 ? "" : artifact[..slash];
        return Containers.Contains(container)
            ? (container, artifact[(slash + 1)..])
            : throw Invalid(artifact);
    }

    /// <summary>Takes a name apart whose segments say no more than they seem to, on a disk or in a URL.</summary>
    /// <exception cref="ArgumentException">It isn't such a name.</exception>
    public static string[] PlainSegments(string artifact)
    {
        var segments = artifact.Split('/');
        // Names that start with a dot are the directory store's own.
        return segments.Length > 1 && !segments.Any(segment =>
            segment.Length == 0 || segment[0] == '.' || segment.AsSpan().IndexOfAny('\\', '\0', ':') >= 0)
            ? segments
            : throw Invalid(artifact);
    }

    public static ArgumentException Invalid(string artifact) =>
        new($"'{artifact}' isn't the name of an artifact.", nameof(artifact));
}
