"""A client's TLS checks certificates and names, and says what is wrong with a file of them."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from nethood.errors import LocalError
from nethood.net.client_tls import client_context


def test_it_checks_whom_it_talks_to() -> None:
    context = client_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_file_that_is_not_there_or_no_certificate(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="No such file"):
        client_context(tmp_path / "none.pem")
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    with pytest.raises(LocalError, match=r"wrong\.pem: "):
        client_context(wrong)
