from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from nethood.exposure.context import ProbeOptions
from nethood.exposure.model import HostReport, PortState, Target
from nethood.exposure.pace import Pacer
from nethood.exposure.watch.look import Looker, LookOptions, Needs
from tests.exposure.watch.processes import Hosts, hosts

PORT_ONLY = Needs(frozenset({"tcp/445"}))


@pytest.fixture
def lab() -> Iterator[Hosts]:
    with hosts("127.89.0") as made:
        yield made


async def look_at(
    targets: list[Target], needs: Needs, options: LookOptions | None = None
) -> dict[int, HostReport]:
    """Look at targets; return the reports by their place."""
    found: dict[int, HostReport] = {}
    done = asyncio.Event()

    def reported(key: int, report: HostReport) -> None:
        found[key] = report
        if len(found) == len(targets):
            done.set()

    looker = Looker(options or LookOptions(wait_s=0.5), Pacer(5000), reported)
    running = asyncio.create_task(looker.run())
    for key, target in enumerate(targets):
        looker.begin(key, target, needs)
    async with asyncio.timeout(20):
        await done.wait()
    assert looker.in_flight == 0
    running.cancel()
    await asyncio.wait({running})
    return found


def target(lab: Hosts, host: int) -> Target:
    return Target(f"{lab.network}.{host}", lab.port)


async def test_the_states_of_ports_come_in_bulk(lab: Hosts) -> None:
    lab.open(7)
    found = await look_at([target(lab, n) for n in range(1, 200)], PORT_ONLY)
    states = {key + 1: report.ports[f"tcp/{lab.port}"].value for key, report in found.items()}
    assert {n for n, facts in states.items() if facts and facts.state is PortState.OPEN} == {7}
    assert all(
        facts is not None and facts.state is PortState.CLOSED
        for n, facts in states.items()
        if n != 7
    )


async def test_only_what_is_needed_is_asked(lab: Hosts) -> None:
    lab.open(1)
    [report] = (await look_at([target(lab, 1)], PORT_ONLY)).values()
    assert list(report.ports) == [f"tcp/{lab.port}"]
    assert report.smb1.unknown == report.netbios.unknown == "not asked"


async def test_a_host_that_is_silent_is_filtered(lab: Hosts) -> None:
    with socket.socket() as server:
        server.bind((f"{lab.network}.1", lab.port))
        server.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        [report] = (await look_at([target(lab, 1)], PORT_ONLY)).values()
        for filler in fillers:
            filler.close()
    answer = report.ports[f"tcp/{lab.port}"]
    assert answer.value is not None
    assert answer.value.state is PortState.FILTERED
    assert answer.evidence[0].got == "no answer within 0.5 s"


async def test_where_no_port_leads_to_smb_nobody_is_asked_and_the_reason_is_told(
    lab: Hosts,
) -> None:
    [report] = (await look_at([target(lab, 1)], Needs(fields=frozenset({"smb1"})))).values()
    assert report.smb1.value is None
    assert report.smb1.unknown == f"port {lab.port} is closed"


async def test_a_host_that_accepts_and_hangs_costs_one_time_out(lab: Hosts) -> None:
    lab.open(1)
    options = LookOptions(wait_s=0.5, probes=ProbeOptions(timeout_s=0.4))
    needs = Needs(frozenset({"tcp/445"}), frozenset({"smb1", "server", "dialects"}))
    begun = asyncio.get_running_loop().time()
    [report] = (await look_at([target(lab, 1)], needs, options)).values()
    assert asyncio.get_running_loop().time() - begun < 2
    assert "no answer" in report.server.unknown or "given up" in report.server.unknown
    assert report.port_is_open(f"tcp/{lab.port}")


async def test_that_this_machine_has_no_way_there_is_unknown_and_not_closed() -> None:
    [report] = (await look_at([Target("fe80::1", 445)], PORT_ONLY)).values()
    answer = report.ports["tcp/445"]
    assert answer.value is None
    assert "no way to that address" in answer.unknown


async def test_netbios_is_not_asked_over_ipv6() -> None:
    needs = Needs(frozenset({"udp/137"}), frozenset({"netbios"}))
    [report] = (await look_at([Target("::1", 445)], needs)).values()
    assert report.netbios.unknown == "NetBIOS is spoken over IPv4 only"
