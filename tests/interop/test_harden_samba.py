"""Samba hardened by us: a real smbd with SMB1 and guests, closed, looked at, and put back."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from nethood.cli.harden_probe import ask_samba
from nethood.errors import LocalError
from nethood.exposure.context import ProbeOptions
from nethood.exposure.examine import examine
from nethood.exposure.harden.apply import apply
from nethood.exposure.harden.journal import Journal
from nethood.exposure.harden.model import LocalFacts, Plan, Platform, parse_network
from nethood.exposure.harden.plan import make_plan
from nethood.exposure.harden.platforms import samba
from nethood.exposure.harden.runner import FileState, Machine, Ran
from nethood.exposure.harden.undo import undo
from nethood.exposure.model import HostReport, Signing, Target
from tests.exposure.loopback import HOST, LoopbackNetwork
from tests.interop import peers
from tests.interop.samba import client_conf
from tests.interop.smbd_peer import PASSWORD, USER, Smbd, start_smbd

PATIENCE_S = 15.0
COMMENT = "# Café: written by hand, and kept.\n"


@pytest.fixture(scope="module")
def smbd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smbd]:
    """A server as they used to be: SMB1 on, guests welcome, signing a matter of taste."""
    peers.need_root()
    state = tmp_path_factory.mktemp("smbd")
    server = start_smbd(
        state, server_min_protocol="NT1", map_to_guest="Bad User", guest_ok="yes", ntlm_auth="yes"
    )
    conf = state / "smb.conf"
    conf.write_bytes(COMMENT.encode("latin-1") + conf.read_bytes())
    os.chown(conf, 65534, 65534)
    conf.chmod(0o640)
    yield server
    server.stop()


@pytest.fixture
def conf(smbd: Smbd, tmp_path: Path) -> Iterator[Path]:
    """Its smb.conf, put back by the test's own hand where the test did not."""
    path = smbd.state / "smb.conf"
    before = path.read_bytes()
    yield path
    if path.read_bytes() != before:
        undo(Journal(tmp_path / "journal"), Machine())
        path.write_bytes(before)


def plan_for(conf: Path, *allow: str) -> Plan:
    machine = Machine()
    facts = LocalFacts(is_root=True, files={str(conf): machine.read_text(str(conf))})
    return make_plan(facts, [parse_network(text) for text in allow], [Platform.SAMBA])


def looked_at(smbd: Smbd) -> HostReport:
    options = ProbeOptions(timeout_s=10, smb_port=smbd.port, session_port=1)
    return asyncio.run(examine(Target(HOST, smbd.port), LoopbackNetwork(), options))


def smb1_is_on(smbd: Smbd) -> bool:
    facts = looked_at(smbd).smb1.value
    assert facts is not None
    return facts.enabled


def wait_until(holds: Callable[[], bool]) -> None:
    """smbd reads its file again when it comes to it."""
    ends = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < ends, "it did not come about"
        time.sleep(0.05)


def signing(smbd: Smbd) -> Signing | None:
    facts = looked_at(smbd).server.value
    return facts.signing if facts else None


def comes_in(smbd: Smbd, folder: Path, credentials: str) -> peers.Ran:
    words = ["smbclient", f"//{HOST}/files", "-s", str(client_conf(folder)), "-p", str(smbd.port)]
    return peers.run([*words, "-U", credentials, "-c", "exit"], 30)


def identity(path: Path) -> tuple[bytes, int, int, int]:
    status = path.stat()
    return path.read_bytes(), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid


def test_closed_looked_at_and_put_back(smbd: Smbd, conf: Path, tmp_path: Path) -> None:
    print(f"peer: smbd {smbd.version}")
    before = identity(conf)
    assert smb1_is_on(smbd)
    assert signing(smbd) is Signing.ENABLED
    assert ask_samba(plan_for(conf), port=smbd.port) == (
        False,
        f"Not so at 127.0.0.1 port {smbd.port}: SMB1 is accepted, signing is enabled.",
    )
    assert comes_in(smbd, tmp_path, "nobody-here%wrong").status == 0

    machine, journal = Machine(), Journal(tmp_path / "journal")
    plan = plan_for(conf, "127.0.0.0/8")
    assert apply(plan, machine, journal).changed == ["samba-settings"]
    assert ask_samba(plan, patience_s=PATIENCE_S, port=smbd.port) == (
        True,
        f"Asked at 127.0.0.1 port {smbd.port}: SMB1 is refused, signing is required.",
    )
    assert not smb1_is_on(smbd)
    assert signing(smbd) is Signing.REQUIRED
    refused = comes_in(smbd, tmp_path, "nobody-here%wrong")
    assert "NT_STATUS_LOGON_FAILURE" in refused.output
    welcome = comes_in(smbd, tmp_path, f"{USER}%{PASSWORD}")
    assert welcome.status == 0, welcome.output
    assert conf.read_bytes().startswith(before[0])
    assert identity(conf)[1:] == before[1:]

    assert apply(plan_for(conf, "127.0.0.0/8"), machine, journal).changed == []
    assert undo(journal, machine)
    assert identity(conf) == before
    wait_until(lambda: smb1_is_on(smbd))
    assert comes_in(smbd, tmp_path, "nobody-here%wrong").status == 0


def is_sent_away(smbd: Smbd, source: str) -> bool:
    """Whether smbd closes a connection from *source* before anything was asked."""
    with socket.create_connection((HOST, smbd.port), 5, (source, 0)) as stranger:
        stranger.settimeout(0.5)
        try:
            # A refusal of the session, then the end; whoever is let in hears nothing yet.
            return stranger.recv(100)[:1] in (b"", b"\x83")
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def test_who_is_not_allowed_is_sent_away(smbd: Smbd, conf: Path, tmp_path: Path) -> None:
    machine, journal = Machine(), Journal(tmp_path / "journal")
    assert not is_sent_away(smbd, "127.0.0.2")
    apply(plan_for(conf, "127.0.0.3"), machine, journal)
    wait_until(lambda: is_sent_away(smbd, "127.0.0.2"))
    assert not is_sent_away(smbd, "127.0.0.3")
    assert comes_in(smbd, tmp_path, f"{USER}%{PASSWORD}").status == 0, "Samba always lets 127.1 in"
    assert undo(journal, machine)
    wait_until(lambda: not is_sent_away(smbd, "127.0.0.2"))


def test_what_somebody_wrote_since_stays(smbd: Smbd, conf: Path, tmp_path: Path) -> None:
    machine, journal = Machine(), Journal(tmp_path / "journal")
    before = conf.read_bytes()
    apply(plan_for(conf), machine, journal)
    conf.write_bytes(conf.read_bytes().replace(b"comment = the files share", b"comment = changed"))
    assert undo(journal, machine)
    assert conf.read_bytes() == before.replace(b"comment = the files share", b"comment = changed")


def test_a_file_testparm_refuses_is_not_touched(
    smbd: Smbd, conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = identity(conf)
    monkeypatch.setattr(samba, "_encryption", lambda value: "nonsense")
    with pytest.raises(LocalError, match="testparm"):
        apply(plan_for(conf), Machine(), Journal(tmp_path / "journal"))
    assert identity(conf) == before
    assert not Journal(tmp_path / "journal").exists


class PowerCut(BaseException):
    """Nothing catches it, as nothing catches a power cut."""


class MortalMachine(Machine):
    """A machine that loses its power when it has done so many things."""

    def __init__(self, moment: int) -> None:
        super().__init__()
        self.left = moment

    def _tick(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise PowerCut

    def run(self, argv: Sequence[str], stdin: str = "") -> Ran:
        self._tick()
        return super().run(argv, stdin)

    def put(self, path: str, state: FileState) -> None:
        self._tick()
        super().put(path, state)
        self._tick()


def test_cut_short_at_any_moment_it_is_put_back(smbd: Smbd, conf: Path, tmp_path: Path) -> None:
    before, plan = identity(conf), plan_for(conf)
    for moment in range(50):
        machine, journal = MortalMachine(moment), Journal(tmp_path / "journal")
        try:
            apply(plan, machine, journal)
        except PowerCut:
            undo(journal, Machine())
            assert identity(conf) == before, f"moment {moment}"
        else:
            break
    assert moment > 3
    assert undo(journal, Machine())
    assert identity(conf) == before
