using System.Text.Json;
using Omoai.Transcripts;

namespace Omoai.Shared;

/// <summary>Writes files that are either whole or not there.</summary>
/// <remarks>Omoai.Speech and Omoai.Language both compile this file; for why, see <see cref="ModelSession"/>.</remarks>
internal static class AtomicFile
{
    /// <summary>Writes a value as compact JSON, in place of what is there; a failed or cancelled write leaves nothing.</summary>
    public static async Task WriteJsonAsync<T>(string path, T value, CancellationToken cancellationToken)
    {
        var temporary = $"{path}.{Guid.NewGuid():n}.tmp";
        try
        {
            await using (var stream = File.Create(temporary))
            {
                await JsonSerializer.SerializeAsync(stream, value, OmoaiJson.Compact, cancellationToken);
            }

            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }
}
