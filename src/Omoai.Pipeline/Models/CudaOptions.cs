using System.ComponentModel.DataAnnotations;
using Omoai.Transcripts.Activities;

namespace Omoai.Pipeline.Models;

/// <summary>Section <c>Omoai:Cuda</c>: how ONNX Runtime uses a GPU; see <see cref="CudaSettings"/>.</summary>
public sealed class CudaOptions
{
    public const string Section = "Omoai:Cuda";

    /// <summary>GPU memory that a model's arena may take, MiB; 0 for no limit.</summary>
    [Range(0, 1 << 20)]
    public int MemoryLimitMb { get; set; }

    /// <summary>How the arena grows.</summary>
    [EnumDataType(typeof(ArenaStrategy))]
    public ArenaStrategy ArenaStrategy { get; set; } = ArenaStrategy.SameAsRequested;

    /// <summary>How cuDNN's convolution algorithms are chosen.</summary>
    [EnumDataType(typeof(ConvolutionSearch))]
    public ConvolutionSearch ConvolutionSearch { get; set; } = ConvolutionSearch.Heuristic;

    /// <summary>Copies wait for computations; otherwise they have a stream of their own.</summary>
    public bool CopyInDefaultStream { get; set; } = true;

    public CudaSettings ToSettings() => new(MemoryLimitMb, ArenaStrategy, ConvolutionSearch, CopyInDefaultStream);
}
