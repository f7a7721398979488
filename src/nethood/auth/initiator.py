"""The initiating side of SPNEGO, RFC 4178 and [MS-SPNG] 3.3, with NTLM inside.

NTLM is the only mechanism there is so far, so it is the only one offered.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache

from nethood.auth import spnego_tokens as spnego
from nethood.auth.ntlm_client import (
    Credentials,
    NtlmChallenge,
    NtlmInitiator,
    decode_challenge,
)
from nethood.auth.ntlm_messages import SIGNATURE
from nethood.errors import LocalError, Malformed, ProtocolViolation

__all__ = ["Credentials", "Initiator", "NtlmChallenge", "offered_mechanisms"]


class Initiator:
    """Logs on to one server; use a new one for each authentication.

    Send `first()`; give each token of the server to `step` and send what that returns, until the
    server says yes: then call `finish` with its last token. `session_key` (16 bytes) is there
    from the first `step` on.
    """

    def __init__(
        self,
        credentials: Credentials | None,
        *,
        random: Callable[[int], bytes],
        now: Callable[[], int],
        target_name: str = "",
    ) -> None:
        """See NtlmInitiator for the arguments; no credentials log on as nobody."""
        self._ntlm = NtlmInitiator(credentials, random=random, now=now, target_name=target_name)
        self._mech_types_der = b""
        self._is_raw = False

    @property
    def challenge(self) -> NtlmChallenge | None:
        """What the server said of itself, from the first `step` or `read_challenge` on."""
        return self._ntlm.challenge

    @property
    def session_key(self) -> bytes:
        """The key both sides hold; behind that of nobody there is no secret."""
        return self._ntlm.session_key

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody is logged on."""
        return self._ntlm.is_anonymous

    def first(self) -> bytes:
        """Return the first token."""
        token, self._mech_types_der = _first_token(self._ntlm.first())
        return token

    def read_challenge(self, token: bytes) -> NtlmChallenge:
        """Return what the server's first token tells, without answering it.

        Raises Malformed.
        """
        return decode_challenge(self._unwrap(token))

    def step(self, token: bytes) -> bytes:
        """Take the server's challenge, return the answer. Raises Malformed, LocalError."""
        if not self._mech_types_der:
            raise LocalError("the first token comes before the second")
        answer = self._ntlm.step(self._unwrap(token))
        if self._is_raw:
            return answer
        mic = self._ntlm.sign(self._mech_types_der) if self._ntlm.can_sign else None
        return spnego.encode_neg_token_resp(
            spnego.NegTokenResp(response_token=answer, mech_list_mic=mic)
        )

    def finish(self, token: bytes) -> None:
        """Take the token that came with the server's yes, which may be empty.

        Raises Malformed, ProtocolViolation where the list of mechanisms was changed on its way.
        """
        if self._is_raw or not token:
            return
        resp = spnego.decode_neg_token_resp(token)
        if resp.neg_state not in (None, spnego.ACCEPT_COMPLETED):
            raise ProtocolViolation(f"the server says yes and SPNEGO state {resp.neg_state}")
        mic = resp.mech_list_mic
        if mic is None or not self._ntlm.can_sign:
            return
        if not self._ntlm.verify(self._mech_types_der, mic):
            raise ProtocolViolation("the list of mechanisms was changed; look for a relay")

    def _unwrap(self, token: bytes) -> bytes:
        """Return the NTLM message in *token*; some servers leave SPNEGO out."""
        if token.startswith(SIGNATURE):
            self._is_raw = True
            return token
        resp = spnego.decode_neg_token_resp(token)
        if resp.neg_state == spnego.REJECT or not resp.response_token:
            raise Malformed("NegTokenResp", "carries no NTLM challenge: the server declines NTLM")
        return resp.response_token


@cache
def _first_token(ntlm_message: bytes) -> tuple[bytes, bytes]:
    """Return the token around *ntlm_message*, which is always the same, and its mechTypes."""
    token = spnego.encode_neg_token_init([spnego.NTLMSSP_OID], ntlm_message)
    return token, spnego.decode_neg_token_init(token).mech_types_der


def offered_mechanisms(security_buffer: bytes) -> list[str]:
    """Return the names of what a server offers in its NEGOTIATE response, the preferred first.

    An identifier not known here stands as itself. An empty buffer offers nothing. Raises
    Malformed.
    """
    if not security_buffer:
        return []
    if security_buffer.startswith(SIGNATURE):
        return ["NTLM"]
    return list(_mechanism_names(security_buffer))


@lru_cache(maxsize=32)
def _mechanism_names(token: bytes) -> tuple[str, ...]:
    """Return the names in a server's first token, the same at most hosts; benchmarks/scan.py."""
    mech_types = spnego.decode_neg_token_init(token).mech_types
    return tuple(dict.fromkeys(spnego.MECHANISM_NAMES.get(oid, oid) for oid in mech_types))
