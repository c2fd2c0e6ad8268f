namespace Omoai.Infra.Tests.Bicep;

internal enum BicepTokenKind
{
    Word,
    String,
    Symbol,
    NewLine,
}

/// <summary>A token. Of a string the text is what is between the quotes, interpolations as they are written.</summary>
internal readonly record struct BicepToken(BicepTokenKind Kind, string Text)
{
    public bool Is(char symbol) => Kind == BicepTokenKind.Symbol && Text[0] == symbol;

    public bool IsWord(string word) => Kind == BicepTokenKind.Word && Text == word;
}
