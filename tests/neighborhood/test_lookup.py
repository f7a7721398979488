"""Look-ups: who is believed, and that every question ends in its time."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address

import pytest

from nethood.errors import ConnectError
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import (
    AddressEntry,
    negative_name_query_response,
    positive_name_query_response,
    wack,
)
from nethood.nbt.packet import NM_FLAGS_B, NM_FLAGS_RD, RCODE_NAM_ERR, Packet
from nethood.neighborhood.lookup import (
    Found,
    Patience,
    node_status,
    query_broadcast,
    query_host,
)
from tests.neighborhood.hosts import HERE, STATUS, host, silent, status_answer

NAME = NetbiosName("ATTIC", 0x20)
ENTRY = AddressEntry(0, IPv4Address("10.1.2.3"))
QUICK = Patience(0.1, 3)


def positive(data: bytes) -> list[bytes]:
    request = Packet.decode(data)
    return [positive_name_query_response(request.name_trn_id, NAME, [ENTRY], 60).encode()]


async def test_a_host_says_where_the_name_is() -> None:
    seen: list[Packet] = []

    def answer(data: bytes) -> list[bytes]:
        seen.append(Packet.decode(data))
        return positive(data)

    async with host(answer) as port:
        assert await query_host(NAME, HERE, port=port) == [Found(HERE, [ENTRY], 60)]
        await query_host(NAME, HERE, port=port, recursion=True)
    assert [packet.questions[0].name for packet in seen] == [NAME, NAME]
    assert [packet.nm_flags for packet in seen] == [0, NM_FLAGS_RD]


async def test_a_broadcast_question_says_that_it_is_one() -> None:
    seen: list[Packet] = []

    def answer(data: bytes) -> list[bytes]:
        seen.append(Packet.decode(data))
        return positive(data) * 2

    async with host(answer) as port:
        found = await query_broadcast(NAME, [HERE], port=port, patience=QUICK)
    assert found == [Found(HERE, [ENTRY], 60)]
    assert seen[0].nm_flags & NM_FLAGS_B


async def test_a_negative_answer_ends_the_question() -> None:
    asked: list[bytes] = []

    def answer(data: bytes) -> list[bytes]:
        asked.append(data)
        request = Packet.decode(data)
        response = negative_name_query_response(request.name_trn_id, NAME, RCODE_NAM_ERR)
        return [response.encode()]

    async with host(answer) as port:
        assert await query_host(NAME, HERE, port=port, patience=Patience(5)) == []
    assert len(asked) == 1


async def test_silence_ends_after_every_attempt() -> None:
    asked: list[bytes] = []
    async with host(silent(asked)) as port:
        async with asyncio.timeout(5):
            assert await query_host(NAME, HERE, port=port, patience=QUICK) == []
            assert await node_status(HERE, port=port, patience=QUICK) is None
            assert await query_broadcast(NAME, [HERE], port=port, patience=QUICK) == []
    assert len(asked) == 9


@pytest.mark.parametrize("wrong", ["id", "request", "garbage", "addresses", "wack"])
async def test_what_is_no_answer_is_passed_over(wrong: str) -> None:
    def answer(data: bytes) -> list[bytes]:
        [right] = positive(data)
        request = Packet.decode(data)
        other = {
            "id": bytes([right[0] ^ 1]) + right[1:],
            "request": data,
            "garbage": b"\xff" * 20,
            "addresses": right[:-8] + b"\0\5" + right[-6:-1],
            "wack": wack(request, NAME, 1).encode(),
        }[wrong]
        return [other, right]

    async with host(answer) as port:
        assert await query_host(NAME, HERE, port=port) == [Found(HERE, [ENTRY], 60)]


async def test_only_the_asked_host_is_believed() -> None:
    async with host(positive) as port:
        # Linux answers for 127.0.0.2 from 127.0.0.1 here: the host is bound to that one only.
        found = await query_host(NAME, "127.0.0.2", port=port, patience=Patience(0.1, 1))
    assert found == []


async def test_a_host_tells_its_names() -> None:
    async with host(status_answer) as port:
        assert await node_status(HERE, port=port) == STATUS


async def test_where_nothing_can_be_sent_to_there_is_a_sentence() -> None:
    with pytest.raises(ConnectError, match=r"^can't send to 255\.255\.255\.255: "):
        await query_host(NAME, "255.255.255.255", patience=QUICK)
    with pytest.raises(ConnectError, match=r"^can't send to no network: "):
        await query_broadcast(NAME, [], patience=QUICK)
