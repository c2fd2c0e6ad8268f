using System.Collections.Frozen;

namespace Omoai.Language.Summaries;

/// <summary>The words of a language that say little by themselves.</summary>
/// <param name="Tag">BCP 47.</param>
/// <param name="Stops">Function words.</param>
/// <param name="Courtesies">Words of greetings, thanks and transitions.</param>
/// <param name="Openers">Words that a noun phrase follows; empty where no such words tell.</param>
/// <param name="Verbs">Frequent verbs that a noun phrase ends before and that no ending gives away.</param>
internal sealed record LanguageWords(
    string Tag, FrozenSet<string> Stops, FrozenSet<string> Courtesies, FrozenSet<string> Openers, FrozenSet<string> Verbs)
{
    public static LanguageWords English { get; } = new(
        "en",
        Set("""
            a about above after again against ago all almost along already also although always am among an and another any
            anybody anyone anything are aren't around as at away be because been before being below between both but by can
            can't cannot could couldn't did didn't do does doesn't doing don't down during each either else enough even ever
            every everybody everyone everything few for from further get gets getting go goes going gone got had hadn't has
            hasn't have haven't having he he's her here here's hers herself him himself his how however i i'd i'll i'm i've
            if in instead into is isn't it it's its itself just last let's like made make many may maybe me might mine more
            most much must my myself need needs neither never no nobody nor not nothing now of off often on once one ones only
            onto or other others our ours ourselves out over own per perhaps quite rather really right same shall she she's
            should shouldn't since so some somebody someone something soon still such than that that's the their theirs them
            themselves then there there's these they they're they've this those though through to together too two under
            unless until up upon us very was wasn't we we'd we'll we're we've well went were weren't what what's when where
            whether which while who whom whose why will with within without won't would wouldn't yes yet you you'd you'll
            you're you've your yours yourself
            """),
        Set("""
            afternoon alright anyway begin bye day evening everybody everyone excuse finally first good goodbye great guys
            hello hey hi know let luckily mean morning moving next nice night okay ok ours please second see sorry start stuff
            thank thanks thing things think today tomorrow tonight uh um unfortunately us wait welcome
            """),
        Set("the a an this that these those my your our his her their its for of about"),
        Set("""
            add adds ask asks became become becomes began begins bought breaks broke brought build builds built call calls
            came change come comes cost crash crashes cut depends drop expects fail fails felt find finds finish fix found
            gave give gives go grew grow grows happen happens heard held help helps hold hope keep keeps kept knew left lets
            looks lost means meet meets met move moves needs paid put puts ran read reads remains require requires run runs
            said sat saw say says seems sees send sends sent set shows sold speak spent spoke starts stays stood stop stops
            take takes talk taught tell tells thought tells took try tries understand use uses wait want wants won works write
            writes wrote
            """));

    public static LanguageWords Vietnamese { get; } = new(
        "vi",
        Set("""
            ai anh bao bạn bằng bị bởi bên cho chúng chưa chỉ các cái còn có cô cũng của cùng do dưới em gì giữa hay hoặc hơn
            khi không là lên lại làm lúc mà mình một mỗi mọi này nên nào nếu nhưng như những nó nơi nữa phải qua ra rằng rất
            rồi sau sẽ sao số ta tại thì theo thế thể tôi trên trong trước từ tới và vào vì vậy về vẫn với xuống đang đã đây
            đó đi đến đều để điều được đấy ở ấy ông bà họ hết lắm quá thôi à ạ nhé nhỉ ừ
            """),
        Set("chào xin cảm ơn cám tạm biệt quý vị mọi người kính thưa vâng dạ hẹn gặp"),
        Set(""),
        Set(""));

    /// <summary>The language whose function words are the more frequent; English where neither's are.</summary>
    public static LanguageWords Detect(IEnumerable<string> words)
    {
        var balance = 0;
        foreach (var word in words)
        {
            balance += English.Stops.Contains(word) ? 1 : 0;
            balance -= Vietnamese.Stops.Contains(word) ? 1 : 0;
        }

        return balance >= 0 ? English : Vietnamese;
    }

    /// <summary>Whether a word carries meaning: neither a function word nor a number of marks.</summary>
    public bool IsContent(string word) => word.Length > 1 && !Stops.Contains(word) && word.Any(char.IsLetterOrDigit);

    /// <summary>
    /// What forms of a word share: the word without the possessive and, in English, without the plural (the S-stemmer of
    /// Harman, "How effective is suffixing?", 1991).
    /// </summary>
    public string Stem(string word)
    {
        if (Tag != "en")
        {
            return word;
        }

        word = word.EndsWith("'s", StringComparison.Ordinal) ? word[..^2] : word;
        return word switch
        {
            { Length: > 3 } when Ends("ies") && !Ends("eies") && !Ends("aies") => word[..^3] + "y",
            { Length: > 3 } when Ends("es") && !Ends("aes") && !Ends("ees") && !Ends("oes") => word[..^1],
            { Length: > 2 } when Ends("s") && !Ends("us") && !Ends("ss") => word[..^1],
            _ => word,
        };

        bool Ends(string suffix) => word.EndsWith(suffix, StringComparison.Ordinal);
    }

    private static FrozenSet<string> Set(string words) =>
        words.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .ToFrozenSet(StringComparer.Ordinal);
}
