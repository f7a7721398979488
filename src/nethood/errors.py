"""The error tree: every exception nethood raises on purpose is one of these.

What a person sees is one sentence: what happened, where, and what to do about it.
"""

from __future__ import annotations

from enum import Enum


class Error(Exception):
    """The root of every error nethood raises on purpose."""


class LocalError(Error):
    """The caller asked for what this state, dialect or configuration forbids."""


class Malformed(Error):
    """Bytes from the peer do not fit the structure they claim to be.

    *structure* names the message, *offset* is the byte where it stopped making sense.
    """

    def __init__(self, structure: str, problem: str, offset: int = 0) -> None:
        super().__init__(f"{structure}: {problem} (at byte {offset})")
        self.structure = structure
        self.problem = problem
        self.offset = offset


class Reaction(Enum):
    """What a receiver does about a well-formed message that is illegal here."""

    DISCONNECT = "disconnect"
    IGNORE = "ignore"


class ProtocolViolation(Error):
    """A message that decodes but is illegal here; *reaction* says what to do about it."""

    def __init__(self, problem: str, reaction: Reaction = Reaction.DISCONNECT) -> None:
        super().__init__(problem)
        self.reaction = reaction


class StatusError(Error):
    """An operation ended with an NTSTATUS; *status* is its 32-bit value ([MS-ERREF] 2.3).

    *data* is the ErrorData of an SMB2 ERROR response, where the status calls for one.
    """

    def __init__(self, status: int, problem: str = "", data: bytes = b"") -> None:
        super().__init__(problem or f"NTSTATUS 0x{status:08X}")
        self.status = status
        self.data = data


class TransportError(Error):
    """The connection to the peer failed; mapped once, in net/."""


class ConnectError(TransportError):
    """No connection could be made."""


class ConnectionLost(TransportError):
    """The peer went away."""


class TimedOut(TransportError):
    """The peer did not answer in time."""


class ConfigError(Error):
    """A configuration value is wrong; the sentence names file, key and remedy."""
