"""Several threads at one store."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from nethood.errors import StatusError
from nethood.store import LocalStore


def at_once(*calls: Callable[[], None]) -> None:
    """Run the calls in threads and hand on the first failure."""
    failures: list[BaseException] = []

    def guarded(call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_one_of_many_creates_a_name(local: LocalStore, share: Path) -> None:
    made: list[str] = []

    def create(spell: Callable[[str], str]) -> None:
        for i in range(100):
            try:
                node = local.create(spell(f"name{i}"), directory=i % 2 == 0)
            except StatusError:
                continue
            made.append(node.path)
            node.close()

    at_once(*(lambda s=s: create(s) for s in (str.lower, str.upper, str.title, str)))
    assert len(made) == 100
    assert len(os.listdir(share)) == 100


def test_each_thread_sees_its_own_file(local: LocalStore) -> None:
    def work(mine: int) -> None:
        node = local.create(f"f{mine}", directory=False)
        node.write(bytes(mine), 0)
        node.set_attributes(2 if mine % 2 else 0x80)
        for _ in range(300):
            info = node.info()
            assert (info.size, info.file_id) == (mine, node.file_id)
            assert info.attributes == (2 if mine % 2 else 0x80)
            other = local.open(f"F{mine}")
            assert other.file_id == node.file_id
            other.close()
        node.close()

    at_once(*(lambda n=n: work(n) for n in range(1, 5)))
