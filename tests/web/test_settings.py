"""What the dashboard refuses to start with, in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from nethood.errors import LocalError
from nethood.web import make_settings, read_users, user_line
from nethood.web.accounts import password_fits
from tests.web.conftest import PASSWORD


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.5", "2001:db8::1", "fe80::1%eth0"])
def test_bound_elsewhere_it_needs_a_login(address: str, ops_hash: str) -> None:
    with pytest.raises(LocalError, match=r"needs a login; make a users file") as caught:
        make_settings(address)
    assert "\n" not in str(caught.value)
    assert make_settings(address, users={"ops": ops_hash}).needs_login


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_on_loopback_it_does_not(address: str) -> None:
    assert not make_settings(address).needs_login


def test_behind_a_proxy_or_under_another_name_it_does() -> None:
    with pytest.raises(LocalError, match="behind_https"):
        make_settings("127.0.0.1", behind_https=True)
    with pytest.raises(LocalError, match="other names"):
        make_settings("127.0.0.1", names=["watch.example"])


def test_a_hash_has_to_be_argon2id() -> None:
    for text in (
        "",
        "secret",
        "$2b$12$abcdefghijklmnopqrstuv",
        "$argon2i$v=19$m=8,t=1,p=1$YWJj$YWJj",
    ):
        with pytest.raises(LocalError, match="'ops' has no argon2id hash"):
            make_settings("127.0.0.1", users={"ops": text})


def test_certificate_and_key_come_together(tmp_path: Path) -> None:
    file = tmp_path / "cert.pem"
    file.write_text("")
    with pytest.raises(LocalError, match="certificate and key together"):
        make_settings("127.0.0.1", certificate=file)
    with pytest.raises(LocalError, match="no such file"):
        make_settings("127.0.0.1", certificate=file, key=tmp_path / "missing.pem")


def test_what_is_no_address_is_said() -> None:
    with pytest.raises(LocalError, match="'dashboard': that is no IP"):
        make_settings("dashboard")


def test_a_users_file_is_read_and_its_passwords_fit(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text(f"# who may look\n\n{user_line('ops', PASSWORD)}\n")
    users = read_users(path)
    assert list(users) == ["ops"]
    assert users["ops"].startswith("$argon2id$")
    assert password_fits(users, "ops", PASSWORD)
    assert not password_fits(users, "ops", PASSWORD.upper())
    assert not password_fits(users, "nobody", PASSWORD)
    assert not password_fits({}, "nobody", "the password of nobody")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ops\n", "line 1 is no user"),
        ("# a\nops:secret\n", "line 2 is no user"),
        ("", "holds 0 users"),
    ],
)
def test_a_faulty_users_file_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "users"
    path.write_text(text)
    with pytest.raises(LocalError, match=said):
        read_users(path)


def test_a_name_twice_and_no_file_are_said(tmp_path: Path, ops_hash: str) -> None:
    path = tmp_path / "users"
    path.write_text(f"ops:{ops_hash}\nops:{ops_hash}\n")
    with pytest.raises(LocalError, match="line 2: ops is there twice"):
        read_users(path)
    with pytest.raises(LocalError, match="can't read"):
        read_users(tmp_path / "missing")


@pytest.mark.parametrize(
    ("name", "password", "said"),
    [
        ("a:b", PASSWORD, "can't be a user"),
        ("ops", "short", "too short"),
        ("ops", "x" * 2000, "long"),
    ],
)
def test_a_line_that_would_not_work_is_not_made(name: str, password: str, said: str) -> None:
    with pytest.raises(LocalError, match=said):
        user_line(name, password)
