"""Where passwords come from at the command line."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import click
import pytest

from nethood.cli import passwords


def test_the_first_line_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b" pass w\xc3\xb6rd \r\nsecond\n")
    assert passwords.from_file(str(file)) == " pass wörd "


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("secret\n"))
    assert passwords.from_file("-") == "secret"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "the first line of .* is empty"), (b"\nx", "is empty"), (b"\xff", "is not UTF-8 text")],
)
def test_what_is_no_password(tmp_path: Path, content: bytes, sentence: str) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)
    with pytest.raises(click.UsageError, match=sentence):
        passwords.from_file(str(file))


def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(click.UsageError, match="use --password-file"):
        passwords.obtain("alice", None)


def test_on_a_terminal_it_is_asked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["one", "two", "three", "three"])
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _prompt: next(answers))
    assert passwords.prompt("alice") == "three"


def test_what_an_editor_puts_before_the_text_is_no_part_of_the_password(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"\xef\xbb\xbfsecret\r\n")
    assert passwords.from_file(str(file)) == "secret"
