r"""Whether the update of bulletin MS17-010 is missing, told by one status of TRANS_PEEK_NMPIPE.

[MS-CIFS] 2.2.5.5: an anonymous session connects to IPC$ and peeks at FID 0, which does not exist.
A server without the update runs out of "server resources" over it, one with it looks at the
handle or the caller first. The request is well-formed, and harmless to both.
"""

from __future__ import annotations

from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_INSUFF_SERVER_RESOURCES,
    STATUS_INVALID_HANDLE,
)
from nethood.exposure.context import ProbeContext
from nethood.exposure.exchange import evidence_of
from nethood.exposure.model import Answer, Evidence, Ms17010Facts, known, unknown
from nethood.exposure.smb1_dialogue import Smb1Answer, Smb1Dialogue
from nethood.exposure.smb_ports import open_smb
from nethood.smb1 import constants as c
from nethood.smb1.negotiate import NegotiateRequest, NegotiateResponse
from nethood.smb1.session_setup import PasswordSessionSetupRequest
from nethood.smb1.transaction import peek_named_pipe
from nethood.smb1.tree_connect import TreeConnectRequest

_MISSING = {
    STATUS_INSUFF_SERVER_RESOURCES: True,
    STATUS_ACCESS_DENIED: False,
    STATUS_INVALID_HANDLE: False,
}
_NO_FILE = 0


async def probe_ms17_010(context: ProbeContext) -> Answer[Ms17010Facts]:
    """Peek at a pipe. Raises TransportError, Malformed, ProtocolViolation."""
    smb1 = context.report.smb1
    if smb1.value is None:
        return unknown(f"whether SMB1 is on is unknown: {smb1.unknown}")
    if not smb1.value.enabled:
        return unknown("SMB1 is off: the update shows over SMB1 alone, and so does the hole")
    async with await open_smb(context) as stream:
        return await _probe(Smb1Dialogue(context, stream))


async def _probe(dialogue: Smb1Dialogue) -> Answer[Ms17010Facts]:
    """Go through the four messages; the first that is refused ends it."""
    seen: list[Evidence] = []
    hello = await dialogue.ask(c.SMB_COM_NEGOTIATE, NegotiateRequest().encode())
    if not _granted(hello, "SMB1 NEGOTIATE without extended security", seen):
        return unknown(f"an SMB1 NEGOTIATE was answered with {hello.status}", *seen)
    chosen = NegotiateResponse.decode(hello.message, unicode=hello.header.has_unicode)
    if chosen.dialect_index:
        return unknown("an SMB1 NEGOTIATE was taken first and refused now", *seen)
    if chosen.has_extended_security:
        return unknown("the server insists on extended security for SMB1", *seen)
    setup = PasswordSessionSetupRequest(session_key=chosen.session_key).encode()
    session = await dialogue.ask(c.SMB_COM_SESSION_SETUP_ANDX, setup)
    if not _granted(session, "SMB1 SESSION_SETUP_ANDX as nobody", seen):
        return unknown(f"an anonymous SMB1 session was refused with {session.status}", *seen)
    dialogue.uid = session.header.uid
    path = f"\\\\{dialogue.context.target.address}\\IPC$"
    tree = await dialogue.ask(c.SMB_COM_TREE_CONNECT_ANDX, TreeConnectRequest(path).encode())
    if not _granted(tree, f"SMB1 TREE_CONNECT_ANDX to {path}", seen):
        return unknown(f"IPC$ was refused to an anonymous caller with {tree.status}", *seen)
    dialogue.tid = tree.header.tid
    peek = await dialogue.ask(c.SMB_COM_TRANSACTION, peek_named_pipe(_NO_FILE).encode())
    _granted(peek, "SMB1 TRANSACTION, TRANS_PEEK_NMPIPE of FID 0", seen)
    return _judge(peek, seen)


def _granted(answer: Smb1Answer, sent: str, seen: list[Evidence]) -> bool:
    seen.append(evidence_of(sent, answer.status, answer.message))
    return answer.is_success


def _judge(peek: Smb1Answer, seen: list[Evidence]) -> Answer[Ms17010Facts]:
    missing = _MISSING.get(peek.header.status) if peek.header.has_nt_status else None
    if missing is None:
        return unknown(
            f"TRANS_PEEK_NMPIPE was answered with {peek.status}, which says neither", *seen
        )
    return known(Ms17010Facts(missing, peek.status), *seen)
