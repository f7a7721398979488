"""What every way of authenticating shares: names, and the one error for a refused login."""

from __future__ import annotations

from typing import NamedTuple

from nethood.erref import STATUS_INVALID_PARAMETER, STATUS_LOGON_FAILURE
from nethood.errors import StatusError


class TargetNames(NamedTuple):
    """How a server calls itself towards clients; empty names are left out."""

    computer: str
    domain: str = ""
    dns_computer: str = ""
    dns_domain: str = ""


class ClientNames(NamedTuple):
    """What the client says it is; none of it is proved but the user, and that only in the end."""

    user: str = ""
    domain: str = ""
    workstation: str = ""

    def __str__(self) -> str:
        user = f"{self.domain}\\{self.user}" if self.domain else self.user
        return f"{user!r} on {self.workstation!r}" if self.workstation else repr(user)


class LogonRefused(StatusError):
    """A login that was turned down. The peer sees the status and nothing else of this.

    *reason* and *remedy* are for the log: why, and what to change on which side. *is_guess* is
    whether a password could have been tried by it; a client that names nobody tries none.
    """

    def __init__(
        self,
        reason: str,
        remedy: str,
        *,
        client: ClientNames = ClientNames(),  # noqa: B008 (immutable)
        mechanism: str = "",
        status: int = STATUS_LOGON_FAILURE,
        is_guess: bool = True,
    ) -> None:
        super().__init__(status, f"{reason}; {remedy}")
        self.reason = reason
        self.remedy = remedy
        self.user, self.domain, self.workstation = client
        self.mechanism = mechanism
        self.is_guess = is_guess


def bad_token(problem: str, client: ClientNames, mechanism: str) -> LogonRefused:
    """Return the refusal of a token that cannot be read."""
    return LogonRefused(
        f"the client sent a security token that cannot be read: {problem}",
        "the client or something between is broken; try another client to find out which",
        client=client,
        mechanism=mechanism,
        status=STATUS_INVALID_PARAMETER,
    )
