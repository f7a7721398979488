"""What NT knows and POSIX does not, kept beside local files."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood import erref
from nethood.errors import StatusError
from nethood.filetime import from_unix_ns
from nethood.store import LocalStore, dos_attributes
from nethood.store.dos_attributes import Record
from nethood.store.portable import XATTR, PortableSystem

READONLY, HIDDEN, DIRECTORY, ARCHIVE, NORMAL = 0x01, 0x02, 0x10, 0x20, 0x80
T0 = 132_000_000_000_000_000


def has_xattrs(folder: Path) -> bool:
    """Tell whether the file system of *folder* keeps user attributes."""
    try:
        os.setxattr(folder, "user.nethood.probe", b"x")
        os.removexattr(folder, "user.nethood.probe")
    except (OSError, AttributeError):
        return False
    return True


@pytest.fixture
def xattrs(tmp_path: Path) -> None:
    """Skip where there are none."""
    if not has_xattrs(tmp_path):
        pytest.skip("this file system keeps no user attributes")


def record_of(path: Path) -> Record | None:
    """Return what is written beside the file."""
    if XATTR not in os.listxattr(path):
        return None
    return dos_attributes.decode(os.getxattr(path, XATTR))


@pytest.mark.usefixtures("xattrs")
def test_nothing_is_written_that_is_made_up_anyway(local: LocalStore, share: Path) -> None:
    local.create("f", directory=False, attributes=ARCHIVE).close()
    local.create(".f", directory=False, attributes=NORMAL).close()
    local.create("d", directory=True, attributes=DIRECTORY).close()
    node = local.open("f")
    node.set_attributes(ARCHIVE)
    if type(local.system) is not PortableSystem:  # which can't tell the time of birth
        node.set_times(creation_time=node.info().creation_time)
    node.set_times(last_write_time=T0)
    node.close()
    assert [record_of(share / n) for n in ("f", ".f", "d")] == [None, None, None]


@pytest.mark.usefixtures("xattrs")
def test_what_is_written_goes_when_it_is_no_longer_needed(local: LocalStore, share: Path) -> None:
    node = local.create("f", directory=False, attributes=HIDDEN)
    assert record_of(share / "f") == Record(HIDDEN | ARCHIVE)
    node.set_attributes(ARCHIVE)
    assert record_of(share / "f") is None
    node.close()


@pytest.mark.usefixtures("xattrs")
def test_kept_beyond_the_store(share: Path) -> None:
    share.mkdir()
    for system in (None, PortableSystem):
        store = LocalStore(share, system=system)
        name = f"f{system}"
        node = store.create(name, directory=False)
        node.set_attributes(HIDDEN)
        node.set_times(creation_time=T0, change_time=T0 + 1, last_write_time=T0 + 2)
        before = node.info()
        node.close()
        store.close()
        store = LocalStore(share)
        node = store.open(name)
        assert node.info() == before
        assert before.change_time == T0 + 1
        node.close()
        store.close()


def test_change_time_gives_way_to_a_later_change(local: LocalStore, share: Path) -> None:
    node = local.create("f", directory=False)
    node.set_times(change_time=T0)
    node.close()
    target = os.stat(share / "f").st_ctime_ns + 2 * dos_attributes.TOLERANCE_NS
    while time.time_ns() < target:
        os.stat(share)
    os.chmod(share / "f", 0o600)
    node = local.open("f")
    assert node.info().change_time >= from_unix_ns(target) - 100_000
    node.close()


def test_creation_time_is_the_time_of_birth(local: LocalStore, share: Path) -> None:
    before = from_unix_ns(time.time_ns() - 50_000_000)
    (share / "f").write_text("x")
    node = local.open("f")
    born = node.info().creation_time
    node.set_times(last_write_time=T0, last_access_time=T0)
    assert born >= before
    if type(local.system) is not PortableSystem:
        assert node.info().creation_time == born
    node.close()


def test_readonly_follows_the_owners_permission(local: LocalStore, share: Path) -> None:
    (share / "f").touch()
    (share / "f").chmod(0o444)
    (share / "d").mkdir(mode=0o555)
    node = local.open("f")
    assert node.info().attributes == READONLY | ARCHIVE
    node.set_attributes(ARCHIVE)
    assert node.info().attributes == ARCHIVE
    node.close()
    assert (share / "f").stat().st_mode & 0o777 == 0o644
    node = local.open("d")
    assert node.info().attributes == DIRECTORY
    node.close()


def test_setting_readonly_leaves_the_permissions(local: LocalStore, share: Path) -> None:
    node = local.create("f", directory=False)
    mode = (share / "f").stat().st_mode
    node.set_attributes(READONLY)
    node.close()
    assert (share / "f").stat().st_mode == mode


@pytest.mark.usefixtures("xattrs")
def test_someone_elses_bytes_are_ignored(local: LocalStore, share: Path) -> None:
    (share / "f").touch()
    for value in (b"x", b"\x02" + bytes(31), b"y" * 60, b"z" * 3000):
        os.setxattr(share / "f", XATTR, value)
        node = local.open("f")
        assert node.info().attributes == ARCHIVE
        node.close()
        assert [e.info.attributes for e in local.open("").entries()] == [ARCHIVE]


@given(st.binary(max_size=64))
def test_any_bytes_decode(data: bytes) -> None:
    record = dos_attributes.decode(data)
    assert dos_attributes.decode(record.encode()) == record or not record.encode()


@given(
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, (1 << 64) - 1),
    st.integers(0, (1 << 64) - 1),
    st.integers(0, (1 << 64) - 1),
)
def test_records_round_trip(attributes: int, created: int, changed: int, guard: int) -> None:
    record = Record(attributes, created, changed, guard)
    assert dos_attributes.decode(record.encode()) == (
        record if attributes or created or changed else Record()
    )


class WithoutXattrs(PortableSystem):
    """A system whose file systems keep no attributes."""

    has_xattr = False

    def get_xattr(self, fd: int) -> bytes:
        raise OSError(errno.EOPNOTSUPP, "none")

    def get_xattr_at(self, directory_fd: int, name: bytes) -> bytes:
        raise OSError(errno.EOPNOTSUPP, "none")


@pytest.fixture
def bare(share: Path) -> Iterator[LocalStore]:
    """A store where no attribute can be written."""
    share.mkdir()
    store = LocalStore(share, system=WithoutXattrs)
    yield store
    store.close()


def test_without_xattrs_they_last_as_long_as_the_store(bare: LocalStore, share: Path) -> None:
    node = bare.create("f", directory=False, attributes=HIDDEN)
    node.set_times(creation_time=T0, change_time=T0 + 5)
    node.close()
    node = bare.open("f")
    info = node.info()
    assert (info.attributes, info.creation_time) == (HIDDEN | ARCHIVE, T0)
    assert info.change_time == T0 + 5
    (entry,) = bare.open("").entries()
    assert entry.info == info
    node.close()
    other = LocalStore(share, system=WithoutXattrs)
    node = other.open("f")
    assert node.info().attributes == ARCHIVE
    node.close()
    other.close()


def test_what_is_remembered_is_bounded(bare: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dos_attributes, "MAX_REMEMBERED", 3)
    for i in range(6):
        bare.create(f"f{i}", directory=False, attributes=HIDDEN).close()
    shown = {e.name: e.info.attributes for e in bare.open("").entries()}
    assert [shown[f"f{i}"] & HIDDEN for i in range(6)] == [0, 0, 0, HIDDEN, HIDDEN, HIDDEN]


@pytest.fixture
def nobody(tmp_path: Path) -> Iterator[None]:
    """Be a user without rights, in a folder anybody may pass through."""
    if os.geteuid() != 0:
        pytest.skip("needs another user to be")
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    yield
    os.seteuid(0)


@pytest.mark.usefixtures("nobody")
def test_a_file_that_may_be_looked_at_only(local: LocalStore, share: Path) -> None:
    (share / "f").write_text("secret")
    (share / "f").chmod(0o000)
    os.seteuid(65534)
    node = local.open("f")
    assert node.info().size == 6
    assert node.info_at_open() == node.info()
    for call in (
        lambda: node.read_into(memoryview(bytearray(6)), 0),
        lambda: node.read_into_nowait(memoryview(bytearray(6)), 0),
        lambda: node.write(b"x", 0),
        lambda: node.set_attributes(HIDDEN),
        lambda: node.set_times(last_write_time=T0),
        lambda: node.truncate(0),
        lambda: local.open("f", write=True),
    ):
        with pytest.raises(StatusError) as caught:
            call()
        assert caught.value.status == erref.STATUS_ACCESS_DENIED
    node.flush()
    node.close()


@pytest.mark.usefixtures("nobody")
def test_a_file_that_may_only_be_written(local: LocalStore, share: Path) -> None:
    (share / "f").write_text("old")
    (share / "f").chmod(0o222)
    os.seteuid(65534)
    node = local.open("f", write=True)
    node.write(b"new", 0)
    with pytest.raises(StatusError) as caught:
        node.read_into(memoryview(bytearray(3)), 0)
    assert caught.value.status == erref.STATUS_ACCESS_DENIED
    node.close()
    os.seteuid(0)
    assert (share / "f").read_text() == "new"


@pytest.mark.usefixtures("nobody")
def test_own_file_without_permissions_still_has_attributes(local: LocalStore, share: Path) -> None:
    (share / "f").touch()
    os.chown(share / "f", 65534, 65534)
    (share / "f").chmod(0o000)
    os.seteuid(65534)
    node = local.open("f")
    node.set_times(last_write_time=T0)
    assert node.info().last_write_time == T0
    assert node.info().attributes == READONLY | ARCHIVE
    node.close()


def test_read_only_store(share: Path) -> None:
    share.mkdir()
    (share / "f").write_text("data")
    store = LocalStore(share, read_only=True)
    assert store.capabilities.read_only
    node = store.open("f")
    assert node.info().size == 4
    for call in (
        lambda: store.open("f", write=True),
        lambda: store.create("g", directory=False),
        lambda: store.create("g", directory=True),
        lambda: store.rename(node, "g", replace=True),
        lambda: store.link(node, "g", replace=True),
        lambda: store.remove(node),
        lambda: node.set_attributes(HIDDEN),
        lambda: node.set_times(creation_time=T0),
    ):
        with pytest.raises(StatusError) as caught:
            call()
        assert caught.value.status == erref.STATUS_MEDIA_WRITE_PROTECTED
    node.close()
    store.close()
    assert [p.name for p in share.iterdir()] == ["f"]
