"""What this machine's SMB server says of itself after its settings were changed."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nethood.exposure.harden.model import Plan
    from nethood.exposure.model import HostReport

HOST = "127.0.0.1"
PATIENCE_S = 5.0
"""How long Samba may take to read its file again."""
_RATE = 200.0
_PAUSE_S = 0.2


def ask_samba(plan: Plan, *, patience_s: float = 0.0, port: int = 445) -> tuple[bool, str]:
    """Ask the server here what it still accepts; return whether that is right, and a sentence.

    The sentence is empty where *plan* changes no Samba.
    """
    from nethood.exposure.harden.model import Platform

    if Platform.SAMBA not in plan.platforms:
        return True, ""
    ends = time.monotonic() + patience_s
    while True:
        is_right, sentence = _judge(asyncio.run(_examine(port)))
        if is_right or time.monotonic() >= ends:
            return is_right, sentence
        time.sleep(_PAUSE_S)


async def _examine(port: int) -> HostReport:
    from nethood.exposure.context import ProbeOptions
    from nethood.exposure.examine import examine
    from nethood.exposure.model import Target
    from nethood.exposure.network import PacedNetwork
    from nethood.exposure.pace import Pacer

    options = ProbeOptions(timeout_s=3.0, smb_port=port)
    network = PacedNetwork(Pacer(_RATE))
    return await examine(Target(HOST, port), network, options, only={"smb1", "server"})


def _judge(report: HostReport) -> tuple[bool, str]:
    from nethood.exposure.model import Signing

    port = report.target.port
    if not report.port_is_open(f"tcp/{port}"):
        return True, f"Nothing answers at {HOST} port {port}: it counts when Samba starts."
    wrong = []
    if report.smb1.value is None or report.smb1.value.enabled:
        said = "accepted" if report.smb1.value else f"not known ({report.smb1.unknown})"
        wrong.append(f"SMB1 is {said}")
    if report.server.value is None or report.server.value.signing is not Signing.REQUIRED:
        facts = report.server.value
        said = facts.signing if facts else f"not known ({report.server.unknown})"
        wrong.append(f"signing is {said}")
    if wrong:
        return False, f"Not so at {HOST} port {port}: {', '.join(wrong)}."
    return True, f"Asked at {HOST} port {port}: SMB1 is refused, signing is required."
