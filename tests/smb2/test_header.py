"""The header's two forms and the chaining of messages."""

from __future__ import annotations

import pytest

from nethood.errors import Malformed
from nethood.smb2 import constants as c
from nethood.smb2.header import Header, join_compound, split_compound
from nethood.smb2.simple import EchoRequest
from tests.smb2.fields import fields

SYNC = """
    fe 53 4d 42                                      ProtocolId
    40 00                                            StructureSize
    01 00                                            CreditCharge
    02 00 00 00                                      ChannelSequence, Reserved
    05 00                                            Command: CREATE
    1f 00                                            CreditRequest
    38 00 00 10                                      Flags: signed, priority 3, DFS
    00 00 00 00                                      NextCommand
    08 07 06 05 04 03 02 01                          MessageId
    ff fe 00 00                                      Reserved
    11 00 00 00                                      TreeId
    21 00 00 00 00 10 00 00                          SessionId
    00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  Signature
"""


def test_sync_header() -> None:
    raw = fields(SYNC)
    header = Header.decode(raw)
    assert header.credit_charge == 1
    assert header.channel_sequence == 2
    assert header.command == c.SMB2_CREATE
    assert header.credits == 31
    assert header.flags == 0x10000038
    assert header.message_id == 0x0102030405060708
    assert header.process_id == 0xFEFF
    assert header.tree_id == 0x11
    assert header.session_id == 0x100000000021
    assert header.signature == bytes(range(16))
    assert header.encode() == raw


def test_async_id_lies_where_process_and_tree_id_do() -> None:
    header = Header(status=0x103)
    header.async_id = 0x1122334455667788
    assert header.flags & c.SMB2_FLAGS_ASYNC_COMMAND
    assert header.encode()[32:40] == bytes.fromhex("8877665544332211")
    assert Header.decode(header.encode()).async_id == 0x1122334455667788


@pytest.mark.parametrize(("at", "value"), [(0, 0xFF), (4, 0x41)])
def test_a_foreign_header_is_malformed(at: int, value: int) -> None:
    raw = bytearray(fields(SYNC))
    raw[at] = value
    with pytest.raises(Malformed):
        Header.decode(raw)


def echo(message_id: int) -> bytes:
    return Header(command=c.SMB2_ECHO, message_id=message_id).encode() + EchoRequest().encode()


def test_a_single_message_is_its_own_compound() -> None:
    assert split_compound(memoryview(echo(1))) == [echo(1)]


def test_compound_comes_apart_as_it_was_joined() -> None:
    chained = join_compound([echo(1), echo(2), echo(3)])
    parts = split_compound(memoryview(chained))
    assert [len(part) for part in parts] == [72, 72, 68]
    assert [Header.decode(part).next_command for part in parts] == [72, 72, 0]
    assert [Header.decode(part).message_id for part in parts] == [1, 2, 3]
    assert all(type(part) is memoryview for part in parts)


@pytest.mark.parametrize("next_command", [1, 8, 56, 63, 68, 76, 80, 0xFFFFFFF8])
def test_a_next_command_that_leads_nowhere_is_malformed(next_command: int) -> None:
    chained = bytearray(join_compound([echo(1), echo(2)]))
    chained[20:24] = next_command.to_bytes(4, "little")
    with pytest.raises(Malformed):
        split_compound(memoryview(chained))


def test_a_message_shorter_than_a_header_is_malformed() -> None:
    with pytest.raises(Malformed):
        split_compound(memoryview(bytes(63)))
