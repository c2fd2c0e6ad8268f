using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Omoai.Pipeline.Artifacts;

namespace Omoai.Storage.Tests;

public sealed class StorageOptionsTests
{
    private const string Connection = "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net";

    [Theory]
    [InlineData("ConnectionString", Connection)]
    [InlineData("ConnectionString", "UseDevelopmentStorage=true")]
    [InlineData("AccountUri", "https://a.blob.core.windows.net")]
    public void One_way_to_the_account_is_enough(string key, string value)
    {
        using var services = Create((key, value));

        Assert.IsType<BlobArtifactStore>(services.GetRequiredService<IArtifactStore>());
    }

    [Theory]
    [InlineData("Omoai:Storage:ConnectionString", "")]
    [InlineData("Omoai:Storage:AccountUri", $"ConnectionString={Connection}", "AccountUri=https://a.blob.core.windows.net")]
    [InlineData("Omoai:Storage:ConnectionString", "ConnectionString=AccountKey=c2VjcmV0")]
    [InlineData("Omoai:Storage:ConnectionString", "ConnectionString=c2VjcmV0")]
    [InlineData("Omoai:Storage:AccountUri", "AccountUri=http://a.blob.core.windows.net")]
    [InlineData("Omoai:Storage:AccountUri", "AccountUri=a.blob.core.windows.net")]
    [InlineData("Omoai:Storage:WorkContainer", $"ConnectionString={Connection}", "WorkContainer=Work")]
    [InlineData("Omoai:Storage:OutputContainer", $"ConnectionString={Connection}", "OutputContainer=a--b")]
    [InlineData("The containers of Omoai:Storage", $"ConnectionString={Connection}", "InputContainer=transcripts")]
    [InlineData("Omoai:Storage:UploadUrlLifetime", $"ConnectionString={Connection}", "UploadUrlLifetime=00:00:01")]
    public void A_bad_value_is_refused_by_the_name_of_its_key_and_without_its_secret(string says, params string[] settings)
    {
        using var services = Create([.. settings.Where(setting => setting.Length > 0).Select(setting => setting.Split('=', 2))
            .Select(setting => (setting[0], setting[1]))]);

        var failure = Assert.Throws<OptionsValidationException>(() => services.GetRequiredService<IArtifactStore>());

        Assert.Contains(says, failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("c2VjcmV0", failure.ToString(), StringComparison.Ordinal);
    }

    private static ServiceProvider Create(params (string Key, string Value)[] settings) => new ServiceCollection()
        .AddSingleton<IConfiguration>(new ConfigurationBuilder()
            .AddInMemoryCollection(settings.ToDictionary(setting => $"{StorageOptions.Section}:{setting.Key}", setting => (string?)setting.Value))
            .Build())
        .AddOmoaiBlobStorage()
        .BuildServiceProvider();
}
