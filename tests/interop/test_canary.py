"""`nethood canary` against a poisoner on the same cable, and on a quiet one."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.interop import peers
from tests.interop.lan import CABLE, Background, cable, running

pytestmark = pytest.mark.interop

POISONER = Path(__file__).with_name("poisoner.py")
OURS, THEIRS = "10.77.0.1", "10.77.0.2"


@pytest.fixture
def lan(make_namespace: Callable[[], str]) -> tuple[str, str]:
    """Two hosts on one cable: ours, and whoever else there is."""
    left, right = make_namespace(), make_namespace()
    cable(left, right)
    return left, right


@contextmanager
def poisoner(namespace: str, protocols: str, *limit: str) -> Iterator[Background]:
    """Run a poisoner of *protocols*."""
    with running(namespace, [sys.executable, POISONER, THEIRS, protocols, *limit]) as liar:
        liar.wait_for(lambda line: line == "ready", 10)
        yield liar


def canary(namespace: str, *options: str) -> peers.Ran:
    """Run the command."""
    command = [sys.executable, "-m", "nethood", "canary", "--interface", CABLE, *options]
    return peers.run(command, 40, namespace=namespace)


def found(ran: peers.Ran) -> dict[str, Any]:
    """Read the command's JSON."""
    value = json.loads(ran.output.splitlines()[-1])
    assert isinstance(value, dict)
    return value


def mac(namespace: str) -> str:
    """Return the hardware address of a host's end of the cable."""
    ran = peers.run(["cat", f"/sys/class/net/{CABLE}/address"], 5, namespace=namespace)
    return ran.output.strip()


def test_a_poisoner_is_found_with_its_mac(lan: tuple[str, str]) -> None:
    ours, theirs = lan
    with poisoner(theirs, "nbns,llmnr,mdns") as liar:
        ran = canary(ours, "--json")
        heard = [line.split() for line in liar.lines[1:]]
    assert ran.status == 1, ran.output
    (one,) = found(ran)["poisoners"]
    assert (one["address"], one["mac"], one["interface"]) == (THEIRS, mac(theirs), CABLE)
    assert len(one["names"]) == 2
    assert sorted(one["protocols"]) == ["LLMNR", "NBNS", "mDNS"]
    assert THEIRS in one["claimed"]
    assert found(ran)["warnings"] == []
    assert {port for kind, _, port, _ in heard if kind == "nbns"} == {"137"}
    assert {port for kind, _, port, _ in heard if kind == "mdns"} == {"5353"}
    ids = {question[:4] for kind, _, _, question in heard if kind != "mdns"}
    assert len(ids) == 2 + 2 * 4  # a new one for every question, the same when NBNS repeats it


def test_a_quiet_network_gives_none(lan: tuple[str, str]) -> None:
    ran = canary(lan[0])
    assert ran.status == 0, ran.output
    assert "no poisoner was heard" in ran.output


def test_one_name_is_a_suspicion_only(lan: tuple[str, str]) -> None:
    with poisoner(lan[1], "llmnr", "1"):
        ran = canary(lan[0], "--json")
    told = found(ran)
    assert (ran.status, told["poisoners"]) == (1, [])
    assert [one["address"] for one in told["suspects"]] == [THEIRS]
    assert len(told["asked"]) == 4


def test_a_sentence_for_people(lan: tuple[str, str]) -> None:
    with poisoner(lan[1], "nbns"):
        ran = canary(lan[0])
    assert ran.status == 1
    assert f"POISONER {THEIRS} ({mac(lan[1])}, on {CABLE}) answered for" in ran.output


def test_an_interface_that_is_not_there(lan: tuple[str, str]) -> None:
    command = [sys.executable, "-m", "nethood", "canary", "--interface", "eth77"]
    ran = peers.run(command, 20, namespace=lan[0])
    assert ran.status == 2
    assert "eth77 is no interface with an IPv4 address; there are" in ran.output
