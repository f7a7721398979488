"""From the options of `nethood serve` to what will be served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from nethood.auth.userdb import UserDatabase
from nethood.cli.plan import Plan, make_plan
from nethood.errors import ConfigError


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Public").mkdir()
    return tmp_path / "Public"


def planned(**given: Any) -> Plan:
    defaults: dict[str, Any] = {
        "path": None,
        "share": None,
        "user": "alice",
        "password_file": None,
        "listen": ("127.0.0.1:0",),
        "read_only": False,
        "encrypt": False,
        "config_file": None,
    }
    return make_plan(**(defaults | given))


def configured(folder: Path, text: str = "") -> Path:
    file = folder.parent / "nethood.toml"
    file.write_text(f'{text}\n[shares.docs]\npath = "Public"\n')
    return file


def test_a_folder_is_shared_by_its_own_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for path in (folder, Path()):
        got = planned(path=path).settings.shares
        assert list(got) == ["Public"]
        assert got["Public"].path == folder


def test_the_options_of_the_command(folder: Path) -> None:
    got = planned(path=folder, share="x", read_only=True, encrypt=True)
    assert got.settings.shares["x"].read_only
    assert got.settings.server.encrypt
    assert got.places.texts() == ["127.0.0.1:0"]


def test_the_command_line_goes_before_the_file(folder: Path) -> None:
    file = configured(folder, '[server]\nlisten = ["127.0.0.1:1"]\nname = "nas"')
    got = planned(config_file=file, path=folder, share="more", read_only=True)
    assert got.settings.server.listen == ("127.0.0.1:0",)
    assert got.settings.server.name == "NAS"
    assert list(got.settings.shares) == ["docs", "more"]
    assert all(share.read_only for share in got.settings.shares.values())


def test_encrypt_needs_a_dialect_that_can(folder: Path) -> None:
    file = configured(folder, '[server]\nmax_dialect = "2.1"')
    with pytest.raises(click.UsageError, match=r"encrypt needs dialect 3\.0 or newer"):
        planned(config_file=file, encrypt=True)


def test_two_shares_of_one_name(folder: Path) -> None:
    with pytest.raises(click.UsageError, match="the configuration has a share 'DOCS'"):
        planned(config_file=configured(folder), path=folder, share="DOCS")


def test_the_server_gets_what_was_planned(folder: Path) -> None:
    server = planned(path=folder, encrypt=True).server(lambda _event: None)
    assert server.options.encrypt
    assert server.options.signing_required


def test_a_mount_line_names_somebody_who_may(folder: Path) -> None:
    text = f'[shares.his]\npath = "{folder}"\nusers = ["bob"]'
    file = configured(folder, text)
    with pytest.raises(ConfigError, match="'bob', who can't log in"):
        planned(config_file=file)
    for user in ("alice", "bob"):
        UserDatabase().add(user, "secret")
    targets = planned(config_file=file).welcome([("127.0.0.1", 4450)]).targets
    assert [(t.share, t.user, t.port) for t in targets] == [
        ("his", "bob", 4450),
        ("docs", "alice", 4450),
    ]


def test_discovery_is_on_until_said_otherwise(folder: Path) -> None:
    assert planned(path=folder).settings.server.discovery
    assert not planned(path=folder, no_discovery=True).settings.server.discovery
    file = configured(folder, "[server]\ndiscovery = false")
    assert not planned(config_file=file).settings.server.discovery


def test_netbios_is_off_until_asked_for_and_what_needs_it_says_so(folder: Path) -> None:
    file = configured(folder, "[wins]\nenabled = true")
    off, on = planned(config_file=file), planned(config_file=file, netbios=True)
    assert (off.settings.netbios.enabled, on.settings.netbios.enabled) == (False, True)
    sentence = "[wins] and [browser] do nothing: NetBIOS is off; start with --netbios."
    assert sentence in off.welcome([("127.0.0.1", 4450)]).notes
    assert sentence not in on.welcome([("127.0.0.1", 4450)]).notes
    assert sentence not in planned(path=folder).welcome([("127.0.0.1", 4450)]).notes
