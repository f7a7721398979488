"""The client's side of SMB1 as far as the probes go, over a stream: negotiate, log on, ask.

[MS-CIFS] 3.2, [MS-SMB] 3.2. Messages are never signed and never chained.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nethood.erref import STATUS_SUCCESS, status_name
from nethood.errors import ProtocolViolation
from nethood.exposure.context import ProbeContext, Stream
from nethood.exposure.exchange import ask
from nethood.smb1 import constants as c
from nethood.smb1.header import Header

_NAMES = {
    c.SMB_COM_NEGOTIATE: "an SMB1 NEGOTIATE",
    c.SMB_COM_SESSION_SETUP_ANDX: "an SMB1 SESSION_SETUP_ANDX",
    c.SMB_COM_TREE_CONNECT_ANDX: "an SMB1 TREE_CONNECT_ANDX",
    c.SMB_COM_TRANSACTION: "an SMB1 TRANSACTION",
}
_PROTOCOL_SMB2 = b"\xfeSMB"
_PID = 0x4E48


class AnsweredInSmb2(ProtocolViolation):
    """The server took an SMB1 message for the beginning of SMB2."""


@dataclass(frozen=True, slots=True)
class Smb1Answer:
    """One answer: its header, and the whole message for a decoder to read."""

    header: Header
    message: bytes

    @property
    def is_success(self) -> bool:
        """Whether the command went well."""
        return self.header.status == STATUS_SUCCESS

    @property
    def status(self) -> str:
        """The status by name; an SMB error as class and code, [MS-CIFS] 2.2.1.5."""
        status = self.header.status
        if self.header.has_nt_status or not status:
            return status_name(status)
        return f"SMB error class {status & 0xFF}, code {status >> 16}"


@dataclass(slots=True)
class Smb1Dialogue:
    """A connection on which SMB1 is spoken; *uid* and *tid* are what the server gave so far."""

    context: ProbeContext
    stream: Stream
    flags2: int = c.SMB_FLAGS2_LONG_NAMES | c.SMB_FLAGS2_NT_STATUS | c.SMB_FLAGS2_UNICODE
    uid: int = 0
    tid: int = 0
    _mid: int = field(default=0)

    async def ask(self, command: int, body: bytes) -> Smb1Answer:
        """Send *command* and return its answer, whatever its status.

        Raises TransportError, Malformed, or ProtocolViolation where it is no answer to it.
        """
        self._mid += 1
        header = Header(
            command=command,
            flags2=self.flags2,
            tid=self.tid,
            uid=self.uid,
            pid_low=_PID,
            mid=self._mid,
        )
        what = _NAMES[command]
        message = await ask(self.context, self.stream, header.encode() + body, what)
        if message[:4] == _PROTOCOL_SMB2:
            raise AnsweredInSmb2(f"{what} was answered in SMB2")
        answer = Header.decode(message)
        if answer.command != command or not answer.is_reply or answer.mid != self._mid:
            raise ProtocolViolation(f"the answer to {what} belongs to another message")
        return Smb1Answer(answer, message)
