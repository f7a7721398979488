"""The frames of [MS-BRWS] 2.2, byte by byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.browse.frames import (
    AnnouncementRequest,
    BecomeBackup,
    DomainAnnouncement,
    Frame,
    GetBackupListRequest,
    GetBackupListResponse,
    HostAnnouncement,
    LocalMasterAnnouncement,
    MasterAnnouncement,
    RequestElection,
    ResetStateRequest,
    decode_frame,
    describe,
)
from nethood.errors import LocalError, Malformed

# [MS-BRWS] 4.1, with the closing zero of an empty comment: the 33 bytes its DataCount states.
EXAMPLE = (
    b"\x0f"  # opcode
    b"\x00"  # UpdateCount
    b"\x80\xfc\x0a\x00"  # Periodicity: 720000 ms
    b"GERMANSHA\0\0\0\0\0\0\0"  # ServerName
    b"\x05\x01"  # OS version
    b"\x03\x10\x05\x00"  # ServerType
    b"\x0f\x01"  # browser version
    b"\x55\xaa"  # Signature
    b"\x00"  # Comment
)
FRAMES: list[tuple[Frame, bytes]] = [
    (
        LocalMasterAnnouncement(
            server_name="GERMANSHA",
            periodicity_ms=720000,
            server_type=0x00051003,
            os_version_major=5,
            os_version_minor=1,
        ),
        EXAMPLE,
    ),
    (
        HostAnnouncement(
            server_name="A", periodicity_ms=60000, server_type=0x1003, comment="Attic"
        ),
        b"\x01\x00" + b"\x60\xea\x00\x00" + b"A".ljust(16, b"\0") + b"\x0a\x00"
        b"\x03\x10\x00\x00" + b"\x0f\x01" + b"\x55\xaa" + b"Attic\0",
    ),
    (
        DomainAnnouncement(
            machine_group="WORKGROUP",
            periodicity_ms=900000,
            server_type=0x80001000,
            local_master_browser_name="MASTER",
        ),
        b"\x0c\x00" + b"\xa0\xbb\x0d\x00" + b"WORKGROUP".ljust(16, b"\0") + b"\x03\x0a"
        b"\x00\x10\x00\x80" + b"\x0f\x01" + b"\x55\xaa" + b"MASTER\0",
    ),
    (AnnouncementRequest("CLIENT"), b"\x02\x00CLIENT\0"),
    (
        RequestElection(0x10010F08, 3600, "HOST"),
        b"\x08\x01" + b"\x08\x0f\x01\x10" + b"\x10\x0e\x00\x00" + b"\0\0\0\0" + b"HOST\0",
    ),
    (GetBackupListRequest(4, 0x01020304), b"\x09\x04\x04\x03\x02\x01"),
    (GetBackupListResponse(7, ("ONE", "TWO")), b"\x0a\x02\x07\0\0\0ONE\0TWO\0"),
    (GetBackupListResponse(7, ()), b"\x0a\x00\x07\0\0\0"),
    (BecomeBackup("HOST"), b"\x0bHOST\0"),
    (MasterAnnouncement("MASTER"), b"\x0dMASTER\0"),
    (ResetStateRequest(2), b"\x0e\x02"),
]
IDS = [type(frame).__name__ for frame, _ in FRAMES]


@pytest.mark.parametrize(("frame", "data"), FRAMES, ids=IDS)
def test_encode(frame: Frame, data: bytes) -> None:
    assert frame.encode() == data


@pytest.mark.parametrize(("frame", "data"), FRAMES, ids=IDS)
def test_decode(frame: Frame, data: bytes) -> None:
    assert decode_frame(data) == frame


@pytest.mark.parametrize(("_frame", "data"), FRAMES, ids=IDS)
def test_every_truncation_is_read_or_malformed(_frame: Frame, data: bytes) -> None:
    for size in range(len(data)):
        try:
            decode_frame(data[:size])
        except Malformed:
            continue
        # Only what ends in text may lose its end: a closing zero is not insisted on.
        assert data[0] in (0x01, 0x02, 0x08, 0x0A, 0x0B, 0x0C, 0x0D, 0x0F)


@given(st.binary(max_size=80), st.sampled_from([0, 1, 2, 8, 9, 10, 11, 12, 13, 14, 15, 16, 255]))
def test_any_bytes_are_read_or_malformed(data: bytes, opcode: int) -> None:
    for candidate in (data, bytes([opcode]) + data):
        try:
            frame = decode_frame(candidate)
        except Malformed:
            continue
        assert describe(frame)


@pytest.mark.parametrize("opcode", [0x00, 0x03, 0x07, 0x10, 0xFF])
def test_unknown_opcodes_are_malformed(opcode: int) -> None:
    with pytest.raises(Malformed, match="unknown opcode"):
        decode_frame(bytes([opcode]) + bytes(40))


def test_a_wrong_signature_is_malformed() -> None:
    data = bytearray(EXAMPLE)
    data[30] = 0
    with pytest.raises(Malformed, match="signature"):
        decode_frame(bytes(data))


def test_a_domain_announcement_may_leave_versions_and_signature_uninitialised() -> None:
    _, data = FRAMES[2]
    spoiled = data[:28] + b"\xde\xad\xbe\xef" + data[32:]
    frame = decode_frame(spoiled)
    assert isinstance(frame, DomainAnnouncement)
    assert frame.local_master_browser_name == "MASTER"


def test_bytes_behind_the_zero_of_a_name_are_ignored() -> None:
    data = EXAMPLE.replace(b"GERMANSHA\0\0\0\0\0\0\0", b"GERMANSHA\0abcdef")
    frame = decode_frame(data)
    assert isinstance(frame, LocalMasterAnnouncement)
    assert frame.server_name == "GERMANSHA"


def test_a_name_without_its_zero_is_malformed() -> None:
    with pytest.raises(Malformed, match="more than 15"):
        decode_frame(EXAMPLE.replace(b"GERMANSHA\0\0\0\0\0\0\0", b"SIXTEENBYTESLONG"))


def test_an_announcement_of_nobody_is_malformed() -> None:
    with pytest.raises(Malformed, match="names nobody"):
        decode_frame(EXAMPLE.replace(b"GERMANSHA", bytes(9)))


def test_a_backup_list_that_promises_too_much_is_malformed() -> None:
    with pytest.raises(Malformed, match="promises 3"):
        decode_frame(b"\x0a\x03\0\0\0\0ONE\0TWO\0")


def test_a_comment_longer_than_allowed_is_still_read() -> None:
    frame = decode_frame(EXAMPLE[:-1] + b"c" * 60 + b"\0")
    assert isinstance(frame, LocalMasterAnnouncement)
    assert frame.comment == "c" * 60


@pytest.mark.parametrize(
    "frame",
    [
        HostAnnouncement(server_name="SIXTEENBYTESLONG", periodicity_ms=0, server_type=0),
        HostAnnouncement(server_name="A", periodicity_ms=0, server_type=0, comment="c" * 43),
        HostAnnouncement(server_name="\u20ac", periodicity_ms=0, server_type=0),
        BecomeBackup("A\0B"),
        GetBackupListResponse(0, ("A",) * 256),
    ],
    ids=["name", "comment", "euro", "zero", "count"],
)
def test_what_does_not_fit_is_a_local_error(frame: Frame) -> None:
    with pytest.raises(LocalError):
        frame.encode()


def test_an_uptime_wraps_as_a_counter_does() -> None:
    frame = decode_frame(RequestElection(0, 2**32 + 5, "A").encode())
    assert isinstance(frame, RequestElection)
    assert frame.uptime_s == 5
