"""A second file system mounted inside the share."""

from __future__ import annotations

from pathlib import Path

from nethood.store import LocalStore
from tests.store.kit import get, move, put, small_disk, status


def test_ids_stay_apart_and_names_stay_put(local: LocalStore, share: Path) -> None:
    (share / "disk").mkdir()
    with small_disk(share / "disk"):
        for i in range(20):
            put(local, f"disk/f{i}", b"there")
            put(local, f"f{i}", b"here")
        ids = set()
        for folder in ("", "disk"):
            node = local.open(folder)
            for entry in node.entries():
                opened = local.open(f"{folder}/{entry.name}" if folder else entry.name)
                assert opened.file_id == opened.info().file_id == entry.info.file_id
                ids.add(opened.file_id)
                opened.close()
            node.close()
        assert len(ids) == 41
        assert status(lambda: move(local, "f0", "disk/g")) == "STATUS_NOT_SAME_DEVICE"
        source, target = local.open("f1"), local.open("disk/f1", write=True)
        assert local.copy_range(source, 0, target, 3, 4) == 4
        source.close()
        target.close()
        assert get(local, "disk/f1") == b"thehere"
