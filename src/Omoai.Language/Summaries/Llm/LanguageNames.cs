using System.Collections.Frozen;

namespace Omoai.Language.Summaries.Llm;

/// <summary>What languages are called in English; models know names better than tags.</summary>
internal static class LanguageNames
{
    private static readonly FrozenDictionary<string, string> Names = """
        ar Arabic bg Bulgarian bn Bengali ca Catalan cs Czech da Danish de German el Greek en English es Spanish et Estonian fa Persian
        fi Finnish fil Filipino fr French he Hebrew hi Hindi hr Croatian hu Hungarian id Indonesian it Italian ja Japanese km Khmer
        ko Korean lo Lao lt Lithuanian lv Latvian ms Malay my Burmese nb Norwegian nl Dutch no Norwegian pl Polish pt Portuguese
        ro Romanian ru Russian sk Slovak sl Slovenian sr Serbian sv Swedish sw Swahili ta Tamil te Telugu th Thai tl Tagalog tr Turkish
        uk Ukrainian ur Urdu vi Vietnamese zh Chinese
        """.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries).Chunk(2).ToFrozenDictionary(pair => pair[0], pair => pair[1]);

    /// <summary>The name, the tag itself where there is none here, and words that say so where the tag isn't known.</summary>
    /// <param name="tag">BCP 47.</param>
    public static string Of(string? tag) => tag is null ? "the language that is spoken" : Names.GetValueOrDefault(Primary(tag)!, tag);

    /// <summary>The language alone, without script and region, lower case.</summary>
    public static string? Primary(string? tag) => tag?.Split('-')[0].ToLowerInvariant();
}
