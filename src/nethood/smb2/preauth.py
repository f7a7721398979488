"""Preauthentication integrity of SMB 3.1.1, [MS-SMB2] 3.1.4.4 and 3.3.5.4."""

from __future__ import annotations

import hashlib
from typing import Self

from nethood.wire import Buffer

SHA_512 = 0x0001
"""The only hash algorithm there is, [MS-SMB2] 2.2.3.1.1."""


class PreauthIntegrity:
    """A running hash over messages as they stand on the wire, without their transport header.

    A connection has one, over NEGOTIATE request and response. Each authentication starts from a
    `fork` of it and adds every SESSION_SETUP request, and every response but the final success.
    """

    __slots__ = ("value",)

    def __init__(self, value: bytes = bytes(64)) -> None:
        self.value = value

    def update(self, message: Buffer) -> None:
        """Add *message*, signature and all, exactly as it was sent or received."""
        digest = hashlib.sha512(self.value)
        digest.update(message)
        self.value = digest.digest()

    def fork(self) -> Self:
        """Return an independent copy that goes on from here."""
        return type(self)(self.value)
