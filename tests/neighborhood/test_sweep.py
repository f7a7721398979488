"""Sweeps: who is asked, whose answers count, and that a whole /16 fits in its second."""

from __future__ import annotations

import resource
import sys
from ipaddress import IPv4Network

import pytest

from benchmarks import nbt_fleet
from nethood.errors import LocalError
from nethood.neighborhood.sweep import Swept, parse_networks, sweep
from tests.neighborhood.hosts import HERE, STATUS, silent, status_answer, threaded_host

linux = pytest.mark.skipif(sys.platform != "linux", reason="the fleet needs IP_PKTINFO and 127/8")
ONE = [IPv4Network(HERE)]


@linux
def test_every_second_address_answers() -> None:
    with nbt_fleet.running() as port:
        swept = sweep(parse_networks(["127.9.0.0/24", "127.9.0.16/28"]), port=port, wait_s=0.1)
    found = list(swept.statuses())
    assert [address for address, _ in found] == [f"127.9.0.{n}" for n in range(0, 256, 2)]
    assert (swept.address_count, swept.malformed, swept.strangers) == (256, 0, 0)
    address, status = found[5]
    assert (address, status.unit_id.hex(":")) == ("127.9.0.10", "02:00:7f:09:00:0a")
    assert [(name.name, name.suffix, name.is_group) for name in status.names] == [
        ("PC-7F09000A", 0x00, False),
        ("PC-7F09000A", 0x20, False),
        ("FLEET", 0x00, True),
    ]


@linux
def test_a_16_in_one_pass_with_nothing_missing() -> None:
    with nbt_fleet.running() as port:
        runs = [sweep(parse_networks(["127.7.0.0/16"]), port=port, retries=0) for _ in range(2)]
    assert {len(swept.answers) for swept in runs} == {32768}
    assert {swept.sent for swept in runs} == {65536}
    # The better of two, and with room for a busy machine: an idle one needs 0.9 s.
    assert min(swept.duration_s for swept in runs) < 2.4


@linux
def test_it_needs_less_than_100_mb() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with nbt_fleet.running() as port:
        swept = sweep(parse_networks(["127.8.0.0/16"]), port=port, retries=0)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(swept.answers) == 32768
    assert after - before < 60_000  # KiB; the interpreter and its modules take the other 40


def test_who_answers_the_second_time_is_found() -> None:
    asked: list[bytes] = []

    def answer(data: bytes) -> list[bytes]:
        asked.append(data)
        return status_answer(data) if len(asked) == 2 else []

    with threaded_host(answer) as port:
        swept = sweep(ONE, port=port, retries=3, wait_s=0.1)
    assert list(swept.statuses()) == [(HERE, STATUS)]
    assert (len(asked), swept.sent) == (2, 2)


def test_who_never_answers_is_asked_as_often_as_said() -> None:
    asked: list[bytes] = []
    with threaded_host(silent(asked)) as port:
        swept = sweep(ONE, port=port, retries=2, wait_s=0.05)
    assert (len(asked), swept.answers) == (3, {})


def test_a_second_answer_is_counted_and_not_kept() -> None:
    with threaded_host(lambda data: status_answer(data) * 2) as port:
        swept = sweep(ONE, port=port, retries=0, wait_s=0.1)
    assert (len(swept.answers), swept.duplicates) == (1, 1)


@pytest.mark.parametrize("wrong", ["id", "request", "empty"])
def test_what_was_not_asked_for_is_not_taken(wrong: str) -> None:
    def answer(data: bytes) -> list[bytes]:
        [right] = status_answer(data)
        other = bytes([right[0] ^ 1]) + right[1:]
        return [{"id": other, "request": data, "empty": b""}[wrong]]

    with threaded_host(answer) as port:
        swept = sweep(ONE, port=port, retries=0, wait_s=0.1)
    assert (swept.answers, swept.strangers) == ({}, 1)


def test_an_answer_that_is_no_node_status_is_counted() -> None:
    with threaded_host(lambda data: [data[:2] + b"\x84\x00" + bytes(4)]) as port:
        swept = sweep(ONE, port=port, retries=0, wait_s=0.1)
    assert (list(swept.statuses()), swept.malformed) == ([], 1)


def test_each_host_is_told_of_as_it_answers() -> None:
    told: list[str] = []
    with threaded_host(status_answer) as port:
        sweep(ONE, port=port, retries=0, wait_s=0.05, on_host=told.append)
    assert told == [HERE]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["10.0.0.1"], ["10.0.0.1/32"]),
        (["10.0.0.77/24"], ["10.0.0.0/24"]),
        (["192.168.0.0/25", "192.168.0.128/25"], ["192.168.0.0/24"]),
        (["172.16.0.0/12", "172.20.0.0/16"], ["172.16.0.0/12"]),
    ],
)
def test_ranges(texts: list[str], expected: list[str]) -> None:
    assert list(map(str, parse_networks(texts))) == expected


@pytest.mark.parametrize(
    "text", ["8.8.8.0/24", "10.0.0.0/7", "172.0.0.0/8", "0.0.0.0/0", "192.168.0.0/15"]
)
def test_a_public_range_is_asked_only_when_said_so(text: str) -> None:
    with pytest.raises(LocalError, match=r"is public; --public asks it all the same$"):
        parse_networks([text])
    assert parse_networks([text], public=True)


@pytest.mark.parametrize("text", ["", "x", "10.0.0.0/33", "::1", "10.0.0"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(LocalError, match="is no IPv4 network; write it like"):
        parse_networks([text])


def test_addresses_come_in_their_order() -> None:
    [right] = status_answer(bytes.fromhex("0000 0000 0001 0000 0000 0000") + STAR)
    swept = Swept(4, dict.fromkeys(["10.0.0.10", "10.0.0.9", "2.0.0.1"], right))
    assert [address for address, _ in swept.statuses()] == ["2.0.0.1", "10.0.0.9", "10.0.0.10"]


STAR = b"\x20CK" + b"A" * 30 + b"\0\0\x21\0\1"
