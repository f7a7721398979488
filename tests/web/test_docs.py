"""The examples of docs/dashboard.md are policies, and its numbers are the program's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nethood.exposure.watch.policy import load_policy
from nethood.web import accounts, found, guard, looks, pages, sessions

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "dashboard.md").read_text(encoding="utf-8")
POLICIES = re.findall(r"^```toml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(POLICIES)))
def test_each_example_is_a_policy(tmp_path: Path, number: int) -> None:
    for name in ("users", "dashboard.pem", "dashboard-key.pem"):
        (tmp_path / name).write_text("")
    path = tmp_path / "policy.toml"
    path.write_text(POLICIES[number])
    assert load_policy(path).web.listen


def test_there_are_examples() -> None:
    assert len(POLICIES) == 3


def test_the_numbers_are_those_of_the_program() -> None:
    assert accounts.SHORTEST_PASSWORD == 12
    assert sessions.SESSION_S == 12 * 3600
    assert guard.LONGEST_BODY == 16 * 1024
    assert (looks.PER_SESSION_AND_MINUTE, looks.PER_MINUTE) == (6, 30)
    assert (pages.MOST_OPEN, found.MOST_PLACES, found.MOST_HOSTS) == (200, 100, 50)


def test_every_picture_is_there_and_every_page_has_one() -> None:
    shown = re.findall(r"\]\((screenshots/[\w-]+\.png)\)", TEXT)
    assert len(shown) == 3
    assert all((ROOT / "docs" / name).is_file() for name in shown)
    for name in ("overview", "hosts", "host", "findings", "alerts", "policy", "deviation",
                 "acknowledged", "look", "looked", "login"):  # fmt: skip
        assert (ROOT / "docs" / "screenshots" / f"dashboard-{name}-light.png").is_file()
