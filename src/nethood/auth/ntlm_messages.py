"""The three messages of NTLM and the structures inside, [MS-NLMP] 2.2."""

from __future__ import annotations

import struct
from enum import IntFlag

from nethood.errors import Malformed
from nethood.text import decode_utf16
from nethood.wire import Buffer, Wire, raw8, span, u16, u32, wire

SIGNATURE = b"NTLMSSP\0"
NEGOTIATE, CHALLENGE, AUTHENTICATE = 1, 2, 3

# [MS-NLMP] 2.2.2.1
MSV_AV_EOL = 0
MSV_AV_NB_COMPUTER_NAME = 1
MSV_AV_NB_DOMAIN_NAME = 2
MSV_AV_DNS_COMPUTER_NAME = 3
MSV_AV_DNS_DOMAIN_NAME = 4
MSV_AV_DNS_TREE_NAME = 5
MSV_AV_FLAGS = 6
MSV_AV_TIMESTAMP = 7
MSV_AV_SINGLE_HOST = 8
MSV_AV_TARGET_NAME = 9
MSV_AV_CHANNEL_BINDINGS = 10
AV_FLAG_MIC_PRESENT = 0x2

MIC_OFFSET = 72
MIC_END = 88
_AV_HEADER = struct.Struct("<HH")


class NegotiateFlags(IntFlag):
    """What both sides can do, [MS-NLMP] 2.2.2.5."""

    UNICODE = 0x00000001
    OEM = 0x00000002
    REQUEST_TARGET = 0x00000004
    SIGN = 0x00000010
    SEAL = 0x00000020
    LM_KEY = 0x00000080
    NTLM = 0x00000200
    ANONYMOUS = 0x00000800
    ALWAYS_SIGN = 0x00008000
    TARGET_TYPE_DOMAIN = 0x00010000
    TARGET_TYPE_SERVER = 0x00020000
    EXTENDED_SESSIONSECURITY = 0x00080000
    IDENTIFY = 0x00100000
    TARGET_INFO = 0x00800000
    VERSION = 0x02000000
    NEGOTIATE_128 = 0x20000000
    KEY_EXCH = 0x40000000
    NEGOTIATE_56 = 0x80000000


@wire(base=0)
class NegotiateMessage(Wire):
    """The part of NEGOTIATE_MESSAGE that counts, [MS-NLMP] 2.2.1.1; old clients send no more."""

    signature: raw8 = SIGNATURE
    message_type: u32 = NEGOTIATE
    negotiate_flags: u32 = 0


@wire(base=0)
class ChallengeMessage(Wire):
    """CHALLENGE_MESSAGE, [MS-NLMP] 2.2.1.2."""

    signature: raw8 = SIGNATURE
    message_type: u32 = CHALLENGE
    target_name_length: u16 = 0
    target_name_max_length: u16 = 0
    target_name_offset: u32 = 0
    negotiate_flags: u32 = 0
    server_challenge: raw8 = bytes(8)
    reserved: raw8 = bytes(8)
    target_info_length: u16 = 0
    target_info_max_length: u16 = 0
    target_info_offset: u32 = 0
    version: raw8 = bytes(8)
    target_name: bytes = span("target_name_offset", "target_name_length")
    target_info: bytes = span("target_info_offset", "target_info_length")


@wire(base=0)
class AuthenticateMessage(Wire):
    """AUTHENTICATE_MESSAGE, [MS-NLMP] 2.2.1.3, as far as its flags.

    Version and MIC may or may not follow; see `AV_FLAG_MIC_PRESENT`.
    """

    signature: raw8 = SIGNATURE
    message_type: u32 = AUTHENTICATE
    lm_challenge_response_length: u16 = 0
    lm_challenge_response_max_length: u16 = 0
    lm_challenge_response_offset: u32 = 0
    nt_challenge_response_length: u16 = 0
    nt_challenge_response_max_length: u16 = 0
    nt_challenge_response_offset: u32 = 0
    domain_name_length: u16 = 0
    domain_name_max_length: u16 = 0
    domain_name_offset: u32 = 0
    user_name_length: u16 = 0
    user_name_max_length: u16 = 0
    user_name_offset: u32 = 0
    workstation_length: u16 = 0
    workstation_max_length: u16 = 0
    workstation_offset: u32 = 0
    encrypted_random_session_key_length: u16 = 0
    encrypted_random_session_key_max_length: u16 = 0
    encrypted_random_session_key_offset: u32 = 0
    negotiate_flags: u32 = 0
    domain_name: bytes = span("domain_name_offset", "domain_name_length")
    user_name: bytes = span("user_name_offset", "user_name_length")
    workstation: bytes = span("workstation_offset", "workstation_length")
    lm_challenge_response: bytes = span(
        "lm_challenge_response_offset", "lm_challenge_response_length"
    )
    nt_challenge_response: bytes = span(
        "nt_challenge_response_offset", "nt_challenge_response_length"
    )
    encrypted_random_session_key: bytes = span(
        "encrypted_random_session_key_offset", "encrypted_random_session_key_length"
    )


def message_type(token: Buffer) -> int:
    """Return the MessageType of an NTLM message. Raises Malformed when *token* is none."""
    if len(token) < 12 or token[:8] != SIGNATURE:
        raise Malformed("NTLM message", "does not begin with NTLMSSP and a type")
    return int.from_bytes(token[8:12], "little")


def decode_text(data: bytes, flags: int) -> str:
    """Return a name of an AUTHENTICATE_MESSAGE; without UNICODE it is in some OEM code page."""
    return decode_utf16(data) if flags & NegotiateFlags.UNICODE else str(data, "latin-1")


def encode_av_pairs(pairs: list[tuple[int, bytes]]) -> bytes:
    """Return AV_PAIRs with their terminator, [MS-NLMP] 2.2.2.1."""
    return b"".join(
        _AV_HEADER.pack(av_id, len(value)) + value for av_id, value in [*pairs, (MSV_AV_EOL, b"")]
    )


def decode_av_pairs(data: bytes) -> dict[int, bytes]:
    """Return AV_PAIRs by id; of an id given twice the first counts. Raises Malformed.

    Deviates: a list that ends without MsvAvEOL is taken as it is.
    """
    pairs: dict[int, bytes] = {}
    offset = 0
    while offset + 4 <= len(data):
        av_id, length = _AV_HEADER.unpack_from(data, offset)
        if av_id == MSV_AV_EOL:
            break
        offset += 4
        if offset + length > len(data):
            raise Malformed("AV_PAIR", f"{length} bytes do not fit the list", offset)
        pairs.setdefault(av_id, data[offset : offset + length])
        offset += length
    return pairs
