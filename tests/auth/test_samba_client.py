"""Logging in by Samba's own client library, through its helper program ntlm_auth."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from nethood.auth.acceptor import Acceptor, LogonRefused, TargetNames
from nethood.auth.users import MemoryUsers

NTLM_AUTH = shutil.which("ntlm_auth")
pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(
        NTLM_AUTH is None and os.environ.get("CI") != "true",
        reason="ntlm_auth is missing (Debian: winbind)",
    ),
]
each_protocol = pytest.mark.parametrize("protocol", ["gss-spnego-client", "ntlmssp-client-1"])


class Helper:
    """ntlm_auth as a client: one line of question, one line of answer."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, line: str) -> str:
        """Return what follows the two-letter code of the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()[3:]

    def log_in(self, acceptor: Acceptor) -> None:
        token = base64.b64decode(self.ask("YR"))
        while not acceptor.complete:
            if answer := acceptor.step(token):
                token = base64.b64decode(self.ask("TT " + base64.b64encode(answer).decode()))


@contextmanager
def samba(protocol: str, password: str, *options: str) -> Iterator[Helper]:
    command = [
        NTLM_AUTH or "ntlm_auth",
        f"--helper-protocol={protocol}",
        "--username=alice",
        "--domain=HOME",
        f"--password={password}",
        "--configfile=/dev/null",
        *options,
    ]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
    ) as process:
        yield Helper(process)


def make_acceptor() -> Acceptor:
    return Acceptor(
        MemoryUsers({"Alice": "correct"}),
        TargetNames("SERVER"),
        random=os.urandom,
        now=lambda: 133_000_000_000_000_000,
    )


@each_protocol
def test_samba_gets_in_and_has_the_same_key(protocol: str) -> None:
    acceptor = make_acceptor()
    with samba(protocol, "correct") as client:
        client.log_in(acceptor)
        assert base64.b64decode(client.ask("GK")) == acceptor.session_key
    assert acceptor.account is not None
    assert acceptor.client[:2] == ("alice", "HOME")


@each_protocol
def test_samba_with_a_wrong_password(protocol: str) -> None:
    with samba(protocol, "wrong") as client, pytest.raises(LogonRefused, match="is wrong"):
        client.log_in(make_acceptor())


@each_protocol
def test_samba_with_ntlm_v1(protocol: str) -> None:
    option = "--option=client ntlmv2 auth=no"
    with samba(protocol, "correct", option) as client, pytest.raises(LogonRefused, match="NTLMv1"):
        client.log_in(make_acceptor())
