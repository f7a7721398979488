"""Whatever words a host says: no report breaks, and nothing invisible reaches a terminal."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import fields, is_dataclass
from typing import Any

import click
from hypothesis import given, settings
from hypothesis import strategies as st

from nethood.cli.host_text import lines
from nethood.exposure.findings import assess
from nethood.exposure.model import Answer, HostReport
from nethood.exposure.report import write_csv, write_html, write_json_lines, write_sarif
from nethood.exposure.report.table import COLUMNS
from tests.exposure import hosts

WORDS = st.text(st.characters(), max_size=40)  # unpaired surrogates too: they pass text.py
NUMBERS = st.floats() | st.none()


def say(value: Any, words: list[str], numbers: list[float | None]) -> Any:
    """Put other *words* and *numbers* in the place of those in *value*, which stays in shape."""
    if type(value) is str:
        return words[len(value) % len(words)]
    if isinstance(value, list):
        return [say(entry, words, numbers) for entry in value]
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            if field.name not in ("dialects", "algorithms", "target"):
                new = say(getattr(value, field.name), words, numbers)
                setattr(value, field.name, new)
            if field.name in ("skew_s", "boot_time_unix", "system_time_unix"):
                setattr(value, field.name, numbers[len(field.name) % len(numbers)])
    return value


def spoken(words: list[str], numbers: list[float | None]) -> HostReport:
    report = hosts.old_nas()
    for name in HostReport.__dataclass_fields__:
        answer = getattr(report, name)
        if isinstance(answer, Answer):
            say(answer, words, numbers)
    return report


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=6), st.lists(NUMBERS, min_size=1, max_size=3))
def test_every_report_survives_any_words(words: list[str], numbers: list[float | None]) -> None:
    judged = assess(spoken(words, numbers))
    for write in (write_html, write_csv, write_json_lines, write_sarif):
        file = io.StringIO(newline="")
        write([judged], file)
        file.getvalue().encode("utf-8")
        if write is write_json_lines:
            assert all(json.loads(line) for line in file.getvalue().splitlines())
        if write is write_csv:
            rows = list(csv.reader(io.StringIO(file.getvalue(), newline="")))
            assert all(len(row) == len(COLUMNS) for row in rows)
    for line in lines(judged):
        assert click.unstyle(line).isprintable()
