using System.Reflection;

namespace Omoai.OnnxRuntime.Tests;

/// <summary>An assembly's public types and members, one line each, in words that can be compared.</summary>
internal static class PublicApi
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    /// <summary>
    /// A line for each type, each type that it derives from or implements, each constructor, method, property and
    /// field; with parameter names and defaults, since callers are compiled against those too. Overrides of
    /// <see cref="object"/>'s own methods are left out.
    /// </summary>
    public static IReadOnlyList<string> Describe(Assembly assembly)
    {
        var lines = new List<string>();
        foreach (var type in assembly.GetExportedTypes())
        {
            var kind = type.IsEnum ? "enum" : type.IsValueType ? "struct" : type.IsInterface ? "interface" : "class";
            lines.Add($"{kind} {type}");
            if (type.BaseType is { } parent)
            {
                lines.Add($"{type} : {parent}");
            }

            if (!type.IsEnum)
            {
                lines.AddRange(type.GetInterfaces().Select(contract => $"{type} : {contract}"));
            }

            lines.AddRange(type.GetConstructors(Declared).Select(member => $"{type}({Parameters(member)})"));
            lines.AddRange(type.GetProperties(Declared).Select(member =>
                $"{Static(member.GetAccessors()[0])}{member.PropertyType} {type}.{member.Name}" +
                $"{(member.GetGetMethod() is null ? "" : " get")}{(member.GetSetMethod() is null ? "" : " set")}"));
            lines.AddRange(type.GetFields(Declared).Where(member => !member.IsSpecialName).Select(member => type.IsEnum
                ? $"{type}.{member.Name} = {Convert.ToInt64(member.GetRawConstantValue(), null)}"
                : $"{(member.IsStatic ? "static " : "")}{member.FieldType} {type}.{member.Name}"));
            lines.AddRange(type.GetMethods(Declared)
                .Where(member => !IsAccessor(member) && member.GetBaseDefinition().DeclaringType != typeof(object))
                .Select(member =>
                    $"{Static(member)}{member.ReturnType} {type}.{member.Name}{Generics(member)}({Parameters(member)})"));
        }

        return [.. lines.Order(StringComparer.Ordinal)];
    }

    private static bool IsAccessor(MethodInfo method) =>
        method.IsSpecialName && (method.Name.StartsWith("get_", StringComparison.Ordinal) ||
            method.Name.StartsWith("set_", StringComparison.Ordinal));

    private static string Static(MethodBase method) => method.IsStatic ? "static " : "";

    private static string Generics(MethodInfo method) => method.IsGenericMethod
        ? $"<{string.Join(", ", method.GetGenericArguments().Select(argument =>
            $"{argument.Name}: {argument.GenericParameterAttributes}"))}>"
        : "";

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(parameter =>
        $"{parameter.ParameterType} {parameter.Name}" +
        (parameter.HasDefaultValue ? $" = {parameter.RawDefaultValue}" : "")));
}
