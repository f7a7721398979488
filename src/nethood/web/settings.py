"""How the dashboard may be reached, checked as a whole before it listens.

Without a login it serves this machine only: bound to loopback, under no other name, with no
proxy in front. Everything else needs at least one user.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from time import time

from nethood.errors import LocalError
from nethood.web.accounts import check_hash


@dataclass(frozen=True, slots=True)
class Settings:
    """What `make_settings` found to be in order.

    *users* maps a name to its argon2id hash; empty means no login, *names* are the host names
    (lower case) under which the dashboard may be asked for, besides addresses.
    """

    address: str = "127.0.0.1"
    users: Mapping[str, str] = field(default_factory=dict)
    certificate: Path | None = None
    key: Path | None = None
    behind_https: bool = False
    names: frozenset[str] = frozenset()
    now: Callable[[], float] = time

    @property
    def needs_login(self) -> bool:
        """Whether there is a login at all."""
        return bool(self.users)

    @property
    def is_encrypted(self) -> bool:
        """Whether browsers reach the dashboard over HTTPS."""
        return self.behind_https or self.certificate is not None

    @property
    def is_local(self) -> bool:
        """Whether it is bound to loopback."""
        return is_loopback(self.address)


def make_settings(
    address: str,
    *,
    users: Mapping[str, str] | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    behind_https: bool = False,
    names: Sequence[str] = (),
) -> Settings:
    """Return the settings, or raise LocalError with the one thing that has to be mended."""
    _check_address(address)
    if (certificate is None) != (key is None):
        raise LocalError("the dashboard needs certificate and key together; give both or neither")
    for file in (certificate, key):
        if file is not None and not file.is_file():
            raise LocalError(f"the dashboard can't read {file}: there is no such file")
    for name, text in (users or {}).items():
        check_hash(name, text)
    if not users and (reason := _why_login(address, behind_https, names)):
        raise LocalError(
            f"the dashboard {reason} and so needs a login; make a users file with"
            ' `nethood watch --web-user NAME` and name it in the policy: [web] users = "FILE"'
        )
    known = {"localhost", *(name.lower().rstrip(".") for name in names)}
    if users and (own := platform.node().lower()):
        known.add(own)
    return Settings(address, dict(users or {}), certificate, key, behind_https, frozenset(known))


def is_loopback(address: str) -> bool:
    """Tell whether *address* (an IP address or "localhost") is this machine alone."""
    if address == "localhost":
        return True
    try:
        return ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _check_address(address: str) -> None:
    if address == "localhost":
        return
    try:
        ip_address(address.partition("%")[0])
    except ValueError:
        raise LocalError(
            f"the dashboard can't listen on {address!r}: that is no IP address;"
            " give one of this machine's, e.g. 127.0.0.1"
        ) from None


def _why_login(address: str, behind_https: bool, names: Sequence[str]) -> str:
    if not is_loopback(address):
        return f"listens on {address}, which others can reach,"
    if behind_https:
        return "stands behind a proxy (behind_https)"
    return "may be asked for by other names ([web] names)" if names else ""
