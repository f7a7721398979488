"""The TLS of a client that checks whom it talks to, for libraries that do the talking."""

from __future__ import annotations

import ssl
from pathlib import Path

from nethood.errors import LocalError


def client_context(ca: Path | None = None) -> ssl.SSLContext:
    """Return a context that trusts what this system trusts, or the certificates in *ca* alone.

    Raises LocalError where *ca* can't be read.
    """
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or "it holds no certificate in PEM form"
        raise LocalError(f"can't read the certificates in {ca}: {reason}") from None
