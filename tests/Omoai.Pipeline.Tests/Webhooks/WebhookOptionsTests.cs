using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Omoai.Pipeline.Webhooks;

namespace Omoai.Pipeline.Tests.Webhooks;

public sealed class WebhookOptionsTests
{
    [Theory]
    [InlineData("Secret", "hunter2-hunter2")]
    [InlineData("Secret", "whsec_hunter2-not-base64")]
    [InlineData("Timeout", "00:00:00.9")]
    [InlineData("Timeout", "00:01:01")]
    [InlineData("MaxAttempts", "0")]
    [InlineData("MaxAttempts", "21")]
    public void A_bad_value_is_refused_by_its_key_and_not_repeated(string key, string value)
    {
        var refused = Assert.Throws<OptionsValidationException>(() => Bind(key, value));

        Assert.Contains($"Omoai:Webhook:{key}", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", refused.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Secret", "")]
    [InlineData("Secret", "sixteen-letters!")]
    [InlineData("Secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    [InlineData("Timeout", "00:00:01")]
    [InlineData("MaxAttempts", "20")]
    public void A_good_value_is_taken(string key, string value) => Assert.NotNull(Bind(key, value));

    private static WebhookOptions Bind(string key, string value)
    {
        var settings = new Dictionary<string, string?> { [$"Omoai:Webhook:{key}"] = value };
        using var services = new ServiceCollection()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(settings).Build())
            .AddOmoaiPipeline()
            .BuildServiceProvider();
        return services.GetRequiredService<IOptions<WebhookOptions>>().Value;
    }
}
