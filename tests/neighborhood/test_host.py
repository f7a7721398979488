"""A host that can't have what it needs; what it does where it can is in tests/interop."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest

from nethood.errors import ConnectError, LocalError
from nethood.nbt.name import NetbiosName
from nethood.nbt.node_model import Interface, NameConflict, NameReleased
from nethood.neighborhood import host
from nethood.neighborhood.host import HostSettings, NetbiosHost, choose_interfaces
from nethood.net.links import Link

ELSEWHERE = Interface(IPv4Address("192.0.2.77"), IPv4Network("192.0.2.77/32"))
LINKS = [
    Link("lo", 1, (IPv4Interface("127.0.0.1/8"),)),
    Link("eth0", 2, (IPv4Interface("10.0.0.5/24"), IPv4Interface("10.1.0.5/16"))),
    Link("docker0", 3, (IPv4Interface("172.17.0.1/16"),)),
    Link("bare", 4),
]


def settings() -> HostSettings:
    return HostSettings(name="attic", machine_group="house", interfaces=(ELSEWHERE,))


async def test_an_address_it_has_not_is_said_and_leaves_nothing_behind() -> None:
    told: list[str] = []
    made = NetbiosHost(settings(), lambda _kind, sentence, _fields: told.append(sentence))
    with pytest.raises(ConnectError, match=r"^can't use 192\.0\.2\.77 UDP port 137: "):
        await made.start()
    assert (told, made.views()) == ([], [])
    await made.stop()


async def test_a_lost_name_is_told() -> None:
    told: list[tuple[str, str]] = []
    made = NetbiosHost(settings(), lambda kind, sentence, _fields: told.append((kind, sentence)))
    made._told(NameConflict(NetbiosName("ATTIC"), IPv4Address("10.0.0.9")))
    made._told(NameReleased(NetbiosName("ATTIC"), demanded=True))
    assert told == [
        ("warning", "10.0.0.9 says that the NetBIOS name ATTIC<00> is its own too"),
        ("warning", "the name server took the NetBIOS name ATTIC<00> from this host"),
    ]


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (None, ["10.0.0.5", "10.1.0.5"]),
        (("lo",), ["127.0.0.1"]),
        (("docker0", "eth0"), ["10.0.0.5", "10.1.0.5", "172.17.0.1"]),
    ],
)
def test_the_interfaces(
    named: tuple[str, ...] | None, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "links", lambda: LINKS)
    monkeypatch.setattr(host, "default_route_names", lambda _: {"eth0"})
    monkeypatch.setattr(host, "hardware_address", lambda name: name.encode().ljust(6))
    chosen = choose_interfaces(named)
    assert [str(interface.address) for interface in chosen] == expected
    units = {interface.unit_id.decode().strip() for interface in chosen}
    assert units == set(named or ("eth0",))


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        (("eth9", "lo"), "this machine has no interface eth9, or it is down"),
        (("bare",), "there is no network interface with an IPv4 address for NetBIOS"),
    ],
)
def test_interfaces_that_will_not_do(
    named: tuple[str, ...], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "links", lambda: LINKS)
    monkeypatch.setattr(host, "default_route_names", lambda _: set())
    with pytest.raises(LocalError, match=f"^{sentence}$"):
        choose_interfaces(named)
