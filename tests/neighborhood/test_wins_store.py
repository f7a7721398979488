from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nethood.errors import LocalError
from nethood.nbt.name import NetbiosName
from nethood.nbt.wins_records import Member, Record, RecordKind, RecordState
from nethood.neighborhood import wins_store
from nethood.neighborhood.wins_store import MemoryWinsStore, SqliteWinsStore, WinsStore

A = IPv4Address("10.0.0.1")
NAMES = st.builds(
    NetbiosName,
    st.text(st.characters(max_codepoint=255), max_size=15),
    st.integers(0, 255),
    st.sampled_from(("", "LAB", "A.B")),
)
TIMES = st.none() | st.floats(0, 1e12)
MEMBERS = st.builds(Member, st.ip_addresses(v=4), TIMES)
RECORDS = st.builds(
    Record,
    NAMES,
    st.sampled_from(RecordKind),
    st.lists(MEMBERS, max_size=25).map(tuple),
    st.sampled_from(RecordState),
    TIMES,
    st.sampled_from((0, 0x2000, 0x4000, 0x6000)),
    st.booleans(),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "wins.sqlite"


@settings(max_examples=25, deadline=None)
@given(st.lists(RECORDS, max_size=5, unique_by=lambda record: record.name))
def test_records_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record]
) -> None:
    store = SqliteWinsStore(tmp_path_factory.mktemp("wins") / "wins.sqlite")
    store.apply([(record.name, record) for record in records])
    loaded = store.load()
    store.close()
    assert sorted(map(repr, loaded)) == sorted(map(repr, records))


@pytest.mark.parametrize("name", ["BOX", "", "\x01\x02__MSBROWSE__\x02", "a\0b", "É'\";--"])
def test_a_restart_loses_nothing(path: Path, name: str) -> None:
    record = Record(
        NetbiosName(name, 0x1C, "LAB"),
        RecordKind.SPECIAL_GROUP,
        (Member(A, 1234.5), Member(IPv4Address("10.0.0.2"))),
        RecordState.RELEASED,
        99.25,
        0x6000,
        True,
    )
    store = SqliteWinsStore(path)
    store.apply([(record.name, record)])
    store.close()
    again = SqliteWinsStore(path)
    assert again.load() == [record]
    again.close()


def both(path: Path) -> list[WinsStore]:
    return [SqliteWinsStore(path), MemoryWinsStore()]


def test_a_later_record_replaces_and_none_deletes(path: Path) -> None:
    name = NetbiosName("BOX", 0x20)
    for store in both(path):
        for kind in (RecordKind.UNIQUE, RecordKind.MULTIHOMED):
            store.apply([(name, Record(name, kind))])
        assert store.load() == [Record(name, RecordKind.MULTIHOMED)]
        store.apply([(name, None), (NetbiosName("NEVER"), None)])
        assert store.load() == []
        store.close()


def test_only_the_owner_reads_the_file(path: Path) -> None:
    store = SqliteWinsStore(path)
    name = NetbiosName("BOX")
    store.apply([(name, Record(name, RecordKind.UNIQUE))])
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_all_changes_of_a_call_are_stored_or_none(path: Path) -> None:
    store = SqliteWinsStore(path)
    good, bad = NetbiosName("GOOD"), NetbiosName("BAD", 1 << 70)
    with closing(store):
        with pytest.raises(OverflowError):
            store.apply([(n, Record(n, RecordKind.UNIQUE)) for n in (good, bad)])
        assert store.load() == []


def test_a_file_that_is_no_data_base_is_refused_and_kept(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"these are no records" * 100)
    with pytest.raises(LocalError, match="can't keep WINS records in"):
        SqliteWinsStore(path)
    assert path.read_bytes().startswith(b"these are no records")


def test_a_file_of_a_later_version_is_refused(path: Path) -> None:
    SqliteWinsStore(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {wins_store.SCHEMA_VERSION + 1}")
    db.close()
    with pytest.raises(LocalError, match="written by another nethood"):
        SqliteWinsStore(path)


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalError, match="can't keep WINS records in"):
        SqliteWinsStore(tmp_path / "file" / "wins.sqlite")


def test_a_record_nobody_understands_is_one_sentence(path: Path) -> None:
    store = SqliteWinsStore(path)
    name = NetbiosName("BOX")
    store.apply([(name, Record(name, RecordKind.UNIQUE))])
    store.close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE names SET kind = 9")
    db.close()
    with closing(SqliteWinsStore(path)) as broken, pytest.raises(LocalError, match="RecordKind"):
        broken.load()
