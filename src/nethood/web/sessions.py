"""Sessions as signed cookies, and the tokens that tie a form to its session.

The key lives as long as the process: a restart ends every session. Nothing is stored but the ids
of sessions that were ended by logging out, until they would have run out by themselves.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie

from itsdangerous import BadData, URLSafeSerializer

SESSION_S = 12 * 3600
_LONGEST_COOKIE = 1024


@dataclass(frozen=True, slots=True)
class Session:
    """One browser. *user* is "" before the login, and where there is none."""

    id: str
    user: str
    begun_unix: float


class Sessions:
    """Makes, reads and ends sessions."""

    def __init__(self, *, secure: bool) -> None:
        key = secrets.token_bytes(32)
        self._serializer = URLSafeSerializer(
            key,
            salt="nethood session",
            signer_kwargs={"digest_method": sha256, "key_derivation": "hmac"},
        )
        self._csrf_key = hmac.digest(key, b"nethood forms", "sha256")
        self._ended: dict[str, float] = {}
        self._secure = secure
        self.cookie_name = "__Host-nethood" if secure else "nethood"

    def begin(self, user: str, now_unix: float) -> Session:
        """Return a session with an id of its own."""
        return Session(secrets.token_urlsafe(18), user, now_unix)

    def read(self, cookie_header: str, now_unix: float, users: Mapping[str, str]) -> Session | None:
        """Return the session of a Cookie header; None for none, a forged or an old one."""
        value = self._value(cookie_header)
        if not value:
            return None
        try:
            document = self._serializer.loads(value)
            found = Session(document["id"], document["user"], float(document["begun"]))
        except (BadData, KeyError, TypeError, ValueError):
            return None
        if not now_unix - SESSION_S < found.begun_unix <= now_unix + 60 or found.id in self._ended:
            return None
        return found if not found.user or found.user in users else None

    def end(self, session: Session, now_unix: float) -> None:
        """Make a session worthless from now on."""
        self._ended = {id_: until for id_, until in self._ended.items() if until > now_unix}
        self._ended[session.id] = session.begun_unix + SESSION_S

    def set_cookie(self, session: Session) -> str:
        """Return the value of the Set-Cookie header for *session*."""
        value = self._serializer.dumps(
            {"id": session.id, "user": session.user, "begun": session.begun_unix}
        )
        text = value if isinstance(value, str) else value.decode("ascii")
        return self._cookie(text, SESSION_S)

    def clear_cookie(self) -> str:
        """Return the value of the Set-Cookie header that takes the cookie away."""
        return self._cookie("", 0)

    def token(self, session: Session) -> str:
        """Return the token every form of *session* carries."""
        return hmac.new(self._csrf_key, session.id.encode(), "sha256").hexdigest()

    def token_fits(self, session: Session, token: str) -> bool:
        """Tell whether *token* belongs to *session*."""
        return hmac.compare_digest(
            self.token(session).encode(), token.encode("utf-8", "surrogateescape")
        )

    def _value(self, header: str) -> str:
        try:
            jar = SimpleCookie(header)
        except CookieError:
            return ""
        found = jar.get(self.cookie_name)
        return found.value if found is not None and len(found.value) <= _LONGEST_COOKIE else ""

    def _cookie(self, value: str, age_s: int) -> str:
        secure = "; Secure" if self._secure else ""
        return (
            f"{self.cookie_name}={value}; Path=/; Max-Age={age_s};"
            f" HttpOnly; SameSite=Strict{secure}"
        )
