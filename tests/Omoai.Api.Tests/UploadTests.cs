using Omoai.Api.Tests.Support;
using Omoai.Pipeline.Artifacts;

namespace Omoai.Api.Tests;

public sealed class UploadTests
{
    private const int TooLong = ApiServer.MaxRecordingBytes + 1;

    [Theory]
    [InlineData("audio/wav", "200000", ProblemCodes.TooLarge)]
    [InlineData("multipart/form-data; boundary=x", "300000", ProblemCodes.TooLarge)]
    [InlineData("application/json", "40000000", ProblemCodes.TooLarge)]
    public async Task What_says_that_it_is_too_long_is_refused_before_it_is_sent(string type, string length, string code)
    {
        await using var server = await ApiServer.StartAsync();

        var answer = await server.SendRawAsync(ApiServer.Jobs, [$"Content-Type: {type}", $"Content-Length: {length}"]);

        answer.IsProblem(413, code);
        Assert.Empty(server.Recordings);
    }

    [Fact]
    public async Task What_turns_out_to_be_too_long_is_refused_and_nothing_is_kept()
    {
        await using var server = await ApiServer.StartAsync();

        (await server.PostAsync(ApiServer.Jobs, Bodies.ChunkedAudio(TooLong))).IsProblem(413, ProblemCodes.TooLarge);
        (await server.PostAsync(ApiServer.Jobs, Bodies.Form(("audio", Bodies.Audio(TooLong))))).IsProblem(413, ProblemCodes.TooLarge);
        (await server.PostAsync(ApiServer.Jobs, Bodies.Form(("audio", Bodies.Audio()), ("options", Bodies.Json(new string(' ', 65_537))))))
            .IsProblem(413, ProblemCodes.TooLarge);
        (await server.PostAsync(ApiServer.Jobs, Bodies.Json(new string(' ', 65_537)))).IsProblem(413, ProblemCodes.TooLarge);

        Assert.Empty(server.Recordings);
        Assert.Empty(server.Engine.Jobs);
    }

    [Theory]
    [InlineData("audio/wav", "RIFF")]
    [InlineData("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=audio\r\n\r\nRIFF")]
    public async Task A_caller_who_breaks_off_leaves_nothing_behind(string type, string start)
    {
        await using var server = await ApiServer.StartAsync();
        var committing = new TaskCompletionSource();
        server.Store.BeforeCommit = () =>
        {
            committing.SetResult();
            return Task.CompletedTask;
        };
        using var connection = await RawConnection.OpenAsync(server.Address);

        await connection.SendAsync(
            $"POST {ApiServer.Jobs}", [$"Content-Type: {type}", "Content-Length: 90000"], System.Text.Encoding.Latin1.GetBytes(start));
        await committing.Task;
        connection.Break();
        await server.EndOfRequestAsync();

        Assert.Empty(server.Recordings);
        Assert.Empty(server.Engine.Jobs);
    }

    [Fact]
    public async Task Chunks_that_are_none_are_refused_and_nothing_is_kept()
    {
        await using var server = await ApiServer.StartAsync();

        var answer = await server.SendRawAsync(
            ApiServer.Jobs, ["Content-Type: audio/wav", "Transfer-Encoding: chunked"], "4\r\nRIFF\r\nno number\r\n");

        answer.IsProblem(400, ProblemCodes.InvalidRequest);
        Assert.Empty(server.Recordings);
    }

    [Fact]
    public async Task The_same_key_gives_the_same_job_without_the_recording_sent_again()
    {
        await using var server = await ApiServer.StartAsync();

        var first = await server.PostAsync(ApiServer.Jobs, Bodies.Audio(), "once");
        var again = await server.SendRawAsync(
            ApiServer.Jobs, ["Content-Type: audio/wav", "Content-Length: 90000", "Idempotency-Key: once"]);
        var asForm = await server.PostAsync(ApiServer.Jobs, Bodies.Form(("audio", Bodies.Audio(5000))), "once");
        var other = await server.PostAsync(ApiServer.Jobs, Bodies.Audio(), "another");

        Assert.Equal(first.Is(202).Id, again.Is(202).Id);
        Assert.Equal(first.Id, asForm.Is(202).Id);
        Assert.NotEqual(first.Id, other.Is(202).Id);
        Assert.Equal(2, server.Recordings.Length);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_same_key_twice_at_the_same_time_gives_the_same_job(bool form)
    {
        await using var server = await ApiServer.StartAsync();
        server.Store.BeforeCommit = Meeting(2);

        var answers = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ =>
            server.PostAsync(ApiServer.Jobs, form ? Bodies.Form(("audio", Bodies.Audio())) : Bodies.Audio(), "once")));

        Assert.Equal(answers[0].Is(202).Id, answers[1].Is(202).Id);
        Assert.Single(server.Engine.Jobs);
        Assert.Single(server.Recordings);
    }

    [Fact]
    public async Task The_same_key_with_other_options_is_a_conflict_and_the_recording_stays()
    {
        await using var server = await ApiServer.StartAsync();
        var first = await server.PostAsync(ApiServer.Jobs, Bodies.Audio(), "once");

        var other = await server.PostAsync(OtherOptions, Bodies.Audio(), "once");

        other.IsProblem(409, ProblemCodes.OptionsConflict);
        Assert.Equal(first.Is(202).Id, (string?)other.Json["job"]);
        Assert.Single(server.Recordings);
    }

    [Fact]
    public async Task The_same_key_with_other_options_at_the_same_time_leaves_the_recording_to_the_job_that_has_it()
    {
        await using var server = await ApiServer.StartAsync();
        server.Store.BeforeCommit = Meeting(2);

        var answers = await Task.WhenAll(
            server.PostAsync(ApiServer.Jobs, Bodies.Audio(), "once"), server.PostAsync(OtherOptions, Bodies.Audio(), "once"));

        Assert.Equal([202, 409], answers.Select(answer => answer.Status).Order());
        Assert.Single(server.Recordings);
    }

    [Fact]
    public async Task Who_comes_second_with_the_same_key_and_a_bad_form_leaves_the_recording_of_the_first()
    {
        await using var server = await ApiServer.StartAsync();
        var (second, first) = (new TaskCompletionSource(), new TaskCompletionSource());
        server.Store.BeforeCommit = () =>
        {
            server.Store.BeforeCommit = () => Task.CompletedTask;
            second.SetResult();
            return first.Task;
        };

        var bad = server.PostAsync(ApiServer.Jobs, Bodies.Form(("audio", Bodies.Audio()), ("colour", Bodies.Text("red"))), "once");
        await second.Task;
        (await server.PostAsync(ApiServer.Jobs, Bodies.Audio(), "once")).Is(202);
        first.SetResult();

        (await bad).IsProblem(400, ProblemCodes.InvalidRequest);
        Assert.Single(server.Recordings);
    }

    [Fact]
    public async Task A_key_that_is_too_long_is_refused()
    {
        await using var server = await ApiServer.StartAsync();

        (await server.PostAsync(ApiServer.Jobs, Bodies.Audio(), new string('k', 200))).Is(202);
        (await server.PostAsync(ApiServer.Jobs, Bodies.Audio(), new string('k', 201))).IsProblem(400, ProblemCodes.InvalidRequest);
    }

    [Fact]
    public async Task A_store_with_URLs_gives_one_for_a_recording_that_is_then_named_as_blob()
    {
        await using var server = await ApiServer.StartAsync();
        var expires = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        server.Store.UploadUrl = new UploadUrl(new Uri("https://storage.example/x?sig=y"), expires);

        var upload = (await server.PostAsync("/api/uploads", null)).Is(201).Json;

        Assert.Equal(("https://storage.example/x?sig=y", "PUT"), ((string)upload["url"]!, (string)upload["method"]!));
        Assert.Equal("BlockBlob", (string?)upload["headers"]!["x-ms-blob-type"]);
        Assert.Equal(expires, (DateTimeOffset)upload["expiresAt"]!);
        var blob = (string)upload["blob"]!;
        await server.CommitAsync(blob, Bodies.AudioBytes());
        (await server.PostAsync(ApiServer.Jobs, Bodies.Json(new { blob }))).Is(202);
    }

    [Fact]
    public async Task A_store_without_URLs_says_so()
    {
        await using var server = await ApiServer.StartAsync();

        (await server.PostAsync("/api/uploads", null)).IsProblem(409, ProblemCodes.UploadsUnavailable);
    }

    private static string OtherOptions => $"{ApiServer.Jobs}?options={Uri.EscapeDataString("""{"maxKeyPoints":3}""")}";

    /// <summary>Holds whoever comes until all have come.</summary>
    private static Func<Task> Meeting(int participants)
    {
        var missing = participants;
        var complete = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return () =>
        {
            if (Interlocked.Decrement(ref missing) == 0)
            {
                complete.SetResult();
            }

            return complete.Task;
        };
    }
}
