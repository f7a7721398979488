"""The SMB2 header and the splitting of compounds, [MS-SMB2] 2.2.1 and 3.3.5.2.7.

Signatures, credits and sequence windows are not known here.
"""

from __future__ import annotations

from nethood.errors import Malformed
from nethood.smb2.constants import PROTOCOL_ID_SMB2, SMB2_FLAGS_ASYNC_COMMAND
from nethood.wire import Wire, raw16, u16, u32, u64, wire

HEADER_SIZE = 64
NEXT_COMMAND_AT = 20
"""Where NextCommand lies in a header: servers patch it when they chain responses."""
SIGNATURE_AT = 48
"""Where the 16-byte Signature lies in a header."""


@wire(base=0)
class Header(Wire):
    """The packet header in its SYNC form, [MS-SMB2] 2.2.1.2; `async_id` reads the ASYNC form.

    `status` holds ChannelSequence in its low half in a 3.x request; `credits` is CreditRequest in
    a request and CreditResponse in a response; `process_id` is the Reserved of the SYNC form.
    """

    protocol_id: u32 = PROTOCOL_ID_SMB2
    structure_size: u16 = HEADER_SIZE
    credit_charge: u16 = 0
    status: u32 = 0
    command: u16 = 0
    credits: u16 = 0
    flags: u32 = 0
    next_command: u32 = 0
    message_id: u64 = 0
    process_id: u32 = 0
    tree_id: u32 = 0
    session_id: u64 = 0
    signature: raw16 = bytes(16)

    @property
    def async_id(self) -> int:
        """AsyncId, where SMB2_FLAGS_ASYNC_COMMAND is set ([MS-SMB2] 2.2.1.1)."""
        return self.process_id | self.tree_id << 32

    @async_id.setter
    def async_id(self, value: int) -> None:
        self.process_id = value & 0xFFFFFFFF
        self.tree_id = value >> 32
        self.flags |= SMB2_FLAGS_ASYNC_COMMAND

    @property
    def channel_sequence(self) -> int:
        """ChannelSequence of a request in the 3.x dialects."""
        return self.status & 0xFFFF


def split_compound(message: memoryview) -> list[memoryview]:
    """Return the messages chained in *message* by NextCommand, each with its header.

    An element keeps the padding up to the next header, since its signature covers it. No copies.
    Raises Malformed when a header is cut off or foreign, or a NextCommand is not 8-aligned or
    points outside the message. Whether a single unaligned NextCommand only fails its request is
    the caller's business ([MS-SMB2] 3.3.5.2.7).
    """
    size = len(message)
    if size < HEADER_SIZE:
        raise Malformed("SMB2 compound", f"needs {HEADER_SIZE} bytes, has {size}")
    next_command = int.from_bytes(message[20:24], "little")
    if not next_command:
        return [message]
    parts = []
    start = 0
    while next_command:
        end = start + next_command
        if next_command & 7 or next_command < HEADER_SIZE or end + HEADER_SIZE > size:
            raise Malformed("SMB2 compound", f"NextCommand is {next_command}", start)
        parts.append(message[start:end])
        start = end
        next_command = int.from_bytes(message[start + 20 : start + 24], "little")
    parts.append(message[start:])
    return parts


def join_compound(messages: list[bytes]) -> bytes:
    """Chain whole *messages* into one, each padded to 8 bytes and NextCommand set.

    Signing has to come after: the padding is part of what is signed.
    """
    chained = bytearray()
    for index, message in enumerate(messages):
        at = len(chained)
        chained += message
        if index + 1 < len(messages):
            chained += bytes(-len(message) % 8)
            chained[at + NEXT_COMMAND_AT : at + NEXT_COMMAND_AT + 4] = (len(chained) - at).to_bytes(
                4, "little"
            )
    return bytes(chained)
