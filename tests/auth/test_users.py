"""Names, passwords, and users of a running program."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.auth.ntlm_crypto import nt_hash
from nethood.auth.users import (
    FIRST_RID,
    Account,
    MemoryUsers,
    check_new_name,
    check_password,
    generate_password,
    new_machine_sid,
)
from nethood.errors import LocalError


def test_memory_users() -> None:
    users = MemoryUsers({"Alice": "secret", "Bob": "hunter2"})
    assert users.lookup("aLICE") == Account("Alice", nt_hash("secret"), FIRST_RID)
    assert [a.rid for a in users.accounts()] == [1000, 1001]
    assert users.lookup("carol") is None


def test_a_hash_is_never_printed() -> None:
    account = MemoryUsers({"Alice": "secret"}).accounts()[0]
    for text in (repr(account), str(account), f"{account}"):
        assert "Alice" in text
        assert account.nt_hash.hex() not in text
        assert repr(account.nt_hash) not in text


@pytest.mark.parametrize("name", ["alice", "Jürgen Müller", "a.b-c_d$", "名前", "x" * 64, "007"])
def test_good_names(name: str) -> None:
    check_new_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "...",
        ". .",
        "x" * 65,
        " alice",
        "alice ",
        "a\tb",
        "a\0",
        *(f"a{c}b" for c in '"/\\[]:;|=,+*?<>@'),
    ],
)
def test_bad_names(name: str) -> None:
    with pytest.raises(LocalError, match="user name"):
        check_new_name(name)


def test_names_that_differ_by_case_are_the_same() -> None:
    with pytest.raises(LocalError, match="exists already"):
        MemoryUsers({"Alice": "a", "ALICE": "b"})


def test_passwords() -> None:
    check_password("x" * 256)
    check_password("pässwörd €  with spaces ")
    for password in ("", "x" * 257, "line\n", "\x7f"):
        with pytest.raises(LocalError, match="password"):
            check_password(password)
    with pytest.raises(LocalError, match="empty"):
        MemoryUsers({"alice": ""})


@given(st.binary(min_size=8, max_size=8), st.binary(min_size=8, max_size=8))
def test_generated_passwords_keep_all_64_bits(one: bytes, other: bytes) -> None:
    first = generate_password(lambda _size: one)
    assert (first == generate_password(lambda _size: other)) == (one == other)
    assert len(first) == 23


def test_generated_passwords_can_be_read_aloud() -> None:
    password = generate_password(secrets.token_bytes)
    check_password(password)
    assert len(password) == 23
    for group in password.split("-"):
        assert all((c in "aiou") == (i % 2 == 1) for i, c in enumerate(group))


def test_machine_sid() -> None:
    sid = new_machine_sid(lambda size: bytes([1, 0, 0, 0] * (size // 4)))
    assert sid == "S-1-5-21-1-1-1"
