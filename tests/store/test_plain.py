"""The plain store's own check that a path stays inside."""

from __future__ import annotations

from pathlib import Path

import pytest

from nethood.store.plain import PlainStore
from tests.store.kit import get, names, status


@pytest.fixture
def plain(tmp_path: Path) -> PlainStore:
    """A plain store in tmp_path/share, a secret beside it."""
    (tmp_path / "share" / "d").mkdir(parents=True)
    (tmp_path / "share" / "d" / "file").write_text("data")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    return PlainStore(tmp_path / "share")


@pytest.mark.parametrize("target", ["{0}/outside", "../outside", "d/../../outside", "/"])
def test_links_out_are_refused(plain: PlainStore, tmp_path: Path, target: str) -> None:
    (tmp_path / "share" / "link").symlink_to(target.format(tmp_path))
    for path in ("link", "LINK", "link/secret", "link/none"):
        assert status(lambda p=path: plain.open(p)) in (  # type: ignore[misc]
            "STATUS_ACCESS_DENIED",
            "STATUS_OBJECT_PATH_NOT_FOUND",
        )
    assert status(lambda: plain.create("link/new", directory=False)) == "STATUS_ACCESS_DENIED"
    assert names(plain) == ["d"]


def test_links_inside_are_followed_or_not(plain: PlainStore, tmp_path: Path) -> None:
    (tmp_path / "share" / "link").symlink_to("d/file")
    assert get(plain, "LINK") == b"data"
    strict = PlainStore(tmp_path / "share", follow_symlinks="never")
    assert status(lambda: strict.open("link")) == "STATUS_ACCESS_DENIED"
    assert names(strict) == ["d"]
