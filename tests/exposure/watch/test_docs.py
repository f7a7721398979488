"""What docs/watch.md says is true: its policies load, its tables are whole, its code runs."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from nethood.exposure.watch.alerts.document import document_of
from nethood.exposure.watch.alerts.webhook import signature_of
from nethood.exposure.watch.checks import KEYS
from nethood.exposure.watch.events import AlertKind
from nethood.exposure.watch.policy import load_policy
from nethood.exposure.watch.policy_file import CHANNELS
from tests.exposure.watch.alerts.examples import DEVIATES

PAGE = (Path(__file__).parents[3] / "docs" / "watch.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("text", [b for b in blocks("toml") if "[groups" in b])
def test_every_policy_loads(text: str, tmp_path: Path) -> None:
    (tmp_path / "webhook-secret").write_text("x")
    path = tmp_path / "policy.toml"
    path.write_text(text)
    policy = load_policy(path)
    assert policy.groups
    assert policy.channels


def test_there_are_policies() -> None:
    assert len([b for b in blocks("toml") if "[groups" in b]) >= 6


def test_every_expectation_and_channel_is_explained() -> None:
    for key in KEYS:
        assert f"`{key}`" in PAGE
    for kind in CHANNELS:
        assert f"### {kind}\n" in PAGE


def test_every_member_of_the_json_is_explained() -> None:
    import json

    table = PAGE[PAGE.index("| member | |") : PAGE.index("With a secret every request")]
    named = set(re.findall(r"`(\w+)`", table))
    document: dict[str, Any] = json.loads(document_of(DEVIATES))
    assert set(document) <= named
    assert set(document["subject"]) <= named
    assert {kind.name.lower() for kind in AlertKind} <= named


def test_the_signature_is_checked_as_shown() -> None:
    names: dict[str, Any] = {}
    exec(blocks("python")[0], names)
    now = str(int(time.time()))
    right = {
        "X-Nethood-Timestamp": now,
        "X-Nethood-Signature": signature_of("s3cret", now, b"body"),
    }
    assert names["is_genuine"]("s3cret", right, b"body")
    assert not names["is_genuine"]("s3cret", right, b"another")
    assert not names["is_genuine"]("guess", right, b"body")
    late = {**right, "X-Nethood-Timestamp": str(int(now) - 3600)}
    assert not names["is_genuine"]("s3cret", late, b"body")
