using System.Text.RegularExpressions;
using Omoai.Infra.Tests.Bicep;

namespace Omoai.Infra.Tests;

public sealed partial class RoleTests
{
    /// <summary>The ids that https://learn.microsoft.com/azure/role-based-access-control/built-in-roles documents.</summary>
    private static readonly Dictionary<string, string> s_documented = new()
    {
        ["acrPull"] = "7f951dda-4ed3-4680-a7ca-43fe172d538d",
        ["durableTaskDataContributor"] = "0ad04412-c4d5-4796-b79c-f76d14c8d402",
        ["monitoringMetricsPublisher"] = "3913510d-42f4-4e42-8a64-420c390055eb",
        ["storageBlobDataContributor"] = "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        ["storageBlobDataOwner"] = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        ["storageQueueDataContributor"] = "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
        ["storageTableDataContributor"] = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    };

    [Fact]
    public void Role_ids_are_the_documented_ones()
    {
        Assert.Equal(
            s_documented.OrderBy(role => role.Key, StringComparer.Ordinal),
            InfraFiles.Roles.KeysOf("roles").Zip(InfraFiles.Roles.StringsOf("roles"), KeyValuePair.Create));
    }

    [Fact]
    public void Ids_are_in_one_place_only()
    {
        foreach (var template in InfraFiles.Templates.Where(template => template.Path != InfraFiles.Roles.Path))
        {
            Assert.DoesNotMatch(Id(), File.ReadAllText(template.Path));
        }
    }

    [Fact]
    public void Every_role_is_given_to_somebody()
    {
        var given = InfraFiles.Templates.SelectMany(template => template.MembersReadOf("roles")).ToHashSet();
        Assert.Equal(s_documented.Keys.Order(StringComparer.Ordinal), given.Order(StringComparer.Ordinal));
    }

    [GeneratedRegex("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")]
    private static partial Regex Id();
}
