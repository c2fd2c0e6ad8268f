namespace Omoai.Infra.Tests.Bicep;

/// <summary>A parameter that a template declares.</summary>
internal sealed record BicepParameter(string Name, bool Required, bool Secure);

/// <summary>A module that a template uses: the file, relative to the template, and the parameters passed.</summary>
internal sealed record BicepModule(string Name, string Path, IReadOnlyList<string> Parameters);

/// <summary>What the tests want to know of a .bicep or .bicepparam file. Not a compiler: it takes what the compiler accepts.</summary>
internal sealed class BicepFile
{
    private readonly List<BicepToken> _tokens;

    private BicepFile(string path)
    {
        Path = path;
        _tokens = BicepTokens.Of(File.ReadAllText(path));
        foreach (var (statement, decorators) in Statements())
        {
            switch (statement[0].Text)
            {
                case "param":
                    int assigned = IndexAtDepth0(statement, '=');
                    bool nullable = assigned < 0 && statement[^1].Is('?');
                    Parameters.Add(new(statement[1].Text, assigned < 0 && !nullable, decorators.Contains("secure")));
                    break;
                case "module":
                    Modules.Add(new(statement[1].Text, statement[2].Text, KeysOf(ObjectAfter(statement, "params"))));
                    break;
                case "var":
                    Variables.Add(statement[1].Text, statement[3..]);
                    break;
                case "output":
                    Outputs.Add(statement[1].Text, statement[4..]);
                    break;
                case "using":
                    Using = statement[1].Text;
                    break;
            }
        }
    }

    public string Path { get; }

    public string Folder => System.IO.Path.GetDirectoryName(Path)!;

    public List<BicepParameter> Parameters { get; } = [];

    public List<BicepModule> Modules { get; } = [];

    public Dictionary<string, List<BicepToken>> Variables { get; } = [];

    public Dictionary<string, List<BicepToken>> Outputs { get; } = [];

    /// <summary>The template that a .bicepparam file is for.</summary>
    public string? Using { get; }

    /// <summary>Every string of the file, without its quotes.</summary>
    public IEnumerable<string> Strings => _tokens.Where(token => token.Kind == BicepTokenKind.String).Select(token => token.Text);

    public static BicepFile Read(string path) => new(path);

    /// <summary>The strings of a variable, such as the items of a list.</summary>
    public string[] StringsOf(string variable) =>
        [.. Variables[variable].Where(token => token.Kind == BicepTokenKind.String).Select(token => token.Text)];

    /// <summary>The names of the members of a variable that is an object.</summary>
    public IReadOnlyList<string> KeysOf(string variable) => KeysOf(Inside(Variables[variable], 0));

    /// <summary>What follows each <c>name:</c>, if it is a string.</summary>
    public IEnumerable<string> StringsNamed(string name) =>
        from i in Enumerable.Range(0, Math.Max(0, _tokens.Count - 2))
        where _tokens[i].IsWord(name) && _tokens[i + 1].Is(':') && _tokens[i + 2].Kind == BicepTokenKind.String
        select _tokens[i + 2].Text;

    /// <summary>The members that are read of something: <c>name.member</c>.</summary>
    public IEnumerable<string> MembersReadOf(string name) =>
        from i in Enumerable.Range(0, Math.Max(0, _tokens.Count - 2))
        where _tokens[i].IsWord(name) && _tokens[i + 1].Is('.')
        select _tokens[i + 2].Text;

    private IEnumerable<(List<BicepToken> Statement, List<string> Decorators)> Statements()
    {
        var decorators = new List<string>();
        var statement = new List<BicepToken>();
        int depth = 0;
        foreach (var token in _tokens.Append(new(BicepTokenKind.NewLine, "\n")))
        {
            depth += Step(token);
            if (token.Kind != BicepTokenKind.NewLine)
            {
                statement.Add(token);
            }
            else if (depth == 0 && statement.Count > 0)
            {
                if (statement[0].Is('@'))
                {
                    decorators.Add(statement[1].Text);
                }
                else
                {
                    yield return (statement, decorators);
                    decorators = [];
                }
                statement = [];
            }
        }
        Assert.True(depth == 0, $"{Path}: brackets don't match.");
    }

    private static int Step(BicepToken token) =>
        token.Is('{') || token.Is('[') || token.Is('(') ? 1 : token.Is('}') || token.Is(']') || token.Is(')') ? -1 : 0;

    private static int IndexAtDepth0(List<BicepToken> tokens, char symbol)
    {
        int depth = 0;
        for (int i = 0; i < tokens.Count; i++)
        {
            if (depth == 0 && tokens[i].Is(symbol))
            {
                return i;
            }
            depth += Step(tokens[i]);
        }
        return -1;
    }

    private static List<BicepToken> ObjectAfter(List<BicepToken> tokens, string name)
    {
        int at = tokens.FindIndex(token => token.IsWord(name));
        return at < 0 ? [] : Inside(tokens, at + 2);
    }

    /// <summary>What is between the bracket that opens at or after <paramref name="at"/> and the one that closes it.</summary>
    private static List<BicepToken> Inside(List<BicepToken> tokens, int at)
    {
        int open = tokens.FindIndex(at, token => token.Is('{'));
        int close = open;
        for (int depth = 0; ; close++)
        {
            depth += Step(tokens[close]);
            if (depth == 0)
            {
                return tokens[(open + 1)..close];
            }
        }
    }

    private static List<string> KeysOf(List<BicepToken> inside)
    {
        var keys = new List<string>();
        int depth = 0;
        int conditions = 0;
        for (int i = 0; i < inside.Count; i++)
        {
            depth += Step(inside[i]);
            if (depth == 0 && inside[i].Is('?'))
            {
                conditions++;
            }
            else if (depth == 0 && inside[i].Is(':') && conditions > 0)
            {
                conditions--;
            }
            else if (depth == 0 && inside[i].Is(':') && inside[i - 1].Kind is BicepTokenKind.Word or BicepTokenKind.String)
            {
                keys.Add(inside[i - 1].Text);
            }
        }
        return keys;
    }
}
