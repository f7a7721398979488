"""Knock at the four ports of this machine: what `outside` runs where a stranger would stand.

`python -m nethood.exposure.harden.knock ADDRESS...` prints, as JSON, what each port did.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence

from nethood.errors import ConnectError, TimedOut
from nethood.exposure.harden.model import TCP_PORTS, UDP_PORTS
from nethood.nbt.node_status import node_status_request
from nethood.net.connect_probe import ConnectProbe, Outcome
from nethood.net.udp_question import ask_udp

WAIT_S = 0.8


async def knock(addresses: Sequence[str], wait_s: float = WAIT_S) -> dict[str, str]:
    """Return "open", "closed" or "filtered" by "address port/protocol"."""
    asked = [_ask_udp(address, port, wait_s) for address in addresses for port in UDP_PORTS]
    tcp, *udp = await asyncio.gather(_connect(addresses, wait_s), *asked)
    return tcp | {key: state for said in udp for key, state in said.items()}


async def _connect(addresses: Sequence[str], wait_s: float) -> dict[str, str]:
    found: dict[str, str] = {}
    over = asyncio.Event()
    wanted = len(addresses) * len(TCP_PORTS)

    def on_outcome(key: str, outcome: Outcome) -> None:
        found[key] = outcome.state
        if len(found) == wanted:
            over.set()

    probe: ConnectProbe[str] = ConnectProbe(on_outcome, wait_s=wait_s)
    for address in addresses:
        for port in TCP_PORTS:
            probe.start(f"{address} {port}/tcp", address, port)
    await over.wait()
    probe.close()
    return found


async def _ask_udp(address: str, port: int, wait_s: float) -> dict[str, str]:
    """Ask with a node status request: port 137 answers it, and a closed port says that it is."""
    request = node_status_request(1).encode()
    try:
        await ask_udp(address, port, request, bool, wait_s)
    except TimedOut:
        state = "filtered"
    except ConnectError:
        state = "closed"
    else:
        state = "open"
    return {f"{address} {port}/udp": state}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(knock(sys.argv[1:]))))
