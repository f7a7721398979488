"""Names on disk and names as shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from nethood import erref
from nethood.errors import StatusError
from nethood.store import LocalStore
from nethood.store import names as stored_names

PAIRS = [
    (b"plain.txt", "plain.txt"),
    (b"a:b", "a\uf022b"),
    (b'"*:<>?\\|', "\uf020\uf021\uf022\uf023\uf024\uf025\uf026\uf027"),
    (b"\x01\x1f\n", "\uf001\uf01f\uf00a"),
    (b"trailing ", "trailing\uf028"),
    (b"trailing.", "trailing\uf029"),
    (b"a. b", "a. b"),
    (b"...", "..\uf029"),
    (b" ", "\uf028"),
    ("schön".encode(), "schön"),
    (b"latin-\xe9", "latin-\udce9"),
    (b"\xff:\xfe.", "\udcff\uf022\udcfe\uf029"),
    (b"DEL\x7f", "DEL\x7f"),
]


@pytest.mark.parametrize(("disk", "shown"), PAIRS)
def test_names_map_both_ways(disk: bytes, shown: str) -> None:
    stored = disk.decode("utf-8", "surrogateescape")
    assert stored_names.shown_names(["x", stored]) == (["x", shown], {})
    assert stored_names.to_disk(shown) == disk
    assert stored_names.to_disk(f"a/{shown}/b") == b"a/" + disk + b"/b"


@pytest.mark.parametrize(("disk", "shown"), PAIRS)
def test_odd_names_are_served(local: LocalStore, share: Path, disk: bytes, shown: str) -> None:
    folder = os.fsencode(share)
    Path(os.fsdecode(folder + b"/" + disk)).write_bytes(b"data")
    (entry,) = local.open("").entries()
    assert entry.name == shown
    for name in (shown, shown.upper()):
        node = local.open(name)
        assert node.path == shown
        assert node.info().size == 4
        node.close()
    node = local.open(shown)
    assert local.rename(node, "new", replace=False) == "new"
    node.path = "new"
    assert local.rename(node, shown, replace=False) == shown
    node.path = shown
    assert os.listdir(folder) == [disk]
    local.remove(node)
    node.close()
    assert os.listdir(folder) == []
    local.create(shown, directory=True).close()
    assert os.listdir(folder) == [disk]


def test_stand_ins_stored_as_they_are(local: LocalStore, share: Path) -> None:
    """Other servers wrote the private characters to the disk; such files must stay reachable."""
    (share / "d\uf022").mkdir()
    (share / "d\uf022" / "a\uf025b").write_text("data")
    (share / "d\uf022" / "plain").write_text("data")
    assert [e.name for e in local.open("").entries()] == ["d\uf022"]
    for path in ("d\uf022/a\uf025b", "d\uf022/plain", "D\uf022/A\uf025B"):
        node = local.open(path)
        assert node.info().size == 4
        assert local.rename(node, "moved", replace=False) == "moved"
        node.path = "moved"
        assert local.rename(node, path, replace=False).lower() == path.lower()
        node.close()
    assert sorted(os.listdir(share / "d\uf022")) in (
        ["A?B", "plain"],
        ["A\uf025B", "plain"],
    )
    node = local.open("d\uf022/plain")
    local.remove(node)
    node.close()


@given(st.text(min_size=1, max_size=30))
def test_any_text_has_one_stored_form_or_none(name: str) -> None:
    try:
        disk = stored_names.to_disk(name)
    except StatusError as error:
        event(erref.status_name(error.status))
        return
    assert b"\0" not in disk
    parts = disk.split(b"/")
    assert len(parts) == len(name.split("/"))
    assert not {b"", b".", b".."} & set(parts)


@given(st.lists(st.binary(min_size=1, max_size=12), max_size=6, unique=True))
def test_any_folder_is_shown_without_forbidden_characters(disks: list[bytes]) -> None:
    disks = [d for d in disks if b"/" not in d and b"\0" not in d and d not in (b".", b"..")]
    stored = [d.decode("utf-8", "surrogateescape") for d in disks]
    shown, odd = stored_names.shown_names(stored)
    assert len(shown) == len(stored)
    for name in shown:
        assert not set(name) & set('"*:<>?\\|')
        assert min(name) >= " "
        assert name[-1] not in " ."
    for name, disk in zip(shown, disks, strict=True):
        if shown.count(name) == 1:
            assert odd.get(name, stored_names.to_disk(name)) == disk
