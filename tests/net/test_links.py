"""Which interfaces have neighbours: those with a default route, and no container's or tunnel's."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv6Interface

import pytest

from nethood.net import links
from nethood.net.links import Link, choose_links, default_route_names


def link(name: str, *addresses: str) -> Link:
    v4 = tuple(IPv4Interface(a) for a in addresses if ":" not in a)
    return Link(name, 3, v4, tuple(IPv6Interface(a) for a in addresses if ":" in a))


LO = link("lo", "127.0.0.1/8", "::1/128")
ETH = link("eth0", "192.0.2.2/24", "2001:db8::2/64", "fe80::2/64")
WLAN = link("wlan0", "198.51.100.2/24")
DOCKER = link("docker0", "172.17.0.1/16")
TUNNEL = link("tun0", "10.8.0.2/24")
ALL = [LO, ETH, WLAN, DOCKER, TUNNEL]


def test_those_with_a_default_route_are_chosen() -> None:
    assert choose_links(ALL, {"wlan0"}) == [WLAN]
    assert choose_links(ALL, {"wlan0", "eth0"}) == [ETH, WLAN]


def test_a_tunnel_is_left_out_even_with_the_default_route() -> None:
    assert choose_links(ALL, {"tun0", "docker0", "eth0"}) == [ETH]


def test_a_network_on_its_own_has_no_default_route() -> None:
    assert choose_links(ALL, set()) == [ETH, WLAN]


def test_those_named_are_taken_whatever_they_are() -> None:
    assert choose_links(ALL, {"eth0"}, ["docker0", "tun0", "missing"]) == [DOCKER, TUNNEL]
    assert choose_links(ALL, {"eth0"}, []) == []


@pytest.mark.parametrize(
    ("name", "bred"),
    [
        *(("docker0", True), ("br-5f0c", True), ("veth12ab", True), ("virbr0", True)),
        *(("wg0", True), ("tailscale0", True), ("tap1", True), ("ppp0", True)),
        *(("eth0", False), ("enp3s0", False), ("wlan0", False), ("en0", False), ("br0", False)),
    ],
)
def test_what_containers_and_tunnels_bring(name: str, bred: bool) -> None:
    assert link(name, "10.0.0.1/8").is_bred is bred


def test_addresses_of_a_link() -> None:
    assert (ETH.address_v4, ETH.address_v6) == ("192.0.2.2", "fe80::2")
    assert (WLAN.address_v6, link("x", "2001:db8::1/64").address_v4) == (None, None)


@pytest.mark.parametrize(
    ("address", "held"),
    [
        *(("192.0.2.200", True), ("192.0.3.1", False), ("8.8.8.8", False)),
        *(("fe80::99%eth0", True), ("2001:db8::99", True), ("2001:db8:1::1", False)),
    ],
)
def test_a_link_holds_its_own_networks(address: str, held: bool) -> None:
    assert ETH.holds(address) is held


IPV4_ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
wlan0\t00000000\t016433C6\t0002\t0\t0\t600\t00000000\t0\t0\t0
tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""
NOTHING = "0" * 32
IPV6_ROUTES = "\n".join(
    f"{destination} {prefix} {NOTHING} 00 {NOTHING} 00000400 00000001 00000000 {flags} {name:>8}"
    for destination, prefix, flags, name in (
        ("fe800000" + "0" * 24, "40", "00000001", "eth1"),
        (NOTHING, "00", "00000003", "eth2"),
        (NOTHING, "00", "00200200", "lo"),
    )
)


def test_routes_are_read_as_linux_writes_them() -> None:
    assert links._routed_v4(IPV4_ROUTES) == {"eth0"}
    assert links._routed_v6(IPV6_ROUTES) == {"eth2"}
    assert links._routed_v4("") == links._routed_v6("") == set()


def test_this_machine_has_a_loopback() -> None:
    found = links.links()
    assert any(each.is_loopback and each.holds("127.0.0.1") for each in found)
    assert default_route_names(found) <= {each.name for each in found} | {"lo"}
