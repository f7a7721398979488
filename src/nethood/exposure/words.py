"""The names a person reads: of dialects, algorithms, capabilities, mechanisms, and of states."""

from __future__ import annotations

from nethood.exposure.model import Signing
from nethood.smb2 import constants as c

DIALECTS = {
    c.DIALECT_2_0_2: "2.0.2",
    c.DIALECT_2_1: "2.1",
    c.DIALECT_3_0: "3.0",
    c.DIALECT_3_0_2: "3.0.2",
    c.DIALECT_3_1_1: "3.1.1",
}
CIPHERS = {
    c.AES_128_CCM: "AES-128-CCM",
    c.AES_128_GCM: "AES-128-GCM",
    c.AES_256_CCM: "AES-256-CCM",
    c.AES_256_GCM: "AES-256-GCM",
}
SIGNING_ALGORITHMS = {
    c.SIGNING_HMAC_SHA256: "HMAC-SHA256",
    c.SIGNING_AES_CMAC: "AES-CMAC",
    c.SIGNING_AES_GMAC: "AES-GMAC",
}
COMPRESSION_ALGORITHMS = {
    c.COMPRESSION_LZNT1: "LZNT1",
    c.COMPRESSION_LZ77: "LZ77",
    c.COMPRESSION_LZ77_HUFFMAN: "LZ77+Huffman",
    c.COMPRESSION_PATTERN_V1: "Pattern_V1",
    c.COMPRESSION_LZ4: "LZ4",
}
CAPABILITIES = {
    c.SMB2_GLOBAL_CAP_DFS: "DFS",
    c.SMB2_GLOBAL_CAP_LEASING: "LEASING",
    c.SMB2_GLOBAL_CAP_LARGE_MTU: "LARGE_MTU",
    c.SMB2_GLOBAL_CAP_MULTI_CHANNEL: "MULTI_CHANNEL",
    c.SMB2_GLOBAL_CAP_PERSISTENT_HANDLES: "PERSISTENT_HANDLES",
    c.SMB2_GLOBAL_CAP_DIRECTORY_LEASING: "DIRECTORY_LEASING",
    c.SMB2_GLOBAL_CAP_ENCRYPTION: "ENCRYPTION",
    c.SMB2_GLOBAL_CAP_NOTIFICATIONS: "NOTIFICATIONS",
}
_SIGNING_TEXT = {
    Signing.REQUIRED: "signing required",
    Signing.ENABLED: "signing enabled, not required",
    Signing.OFF: "signing off",
}


def capability_names(capabilities: int) -> list[str]:
    """Return the names of the bits set in an SMB2 Capabilities field, lowest first."""
    return [
        CAPABILITIES.get(1 << bit, f"0x{1 << bit:08X}")
        for bit in range(32)
        if capabilities & 1 << bit
    ]


def signing_of(security_mode: int) -> Signing:
    """Return what a server states in the SecurityMode of an SMB2 NEGOTIATE response.

    The client's own flags have no part in it: [MS-SMB2] 2.2.4, 3.3.5.4.
    """
    if security_mode & c.SMB2_NEGOTIATE_SIGNING_REQUIRED:
        return Signing.REQUIRED
    return Signing.ENABLED if security_mode & c.SMB2_NEGOTIATE_SIGNING_ENABLED else Signing.OFF


def signing_text(signing: Signing) -> str:
    """Return the state of signing as a phrase for evidence."""
    return _SIGNING_TEXT[signing]


def dialect_name(dialect: int) -> str:
    """Return "3.1.1" for 0x0311."""
    return DIALECTS.get(dialect) or f"0x{dialect:04X}"
