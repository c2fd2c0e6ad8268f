using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Jobs;
using Omoai.Transcripts;

namespace Omoai.Local.Journal;

/// <summary>A job that hasn't ended.</summary>
internal sealed record Unfinished(long Sequence, TranscriptionJob Job, bool CancelRequested);

/// <summary>What a turn changes in an instance's row.</summary>
internal sealed record InstanceUpdate(
    JobStatus Status, JobProgress? Progress, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, ActivityFailure? Error);

/// <summary>Instances and their history in one SQLite file, which belongs to one process as long as this is open.</summary>
internal sealed class JournalDatabase : IDisposable
{
    private const int SchemaVersion = 1;

    private const string StateColumns = "seq, id, status, stage, progress, created_at, started_at, ended_at, error";

    private const string Schema = """
        CREATE TABLE instances (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            job TEXT NOT NULL,
            status TEXT NOT NULL,
            cancel INTEGER NOT NULL DEFAULT 0,
            stage TEXT,
            progress REAL NOT NULL DEFAULT 0,
            created_at INTEGER NOT NULL,
            started_at INTEGER,
            ended_at INTEGER,
            error TEXT);
        CREATE INDEX instances_by_status ON instances (status, seq);
        CREATE INDEX instances_by_end ON instances (ended_at) WHERE ended_at IS NOT NULL;
        CREATE TABLE entries (
            instance INTEGER NOT NULL REFERENCES instances (seq) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            call INTEGER NOT NULL,
            name TEXT,
            data TEXT,
            at INTEGER,
            PRIMARY KEY (instance, number)) WITHOUT ROWID;
        """;

    private readonly Lock _gate = new();
    private readonly FileStream _owner;
    private readonly SqliteConnection _connection;

    private JournalDatabase(FileStream owner, SqliteConnection connection)
    {
        _owner = owner;
        _connection = connection;
    }

    /// <exception cref="JournalException">It belongs to another process, is damaged, or is of a newer version.</exception>
    public static JournalDatabase Open(string file)
    {
        var path = Path.GetFullPath(file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        FileStream owner;
        try
        {
            // Given back by the kernel, however this process ends.
            owner = new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new JournalException($"The journal {path} is in use by another process.", e);
        }

        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, ForeignKeys = true }.ToString());
        try
        {
            connection.Open();
            var database = new JournalDatabase(owner, connection);
            database.Prepare(path);
            return database;
        }
        catch (SqliteException e)
        {
            Close();
            throw new JournalException(
                $"The journal {path} can't be read ({e.Message}). Restore it, or move it away to begin with an empty one.", e);
        }
        catch (JournalException)
        {
            Close();
            throw;
        }

        void Close()
        {
            connection.Dispose();
            owner.Dispose();
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _connection.Dispose();
            _owner.Dispose();
        }
    }

    /// <returns>False when there is a job of that id.</returns>
    public bool TryInsert(TranscriptionJob job, DateTimeOffset now)
    {
        lock (_gate)
        {
            // That a job was accepted is a promise: it survives a power cut too.
            Execute("PRAGMA synchronous = FULL");
            try
            {
                return 1 == Execute(
                    "INSERT OR IGNORE INTO instances (id, job, status, created_at) VALUES ($id, $job, 'queued', $now)",
                    ("$id", job.Id), ("$job", JsonSerializer.Serialize(job, OmoaiJson.Compact)), ("$now", now.UtcTicks));
            }
            finally
            {
                Execute("PRAGMA synchronous = NORMAL");
            }
        }
    }

    public JobRecord? Find(string id) => Query(
        $"SELECT {StateColumns}, job FROM instances WHERE id = $id",
        row => new JobRecord(Read<TranscriptionJob>(row.GetString(9)), ReadState(row)), ("$id", id)).SingleOrDefault();

    /// <exception cref="FormatException">The continuation is none.</exception>
    public JobPage List(JobStatus? status, int limit, string? continuation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 1000);
        var before = continuation is null
            ? long.MaxValue
            : long.Parse(continuation, NumberStyles.None, CultureInfo.InvariantCulture);
        var rows = Query(
            $"""
            SELECT {StateColumns} FROM instances WHERE seq < $before {(status is null ? "" : "AND status = $status")}
            ORDER BY seq DESC LIMIT $limit
            """,
            row => (Sequence: row.GetInt64(0), State: ReadState(row)),
            ("$before", before), ("$limit", limit + 1), ("$status", status is { } wanted ? Text(wanted) : null));
        var more = rows.Count > limit;
        return new JobPage(
            [.. rows.Take(limit).Select(row => row.State)],
            more ? rows[limit - 1].Sequence.ToString(CultureInfo.InvariantCulture) : null);
    }

    /// <summary>How many jobs there are of each status that a job can be in before it ends.</summary>
    public Dictionary<JobStatus, long> CountUnfinished() => Query(
        "SELECT status, COUNT(*) FROM instances WHERE status IN ('queued', 'running') GROUP BY status",
        row => (Status: Enum.Parse<JobStatus>(row.GetString(0), ignoreCase: true), Count: row.GetInt64(1)))
        .ToDictionary(row => row.Status, row => row.Count);

    /// <summary>The first job accepted after <paramref name="sequence"/> that hasn't ended.</summary>
    public Unfinished? NextUnfinished(long sequence) => Query(
        "SELECT seq, job, cancel FROM instances WHERE seq > $seq AND ended_at IS NULL ORDER BY seq LIMIT 1",
        row => new Unfinished(row.GetInt64(0), Read<TranscriptionJob>(row.GetString(1)), row.GetBoolean(2)),
        ("$seq", sequence)).SingleOrDefault();

    public List<JournalEntry> History(long sequence) => Query(
        "SELECT kind, call, name, data, at FROM entries WHERE instance = $seq ORDER BY number",
        row => new JournalEntry(
            (JournalEntryKind)row.GetInt32(0), row.GetInt32(1), row.IsDBNull(2) ? null : row.GetString(2),
            row.IsDBNull(3) ? null : row.GetString(3), ReadTime(row, 4)),
        ("$seq", sequence));

    /// <summary>Writes a turn down, all of it or nothing.</summary>
    /// <param name="sequence">The instance.</param>
    /// <param name="first">Number of the first entry, from 0.</param>
    /// <param name="entries">The event and the calls made on it.</param>
    /// <param name="update">How the instance is doing after it.</param>
    public void Append(long sequence, int first, IEnumerable<JournalEntry> entries, InstanceUpdate update)
    {
        lock (_gate)
        {
            using var transaction = _connection.BeginTransaction();
            foreach (var entry in entries)
            {
                Execute(
                    """
                    INSERT INTO entries (instance, number, kind, call, name, data, at)
                    VALUES ($seq, $number, $kind, $call, $name, $data, $at)
                    """,
                    ("$seq", sequence), ("$number", first++), ("$kind", (int)entry.Kind), ("$call", entry.Call),
                    ("$name", entry.Name), ("$data", entry.Data), ("$at", entry.At?.UtcTicks));
            }

            Execute(
                """
                UPDATE instances SET status = $status, stage = COALESCE($stage, stage), progress = MAX(progress, $progress),
                    started_at = COALESCE(started_at, $started), ended_at = $ended, error = $error
                WHERE seq = $seq
                """,
                ("$seq", sequence), ("$status", Text(update.Status)), ("$stage", update.Progress?.Stage),
                ("$progress", update.Progress?.Fraction ?? 0), ("$started", update.StartedAt.UtcTicks),
                ("$ended", update.EndedAt?.UtcTicks),
                ("$error", update.Error is null ? null : JsonSerializer.Serialize(update.Error, OmoaiJson.Compact)));
            transaction.Commit();
        }
    }

    /// <summary>Remembers that a job is to be cancelled, until it has ended.</summary>
    public void RequestCancel(string id) =>
        Execute("UPDATE instances SET cancel = 1 WHERE id = $id AND ended_at IS NULL", ("$id", id));

    /// <summary>Ends a job that never began: one accepted after <paramref name="sequence"/>. One with a webhook waits for its
    /// turn: only its orchestrator tells how it ended.</summary>
    /// <returns>False when there is no such job.</returns>
    public bool EndQueued(string id, long sequence, DateTimeOffset now, ActivityFailure failure) => 1 == Execute(
        """
        UPDATE instances SET status = 'cancelled', ended_at = $now, error = $error
        WHERE id = $id AND status = 'queued' AND seq > $seq AND json_extract(job, '$.options.webhook') IS NULL
        """,
        ("$id", id), ("$seq", sequence), ("$now", now.UtcTicks), ("$error", JsonSerializer.Serialize(failure, OmoaiJson.Compact)));

    /// <summary>Forgets a job, if it has ended.</summary>
    public void Delete(string id) => Execute("DELETE FROM instances WHERE id = $id AND ended_at IS NOT NULL", ("$id", id));

    /// <summary>Ids of jobs that ended before a time, some hundred at most.</summary>
    public List<string> EndedBefore(DateTimeOffset time) => Query(
        "SELECT id FROM instances WHERE ended_at < $time ORDER BY ended_at LIMIT 500", row => row.GetString(0),
        ("$time", time.UtcTicks));

    private void Prepare(string path)
    {
        Execute("PRAGMA journal_mode = WAL");

        // Survives a crash of this process. A power cut can take the last turns, whose activities then run again.
        Execute("PRAGMA synchronous = NORMAL");
        if (Query("PRAGMA quick_check(1)", row => row.GetString(0)).Single() is not "ok" and var damage)
        {
            throw new JournalException(
                $"The journal {path} is damaged ({damage}). Restore it, or move it away to begin with an empty one.");
        }

        var version = Query("PRAGMA user_version", row => row.GetInt64(0)).Single();
        var empty = Query("SELECT COUNT(*) FROM sqlite_master", row => row.GetInt64(0)).Single() == 0;
        if (version > SchemaVersion)
        {
            throw new JournalException(string.Create(
                CultureInfo.InvariantCulture,
                $"The journal {path} was written by a newer omoai (schema {version}, this one knows {SchemaVersion})."));
        }

        if (version == 0 && !empty)
        {
            throw new JournalException($"{path} is a database, but not a journal of omoai.");
        }

        if (version == 0)
        {
            Execute($"BEGIN; {Schema} PRAGMA user_version = {SchemaVersion}; COMMIT;");
        }
    }

    private int Execute(string sql, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        lock (_gate)
        {
            using var command = Command(sql, parameters);
            return command.ExecuteNonQuery();
        }
    }

    private List<T> Query<T>(
        string sql, Func<SqliteDataReader, T> read, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        lock (_gate)
        {
            using var command = Command(sql, parameters);
            using var reader = command.ExecuteReader();
            var rows = new List<T>();
            while (reader.Read())
            {
                rows.Add(read(reader));
            }

            return rows;
        }
    }

    private SqliteCommand Command(string sql, ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        var command = _connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
        {
            command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        }

        return command;
    }

    private static JobState ReadState(SqliteDataReader row) => new(
        row.GetString(1), Enum.Parse<JobStatus>(row.GetString(2), ignoreCase: true), row.IsDBNull(3) ? null : row.GetString(3),
        row.GetDouble(4), ReadTime(row, 5)!.Value, ReadTime(row, 6), ReadTime(row, 7),
        row.IsDBNull(8) ? null : Read<ActivityFailure>(row.GetString(8)));

    private static DateTimeOffset? ReadTime(SqliteDataReader row, int column) =>
        row.IsDBNull(column) ? null : new DateTimeOffset(row.GetInt64(column), TimeSpan.Zero);

    private static T Read<T>(string json) => JsonSerializer.Deserialize<T>(json, OmoaiJson.Compact)!;

    private static string Text(JobStatus status) => status.ToString().ToLowerInvariant();
}
