"""Settings become the server's options and shares."""

from __future__ import annotations

from pathlib import Path

from nethood.config import ServerSettings, Settings, ShareSettings, build
from nethood.server.options import Limits, Options


def test_no_settings_are_the_safe_defaults() -> None:
    assert build.options(Settings()) == Options()
    assert build.exposures(Settings()) == []


def test_settings_reach_the_options() -> None:
    settings = Settings.model_validate(
        {
            "server": {
                "name": "nas",
                "workgroup": "home",
                "comment": "ours",
                "signing": "enabled",
                "encrypt": True,
                "min_dialect": "3.0",
                "max_dialect": "3.0.2",
                "allow": ["203.0.113.0/24"],
                "session_lifetime_s": 60.0,
            },
            "limits": {"connections": 3},
        }
    )
    got = build.options(settings)
    assert (got.server_name, got.workgroup, got.comment) == ("NAS", "HOME", "ours")
    assert (got.signing_required, got.encrypt) == (False, True)
    assert (got.min_dialect, got.max_dialect) == (0x0300, 0x0302)
    assert [str(network) for network in got.allow] == ["203.0.113.0/24"]
    assert got.session_lifetime_s == 60
    assert got.limits == Limits(connections=3)


def test_a_weaker_setting_says_what_it_exposes() -> None:
    server = ServerSettings.model_validate(
        {
            "signing": "enabled",
            "max_dialect": "2.1",
            "allow": ["203.0.113.0/24"],
            "allow_public": True,
        }
    )
    told = build.exposures(Settings(server=server))
    assert [sentence.split()[0] for sentence in told] == [
        "signing",
        "max_dialect",
        "allow_public",
        "allow",
    ]
    assert all(sentence.endswith(".") for sentence in told)


def test_shares(tmp_path: Path) -> None:
    settings = Settings(
        shares={
            "a": ShareSettings(path=tmp_path),
            "b": ShareSettings(path=tmp_path, users=("alice",), read_only=True, hidden=True),
        }
    )
    a, b = build.shares(settings).values()
    assert (a.name, a.users, a.read_only, a.encrypt, a.hidden) == ("a", None, False, False, False)
    assert (b.name, b.users, b.read_only, b.encrypt, b.hidden) == (
        "b",
        frozenset({"alice"}),
        True,
        False,
        True,
    )
