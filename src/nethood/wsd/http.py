"""The HTTP/1.1 that metadata is asked for with: one POST, one response, then close.

Only what WS-Transfer Get needs; whatever else comes gets a status and no answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from nethood.errors import Malformed
from nethood.wsd.names import MAX_ENVELOPE_SIZE

MAX_HEAD_SIZE = 8192
CONTENT_TYPE = "application/soap+xml"

_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
}


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The first line of a request and the length of its body."""

    method: str
    path: str
    content_length: int

    def refusal(self, path: str) -> int:
        """Return the status that refuses this request, 0 where it may be served at *path*."""
        if self.method != "POST":
            return 405
        if self.path.partition("?")[0].lower() != path:
            return 404
        return 413 if self.content_length > MAX_ENVELOPE_SIZE else 0


def decode_head(data: bytes) -> RequestHead:
    """Read a request up to its empty line. Raises Malformed; a body without length is refused."""
    lines = data.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Malformed("HTTP request", "starts with no request line")
    length = 0
    for line in lines[1:]:
        name, _, value = line.partition(":")
        match name.lower():
            case "content-length":
                length = _length(value.strip())
            case "transfer-encoding":
                raise Malformed("HTTP request", "has a transfer encoding")
    return RequestHead(words[0], words[1], length)


def _length(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise Malformed("HTTP request", "has no usable content length")
    return int(value)


def encode_response(status: int, body: bytes = b"") -> bytes:
    """Return a whole response that ends the connection."""
    lines = [
        f"HTTP/1.1 {status} {_REASONS[status]}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    if body:
        lines.append(f"Content-Type: {CONTENT_TYPE}")
    return "\r\n".join([*lines, "", ""]).encode() + body
