"""The accepting side of SPNEGO, RFC 4178 and [MS-SPNG] 3.2, with NTLM inside.

A client may also speak NTLM without SPNEGO around it and is then answered the same way. NTLM is
the only mechanism there is so far; offers of others are declined, so that the client goes on with
NTLM where it has that too.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from functools import cache
from types import ModuleType

from nethood.auth.base import ClientNames, LogonRefused, TargetNames, bad_token
from nethood.auth.ntlm import NtlmAcceptor
from nethood.auth.ntlm_messages import SIGNATURE
from nethood.auth.users import Account, UserSource
from nethood.errors import Malformed

__all__ = ["Acceptor", "ClientNames", "LogonRefused", "TargetNames", "initial_token"]


class _State(Enum):
    START = auto()
    RAW = auto()
    SPNEGO = auto()
    DONE = auto()


class Acceptor:
    """Authenticates one client; use a new one for each authentication.

    Call `step` with each token of the client and send back what it returns, until `complete`.
    Then `session_key` (16 bytes), `account` (None for an anonymous client) and `client` say
    who it is. *random* returns as many random bytes as asked for; *now* the time as a FILETIME.
    """

    def __init__(
        self,
        users: UserSource,
        target: TargetNames,
        *,
        random: Callable[[int], bytes],
        now: Callable[[], int],
        allow_anonymous: bool = False,
    ) -> None:
        self._ntlm = NtlmAcceptor(
            users, target, random=random, now=now, allow_anonymous=allow_anonymous
        )
        self._state = _State.START
        self._mech_types_der = b""
        self._mic_required = False
        self._introduced = False

    @property
    def complete(self) -> bool:
        """Whether the client is authenticated."""
        return self._state is _State.DONE

    @property
    def session_key(self) -> bytes:
        """The 16-byte key both sides hold now; behind an anonymous client's there is no secret."""
        return self._ntlm.session_key

    @property
    def account(self) -> Account | None:
        """The account the client proved to be, None for an anonymous client."""
        return self._ntlm.account

    @property
    def is_anonymous(self) -> bool:
        """Whether the client came without a name, and was let in."""
        return self._ntlm.is_anonymous

    @property
    def mechanism(self) -> str:
        """How the client proves itself: "NTLMv2", "NTLM anonymous" ..."""
        return self._ntlm.mechanism

    @property
    def client(self) -> ClientNames:
        """What the client says it is, from its last message on."""
        return self._ntlm.client

    def initial_token(self) -> bytes:
        """Return what a server shows before the client has said anything, [MS-SPNG] 3.2.5.2."""
        return initial_token()

    def step(self, token: bytes) -> bytes:
        """Take the client's next token and return ours, which may be empty at the end.

        Raises LogonRefused, and only that, whatever the token holds; this object is of no more use
        then.
        """
        try:
            return self._take(bytes(token))
        except Malformed as problem:
            raise bad_token(str(problem), self.client, self.mechanism) from problem

    def _take(self, token: bytes) -> bytes:
        if self._state is _State.START:
            return self._first(token)
        if self._state is _State.RAW:
            return self._raw(token)
        if self._state is _State.SPNEGO:
            return self._spnego(token)
        raise Malformed("security token", "comes after the last one")

    def _first(self, token: bytes) -> bytes:
        if token.startswith(SIGNATURE):
            self._state = _State.RAW
            return self._raw(token)
        spnego = _spnego_tokens()
        init = spnego.decode_neg_token_init(token)
        if spnego.NTLMSSP_OID not in init.mech_types:
            raise self._no_common_mechanism(init.mech_types)
        self._state = _State.SPNEGO
        self._mech_types_der = init.mech_types_der
        # What lies in a first token is meant for the first mechanism of the list.
        preferred = init.mech_types[0] == spnego.NTLMSSP_OID
        self._mic_required = not preferred
        answer = None
        if preferred and init.mech_token:
            answer = self._ntlm.step(init.mech_token)
        return self._answer(answer)

    def _raw(self, token: bytes) -> bytes:
        answer = self._ntlm.step(token)
        if self._ntlm.complete:
            self._state = _State.DONE
        return answer

    def _spnego(self, token: bytes) -> bytes:
        resp = _spnego_tokens().decode_neg_token_resp(token)
        answer = self._ntlm.step(resp.response_token or b"")
        if not self._ntlm.complete:
            return self._answer(answer)
        self._check_mech_list_mic(resp.mech_list_mic)
        self._state = _State.DONE
        return self._accept(with_mic=resp.mech_list_mic is not None)

    def _answer(self, response_token: bytes | None) -> bytes:
        """Return a token that asks for more. The mechanism is named in the first one only."""
        spnego = _spnego_tokens()
        first, self._introduced = not self._introduced, True
        ask_for_mic = first and self._mic_required
        resp = spnego.NegTokenResp(
            spnego.REQUEST_MIC if ask_for_mic else spnego.ACCEPT_INCOMPLETE,
            spnego.NTLMSSP_OID if first else None,
            response_token,
        )
        return bytes(spnego.encode_neg_token_resp(resp))

    def _accept(self, *, with_mic: bool) -> bytes:
        spnego = _spnego_tokens()
        mic = self._ntlm.sign(self._mech_types_der) if with_mic else None
        resp = spnego.NegTokenResp(spnego.ACCEPT_COMPLETED, mech_list_mic=mic)
        return bytes(spnego.encode_neg_token_resp(resp))

    def _check_mech_list_mic(self, mic: bytes | None) -> None:
        """RFC 4178 5: optional where the client's first choice was taken, else required.

        Deviates: an anonymous client's is not asked for; there is no secret behind its key.
        """
        if mic is None:
            if self._mic_required and not self.is_anonymous:
                raise self._refused(
                    "the client did not sign its list of mechanisms",
                    "use a client that does (RFC 4178), or one that offers NTLM first",
                )
        elif not self._ntlm.verify(self._mech_types_der, mic):
            raise self._refused(
                "the client's list of mechanisms was changed on its way",
                "look for a proxy or relay between client and server",
            )

    def _no_common_mechanism(self, mech_types: list[str]) -> LogonRefused:
        names = _spnego_tokens().MECHANISM_NAMES
        offered = sorted({names.get(oid, oid) for oid in mech_types})
        return LogonRefused(
            f"the client offers {' and '.join(offered) or 'nothing'}, this server speaks NTLM only",
            "allow NTLM on the client for this server, or give it a user name and password",
            mechanism=offered[0] if offered else "",
        )

    def _refused(self, reason: str, remedy: str) -> LogonRefused:
        return LogonRefused(reason, remedy, client=self.client, mechanism=self.mechanism)


@cache
def initial_token() -> bytes:
    """Return the security token of a NEGOTIATE response: NTLM is what this server speaks."""
    spnego = _spnego_tokens()
    return bytes(spnego.encode_neg_token_init_2([spnego.NTLMSSP_OID]))


def _spnego_tokens() -> ModuleType:
    """Return the module that needs pyasn1, imported when the first client is at the door."""
    from nethood.auth import spnego_tokens

    return spnego_tokens
