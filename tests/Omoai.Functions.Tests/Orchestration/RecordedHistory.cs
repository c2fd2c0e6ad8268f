using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.DurableTask.Worker;
using Microsoft.DurableTask.Worker.Grpc;
using Microsoft.Extensions.DependencyInjection;
using Omoai.Functions.Orchestration;
using Omoai.Functions.Tests.Support;
using Omoai.Pipeline;
using Omoai.Tests;
using P = Microsoft.DurableTask.Protobuf;

namespace Omoai.Functions.Tests.Orchestration;

/// <summary>The last thing that a worker was asked about a job, with its whole history, and what it answered.</summary>
internal sealed record RecordedHistory(P.OrchestratorRequest Request, P.OrchestratorResponse Response)
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static RecordedHistory Load(string name)
    {
        var json = JsonNode.Parse(File.ReadAllText(PathOf(name)))!;
        return new RecordedHistory(
            JsonParser.Default.Parse<P.OrchestratorRequest>(json["request"]!.ToJsonString()),
            JsonParser.Default.Parse<P.OrchestratorResponse>(json["response"]!.ToJsonString()));
    }

    public void Save(string name)
    {
        var json = new JsonObject
        {
            ["request"] = JsonNode.Parse(JsonFormatter.Default.Format(Request)),
            ["response"] = JsonNode.Parse(JsonFormatter.Default.Format(Response)),
        };
        File.WriteAllText(PathOf(name), json.ToJsonString(Indented) + "\n");
    }

    /// <summary>What today's orchestrator answers to the same history; as in the Functions app, where each answer is such a replay.</summary>
    public P.OrchestratorResponse Replay()
    {
        using var services = new ServiceCollection()
            .AddSingleton(new DurableTaskWorkerOptions { DataConverter = TestHub.Converter }).BuildServiceProvider();
        var answer = GrpcOrchestrationRunner.LoadAndRun<TranscriptionJob, JobResult>(
            Convert.ToBase64String(Request.ToByteArray()), async (context, job) => await TranscriptionFunctions.RunAsync(context, job!), services);
        return P.OrchestratorResponse.Parser.ParseFrom(Convert.FromBase64String(answer));
    }

    private static string PathOf(string name) =>
        Path.Combine(TestPaths.Repository, "tests", "Omoai.Functions.Tests", "Histories", $"{name}.json");
}

/// <summary>Listens to what a worker is asked about its orchestrations, and what it answers.</summary>
internal sealed class HistoryRecorder : Interceptor
{
    private readonly Lock _gate = new();
    private P.OrchestratorRequest? _request;
    private P.OrchestratorResponse? _response;

    public RecordedHistory Last
    {
        get
        {
            lock (_gate)
            {
                return new RecordedHistory(_request!, _response!);
            }
        }
    }

    /// <summary>Puts it between a worker and its hub.</summary>
    public void AddTo(IServiceCollection worker) => worker.PostConfigure<GrpcDurableTaskWorkerOptions>(options =>
    {
        options.CallInvoker = options.Channel!.Intercept(this);
        options.Channel = null;
    });

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        TRequest request, ClientInterceptorContext<TRequest, TResponse> context,
        AsyncServerStreamingCallContinuation<TRequest, TResponse> continuation)
    {
        var call = continuation(request, context);
        return new AsyncServerStreamingCall<TResponse>(
            new Tap<TResponse>(call.ResponseStream, Note), call.ResponseHeadersAsync, call.GetStatus, call.GetTrailers, call.Dispose);
    }

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        TRequest request, ClientInterceptorContext<TRequest, TResponse> context, AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
    {
        Note(request);
        return continuation(request, context);
    }

    private void Note(object message)
    {
        lock (_gate)
        {
            switch (message)
            {
                case P.WorkItem { OrchestratorRequest: { } request }:
                    _request = request;
                    break;
                case P.OrchestratorResponse response:
                    _response = response;
                    break;
            }
        }
    }

    private sealed class Tap<T>(IAsyncStreamReader<T> source, Action<object> note) : IAsyncStreamReader<T>
    {
        public T Current => source.Current;

        public async Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            if (!await source.MoveNext(cancellationToken))
            {
                return false;
            }

            note(source.Current!);
            return true;
        }
    }
}
