using Omoai.Functions;
using Omoai.Pipeline.Activities;

namespace Omoai.Infra.Tests;

/// <summary>What the Functions app consists of.</summary>
internal static class AllFunctions
{
    /// <summary>The names of all functions.</summary>
    public static string[] Names { get; } = [.. ConstantsOf(typeof(FunctionNames)), .. ConstantsOf(typeof(PipelineActivities))];

    /// <summary>Those that every app runs: the platform asks them whether it is well.</summary>
    public static string[] Health { get; } = [FunctionNames.Live, FunctionNames.Ready];

    private static IEnumerable<string> ConstantsOf(Type type) =>
        type.GetFields().Where(field => field.IsLiteral).Select(field => (string)field.GetRawConstantValue()!);
}
