"""Encryption: packets published for 3.0 and 3.1.1, all four ciphers, and damaged frames."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.crypto import ids
from nethood.crypto.sealing import TRANSFORM_HEADER_SIZE, Sealer, transform_session_id
from nethood.errors import LocalError, Malformed, ProtocolViolation

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())["smb3_encryption"]
CIPHERS = list(ids.CIPHER_KEY_SIZES.items())
each_cipher = pytest.mark.parametrize(
    ("cipher", "size"), CIPHERS, ids=[ids.CIPHER_NAMES[c] for c, _ in CIPHERS]
)
PLAIN = b"\xfeSMB" + bytes(range(200))


@pytest.mark.parametrize("direction", ["c2s", "s2c"])
@pytest.mark.parametrize(
    ("name", "cipher"), [("smb300_ccm", ids.AES_128_CCM), ("smb311_gcm", ids.AES_128_GCM)]
)
def test_published_packets_open(name: str, cipher: int, direction: str) -> None:
    vector = VECTORS[name]
    sealer = Sealer(cipher, bytes.fromhex(vector[f"{direction}_key"]))
    wire, plain = (bytes.fromhex(vector[f"{direction}_{kind}"]) for kind in ("wire", "plain"))
    assert transform_session_id(wire) == int(vector["session_id"], 0)
    assert sealer.open(wire) == plain
    assert sealer.open(bytearray(wire)) == plain


def test_a_published_packet_is_sealed_to_the_same_bytes() -> None:
    vector = VECTORS["smb311_gcm"]
    wire, plain = bytes.fromhex(vector["s2c_wire"]), bytes.fromhex(vector["s2c_plain"])
    sealer = Sealer(ids.AES_128_GCM, bytes.fromhex(vector["s2c_key"]))
    # That server's nonce is a counter too, in the first 8 bytes; what follows is zero.
    counter = int.from_bytes(wire[20:28], "little")
    assert wire[28:36] == bytes(8)
    assert sealer.seal(plain, int(vector["session_id"], 0), counter) == wire


@each_cipher
@pytest.mark.parametrize("room", [0, 1, 15, 16, 40])
def test_sealing_in_place_touches_nothing_else(cipher: int, size: int, room: int) -> None:
    sealer = Sealer(cipher, bytes(range(size)))
    after = bytes(range(100, 100 + room))
    buffer = bytearray(b"before" + bytes(TRANSFORM_HEADER_SIZE) + PLAIN + after)
    start = 6 + TRANSFORM_HEADER_SIZE
    end = start + len(PLAIN)
    sealer.seal_into(buffer, start, end, session_id=0x1234, nonce_counter=9)
    assert buffer[:6] == b"before"
    assert buffer[end:] == after
    frame = buffer[6:end]
    assert frame == sealer.seal(PLAIN, 0x1234, 9)
    assert PLAIN not in frame
    assert transform_session_id(frame) == 0x1234
    assert sealer.open(frame) == PLAIN


@each_cipher
def test_opening_a_writable_frame_makes_no_copy(cipher: int, size: int) -> None:
    sealer = Sealer(cipher, bytes(size))
    frame = sealer.seal(PLAIN, 1, 1)
    assert sealer.open(frame).obj is frame
    read_only = bytes(sealer.seal(PLAIN, 1, 1))
    assert sealer.open(memoryview(read_only)) == PLAIN


def test_header_fields_lie_where_the_specification_puts_them() -> None:
    frame = Sealer(ids.AES_128_GCM, bytes(16)).seal(b"x" * 5, 0x1122334455667788, 0x99)
    assert frame[:4] == b"\xfdSMB"
    assert frame[20:36] == bytes([0x99]) + bytes(15)  # Nonce
    assert frame[36:40] == b"\x05\0\0\0"  # OriginalMessageSize
    assert frame[40:42] == b"\0\0"  # Reserved
    assert frame[42:44] == b"\x01\0"  # Flags
    assert frame[44:52] == bytes.fromhex("8877665544332211")  # SessionId


def test_another_counter_makes_another_text() -> None:
    sealer = Sealer(ids.AES_128_GCM, bytes(16))
    assert sealer.seal(PLAIN, 1, 1)[52:] != sealer.seal(PLAIN, 1, 2)[52:]


@each_cipher
def test_every_damaged_bit_is_noticed(cipher: int, size: int) -> None:
    sealer = Sealer(cipher, bytes(size))
    good = bytes(sealer.seal(b"message", 5, 6))
    # The unused end of the nonce field is authenticated too, so no bit is free.
    for bit in range(len(good) * 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises((Malformed, ProtocolViolation)):
            sealer.open(bad)


@given(st.binary(max_size=200), st.sampled_from(CIPHERS))
def test_any_bytes_are_refused(data: bytes, cipher: tuple[int, int]) -> None:
    sealer = Sealer(cipher[0], bytes(cipher[1]))
    for frame in (data, b"\xfdSMB" + data):
        with pytest.raises((Malformed, ProtocolViolation)):
            sealer.open(frame)


def test_a_frame_with_nothing_in_it_is_refused() -> None:
    header = bytearray(52)
    header[:4] = b"\xfdSMB"
    header[42] = 1
    with pytest.raises(ProtocolViolation):
        Sealer(ids.AES_128_GCM, bytes(16)).open(header)


def test_our_own_mistakes() -> None:
    with pytest.raises(LocalError):
        Sealer(5, bytes(16))
    with pytest.raises(LocalError):
        Sealer(ids.AES_256_GCM, bytes(16))
    sealer = Sealer(ids.AES_128_GCM, bytes(16))
    for start, end in ((51, 60), (52, 52), (52, 101)):
        with pytest.raises(LocalError):
            sealer.seal_into(bytearray(100), start, end, 1, 1)


@each_cipher
def test_a_large_frame_opens_in_place_and_a_damaged_one_does_not(cipher: int, size: int) -> None:
    sealer = Sealer(cipher, bytes(range(size)))
    plain = bytes(range(256)) * 2048
    frame = sealer.seal(plain, 7, 3)
    damaged = bytearray(frame)
    damaged[-1] ^= 1
    opened = sealer.open(frame)
    assert opened == plain
    assert opened.obj is frame
    with pytest.raises(ProtocolViolation):
        sealer.open(damaged)
