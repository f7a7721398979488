"""Bytes written one field per line, as the specification draws them."""

from __future__ import annotations


def fields(text: str) -> bytes:
    """Return the bytes of *text*: each line is hex, two blanks, and what the field is."""
    lines = (line.strip() for line in text.splitlines())
    return b"".join(bytes.fromhex(line.split("  ")[0]) for line in lines if line)
