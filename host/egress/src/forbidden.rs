//! Addresses that are never dialled: the IANA special-purpose registries, and what wraps an address in another.
//!
//! Sources: IANA "IPv4 Special-Purpose Address Registry" and "IPv6 Special-Purpose Address Registry" (RFC 6890, RFC
//! 8190), RFC 5771 (multicast), RFC 1112 (240/4), RFC 3879 (site-local), RFC 5214 (ISATAP).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Network, prefix length, what it is for.
const V4: &[([u8; 4], u32, &str)] = &[
    ([0, 0, 0, 0], 8, "this network, RFC 791"),
    ([10, 0, 0, 0], 8, "private use, RFC 1918"),
    ([100, 64, 0, 0], 10, "shared address space, RFC 6598"),
    ([127, 0, 0, 0], 8, "loopback, RFC 1122"),
    ([169, 254, 0, 0], 16, "link local and cloud metadata, RFC 3927"),
    ([172, 16, 0, 0], 12, "private use, RFC 1918"),
    ([192, 0, 0, 0], 24, "IETF protocol assignments, RFC 6890"),
    ([192, 0, 2, 0], 24, "documentation, RFC 5737"),
    ([192, 31, 196, 0], 24, "AS112, RFC 7535"),
    ([192, 52, 193, 0], 24, "AMT, RFC 7450"),
    ([192, 88, 99, 0], 24, "6to4 relay, RFC 7526"),
    ([192, 168, 0, 0], 16, "private use, RFC 1918"),
    ([192, 175, 48, 0], 24, "AS112, RFC 7534"),
    ([198, 18, 0, 0], 15, "benchmarking, RFC 2544"),
    ([198, 51, 100, 0], 24, "documentation, RFC 5737"),
    ([203, 0, 113, 0], 24, "documentation, RFC 5737"),
    ([224, 0, 0, 0], 4, "multicast, RFC 5771"),
    ([240, 0, 0, 0], 4, "reserved and broadcast, RFC 1112"),
];

const V6: &[([u16; 8], u32, &str)] = &[
    ([0, 0, 0, 0, 0, 0, 0, 0], 8, "unspecified, loopback, IPv4-mapped or compatible, RFC 4291"),
    ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, "NAT64, RFC 6052"),
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "NAT64 for local use, RFC 8215"),
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "discard only, RFC 6666"),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "IETF protocol assignments, Teredo and ORCHID among them, RFC 2928"),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "documentation, RFC 3849"),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "6to4, RFC 3056"),
    ([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, "AS112, RFC 7534"),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "documentation, RFC 9637"),
    ([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, "segment routing, RFC 9602"),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "unique local, RFC 4193"),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link local, RFC 4291"),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "site local, RFC 3879"),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast, RFC 4291"),
];

/// Why an address may not be dialled; none = it may. In IPv6 only what is allocated for global unicast (2000::/3) may.
#[must_use]
pub fn forbidden(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => forbidden_v4(v4),
        IpAddr::V6(v6) => forbidden_v6(v6),
    }
}

fn forbidden_v4(address: Ipv4Addr) -> Option<&'static str> {
    let bits = address.to_bits();
    let inside = |net: &[u8; 4], len: u32| (bits ^ u32::from_be_bytes(*net)) >> (32 - len) == 0;
    V4.iter().find(|(net, len, _)| inside(net, *len)).map(|(_, _, why)| *why)
}

fn forbidden_v6(address: Ipv6Addr) -> Option<&'static str> {
    let bits = address.to_bits();
    let inside = |net: &[u16; 8], len: u32| {
        (bits ^ Ipv6Addr::new(net[0], net[1], net[2], net[3], net[4], net[5], net[6], net[7]).to_bits())
            >> (128 - len)
            == 0
    };
    if let Some((_, _, why)) = V6.iter().find(|(net, len, _)| inside(net, *len)) {
        return Some(*why);
    }
    if bits >> 125 != 1 {
        return Some("outside of global unicast, RFC 4291");
    }
    // An ISATAP interface id carries an IPv4 address: the packet would surface there.
    let interface = bits & u128::from(u64::MAX);
    if (interface >> 32) & 0xfcff_ffff == 0x5efe {
        return Some("ISATAP, RFC 5214");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Option<&'static str> {
        forbidden(text.parse().unwrap_or_else(|_| panic!("{text} is no address")))
    }

    const FORBIDDEN: &str = "
        0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 127.255.255.255
        169.254.0.0 169.254.169.254 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.192
        192.0.0.255 192.0.2.0 192.0.2.255 192.31.196.1 192.52.193.1 192.88.99.0 192.88.99.255 192.168.0.0
        192.168.255.255 192.175.48.1 198.18.0.0 198.19.255.255 198.51.100.0 198.51.100.255 203.0.113.0
        203.0.113.255 224.0.0.0 239.255.255.255 240.0.0.0 255.255.255.254 255.255.255.255 :: ::1
        ::ffff:0.0.0.0 ::ffff:10.0.0.1 ::ffff:93.184.216.34 ::7f00:1 ::ffff:0:7f00:1 64:ff9b::
        64:ff9b::a00:1 64:ff9b::5db8:d822 64:ff9b:1:: 64:ff9b:1:ffff::1 100:: 100::1 100:0:0:1:: 2001::
        2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:10::1 2001:20::1 2001:1ff:ffff:: 2001:db8::
        2001:db8:ffff::1 2002:: 2002:7f00:1::1 2002:ffff:: 2620:4f:8000::1 3fff:: 3fff:fff:ffff::1 5f00::
        5f00:ffff:: fc00:: fd00:ec2::254 fdff:: fe80::1 febf::1 fec0::1 feff::1 ff02::1 ffff:: 4000::1
        1000::1 8000::1 2606:4700::5efe:10.0.0.1 2606:4700::200:5efe:10.0.0.1
    ";

    const PUBLIC: &str = "
        1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255
        169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255
        198.20.0.0 203.0.112.255 203.0.114.0 223.255.255.255 93.184.216.34 2000::1 2001:200::1
        2001:db7:ffff::1 2001:db9:: 2003::1 2606:4700::6810:84e5 2a00:1450::1 3ffe:ffff::1
    ";

    #[test]
    fn every_special_purpose_address_is_forbidden_at_both_ends_of_its_block() {
        for text in FORBIDDEN.split_whitespace() {
            assert!(verdict(text).is_some(), "{text} could be dialled");
        }
    }

    #[test]
    fn public_addresses_just_outside_of_the_blocks_may_be_dialled() {
        for text in PUBLIC.split_whitespace() {
            assert_eq!(verdict(text), None, "{text}");
        }
    }
}
