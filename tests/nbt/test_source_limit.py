from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from nethood.nbt import source_limit
from nethood.nbt.source_limit import SourceLimit

LAN = (IPv4Network("10.0.0.0/24"), IPv4Network("127.0.0.0/8"))
HOST = IPv4Address("10.0.0.5")
OTHER = IPv4Address("10.0.0.6")


def test_another_network_gets_no_answer_and_is_counted() -> None:
    limit = SourceLimit(LAN)
    assert not limit.allows(IPv4Address("10.0.1.5"), 0)
    assert limit.allows(HOST, 0)
    assert limit.foreign == 1


def test_a_burst_passes_then_the_rate_holds() -> None:
    limit = SourceLimit(LAN, rate_per_s=2, burst=3)
    assert [limit.allows(HOST, 0) for _ in range(5)] == [True, True, True, False, False]
    assert limit.limited == 2
    assert [limit.allows(HOST, 1.0) for _ in range(3)] == [True, True, False]


def test_sources_do_not_share_their_rate() -> None:
    limit = SourceLimit(LAN, rate_per_s=1, burst=1)
    assert limit.allows(HOST, 0)
    assert not limit.allows(HOST, 0)
    assert limit.allows(OTHER, 0)


def test_a_long_pause_saves_no_more_than_the_burst() -> None:
    limit = SourceLimit(LAN, rate_per_s=10, burst=2)
    limit.allows(HOST, 0)
    assert [limit.allows(HOST, 1000) for _ in range(3)] == [True, True, False]


def test_zero_is_no_limit() -> None:
    limit = SourceLimit(LAN, rate_per_s=0)
    assert all(limit.allows(HOST, 0) for _ in range(10_000))


def test_the_table_of_sources_is_bounded() -> None:
    limit = SourceLimit((IPv4Network("0.0.0.0/0"),), rate_per_s=1, burst=1)
    for number in range(source_limit.MAX_SOURCES + 500):
        limit.allows(IPv4Address(number), 0)
    assert len(limit._buckets) == source_limit.MAX_SOURCES
