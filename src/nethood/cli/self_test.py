"""`nethood serve --self-test`: the server as it is configured, seen by the scanner, and graded."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nethood.cli.plan import Plan
    from nethood.exposure.findings import Assessment
    from nethood.exposure.model import Answer, HostReport, PortFacts
    from nethood.server import Server

PASSED = "A"
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_RATE = 1000.0


async def self_test(plan: Plan, *, as_json: bool) -> int:
    """Start the server of *plan*, ask it everything, print what is found, and stop it.

    Return 0 where the grade is A, 1 otherwise. Other programs on this machine's NetBIOS ports
    are not asked: only what is served is judged.
    """
    from nethood.exposure.findings import assess

    server = plan.server(lambda _event: None)
    await server.start()
    neighbours = plan.neighbours(server, lambda _event: None)
    has_netbios = neighbours.netbios is not None
    neighbours.discovery = None
    try:
        await neighbours.start()
        judged = assess(await _examine(server, has_netbios=has_netbios))
    finally:
        await asyncio.gather(neighbours.stop(), server.stop(drain_s=0))
    _show(judged, as_json=as_json)
    return 0 if judged.grade == PASSED else 1


def left_out(*, has_netbios: bool, has_sessions: bool) -> list[str]:
    """Return what is not asked because others on this machine would answer, not this server."""
    names = [] if has_netbios else ["netbios", "ports"]
    return names if has_sessions else [*names, "session_service"]


async def _examine(server: Server, *, has_netbios: bool) -> HostReport:
    from nethood.cli.listen import SESSION_PORT
    from nethood.exposure.examine import examine
    from nethood.exposure.model import PortFacts, PortState, Target, known
    from nethood.exposure.network import PacedNetwork
    from nethood.exposure.pace import Pacer

    bound, port = next(
        (one for one in server.addresses if one[1] != SESSION_PORT), server.addresses[0]
    )
    host = _EVERYWHERE.get(bound, bound)
    ports: dict[str, Answer[PortFacts]] = {
        f"tcp/{each}": known(PortFacts(PortState.OPEN)) for _, each in server.addresses
    }
    served = {each for _, each in server.addresses}
    without = left_out(has_netbios=has_netbios, has_sessions=SESSION_PORT in served)
    network = PacedNetwork(Pacer(_RATE))
    return await examine(Target(host, port, "this server"), network, ports=ports, without=without)


def _show(judged: Assessment, *, as_json: bool) -> None:
    if as_json:
        from nethood.exposure.report import write_json_lines

        write_json_lines([judged], sys.stdout)
        return
    from nethood.cli.host_text import lines

    for line in lines(judged):
        click.echo(line)
