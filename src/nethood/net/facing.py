"""Which of this machine's addresses others see it come from."""

from __future__ import annotations

import socket

_ANY_PORT = 9


def source_address(address: str) -> str:
    """Return the address packets to *address* leave with, "" where there is no way to it.

    Nothing is sent: the system is asked how it would.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, _ANY_PORT))
        except OSError:
            return ""
        return str(probe.getsockname()[0])
