namespace Omoai.Pipeline.Artifacts;

/// <summary>The artifact store doesn't answer, or refuses. That is nobody's fault who uses it: an activity that ends with it
/// is lost and not failed, so that an outage doesn't use up the attempts of a recording.</summary>
/// <param name="message">One line for people, without secrets.</param>
/// <param name="innerException">What the store said.</param>
public sealed class ArtifactStoreException(string message, Exception? innerException = null) : IOException(message, innerException);
