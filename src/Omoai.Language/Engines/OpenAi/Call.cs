namespace Omoai.Language.Engines.OpenAi;

/// <summary>
/// What came of one request: a reply that stands, be it one that says what went wrong, or else a problem that another attempt may mend.
/// </summary>
internal sealed record Outcome
{
    public Outcome(LlmReply reply) => Reply = reply;

    /// <param name="problem">What the server did, for people.</param>
    public Outcome(string problem) => Problem = problem;

    public LlmReply? Reply { get; }

    public string? Problem { get; }

    /// <summary>Nothing came from the model at all: another prompt would fare no better.</summary>
    public bool IsAway { get; init; }

    /// <summary>It took longer than one may.</summary>
    public bool IsLate { get; init; }

    /// <summary>How long the server asks to wait.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Why the server refused the request, where that may be for a field that it can go without.</summary>
    public ServerError? Refused { get; init; }
}

/// <summary>
/// One call of several prompts: counts, and sees that a server is down, so that not each prompt finds that out with all its attempts.
/// For several threads at once.
/// </summary>
/// <param name="retries">Attempts after the first one at each prompt.</param>
internal sealed class Call(int retries)
{
    /// <summary>
    /// So many prompts to their last attempt, with no answer to another between them, are an outage; one is, where the server is away and
    /// has answered nothing since that prompt's first attempt.
    /// </summary>
    private const int FailuresOfAnOutage = 3;

    private readonly Lock _gate = new();
    private int _failures;

    public int Retries => retries;

    /// <summary>Requests made.</summary>
    public int Requests { get; private set; }

    /// <summary>Prompts that were answered, or refused for what they are.</summary>
    public int Answers { get; private set; }

    /// <summary>What last failed a prompt to its last attempt.</summary>
    public string? Problem { get; private set; }

    /// <summary>Why no more is asked; null as long as the server does something.</summary>
    public string? Outage { get; private set; }

    public void Asked()
    {
        lock (_gate)
        {
            Requests++;
        }
    }

    public void Answered()
    {
        lock (_gate)
        {
            (Answers, _failures) = (Answers + 1, 0);
        }
    }

    /// <summary>A prompt has failed to its last attempt.</summary>
    /// <param name="outcome">That of its last attempt.</param>
    /// <param name="answersBefore">What <see cref="Answers"/> was at its first.</param>
    public void Failed(Outcome outcome, int answersBefore)
    {
        lock (_gate)
        {
            Problem = outcome.Problem;
            if (++_failures >= FailuresOfAnOutage || (outcome.IsAway && Answers == answersBefore))
            {
                Outage ??= outcome.Problem;
            }
        }
    }
}
