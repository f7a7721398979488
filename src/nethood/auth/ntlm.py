"""The accepting side of NTLM, [MS-NLMP] 3.2.5.1: NTLMv2, and nothing weaker.

One object sees one authentication through: NEGOTIATE in, CHALLENGE out, AUTHENTICATE in.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from nethood.auth.base import ClientNames, LogonRefused, TargetNames, bad_token
from nethood.auth.ntlm_crypto import (
    SessionSecurity,
    message_integrity_code,
    nt_proof,
    ntowf_v2,
    session_base_key,
)
from nethood.auth.ntlm_messages import (
    AUTHENTICATE,
    AV_FLAG_MIC_PRESENT,
    MIC_END,
    MIC_OFFSET,
    MSV_AV_DNS_COMPUTER_NAME,
    MSV_AV_DNS_DOMAIN_NAME,
    MSV_AV_FLAGS,
    MSV_AV_NB_COMPUTER_NAME,
    MSV_AV_NB_DOMAIN_NAME,
    MSV_AV_TIMESTAMP,
    NEGOTIATE,
    AuthenticateMessage,
    ChallengeMessage,
    NegotiateFlags,
    NegotiateMessage,
    decode_av_pairs,
    decode_text,
    encode_av_pairs,
    message_type,
)
from nethood.auth.users import Account, UserSource
from nethood.crypto.rc4 import rc4
from nethood.errors import ConfigError, Malformed
from nethood.text import encode_utf16

MAX_TOKEN_SIZE = 0x10000
"""No NTLM message is near this size; longer ones are not looked at."""

MAX_NAME_SIZE = 1024
NTLM_V1_RESPONSE_SIZE = 24
_CLIENT_CHALLENGE_SIZE = 28
_MIN_V2_RESPONSE_SIZE = 16 + _CLIENT_CHALLENGE_SIZE
_NO_KEY = bytes(16)
# Stands in for the hash of a user that does not exist, so that finding out costs the same.
_NOBODY = Account("", bytes(range(16)), 0)
# Product version 6.1 without a build, NTLM revision 15: what Samba says too ([MS-NLMP] 2.2.2.10).
_VERSION = bytes([6, 1, 0, 0, 0, 0, 0, 15])

_ALWAYS = (
    NegotiateFlags.REQUEST_TARGET
    | NegotiateFlags.NTLM
    | NegotiateFlags.ALWAYS_SIGN
    | NegotiateFlags.TARGET_INFO
    | NegotiateFlags.TARGET_TYPE_SERVER
)
_WHEN_ASKED = (
    NegotiateFlags.SIGN
    | NegotiateFlags.SEAL
    | NegotiateFlags.EXTENDED_SESSIONSECURITY
    | NegotiateFlags.IDENTIFY
    | NegotiateFlags.VERSION
    | NegotiateFlags.NEGOTIATE_128
    | NegotiateFlags.KEY_EXCH
    | NegotiateFlags.NEGOTIATE_56
)


class NtlmAcceptor:
    """Accepts one client. After the last `step` the attributes say who it is.

    *random* returns as many random bytes as asked for; *now* the time as a FILETIME.
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
        self.complete = False
        self.session_key = b""
        self.account: Account | None = None
        self.is_anonymous = False
        self.mechanism = "NTLM"
        self.client = ClientNames()
        self._users = users
        self._target = target
        self._random = random
        self._now = now
        self._allow_anonymous = allow_anonymous
        self._flags = 0
        self._server_challenge = b""
        self._messages: list[bytes] = []

    def step(self, token: bytes) -> bytes:
        """Take the client's next message and return ours, empty after the last one.

        Raises LogonRefused, after which this object is of no more use.
        """
        try:
            return self._take(token)
        except Malformed as problem:
            raise bad_token(str(problem), self.client, self.mechanism) from problem

    def _take(self, token: bytes) -> bytes:
        if len(token) > MAX_TOKEN_SIZE:
            raise Malformed("NTLM message", f"is {len(token)} bytes long")
        expected = AUTHENTICATE if self._messages else NEGOTIATE
        found = message_type(token)
        if self.complete or found != expected:
            raise Malformed("NTLM message", f"of type {found} comes out of turn", 8)
        if found == NEGOTIATE:
            return self._challenge(token)
        self._authenticate(token)
        self.complete = True
        return b""

    def sign(self, message: bytes) -> bytes:
        """Return our signature of *message* as if nothing had been signed before.

        That is what SPNEGO wants for its mechListMIC ([MS-SPNG] 3.2.5.1): it leaves sequence
        numbers and key streams as they were.
        """
        return self.security(from_server=True).sign(message)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Tell whether the client's *signature* of *message* is right, under the same terms."""
        return self.security(from_server=False).verify(message, signature)

    def security(self, *, from_server: bool) -> SessionSecurity:
        """Return fresh session security for one direction, for a protocol that signs by NTLM."""
        return SessionSecurity(self._flags, self.session_key, from_server=from_server)

    # -- NEGOTIATE -> CHALLENGE, [MS-NLMP] 3.2.5.1.1

    def _challenge(self, token: bytes) -> bytes:
        asked = NegotiateMessage.decode(token).negotiate_flags
        self._flags = _ALWAYS | asked & _WHEN_ASKED
        self._flags |= asked & NegotiateFlags.UNICODE or asked & NegotiateFlags.OEM
        self._server_challenge = self._random(8)
        name = self._target.computer
        target_name = (
            encode_utf16(name)
            if self._flags & NegotiateFlags.UNICODE
            else name.encode("ascii", "replace")
        )
        target_info = self._target_info()
        challenge = ChallengeMessage(
            target_name_max_length=len(target_name),
            target_info_max_length=len(target_info),
            negotiate_flags=self._flags,
            server_challenge=self._server_challenge,
            version=_VERSION if self._flags & NegotiateFlags.VERSION else bytes(8),
            target_name=target_name,
            target_info=target_info,
        ).encode()
        self._messages = [bytes(token), challenge]
        return challenge

    def _target_info(self) -> bytes:
        names = [
            (MSV_AV_NB_DOMAIN_NAME, self._target.domain or self._target.computer),
            (MSV_AV_NB_COMPUTER_NAME, self._target.computer),
            (MSV_AV_DNS_DOMAIN_NAME, self._target.dns_domain),
            (MSV_AV_DNS_COMPUTER_NAME, self._target.dns_computer),
        ]
        pairs = [(av_id, encode_utf16(name)) for av_id, name in names if name]
        pairs.append((MSV_AV_TIMESTAMP, self._now().to_bytes(8, "little")))
        return encode_av_pairs(pairs)

    # -- AUTHENTICATE, [MS-NLMP] 3.2.5.1.2

    def _authenticate(self, token: bytes) -> None:
        message = AuthenticateMessage.decode(token)
        self._flags &= message.negotiate_flags
        self.client = _client_names(message)
        if not message.user_name and not message.nt_challenge_response:
            self._accept_anonymous(message)
            return
        self._refuse_weak_response(message)
        key_exchange_key = self._check_response(message.nt_challenge_response)
        self.session_key = self._exported_session_key(message, key_exchange_key)
        self._check_mic(token, message)

    def _accept_anonymous(self, message: AuthenticateMessage) -> None:
        self.mechanism = "NTLM anonymous"
        if message.lm_challenge_response not in (b"", b"\0"):
            raise self._refused(
                "the client sent an LM response and no user name",
                "give the client a user name",
            )
        if not self._allow_anonymous:
            raise self._refused(
                "the client wants to connect without a user name, and nobody may do that here",
                "give the client the name and password of a user of this server",
                is_guess=False,
            )
        self.is_anonymous = True
        self.session_key = self._exported_session_key(message, _NO_KEY)

    def _refuse_weak_response(self, message: AuthenticateMessage) -> None:
        response = message.nt_challenge_response
        if len(response) == NTLM_V1_RESPONSE_SIZE:
            self.mechanism = "NTLMv1"
            raise self._refused(
                "the client answered with NTLMv1, which anyone listening can break",
                "switch NTLMv2 on at the client (Windows: LmCompatibilityLevel 3 or more; "
                "Samba: 'client NTLMv2 auth = yes')",
            )
        if not response:
            self.mechanism = "LM"
            raise self._refused(
                "the client sent only a LAN Manager response, which anyone listening can break",
                "switch NTLMv2 on at the client, or use a client that has it",
            )
        if len(response) < _MIN_V2_RESPONSE_SIZE:
            raise Malformed("NTLMv2_RESPONSE", f"is {len(response)} bytes long")
        self.mechanism = "NTLMv2"
        # Broken pairs are the client's fault, not a wrong password: Windows tells them apart.
        decode_av_pairs(response[16 + _CLIENT_CHALLENGE_SIZE :])

    def _check_response(self, response: bytes) -> bytes:
        """Return the KeyExchangeKey once the response proves the password.

        A user that does not exist costs exactly what a wrong password costs.
        """
        account = self._lookup(self.client.user)
        password_hash = (account or _NOBODY).nt_hash
        proof, client_challenge = response[:16], response[16:]
        for user, domain in self._name_candidates():
            key = ntowf_v2(password_hash, user, domain)
            right = nt_proof(key, self._server_challenge, client_challenge)
            if hmac.compare_digest(right, proof) and account:
                self.account = account
                return session_base_key(key, proof)
        raise self._wrong(account)

    def _lookup(self, user: str) -> Account | None:
        try:
            # '@' is in no name here, so this is a name with the realm it was meant for.
            return self._users.lookup(user.partition("@")[0])
        except ConfigError as problem:
            raise self._refused(
                f"the users of this server cannot be read: {problem}", "mend that file"
            ) from problem

    def _name_candidates(self) -> list[tuple[str, str]]:
        """Return what may have gone into the client's key: some clients leave the domain out.

        Deviates: Python clients upper-case one letter into two, so their way is tried as well.
        """
        user, domain, _ = self.client
        candidates = [(user, domain), (user, ""), (user.upper(), domain), (user.upper(), "")]
        return candidates if len(user.upper()) != len(user) else candidates[:2]

    def _wrong(self, account: Account | None) -> LogonRefused:
        if account is None:
            return self._refused(
                f"there is no user called {self.client.user!r} here",
                "use another name on the client, or add it here with 'nethood user add'",
            )
        return self._refused(
            f"the password for {account.name!r} is wrong",
            f"type it again on the client, or set it with 'nethood user passwd {account.name}'",
        )

    def _exported_session_key(self, message: AuthenticateMessage, key: bytes) -> bytes:
        encrypted = bytes(message.encrypted_random_session_key)
        if not self._flags & NegotiateFlags.KEY_EXCH:
            return key
        if len(encrypted) == len(key):
            # Deviates: also without SIGN or SEAL, as Samba's client sends it.
            return rc4(key, encrypted)
        if encrypted or self._flags & (NegotiateFlags.SIGN | NegotiateFlags.SEAL):
            raise Malformed("EncryptedRandomSessionKey", f"is {len(encrypted)} bytes long")
        return key

    def _check_mic(self, token: bytes, message: AuthenticateMessage) -> None:
        blob = message.nt_challenge_response[16:]
        flags = decode_av_pairs(blob[_CLIENT_CHALLENGE_SIZE:]).get(MSV_AV_FLAGS, b"")
        if not int.from_bytes(flags, "little") & AV_FLAG_MIC_PRESENT:
            return
        if len(token) < MIC_END:
            raise Malformed("AUTHENTICATE_MESSAGE", "has no room for its MIC", MIC_OFFSET)
        zeroed = token[:MIC_OFFSET] + bytes(16) + token[MIC_END:]
        right = message_integrity_code(self.session_key, *self._messages, zeroed)
        if not hmac.compare_digest(right, token[MIC_OFFSET:MIC_END]):
            raise self._refused(
                "the login messages were changed on their way",
                "look for a proxy or relay between client and server",
            )

    def _refused(self, reason: str, remedy: str, *, is_guess: bool = True) -> LogonRefused:
        return LogonRefused(
            reason, remedy, client=self.client, mechanism=self.mechanism, is_guess=is_guess
        )


def _client_names(message: AuthenticateMessage) -> ClientNames:
    names = (message.user_name, message.domain_name, message.workstation)
    if max(map(len, names)) > MAX_NAME_SIZE:
        raise Malformed("AUTHENTICATE_MESSAGE", f"has a name of more than {MAX_NAME_SIZE} bytes")
    return ClientNames(*(decode_text(name, message.negotiate_flags) for name in names))
