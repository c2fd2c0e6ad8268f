using System.Net;
using System.Net.Sockets;

namespace Omoai.Pipeline.Webhooks;

/// <summary>Which addresses are of the public internet. Whoever asks for a webhook names the host that we call: they must
/// not reach through us what only this machine, or its network, can reach.</summary>
internal static class WebhookAddresses
{
    /// <summary>All that is handed out of IPv6 so far. Outside of it are <c>::</c>, <c>::1</c>, the IPv4-compatible
    /// addresses, NAT64 (64:ff9b::/96 and 64:ff9b:1::/48), discard (100::/64), unique local (fc00::/7), link-local
    /// (fe80::/10), site-local (fec0::/10) and multicast (ff00::/8).</summary>
    private static readonly IPNetwork GlobalUnicast = IPNetwork.Parse("2000::/3");

    private static readonly IPNetwork[] Refused =
    [
        IPNetwork.Parse("0.0.0.0/8"),         // this network; 0.0.0.0 is this machine
        IPNetwork.Parse("10.0.0.0/8"),        // private
        IPNetwork.Parse("100.64.0.0/10"),     // carrier-grade NAT
        IPNetwork.Parse("127.0.0.0/8"),       // loopback
        IPNetwork.Parse("168.63.129.16/32"),  // Azure's platform, reachable from every machine there: public in form only
        IPNetwork.Parse("169.254.0.0/16"),    // link-local: the metadata services of the clouds
        IPNetwork.Parse("172.16.0.0/12"),     // private
        IPNetwork.Parse("192.0.0.0/24"),      // protocol assignments
        IPNetwork.Parse("192.0.2.0/24"),      // documentation
        IPNetwork.Parse("192.88.99.0/24"),    // relays of 6to4
        IPNetwork.Parse("192.168.0.0/16"),    // private
        IPNetwork.Parse("198.18.0.0/15"),     // benchmarking
        IPNetwork.Parse("198.51.100.0/24"),   // documentation
        IPNetwork.Parse("203.0.113.0/24"),    // documentation
        IPNetwork.Parse("224.0.0.0/4"),       // multicast
        IPNetwork.Parse("240.0.0.0/4"),       // reserved; broadcast
        IPNetwork.Parse("2001::/23"),         // protocol assignments: Teredo, which holds an IPv4 address, and ORCHID
        IPNetwork.Parse("2001:db8::/32"),     // documentation
        IPNetwork.Parse("2002::/16"),         // 6to4, which holds an IPv4 address
        IPNetwork.Parse("3fff::/20"),         // documentation
    ];

    public static bool IsPublic(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            address = address.MapToIPv4();
        }

        return (address.AddressFamily == AddressFamily.InterNetwork || GlobalUnicast.Contains(address))
            && !Refused.Any(network => network.Contains(address));
    }
}
