using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.Hosting;
using Omoai.Api;
using Omoai.Functions;
using Omoai.Pipeline;
using Omoai.Storage;

var builder = FunctionsApplication.CreateBuilder(args);
builder.ConfigureFunctionsWebApplication();
builder.Services
    .AddOmoaiTelemetry(builder.Configuration)
    .AddOmoaiPipeline()
    .AddOmoaiBlobStorage()
    .AddOmoaiStorageOpening()
    .AddOmoaiApi()
    .AddOmoaiFunctions();
await builder.Build().RunAsync();
