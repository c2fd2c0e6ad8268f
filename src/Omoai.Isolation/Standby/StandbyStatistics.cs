namespace Omoai.Isolation.Standby;

/// <summary>What came of hosts that were started ahead of time.</summary>
/// <param name="Hits">Activities that were served by one.</param>
/// <param name="Misses">Activities that could have been, and found none.</param>
/// <param name="Started">Hosts started.</param>
/// <param name="Dropped">Hosts that were ended without having served.</param>
public readonly record struct StandbyStatistics(long Hits, long Misses, long Started, long Dropped);
