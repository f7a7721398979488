"""One question and its answer over a stream: errors as sentences, bytes as evidence."""

from __future__ import annotations

from nethood.errors import ConnectionLost, TimedOut
from nethood.exposure.context import ProbeContext, Stream
from nethood.exposure.model import Evidence

EVIDENCE_SIZE = 128
"""How many bytes of an answer are kept as evidence."""


async def ask(context: ProbeContext, stream: Stream, message: bytes, what: str) -> bytes:
    """Send *message* and return the answer; *what* names the question in the error's sentence.

    Raises TimedOut, ConnectionLost, Malformed.
    """
    try:
        return await stream.exchange(message)
    except TimedOut as error:
        timeout_s = context.options.timeout_s
        raise TimedOut(f"no answer to {what} within {timeout_s:g} s") from error
    except ConnectionLost as error:
        raise ConnectionLost(f"the connection was closed without an answer to {what}") from error


def evidence_of(sent: str, got: str, answer: bytes = b"") -> Evidence:
    """Return the evidence of one exchange, with the first bytes of its *answer*."""
    return Evidence(sent, got, bytes(answer[:EVIDENCE_SIZE]).hex())
