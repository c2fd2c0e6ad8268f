using System.ComponentModel.DataAnnotations;

namespace Omoai.Isolation.Servers;

/// <summary>A server program, and when it counts as well.</summary>
public sealed class SupervisedServerOptions : IValidatableObject
{
    /// <summary>The program: a path, or a name that is looked for in <c>PATH</c>.</summary>
    [Required]
    public string Program { get; set; } = "";

    /// <summary>Its arguments. They are logged, and everybody on the machine can read them: no place for a secret.</summary>
    public IList<string> Arguments { get; set; } = [];

    /// <summary>
    /// Variables besides those that every host gets, and over those that come from the parent. None may look secret; the four
    /// spawn variables, <c>CUDA_VISIBLE_DEVICES</c> and <c>TMPDIR</c> stay what they are.
    /// </summary>
    public IDictionary<string, string> Environment { get; set; } = new Dictionary<string, string>();

    /// <summary>The device that it is to have, like any host; null for none: it sees no GPU then.</summary>
    public HostNeed? Need { get; set; }

    /// <summary>An existing folder: its working directory and <c>TMPDIR</c>.</summary>
    [Required]
    public string WorkingFolder { get; set; } = "";

    /// <summary>Answers 2xx to GET when the server is well; plain HTTP on a loopback address.</summary>
    [Required]
    public Uri? HealthUrl { get; set; }

    /// <summary>How long it may take from its start until it is well, for loading its model, too; 0.1 s to 2 h.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "02:00:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan StartTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>The pause between two looks at its health, 0.1 s to 10 min. While it starts, at most 0.5 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan HealthInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long an answer about its health may take, 0.1 s to 5 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:05:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan HealthTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>After how many bad answers in a row a server that was well is restarted, 1 to 100.</summary>
    [Range(1, 100)]
    public int FailuresBeforeRestart { get; set; } = 3;

    /// <summary>The pause before the first restart, 0.1 s to 10 min. It doubles with each end in a row.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan MinBackoff { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The longest pause before a restart, from <see cref="MinBackoff"/> to 1 h. A server that was well for as long as this starts
    /// anew from <see cref="MinBackoff"/>.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan MaxBackoff { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How long it has between being asked to stop and being killed; 0 to 1 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan KillGrace { get; set; } = TimeSpan.FromSeconds(10);

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (HealthUrl is not { IsAbsoluteUri: true, Scheme: "http", IsLoopback: true, UserInfo: "" })
            yield return new("HealthUrl must be plain HTTP on a loopback address.", [nameof(HealthUrl)]);
        if (MaxBackoff < MinBackoff)
            yield return new("MaxBackoff must not be less than MinBackoff.", [nameof(MaxBackoff)]);
        if (Arguments.Prepend(Program).Any(argument => argument.Contains('\0', StringComparison.Ordinal)))
            yield return new("Program and Arguments must not hold a zero character.", [nameof(Arguments)]);
        foreach (var (name, value) in Environment)
        {
            if (name.Length == 0 || name.Contains('=', StringComparison.Ordinal) || (name + value).Contains('\0', StringComparison.Ordinal))
                yield return new($"\"{name}\" is no variable's name, or its value holds a zero character.", [nameof(Environment)]);
            else if (HostEnvironment.LooksSecret(name, value))
                yield return new($"{name} looks secret. Give the server a file that only it can read.", [nameof(Environment)]);
        }
    }
}
