"""The sweep: every target's ports once, silent ones of live hosts twice, each answer kept."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import pytest

from nethood.exposure.model import PortState, Target
from nethood.exposure.pace import Pacer
from nethood.exposure.port_sweep import PortSweep, Seen, SweepOptions
from tests.exposure import fleet
from tests.exposure.fleet import NETWORK, Ports

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs all of 127/8")
HERE = f"{NETWORK}.1"


async def swept(
    ports: Ports, targets: list[Target], retries: int = 0, rate: float = 20_000
) -> dict[int, Seen]:
    """Sweep *targets*; return what was seen by index."""
    found: dict[int, Seen] = {}

    def keep(seen: Seen) -> None:
        assert seen.index not in found
        found[seen.index] = seen

    options = SweepOptions(0.1, retries, ports.smb, ports.session, ports.name)
    sweep = PortSweep(options, Pacer(rate), 0xBEEF, keep)
    gate = asyncio.Event()
    gate.set()
    try:
        async with asyncio.timeout(20):
            await sweep.run(iter(enumerate(targets)), gate)
    finally:
        sweep.close()
    return found


def states(seen: Seen, ports: Ports, smb: int = 0) -> tuple[str | None, ...]:
    """Return the states of the three ports, None where it is not known."""
    keys = (f"tcp/{smb or ports.smb}", f"tcp/{ports.session}", f"udp/{ports.name}")
    answers = [seen.ports.get(key) for key in keys]
    return tuple(str(a.value.state) if a and a.value else None for a in answers)


def host(number: int, port: int) -> Target:
    return Target(f"{NETWORK}.{number}", port)


async def test_who_listens_who_answers_and_who_refuses() -> None:
    ports = fleet.free_ports()
    with (
        fleet.listening(ports.smb, 3, 7),
        fleet.listening(ports.session, 7),
        fleet.name_service(ports.name, 5) as asked,
    ):
        found = await swept(ports, [host(number, ports.smb) for number in range(1, 41)])
    assert sorted(found) == list(range(40))
    assert states(found[2], ports) == ("open", "closed", "closed")
    assert states(found[6], ports) == ("open", "open", "closed")
    assert states(found[4], ports) == ("closed", "closed", "open")
    assert found[4].node_status[:2] == asked[0][:2]
    assert len(asked) == 1
    for index in set(found) - {2, 4, 6}:
        assert states(found[index], ports) == ("closed", "closed", "closed")
    assert [index for index, seen in sorted(found.items()) if seen.is_worth_it] == [2, 4, 6]
    assert all(seen.has_answered for seen in found.values())
    connect_ms = found[2].ports[f"tcp/{ports.smb}"].value
    assert connect_ms is not None
    assert connect_ms.connect_ms is not None


async def test_a_silent_port_of_a_live_host_is_asked_again() -> None:
    ports = fleet.free_ports()
    with fleet.listening(ports.smb, 1), fleet.name_service(ports.name, 1, deaf_for=1) as asked:
        found = await swept(ports, [host(1, ports.smb)])
    assert len(asked) == 2
    assert states(found[0], ports) == ("open", "closed", "open")


async def test_a_name_service_that_stays_silent_is_unknown() -> None:
    ports = fleet.free_ports()
    with fleet.listening(ports.smb, 1), fleet.name_service(ports.name, 1, deaf_for=99) as asked:
        found = await swept(ports, [host(1, ports.smb)], retries=2)
    assert len(asked) == 3
    answer = found[0].ports[f"udp/{ports.name}"]
    assert answer.value is None
    assert answer.unknown.startswith(f"no answer from udp/{ports.name} within 0.1 s")


async def test_a_port_that_drops_is_filtered() -> None:
    ports = fleet.free_ports()
    with fleet.silent(ports.smb, 1):
        found = await swept(ports, [host(1, ports.smb)])
    assert states(found[0], ports) == ("filtered", "closed", "closed")
    [evidence] = found[0].ports[f"tcp/{ports.smb}"].evidence
    assert evidence.got == "no answer within 0.1 s"


async def test_a_port_somebody_named_is_asked_alone() -> None:
    ports, other = fleet.free_ports(), fleet.free_ports()
    with fleet.listening(other.smb, 1), fleet.name_service(ports.name, 1):
        targets = [host(1, ports.smb), host(1, other.smb), host(1, other.session)]
        found = await swept(ports, targets, rate=100)
    assert states(found[0], ports) == ("closed", "closed", "open")
    assert states(found[1], ports, other.smb) == ("open", None, None)
    assert states(found[2], ports, other.session) == ("closed", None, None)


async def test_ipv6_has_no_netbios() -> None:
    ports = fleet.free_ports()
    found = await swept(ports, [Target("::1", ports.smb)])
    assert set(found[0].ports) == {f"tcp/{ports.smb}", f"tcp/{ports.session}"}


async def test_memory_follows_what_is_in_flight() -> None:
    ports = fleet.free_ports()
    most, over = 0, 0

    def targets() -> Iterator[tuple[int, Target]]:
        nonlocal most
        for index in range(3000):
            most = max(most, index - over)
            yield index, Target(f"{NETWORK}.{index % 250 + 1}", ports.smb)

    def count(_seen: Seen) -> None:
        nonlocal over
        over += 1

    options = SweepOptions(0.1, 0, ports.smb, ports.session, ports.name)
    sweep = PortSweep(options, Pacer(100_000), 1, count)
    gate = asyncio.Event()
    gate.set()
    await sweep.run(targets(), gate)
    sweep.close()
    assert over == 3000
    assert most < 1500


async def test_nothing_new_while_the_gate_is_shut() -> None:
    ports = fleet.free_ports()
    seen: list[Seen] = []
    gate = asyncio.Event()
    options = SweepOptions(0.1, 0, ports.smb, ports.session, ports.name)
    sweep = PortSweep(options, Pacer(10_000), 1, seen.append)
    targets = iter([(0, host(1, ports.smb))])
    running = asyncio.create_task(sweep.run(targets, gate))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not running.done()
    assert not seen
    gate.set()
    await running
    sweep.close()
    assert [one.target for one in seen] == [host(1, ports.smb)]


async def test_strangers_and_wrong_ids_are_no_answers() -> None:
    ports = fleet.free_ports()
    found: list[Seen] = []
    options = SweepOptions(0.2, 0, ports.smb, ports.session, ports.name)
    sweep = PortSweep(options, Pacer(10_000), 0, found.append)
    one = Seen(0, Target(HERE, ports.smb))
    sweep._begin(one)
    response = b"\x00\x01\x84\x00" + bytes(8)  # the id of 127.99.0.1 without salt
    for data, sender in (
        (b"\x00\x02" + response[2:], (HERE, ports.name)),
        (response, (HERE, ports.name + 1)),
        (response, (f"{NETWORK}.2", ports.name)),
        (response[:2] + b"\x00\x00", (HERE, ports.name)),
        (b"", (HERE, ports.name)),
    ):
        sweep._answered(data, sender)
        assert not one.node_status
    sweep._answered(response, (HERE, ports.name))
    assert one.node_status == response
    facts = one.ports[f"udp/{ports.name}"].value
    assert facts is not None
    assert facts.state is PortState.OPEN
    sweep.close()
