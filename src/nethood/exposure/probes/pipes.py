"""Which named pipes open for whoever is logged on: opened, then closed, and nothing is called.

What stands behind a pipe may answer calls or not; that it opens says how far a caller comes. On
Windows opening one may start the service that waits behind it.
"""

from __future__ import annotations

from nethood.erref import STATUS_SUCCESS, status_name
from nethood.errors import Error, StatusError
from nethood.exposure.dialogue import IPC, SmbDialogue
from nethood.exposure.exchange import evidence_of
from nethood.exposure.model import Answer, Evidence, PipeFacts, known, unknown
from nethood.exposure.patience import sentence_of

PIPES = (
    "samr",
    "lsarpc",
    "netlogon",
    "srvsvc",
    "wkssvc",
    "spoolss",
    "efsrpc",
    "netdfs",
    "FssagentRpc",
    "winreg",
    "svcctl",
    "atsvc",
    "eventlog",
    "browser",
    "epmapper",
    "initshutdown",
)
"""The services of Windows that others log on to, those that tell accounts first."""


async def try_pipes(dialogue: SmbDialogue) -> Answer[list[PipeFacts]]:
    """Open each pipe and close it.

    A connection that ends half-way leaves the rest out, and the evidence says so. Raises
    TransportError, Malformed, ProtocolViolation where it ends before the first.
    """
    try:
        await dialogue.connect_ipc()
    except StatusError as error:
        reason = f"refused: {error}"
        evidence = evidence_of(f"TREE_CONNECT to {IPC}", status_name(error.status))
        return unknown(reason, evidence)
    found: list[PipeFacts] = []
    seen: list[Evidence] = []
    for name in PIPES:
        try:
            facts = await _try(dialogue, name)
        except Error as error:
            if not found:
                raise
            seen.append(evidence_of(f"CREATE of the pipe {name}", sentence_of(error)))
            break
        found.append(facts)
        seen.append(evidence_of(f"CREATE of the pipe {name}", facts.status))
    return known(found, *seen)


async def _try(dialogue: SmbDialogue, name: str) -> PipeFacts:
    try:
        pipe = await dialogue.open_pipe(name)
    except StatusError as error:
        return PipeFacts(name, opens=False, status=status_name(error.status))
    await dialogue.close_file(pipe)
    return PipeFacts(name, opens=True, status=status_name(STATUS_SUCCESS))
