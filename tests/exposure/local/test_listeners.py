"""Sockets, and what is said of them: whom they reach, whose they are."""

from __future__ import annotations

import pytest

from nethood.exposure.local.commands import Ran
from nethood.exposure.local.listeners import (
    NOBODYS,
    Listener,
    Owner,
    Place,
    Socket,
    dual_from_ss,
    find_listeners,
)

PLACES = (
    Place("eth0", "10.77.0.1", "10.77.0.0/24"),
    Place("eth0", "fe80::1", "fe80::/64"),
    Place("wg0", "10.9.0.1", "10.9.0.0/16"),
)
SMBD = Owner(812, "smbd", "root")


def found(
    *sockets: Socket, is_root: bool = True, dual: bool | None = None
) -> list[tuple[str, list[str], str]]:
    listeners = listened(*sockets, is_root=is_root, dual=dual)
    return [(one.reach, [p.address for p in one.places], one.owner_unknown) for one in listeners]


def listened(*sockets: Socket, is_root: bool = True, dual: bool | None = None) -> list[Listener]:
    owner = {812: SMBD}.get
    return find_listeners(sockets, PLACES, owner, lambda *_: dual, is_root)


@pytest.mark.parametrize(
    ("address", "reach", "reached"),
    [
        ("127.0.0.1", "this machine only", []),
        ("127.9.9.9", "this machine only", []),
        ("::1", "this machine only", []),
        ("0.0.0.0", "every IPv4 address", ["10.77.0.1", "10.9.0.1"]),
        ("10.77.0.1", "10.77.0.0/24 on eth0", ["10.77.0.1"]),
        ("10.77.0.255", "10.77.0.0/24 on eth0", ["10.77.0.1"]),
        ("::ffff:10.77.0.1", "10.77.0.0/24 on eth0", ["10.77.0.1"]),
        ("fe80::1%eth0", "fe80::/64 on eth0", ["fe80::1"]),
        ("192.0.2.9", "unknown: no interface that is up has this address", []),
        ("224.0.0.251", "a multicast group", ["10.77.0.1", "10.9.0.1"]),
    ],
)
def test_whom_an_address_reaches(address: str, reach: str, reached: list[str]) -> None:
    assert found(Socket("tcp", address, 445, 812)) == [(reach, reached, "")]


@pytest.mark.parametrize(
    ("dual", "reach", "count"),
    [(True, "every address", 3), (False, "every IPv6 address", 1), (None, "every address", 3)],
)
def test_a_socket_of_both_families(dual: bool | None, reach: str, count: int) -> None:
    [listener] = listened(Socket("tcp", "::", 445, 812), dual=dual)
    assert (listener.reach, len(listener.places)) == (reach, count)
    assert bool(listener.notes) is (dual is None)


def test_an_owner_that_cannot_be_seen_is_no_empty_cell() -> None:
    nobody = Socket("tcp", "0.0.0.0", 445, None)
    gone = Socket("tcp", "0.0.0.0", 445, 5)
    assert [row[2] for row in found(nobody, is_root=False)] == ["needs root"]
    assert [row[2] for row in found(nobody)] == [NOBODYS]
    assert [row[2] for row in found(gone)] == [NOBODYS]


def test_processes_that_share_a_socket_are_one_row() -> None:
    [listener] = listened(Socket("tcp", "0.0.0.0", 445, 812), Socket("tcp", "0.0.0.0", 445, 812))
    assert listener.owners == [SMBD]


def test_other_ports_are_left_out_and_smb_comes_first() -> None:
    listeners = listened(
        Socket("udp", "0.0.0.0", 5353, 812),
        Socket("tcp", "0.0.0.0", 22, 812),
        Socket("udp", "0.0.0.0", 445, 812),
        Socket("udp", "0.0.0.0", 137, 812),
        Socket("tcp", "0.0.0.0", 445, 812),
    )
    assert [one.service.port for one in listeners] == [445, 137, 5353]


SS = """udp   UNCONN 0 0 0.0.0.0:137 0.0.0.0:*
tcp   LISTEN 0 50 *:445 *:*
tcp   LISTEN 0 50 [::]:139 [::]:*
"""


def test_ss_tells_sockets_of_both_families_apart() -> None:
    dual = dual_from_ss(lambda _: Ran(0, SS))
    assert (dual("tcp", 445), dual("tcp", 139)) == (True, False)
    assert dual_from_ss(lambda _: None)("tcp", 445) is None
    assert dual_from_ss(lambda _: Ran(1, ""))("tcp", 445) is None
