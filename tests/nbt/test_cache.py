"""The name cache."""

from __future__ import annotations

from ipaddress import IPv4Address

from nethood.nbt.cache import NameCache
from nethood.nbt.name import NetbiosName

ONE, TWO = NetbiosName("ONE", 0x20), NetbiosName("TWO", 0x20)
HERE = (IPv4Address("10.0.0.1"),)
THERE = (IPv4Address("10.0.0.2"),)


def test_an_answer_lasts_its_ttl() -> None:
    cache = NameCache(max_ttl_s=600)
    cache.add(ONE, HERE, 100, ttl_s=60, is_group=True)
    entry = cache.get(ONE, 159.9)
    assert entry is not None
    assert (entry.addresses, entry.is_group) == (HERE, True)
    assert cache.get(ONE, 160) is None
    assert len(cache) == 0


def test_no_answer_lasts_longer_than_the_cache_allows() -> None:
    cache = NameCache(max_ttl_s=600)
    cache.add(ONE, HERE, 0, ttl_s=300_000)
    cache.add(TWO, HERE, 0)  # 0: the answer has no end
    assert cache.get(ONE, 599) is not None
    assert cache.get(TWO, 599) is not None
    assert cache.get(ONE, 600) is None
    assert cache.get(TWO, 600) is None


def test_a_new_answer_replaces_the_old_one_and_forgetting_ends_it() -> None:
    cache = NameCache()
    cache.add(ONE, HERE, 0)
    cache.add(ONE, THERE, 1)
    entry = cache.get(ONE, 2)
    assert entry is not None
    assert entry.addresses == THERE
    cache.forget(ONE)
    cache.forget(TWO)
    assert cache.get(ONE, 2) is None


def test_a_preloaded_name_stays() -> None:
    cache = NameCache(max_entries=1)
    cache.preload(ONE, HERE)
    cache.add(ONE, THERE, 0)
    cache.add(TWO, THERE, 0)
    cache.forget(ONE)
    entry = cache.get(ONE, 1e9)
    assert entry is not None
    assert entry.addresses == HERE


def test_the_cache_is_bounded_and_the_stale_go_first() -> None:
    cache = NameCache(max_entries=3)
    names = [NetbiosName(f"N{number}") for number in range(4)]
    cache.add(names[0], HERE, 0, ttl_s=500)
    cache.add(names[1], HERE, 0, ttl_s=10)
    cache.add(names[2], HERE, 0, ttl_s=500)
    cache.add(names[3], HERE, 20, ttl_s=500)
    assert [cache.get(name, 20) is not None for name in names] == [True, False, True, True]
    cache.add(names[1], HERE, 21)
    assert [cache.get(name, 21) is not None for name in names] == [False, True, True, True]
