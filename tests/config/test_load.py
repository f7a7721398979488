"""nethood.toml: what is right becomes settings, what is wrong becomes a helpful sentence."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from nethood.config import Settings, load
from nethood.config.load import line_number
from nethood.errors import ConfigError

WHOLE = """\
[server]
name = "nas"
workgroup = "HOME"
comment = "our files"
listen = ["127.0.0.1:4450", "[::1]:4450", ":139"]
signing = "enabled"
encrypt = true
min_dialect = "3.0"
max_dialect = "3.1.1"
allow = ["203.0.113.0/24", "2001:db8::/32"]
users = "users.db"

[limits]
connections = 10
login_failure_delay_s = 0.5

[shares.public]
path = "public"

[shares."Top Secret"]
path = "/"
users = ["alice", "bob"]
read_only = true
encrypt = true
hidden = true
comment = "for two"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "public").mkdir()
    return tmp_path


def read(folder: Path, text: str) -> Settings:
    file = folder / "nethood.toml"
    file.write_text(text, encoding="utf-8")
    return load(file)


def complaints(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    prefix = f"{folder / 'nethood.toml'}: "
    lines = str(caught.value).splitlines()
    assert all(line.startswith(prefix) for line in lines)
    return [line.removeprefix(prefix) for line in lines]


def test_a_whole_file(folder: Path) -> None:
    got = read(folder, WHOLE)
    assert got.server.name == "NAS"
    assert got.server.listen == ("127.0.0.1:4450", "[::1]:4450", ":139")
    assert got.server.allow[1] == ipaddress.ip_network("2001:db8::/32")
    assert got.server.users == folder / "users.db"
    assert got.limits.model_dump()["connections"] == 10
    assert got.shares["public"].path == folder / "public"
    assert got.shares["public"].users is None
    secret = got.shares["Top Secret"]
    assert (secret.path, secret.users) == (Path("/"), ("alice", "bob"))
    assert (secret.read_only, secret.encrypt, secret.hidden) == (True, True, True)


SHARE = '\n[shares.public]\npath = "public"\n'


FAULTS = [
    (
        "[server]\nlisen = []" + SHARE,
        "line 2: [server] unknown key 'lisen'; did you mean 'listen'?",
    ),
    ("[sever]\n" + SHARE, "line 1: unknown key 'sever'; did you mean 'server'?"),
    (
        '[server]\nsigning = "no"' + SHARE,
        "line 2: [server] signing must be 'required' or 'enabled', not 'no'",
    ),
    (
        '\n[server]\n# a comment\nencrypt = "yes"' + SHARE,
        "line 4: [server] encrypt must be true or false, not 'yes'",
    ),
    (
        '[server]\nlisten = ["1.2.3"]' + SHARE,
        "line 2: [server] listen must be ADDRESS, ADDRESS:PORT or :PORT,"
        " such as 192.168.1.5:445, not '1.2.3'",
    ),
    (
        '[server]\nlisten = [":70000"]' + SHARE,
        "line 2: [server] listen must end in a port from 0 to 65535, not ':70000'",
    ),
    (
        '[server]\nallow = ["home"]' + SHARE,
        """line 2: [server] allow must be a network, such as "203.0.113.0/24", not 'home\'""",
    ),
    (
        '[server]\nname = "much-too-long-a-name"' + SHARE,
        "line 2: [server] name must have 1 to 15 characters, letters and digits without"
        " accents, not 'much-too-long-a-name'",
    ),
    (
        '[server]\nmin_dialect = "3.1.1"\nmax_dialect = "2.1"' + SHARE,
        "line 1: [server] min_dialect 3.1.1 is above max_dialect 2.1; swap them",
    ),
    (
        '[server]\nencrypt = true\nmax_dialect = "2.1"' + SHARE,
        "line 1: [server] encrypt needs dialect 3.0 or newer; raise max_dialect",
    ),
    (
        "[limits]\nconnections = -1" + SHARE,
        "line 2: [limits] connections must be greater than or equal to 0, not -1",
    ),
    (
        '[limits]\ncredits = "5"' + SHARE,
        "line 2: [limits] credits must be a whole number without quotes, not '5'",
    ),
    (
        "[limits]\nconections = 5" + SHARE,
        "line 2: [limits] unknown key 'conections'; did you mean 'connections'?",
    ),
    ("[shares.a]\n", 'line 1: [shares.a] path is missing; add path = "FOLDER"'),
    (
        '[shares."a/b"]\npath = "public"',
        """line 1: [shares."a/b"] a share name can't hold '/', not 'a/b'""",
    ),
    (
        '[shares.a]\npath = "gone"',
        "line 2: [shares.a] path there is no folder {folder}/gone; make it or correct it",
    ),
    (
        '[shares.a]\npath = "nethood.toml"',
        "line 2: [shares.a] path {folder}/nethood.toml is no folder; name the folder it is in",
    ),
    (
        '[shares.a]\npath = "public"\n[shares.A]\npath = "public"',
        "line 3: [shares.A] differs from 'a' only by case; rename one of them",
    ),
    (
        '[shares.a]\npath = "public"\nusers = "alice"',
        'line 3: [shares.a] users must be a list in brackets, such as ["alice", "bob"],'
        " not 'alice'",
    ),
    ("[server]\n", 'there is no share; add [shares.NAME] with path = "FOLDER"'),
    ("[server\n", "this is not TOML: Expected ']' at the end of a table declaration"),
]


@pytest.mark.parametrize(("text", "complaint"), FAULTS)
def test_one_fault_is_one_sentence(folder: Path, text: str, complaint: str) -> None:
    [line] = complaints(folder, text)
    expected = complaint.replace("{folder}", str(folder))
    assert line.startswith(expected) if "not TOML" in expected else line == expected


def test_every_fault_is_told_at_once(folder: Path) -> None:
    assert len(complaints(folder, "[server]\nx = 1\nencrypt = 1\n[shares.a]\n")) == 3


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load(tmp_path / "nethood.toml")


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    file = tmp_path / "nethood.toml"
    file.write_bytes(b"[server]\nname = '\xff'")
    with pytest.raises(ConfigError, match="byte 17 is not UTF-8"):
        load(file)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(strategies.text(max_size=80))
def test_any_text_is_read_or_refused_with_a_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "nethood.toml"
    file.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(ConfigError):
        load(file)


@pytest.mark.parametrize(
    ("where", "line"),
    [
        (("server", "name"), 2),
        (("server", "listen", "0"), 5),
        (("shares", "public", "path"), 18),
        (("shares", "Top Secret", "users"), 22),
        (("shares", "Top Secret"), 20),
        (("nothing",), None),
    ],
)
def test_lines_are_found(where: tuple[str, ...], line: int | None) -> None:
    assert line_number(WHOLE, where) == line


def test_a_byte_order_mark_is_no_fault(folder: Path) -> None:
    assert read(folder, "\ufeff" + WHOLE) == read(folder, WHOLE)
