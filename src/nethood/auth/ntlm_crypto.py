"""The calculations of NTLMv2 and of NTLM session security, [MS-NLMP] 3.3.2 and 3.4."""

from __future__ import annotations

import hmac
import struct
import zlib

from nethood.auth.ntlm_messages import NegotiateFlags
from nethood.crypto.md4 import md4
from nethood.crypto.md5 import hmac_md5, md5
from nethood.crypto.rc4 import Rc4
from nethood.text import encode_utf16, upcase

_SIGN_MAGIC = b"session key to %s signing key magic constant\0"
_SEAL_MAGIC = b"session key to %s sealing key magic constant\0"
_TO_SERVER, _TO_CLIENT = b"client-to-server", b"server-to-client"
_SIGNATURE_VERSION = b"\1\0\0\0"


def nt_hash(password: str) -> bytes:
    """Return what Windows stores of a password: as good as the password itself. NTOWFv1."""
    return md4(encode_utf16(password))


def ntowf_v2(password_hash: bytes, user: str, domain: str) -> bytes:
    """Return the key of NTLMv2 responses; the domain counts as it was sent, case and all."""
    return hmac_md5(password_hash, encode_utf16(upcase(user) + domain))


def nt_proof(response_key: bytes, server_challenge: bytes, client_challenge: bytes) -> bytes:
    """Return NTProofStr; *client_challenge* is all of the NT response after its 16th byte."""
    return hmac_md5(response_key, server_challenge + client_challenge)


def session_base_key(response_key: bytes, proof: bytes) -> bytes:
    """Return the SessionBaseKey, which in NTLMv2 is the KeyExchangeKey too."""
    return hmac_md5(response_key, proof)


def message_integrity_code(exported_session_key: bytes, *messages: bytes) -> bytes:
    """Return the MIC over NEGOTIATE, CHALLENGE and AUTHENTICATE, the last with its MIC zero."""
    return hmac_md5(exported_session_key, b"".join(messages))


def sign_key(exported_session_key: bytes, *, from_server: bool) -> bytes:
    """Return SIGNKEY, [MS-NLMP] 3.4.5.2, with extended session security."""
    return md5(exported_session_key + _SIGN_MAGIC % (_TO_CLIENT if from_server else _TO_SERVER))


def seal_key(flags: int, exported_session_key: bytes, *, from_server: bool) -> bytes:
    """Return SEALKEY, [MS-NLMP] 3.4.5.3; the LM_KEY variant is never negotiated here."""
    if not flags & NegotiateFlags.EXTENDED_SESSIONSECURITY:
        return exported_session_key
    size = 5
    if flags & NegotiateFlags.NEGOTIATE_128:
        size = 16
    elif flags & NegotiateFlags.NEGOTIATE_56:
        size = 7
    magic = _SEAL_MAGIC % (_TO_CLIENT if from_server else _TO_SERVER)
    return md5(exported_session_key[:size] + magic)


class SessionSecurity:
    """Signs and seals in one direction of a connection-oriented session, [MS-NLMP] 3.4.4.

    The receiver of that direction holds the same object and verifies with it. Sequence numbers
    start at zero and count by themselves.
    """

    __slots__ = ("_flags", "_rc4", "_sequence_number", "_sign_key")

    def __init__(self, flags: int, exported_session_key: bytes, *, from_server: bool) -> None:
        self._flags = flags
        self._sign_key = sign_key(exported_session_key, from_server=from_server)
        self._rc4 = Rc4(seal_key(flags, exported_session_key, from_server=from_server))
        self._sequence_number = 0

    def sign(self, message: bytes) -> bytes:
        """Return the 16-byte NTLMSSP_MESSAGE_SIGNATURE of *message*."""
        sequence_number = struct.pack("<I", self._sequence_number)
        self._sequence_number = (self._sequence_number + 1) & 0xFFFFFFFF
        if not self._flags & NegotiateFlags.EXTENDED_SESSIONSECURITY:
            plain = bytes(4) + struct.pack("<I", zlib.crc32(message)) + sequence_number
            return _SIGNATURE_VERSION + self._rc4.apply(plain)
        checksum = hmac_md5(self._sign_key, sequence_number + message)[:8]
        if self._flags & NegotiateFlags.KEY_EXCH:
            checksum = self._rc4.apply(checksum)
        return _SIGNATURE_VERSION + checksum + sequence_number

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Tell whether *signature* is right for the next *message*."""
        right = self.sign(message)
        if not self._flags & NegotiateFlags.EXTENDED_SESSIONSECURITY:
            # The pad is random, and some send it in clear: it proves nothing.
            right, signature = right[:4] + right[8:], signature[:4] + signature[8:]
        return hmac.compare_digest(right, signature)

    def seal(self, message: bytes) -> tuple[bytes, bytes]:
        """Return *message* encrypted, and its signature."""
        sealed = self._rc4.apply(message)
        return sealed, self.sign(message)

    def unseal(self, sealed: bytes, signature: bytes) -> bytes | None:
        """Return the message inside *sealed*, or None when the signature is wrong."""
        message = self._rc4.apply(sealed)
        return message if self.verify(message, signature) else None
