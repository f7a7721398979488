"""The initiating side of NTLM, [MS-NLMP] 3.1.5.1: NTLMv2, or nobody at all.

One object sees one authentication through: NEGOTIATE out, CHALLENGE in, AUTHENTICATE out. Random
bytes and the time are arguments. Nothing weaker than NTLMv2 is ever sent.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from nethood.auth.ntlm_crypto import (
    SessionSecurity,
    message_integrity_code,
    nt_hash,
    nt_proof,
    ntowf_v2,
    session_base_key,
)
from nethood.auth.ntlm_messages import (
    AUTHENTICATE,
    AV_FLAG_MIC_PRESENT,
    CHALLENGE,
    MIC_END,
    MIC_OFFSET,
    MSV_AV_CHANNEL_BINDINGS,
    MSV_AV_DNS_COMPUTER_NAME,
    MSV_AV_DNS_DOMAIN_NAME,
    MSV_AV_DNS_TREE_NAME,
    MSV_AV_FLAGS,
    MSV_AV_NB_COMPUTER_NAME,
    MSV_AV_NB_DOMAIN_NAME,
    MSV_AV_TARGET_NAME,
    MSV_AV_TIMESTAMP,
    NEGOTIATE,
    SIGNATURE,
    ChallengeMessage,
    NegotiateFlags,
    decode_av_pairs,
    decode_text,
    encode_av_pairs,
    message_type,
)
from nethood.crypto.rc4 import rc4
from nethood.errors import LocalError, Malformed
from nethood.text import encode_utf16
from nethood.wire import Buffer

NEGOTIATE_FLAGS = NegotiateFlags(0xE2088297)
"""What a Windows client asks for."""
_NEVER = NegotiateFlags.LM_KEY | NegotiateFlags.OEM
_VERSION = bytes([6, 1, 0, 0, 0, 0, 0, 15])
"""Product version 6.1 without a build, NTLM revision 15, [MS-NLMP] 2.2.2.10."""
_MAX_TOKEN_SIZE = 0x10000
_NO_KEY = bytes(16)
_NEGOTIATE = struct.Struct("<8sIIHHIHHI8s")
_PAYLOAD = struct.Struct("<HHI")
_MIN_VERSION_END = 56


class Credentials(NamedTuple):
    """Who logs on. *domain* counts as it is given, case and all; a name alone has none."""

    user: str
    password: str
    domain: str = ""
    workstation: str = ""

    def __repr__(self) -> str:
        return f"Credentials({self.domain}\\{self.user}, hidden)"


@dataclass(frozen=True, slots=True)
class NtlmChallenge:
    """A CHALLENGE_MESSAGE, [MS-NLMP] 2.2.1.2; names are empty where the server told none."""

    flags: int
    server_challenge: bytes
    target_name: str
    target_info: dict[int, bytes]
    version: bytes
    """The 8 bytes of VERSION, zeros where there are none."""

    @property
    def os_version(self) -> tuple[int, int, int] | None:
        """Major, minor, build; None where the server did not say."""
        if not self.flags & NegotiateFlags.VERSION or not any(self.version):
            return None
        return self.version[0], self.version[1], int.from_bytes(self.version[2:4], "little")

    @property
    def netbios_computer(self) -> str:
        """MsvAvNbComputerName."""
        return self._name(MSV_AV_NB_COMPUTER_NAME)

    @property
    def netbios_domain(self) -> str:
        """MsvAvNbDomainName."""
        return self._name(MSV_AV_NB_DOMAIN_NAME)

    @property
    def dns_computer(self) -> str:
        """MsvAvDnsComputerName."""
        return self._name(MSV_AV_DNS_COMPUTER_NAME)

    @property
    def dns_domain(self) -> str:
        """MsvAvDnsDomainName."""
        return self._name(MSV_AV_DNS_DOMAIN_NAME)

    @property
    def dns_forest(self) -> str:
        """MsvAvDnsTreeName."""
        return self._name(MSV_AV_DNS_TREE_NAME)

    @property
    def timestamp(self) -> int | None:
        """The server's time as a FILETIME, None where it did not say."""
        value = self.target_info.get(MSV_AV_TIMESTAMP, b"")
        return int.from_bytes(value, "little") if len(value) == 8 else None

    def _name(self, av_id: int) -> str:
        """Target information is always Unicode; an odd byte at its end is left out."""
        return self.target_info.get(av_id, b"").decode("utf-16-le", "replace")


def negotiate_message(flags: int = NEGOTIATE_FLAGS) -> bytes:
    """Return a NEGOTIATE_MESSAGE without names, [MS-NLMP] 2.2.1.1."""
    end = _NEGOTIATE.size
    return _NEGOTIATE.pack(SIGNATURE, NEGOTIATE, flags, 0, 0, end, 0, 0, end, _VERSION)


def decode_challenge(token: Buffer) -> NtlmChallenge:
    """Read a CHALLENGE_MESSAGE. Raises Malformed."""
    data = bytes(token)
    if len(data) > _MAX_TOKEN_SIZE:
        raise Malformed("CHALLENGE_MESSAGE", f"is {len(data)} bytes long")
    found = message_type(data)
    if found != CHALLENGE:
        raise Malformed("CHALLENGE_MESSAGE", f"is of type {found}", 8)
    message = ChallengeMessage.decode(_with_version(data))
    flags = message.negotiate_flags
    info = decode_av_pairs(message.target_info) if flags & NegotiateFlags.TARGET_INFO else {}
    version = message.version if flags & NegotiateFlags.VERSION else bytes(8)
    return NtlmChallenge(
        flags, message.server_challenge, decode_text(message.target_name, flags), info, version
    )


def _with_version(data: bytes) -> bytes:
    """Return *data* with room for a VERSION: old servers end before it, and have no payload."""
    if len(data) >= _MIN_VERSION_END:
        return data
    return data + bytes(_MIN_VERSION_END - len(data)) if len(data) >= 32 else data


class NtlmInitiator:
    """Logs one user on, or nobody where *credentials* is None.

    Send `first()`, give the CHALLENGE to `step` and send what that returns. *random* returns as
    many random bytes as asked for, *now* the time as a FILETIME. *target_name* is what the server
    is called by, "cifs/server"; empty leaves it out.
    """

    def __init__(
        self,
        credentials: Credentials | None,
        *,
        random: Callable[[int], bytes],
        now: Callable[[], int],
        target_name: str = "",
    ) -> None:
        self.credentials = credentials
        self.challenge: NtlmChallenge | None = None
        self.session_key = b""
        self.complete = False
        self._random = random
        self._now = now
        self._target_name = target_name
        self._flags = 0
        self._first = b""

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody is logged on."""
        return self.credentials is None

    @property
    def can_sign(self) -> bool:
        """Whether both ends agreed on signatures, and there is a secret to make them with."""
        return self.complete and not self.is_anonymous and bool(self._flags & NegotiateFlags.SIGN)

    def first(self) -> bytes:
        """Return the NEGOTIATE_MESSAGE."""
        self._first = negotiate_message()
        return self._first

    def step(self, token: bytes) -> bytes:
        """Take the server's CHALLENGE_MESSAGE and return the AUTHENTICATE_MESSAGE.

        Raises Malformed, LocalError when called out of turn.
        """
        if not self._first or self.complete:
            raise LocalError("an NTLM challenge is wanted once, after the first message")
        self.challenge = decode_challenge(token)
        self._flags = self.challenge.flags & (NEGOTIATE_FLAGS | NegotiateFlags.TARGET_INFO)
        self._flags &= ~_NEVER
        if not self._flags & NegotiateFlags.UNICODE:
            self._flags |= NegotiateFlags.OEM
        answer = self._anonymous() if self.credentials is None else self._ntlm_v2(bytes(token))
        self.complete = True
        return answer

    def sign(self, message: bytes) -> bytes:
        """Return our signature of *message* as if nothing had been signed before."""
        return self._security(from_server=False).sign(message)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Tell whether the server's *signature* of *message* is right, on the same terms."""
        return self._security(from_server=True).verify(message, signature)

    def _security(self, *, from_server: bool) -> SessionSecurity:
        return SessionSecurity(self._flags, self.session_key, from_server=from_server)

    def _anonymous(self) -> bytes:
        """Log nobody on: no name, no NT response, one zero for LM's, [MS-NLMP] 3.1.5.1.2."""
        self._flags |= NegotiateFlags.ANONYMOUS
        encrypted = self._exchange_key(_NO_KEY)
        return self._authenticate(b"\0", b"", ("", "", ""), encrypted)

    def _ntlm_v2(self, challenge_token: bytes) -> bytes:
        """Answer with NTLMv2, [MS-NLMP] 3.3.2."""
        assert self.credentials is not None
        assert self.challenge is not None
        user, password, domain, workstation = self.credentials
        key = ntowf_v2(nt_hash(password), user, domain)
        server_challenge, ours = self.challenge.server_challenge, self._random(8)
        timestamp = self.challenge.timestamp
        blob = self._client_challenge(ours, timestamp)
        proof = nt_proof(key, server_challenge, blob)
        lm = bytes(24)
        if timestamp is None:
            lm = nt_proof(key, server_challenge, ours) + ours
        encrypted = self._exchange_key(session_base_key(key, proof))
        names = (domain, user, workstation)
        message = self._authenticate(lm, proof + blob, names, encrypted)
        if timestamp is None:
            return message
        mic = message_integrity_code(self.session_key, self._first, challenge_token, message)
        return message[:MIC_OFFSET] + mic + message[MIC_END:]

    def _client_challenge(self, ours: bytes, timestamp: int | None) -> bytes:
        """Return NTLMv2_CLIENT_CHALLENGE, [MS-NLMP] 2.2.2.7.

        A server that tells its time is told that a MIC comes, 3.1.5.1.2.
        """
        assert self.challenge is not None
        pairs = dict(self.challenge.target_info)
        if timestamp is not None:
            flags = int.from_bytes(pairs.get(MSV_AV_FLAGS, b""), "little") | AV_FLAG_MIC_PRESENT
            pairs[MSV_AV_FLAGS] = (flags & 0xFFFFFFFF).to_bytes(4, "little")
            pairs[MSV_AV_CHANNEL_BINDINGS] = bytes(16)
            pairs[MSV_AV_TARGET_NAME] = encode_utf16(self._target_name)
        time = self._now() if timestamp is None else timestamp
        head = b"\1\1" + bytes(6) + time.to_bytes(8, "little") + ours + bytes(4)
        return head + encode_av_pairs(list(pairs.items())) + bytes(4)

    def _exchange_key(self, key: bytes) -> bytes:
        """Settle the session key; return what the server finds it by, [MS-NLMP] 3.1.5.1.2."""
        if not self._flags & NegotiateFlags.KEY_EXCH:
            self.session_key = key
            return b""
        self.session_key = self._random(16)
        return rc4(key, self.session_key)

    def _authenticate(
        self, lm: bytes, nt: bytes, names: tuple[str, str, str], encrypted_key: bytes
    ) -> bytes:
        """Return AUTHENTICATE_MESSAGE with room for a MIC, [MS-NLMP] 2.2.1.3."""
        texts = [self._text(name) for name in names]
        fields, payload = [], b""
        for part in (*texts, lm, nt, encrypted_key):
            fields.append(_PAYLOAD.pack(len(part), len(part), MIC_END + len(payload)))
            payload += part
        domain, user, workstation, lm_field, nt_field, key_field = fields
        head = SIGNATURE + struct.pack("<I", AUTHENTICATE) + lm_field + nt_field
        head += domain + user + workstation + key_field
        return head + struct.pack("<I", self._flags) + _VERSION + bytes(16) + payload

    def _text(self, name: str) -> bytes:
        if self._flags & NegotiateFlags.UNICODE:
            return encode_utf16(name)
        return name.encode("ascii", "replace")
