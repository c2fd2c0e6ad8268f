using Omoai.Isolation;

namespace Omoai.Local;

/// <summary>What the program ends with; stable, for scripts.</summary>
internal static class ExitCodes
{
    public const int Done = 0;
    public const int Usage = 2;

    /// <summary>The audio can't be used.</summary>
    public const int BadInput = 3;

    /// <summary>An activity failed after its attempts.</summary>
    public const int ActivityFailed = 4;

    /// <summary>The machine lacks something; the message says what to install.</summary>
    public const int MachineLacks = 5;

    public const int Interrupted = 130;

    public static int Of(ActivityFailure? failure) => failure?.Class switch
    {
        null => Done,
        FailureClass.BadInput => BadInput,
        FailureClass.ModelMissing => MachineLacks,
        FailureClass.Cancelled => Interrupted,
        _ => ActivityFailed,
    };
}
