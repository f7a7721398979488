"""Pings: whose port, how often, at what interval, and what the times come to."""

from __future__ import annotations

import sys
from contextlib import aclosing

import pytest

from nethood.errors import LocalError
from nethood.exposure.model import Target
from nethood.exposure.ping import Pinged, parse_host, pings
from nethood.net.connect_probe import Outcome
from tests.exposure import fleet
from tests.exposure.fleet import NETWORK


def test_the_counts() -> None:
    pinged = Pinged()
    assert pinged.minimum_average_maximum_ms() is None
    for outcome in (Outcome("open", 1.0), Outcome("closed"), Outcome("open", 4.0)):
        pinged.add(outcome)
    assert (pinged.sent, pinged.accepted) == (3, 2)
    assert pinged.minimum_average_maximum_ms() == (1.0, 2.5, 4.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1", Target("10.0.0.1")),
        ("10.0.0.1:139", Target("10.0.0.1", 139)),
        ("[fe80::1%eth0]:139", Target("fe80::1%eth0", 139)),
        ("attic.example:80", Target("10.9.9.9", 80, "attic.example")),
        ("8.8.8.8", Target("8.8.8.8")),
    ],
)
def test_whose_port(text: str, expected: Target) -> None:
    assert parse_host(text, lambda *_: {"attic.example": ["10.9.9.9", "fd00::9"]}) == expected


@pytest.mark.parametrize("text", ["10.0.0.0/30", "10.0.0.1-2", "cellar.example", "10.0.0.1:0", ""])
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(LocalError):
        parse_host(text, lambda *_: {})


@pytest.mark.skipif(sys.platform != "linux", reason="needs all of 127/8")
async def test_one_after_the_other_at_the_interval() -> None:
    port = fleet.free_ports().smb
    slept: list[float] = []

    async def sleep(delay_s: float) -> None:
        slept.append(delay_s)

    with fleet.listening(port, 1):
        outcomes = pings(
            Target(f"{NETWORK}.1", port), count=3, interval_s=1.0, timeout_s=2.0, sleep=sleep
        )
        states = [outcome.state async for outcome in outcomes]
    assert states == ["open"] * 3
    assert len(slept) == 2
    assert all(0.5 < delay_s <= 1 for delay_s in slept)


@pytest.mark.skipif(sys.platform != "linux", reason="needs all of 127/8")
async def test_for_ever_until_somebody_stops() -> None:
    port, seen = fleet.free_ports().smb, 0

    async def sleep(_delay_s: float) -> None:
        """Lose no time."""

    target = Target(f"{NETWORK}.1", port)
    endless = pings(target, count=0, interval_s=1.0, timeout_s=2.0, sleep=sleep)
    async with aclosing(endless) as outcomes:
        async for outcome in outcomes:
            assert outcome.state == "closed"
            seen += 1
            if seen == 20:
                break
    assert seen == 20
