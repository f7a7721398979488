"""The stores under test, one fixture for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nethood.store import LocalStore, MemoryStore, Store
from nethood.store.plain import PlainStore
from nethood.store.portable import PortableSystem

KINDS = ("local", "local-walk", "plain", "memory")


def make_store(kind: str, folder: Path) -> Store:
    """Return an empty store of *kind*; a local one lies in *folder*."""
    if kind == "memory":
        return MemoryStore()
    folder.mkdir(exist_ok=True)
    if kind == "plain":
        return PlainStore(folder)
    return LocalStore(folder, system=PortableSystem if kind == "local-walk" else None)


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """One store of each kind."""
    made = make_store(request.param, tmp_path / "share")
    yield made
    made.close()


@pytest.fixture(params=["local", "local-walk"])
def local(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalStore]:
    """A local store by each way of looking up, in tmp_path/share."""
    made = make_store(request.param, tmp_path / "share")
    assert isinstance(made, LocalStore)
    yield made
    made.close()


@pytest.fixture
def share(tmp_path: Path) -> Path:
    """The folder that `local` shares."""
    return tmp_path / "share"
