using System.Collections;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Omoai.Pipeline.Models;
using Omoai.Tests;
using Omoai.Transcripts.Activities;

namespace Omoai.Pipeline.Tests.Llm;

public sealed class LlmOptionsTests
{
    private static readonly Uri Endpoint = new("https://example.com/v1");

    [Theory]
    [InlineData("ContextTokens", "255")]
    [InlineData("ContextTokens", "1048577")]
    [InlineData("Concurrency", "0")]
    [InlineData("RequestTimeout", "00:00:00.9")]
    [InlineData("RequestTimeout", "01:00:01")]
    [InlineData("MaxRetries", "11")]
    [InlineData("Temperature", "2.1")]
    [InlineData("Temperature", "NaN")]
    [InlineData("TopP", "0")]
    [InlineData("MaxSpellingEdits", "5")]
    [InlineData("Unsupported", "7")]
    [InlineData("OpenAi:Token", "hunter2 hunter2")]
    [InlineData("OpenAi:Token", "hunter2\nhunter2")]
    [InlineData("OpenAi:Endpoint", "hunter2")]
    [InlineData("OpenAi:Endpoint", "ftp://hunter2/v1")]
    [InlineData("OpenAi:Endpoint", "http://me:hunter2@example.com/v1")]
    [InlineData("OpenAi:Endpoint", "http://example.com/v1?api-key=hunter2")]
    [InlineData("OpenAi:Endpoint", "http://example.com/v1#hunter2")]
    [InlineData("Vllm:Program", "")]
    [InlineData("Vllm:Port", "65536")]
    [InlineData("Vllm:MemoryShare", "0.04")]
    [InlineData("Vllm:MemoryShare", "1.1")]
    [InlineData("Vllm:ContextTokens", "1")]
    [InlineData("Vllm:MaxSequences", "0")]
    [InlineData("Vllm:MemoryMb", "-1")]
    [InlineData("Vllm:StartTimeout", "02:00:01")]
    [InlineData("Vllm:Arguments:0", "--api-key=hunter2")]
    [InlineData("Vllm:Arguments:0", "--api_key")]
    [InlineData("Vllm:Arguments:0", "--hf-token")]
    public void A_bad_value_is_refused_by_its_key_and_not_repeated(string key, string value)
    {
        var refused = Assert.Throws<OptionsValidationException>(() => Bind((key, value), ("OpenAi:Model", "gpt")));

        Assert.Contains($"Omoai:Llm:{key} ", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", refused.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Prompts", "/nowhere/prompts")]
    [InlineData("OpenAi:Model", "hunter2")]
    [InlineData("OpenAi:Token", "hunter2")]
    public void What_would_be_passed_over_in_silence_is_refused_by_its_key(string key, string value)
    {
        var refused = Assert.Throws<OptionsValidationException>(() => Bind((key, value)));

        Assert.Contains($"Omoai:Llm:{key} ", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", refused.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_of_prompts_that_is_there_is_taken() => Assert.NotNull(Bind(("Prompts", AppContext.BaseDirectory)).Prompts);

    [Fact]
    public void A_server_without_a_model_is_refused_and_so_are_two_servers()
    {
        var nameless = Assert.Throws<OptionsValidationException>(() => Bind(("OpenAi:Endpoint", "http://127.0.0.1:1/v1")));
        Assert.Contains("Omoai:Llm:OpenAi:Model ", nameless.Message, StringComparison.Ordinal);

        var two = Assert.Throws<OptionsValidationException>(
            () => Bind(("OpenAi:Endpoint", "http://127.0.0.1:1/v1"), ("OpenAi:Model", "gpt"), ("Vllm:Model", "some/model")));
        Assert.Contains("Omoai:Llm:OpenAi:Endpoint and Omoai:Llm:Vllm:Model", two.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("some/model", "some/model", null)]
    [InlineData("/models/qwen/", "qwen", "/models/qwen")]
    [InlineData("/models/../other/qwen", "qwen", "/other/qwen")]
    public void The_server_beside_the_program_is_asked_by_the_name_of_its_model(string model, string name, string? folder)
    {
        var options = Bind(("Vllm:Model", model), ("Vllm:Port", "8123"), ("Vllm:ContextTokens", "2048"), ("ContextTokens", "4096"));

        Assert.Equal((new Uri("http://127.0.0.1:8123/v1"), name), options.Server);
        Assert.Equal(folder, options.Vllm.Folder);
        Assert.Equal(2048, options.Find(null, null, JobSettingsExamples.ShippedModels).ContextTokens);
    }

    [Theory]
    [InlineData("", null)]
    [InlineData(" \n", null)]
    [InlineData("t0p-s3cret", "t0p-s3cret")]
    [InlineData(" t0p-s3cret\r\n", "t0p-s3cret")]
    public void Only_the_configured_server_is_shown_the_token(string token, string? shown)
    {
        var options = Bind(("OpenAi:Endpoint", $"{Endpoint}"), ("OpenAi:Model", "gpt"), ("OpenAi:Token", token));
        var settings = new LlmSettings(LlmEngine.OpenAi, "gpt") { Endpoint = Endpoint };

        Assert.Equal(shown, options.TokenFor(settings));
        Assert.Null(options.TokenFor(null));
        Assert.Null(options.TokenFor(settings with { Engine = LlmEngine.Onnx }));
        Assert.Null(options.TokenFor(settings with { Endpoint = null }));
        string[] others =
            ["http://example.com/v1", "https://example.com/v2", "https://example.com:444/v1", "https://evil.com/v1", "https://me@example.com/v1", "https://example.com/v1#"];
        Assert.All(others, other => Assert.Null(options.TokenFor(settings with { Endpoint = new Uri(other) })));
    }

    [Fact]
    public void Every_key_is_documented()
    {
        var table = File.ReadAllText(Path.Combine(TestPaths.Repository, "docs", "configuration.md"));
        var keys = Keys(typeof(LlmOptions), LlmOptions.Section).ToList();

        Assert.Equal(27, keys.Count);
        Assert.All(keys, key => Assert.Contains($"| `{key}`", table, StringComparison.Ordinal));
    }

    private static IEnumerable<string> Keys(Type type, string section) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).SelectMany(property =>
            property.PropertyType.Name.EndsWith("Options", StringComparison.Ordinal) ? Keys(property.PropertyType, $"{section}:{property.Name}")
            : property.PropertyType != typeof(string) && property.PropertyType.IsAssignableTo(typeof(IEnumerable)) ? [$"{section}:{property.Name}:0"]
            : property.CanWrite ? [$"{section}:{property.Name}"]
            : []);

    private static LlmOptions Bind(params (string Key, string Value)[] settings)
    {
        using var services = new ServiceCollection()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder()
                .AddInMemoryCollection(settings.ToDictionary(setting => $"Omoai:Llm:{setting.Key}", setting => (string?)setting.Value))
                // Room for a server beside hosts, whatever machine this is.
                .AddInMemoryCollection([new("Omoai:Isolation:Devices", ""), new("Omoai:Isolation:CpuHosts", "2")]).Build())
            .AddOmoaiPipeline()
            .BuildServiceProvider();
        return services.GetRequiredService<IOptions<LlmOptions>>().Value;
    }
}
