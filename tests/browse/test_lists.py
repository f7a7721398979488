"""Server and domain lists: order, filters, expiry, bounds."""

from __future__ import annotations

import pytest

from nethood.browse.lists import BrowseList, ServerEntry, wanted_backups
from nethood.browse.server_type import (
    SV_TYPE_ALL,
    SV_TYPE_BACKUP_BROWSER,
    SV_TYPE_LOCAL_LIST_ONLY,
    SV_TYPE_PRINTQ_SERVER,
    SV_TYPE_SERVER,
)


def listed(entries: list[ServerEntry]) -> list[str]:
    return [entry.name for entry in entries]


def test_entries_come_by_name_whatever_their_case() -> None:
    held = BrowseList()
    for name in ("charlie", "ALPHA", "Bravo"):
        held.update(ServerEntry(name, SV_TYPE_SERVER), 60000, 0)
    assert listed(held.entries()) == ["ALPHA", "Bravo", "charlie"]
    assert listed(held.entries(first="bravo")) == ["Bravo", "charlie"]
    assert listed(held.entries(first="BRAVO2")) == ["charlie"]


def test_entries_are_found_by_any_of_the_bits_asked_for() -> None:
    held = BrowseList()
    held.update(ServerEntry("A", SV_TYPE_SERVER), 60000, 0)
    held.update(ServerEntry("B", SV_TYPE_PRINTQ_SERVER), 60000, 0)
    held.update(ServerEntry("C", SV_TYPE_BACKUP_BROWSER | SV_TYPE_SERVER), 60000, 0)
    assert listed(held.entries(SV_TYPE_PRINTQ_SERVER | SV_TYPE_BACKUP_BROWSER)) == ["B", "C"]
    assert listed(held.entries(SV_TYPE_ALL)) == ["A", "B", "C"]
    assert listed(held.entries(SV_TYPE_LOCAL_LIST_ONLY)) == ["A", "B", "C"]
    assert listed(held.entries(SV_TYPE_LOCAL_LIST_ONLY | SV_TYPE_SERVER)) == ["A", "C"]
    assert listed(held.backup_browsers()) == ["C"]


@pytest.mark.parametrize(
    ("periodicity_ms", "lifetime_s"),
    [(60_000, 180), (720_000, 2160), (0, 180), (0xFFFFFFFF, 10800)],
)
def test_an_entry_expires_after_three_periods(periodicity_ms: int, lifetime_s: int) -> None:
    held = BrowseList()
    held.update(ServerEntry("A", 1), periodicity_ms, 1000)
    assert held.next_expiry() == 1000 + lifetime_s
    assert not held.expire(1000 + lifetime_s - 0.001)
    assert "a" in held
    assert listed(held.expire(1000 + lifetime_s)) == ["A"]
    assert held.next_expiry() is None


def test_an_announcement_renews_replaces_and_counts() -> None:
    held = BrowseList()
    held.update(ServerEntry("A", 1), 60_000, 0)
    held.update(ServerEntry("a", 3, "new"), 60_000, 100)
    assert not held.expire(200)
    assert held.get("A") == ServerEntry("a", 3, "new")
    assert held.announcements("A") == 2
    assert len(held) == 1


def test_a_full_list_refuses_new_names_and_renews_old_ones() -> None:
    held = BrowseList(max_entries=2)
    assert held.update(ServerEntry("A", 1), 60_000, 0)
    assert held.update(ServerEntry("B", 1), 60_000, 0)
    assert not held.update(ServerEntry("C", 1), 60_000, 0)
    assert held.update(ServerEntry("B", 3), 60_000, 0)
    assert (held.refused, len(held)) == (1, 2)


@pytest.mark.parametrize(
    ("servers", "backups"),
    [(0, 0), (1, 0), (2, 1), (31, 1), (32, 2), (63, 2), (64, 3), (1000, 3)],
)
def test_how_many_backups_a_group_wants(servers: int, backups: int) -> None:
    assert wanted_backups(servers) == backups
