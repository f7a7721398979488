"""Guards against work that grows with the folder; the figures are benchmarks' business."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nethood.errors import StatusError
from nethood.store import LocalStore

ENTRIES = 2000


def best_us(call: Callable[[], object], turns: int = 50, rounds: int = 5) -> float:
    """Return the microseconds one call takes in the best of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(turns):
            call()
        best = min(best, time.perf_counter() - start)
    return best / turns * 1e6


@pytest.fixture
def full(local: LocalStore, share: Path) -> LocalStore:
    """A store with a folder of two thousand files."""
    (share / "sub").mkdir()
    for i in range(ENTRIES):
        (share / "sub" / f"File{i:04}.txt").touch()
    return local


def test_a_big_folder_costs_an_open_nothing(full: LocalStore) -> None:
    def open_and_close() -> None:
        node = full.open("sub/File0777.txt")
        node.info()
        node.close()

    assert best_us(open_and_close) < 300


def test_wrong_case_and_missing_names_read_the_folder_once(full: LocalStore, share: Path) -> None:
    while time.time_ns() - (share / "sub").stat().st_ctime_ns < 50_000_000:
        pass  # what was read within a clock tick of a change is not trusted

    def look() -> None:
        full.open("SUB/fILE0777.TXT").close()
        with pytest.raises(StatusError):
            full.open("sub/none")

    look()
    before = full.names.scans
    for _ in range(100):
        look()
    assert full.names.scans == before


def test_creating_and_removing_in_a_big_folder(full: LocalStore) -> None:
    names = iter(range(10**9))

    def create_and_remove() -> None:
        node = full.create(f"sub/new{next(names)}", directory=False)
        full.remove(node)
        node.close()

    assert best_us(create_and_remove) < 1000


def test_listing(full: LocalStore) -> None:
    node = full.open("sub")
    assert len(list(node.entries())) == ENTRIES
    assert best_us(lambda: list(node.entries()), turns=1) / ENTRIES < 200
    node.close()
