"""One request to a name server: what counts as its answer, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network

import pytest

from nethood.errors import LocalError
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import (
    AddressEntry,
    end_node_challenge_response,
    negative_name_query_response,
    negative_registration_response,
    negative_release_response,
    packet_kind,
    positive_name_query_response,
    positive_registration_response,
    positive_release_response,
    wack,
)
from nethood.nbt.node_model import Interface
from nethood.nbt.packet import (
    OPCODE_QUERY,
    OPCODE_RELEASE,
    RCODE_ACT_ERR,
    RCODE_RFS_ERR,
    Packet,
)
from nethood.neighborhood.lookup import Patience
from nethood.neighborhood.registration import (
    Answer,
    interfaces_with,
    own_address_towards,
    register,
    release,
    release_by_broadcast,
)
from tests.neighborhood.hosts import HERE, host, silent

APP = NetbiosName("APP", 0x41)
OURS, THEIRS = (AddressEntry(0x2000, IPv4Address(text)) for text in ("10.1.2.3", "10.1.2.4"))
QUICK = Patience(0.1, 2)
Reply = Callable[[Packet], list[Packet]]


def answering(reply: Reply, seen: list[str]) -> Callable[[bytes], list[bytes]]:
    def answer(data: bytes) -> list[bytes]:
        request = Packet.decode(data)
        seen.append(packet_kind(request))
        return [packet.encode() for packet in reply(request)]

    return answer


def granted(request: Packet) -> list[Packet]:
    if request.opcode == OPCODE_RELEASE:
        return [positive_release_response(request.name_trn_id, APP, OURS)]
    return [positive_registration_response(request.name_trn_id, APP, OURS, 60)]


def held_by_another(request: Packet) -> list[Packet]:
    trn_id = request.name_trn_id
    if request.opcode == OPCODE_QUERY:
        return [positive_name_query_response(trn_id, APP, [THEIRS])]
    if request.opcode == OPCODE_RELEASE:
        return [negative_release_response(trn_id, APP, OURS, RCODE_ACT_ERR)]
    return [negative_registration_response(trn_id, APP, OURS, RCODE_ACT_ERR)]


async def ask(reply: Reply, *, releasing: bool = False) -> tuple[Answer, list[str]]:
    seen: list[str] = []
    async with host(answering(reply, seen)) as port:
        if releasing:
            return await release(APP, OURS, HERE, port=port, patience=QUICK), seen
        answer = await register(APP, OURS, HERE, ttl_s=300, port=port, patience=QUICK)
    return answer, seen


async def test_a_name_that_is_free() -> None:
    assert await ask(granted) == (Answer(0, 60), ["NAME REGISTRATION REQUEST"])
    assert await ask(granted, releasing=True) == (Answer(0, 0), ["NAME RELEASE REQUEST"])


@pytest.mark.parametrize("releasing", [False, True])
async def test_who_holds_it_is_asked_where_it_is_refused(*, releasing: bool) -> None:
    answer, seen = await ask(held_by_another, releasing=releasing)
    assert answer == Answer(RCODE_ACT_ERR, holders=("10.1.2.4",))
    assert seen[1:] == ["NAME QUERY REQUEST"]


async def test_a_refusal_for_another_reason() -> None:
    def forbidden(request: Packet) -> list[Packet]:
        if request.opcode == OPCODE_QUERY:
            return [negative_name_query_response(request.name_trn_id, APP)]
        return [
            negative_registration_response(request.name_trn_id, APP, OURS, RCODE_RFS_ERR),
        ]

    assert (await ask(forbidden))[0] == Answer(RCODE_RFS_ERR)


async def test_a_wack_is_waited_for_longer_than_an_answer() -> None:
    asked: list[Packet] = []

    def hesitant(request: Packet) -> list[Packet]:
        asked.append(request)
        if len(asked) == 1:
            return [wack(request, APP, 0)]  # of unknown length: the usual patience
        return [wack(request, APP, 5), *granted(request)]

    answer, seen = await ask(hesitant)
    assert (answer, len(seen)) == (Answer(0, 60), 2)


async def test_a_silent_server() -> None:
    asked: list[bytes] = []
    async with host(silent(asked)) as port:
        answer = await register(APP, OURS, HERE, ttl_s=0, port=port, patience=Patience(0.01, 3))
    assert (answer, answer.is_granted, len(asked)) == (Answer(None), False, 3)


async def test_other_peoples_packets_count_for_nothing() -> None:
    def confused(request: Packet) -> list[Packet]:
        other = request._replace(name_trn_id=request.name_trn_id ^ 1)
        return [request, *granted(other)]

    assert (await ask(confused))[0] == Answer(None)


@pytest.mark.parametrize(("holds", "rcode"), [(True, RCODE_ACT_ERR), (False, 0)])
async def test_a_holder_the_server_names_is_asked(*, holds: bool, rcode: int) -> None:
    here = AddressEntry(0, IPv4Address(HERE))

    def challenging(request: Packet) -> list[Packet]:
        trn_id = request.name_trn_id
        if request.opcode == OPCODE_QUERY:
            found = positive_name_query_response(trn_id, APP, [here])
            return [found if holds else negative_name_query_response(trn_id, APP)]
        if packet_kind(request) == "NAME OVERWRITE REQUEST":
            return granted(request)
        return [end_node_challenge_response(trn_id, APP, here)]

    answer, seen = await ask(challenging)
    assert answer.rcode == rcode
    assert answer.holders == ((HERE,) if holds else ())
    assert seen[1] == "NAME QUERY REQUEST"


async def test_a_release_by_broadcast_is_told_three_times() -> None:
    asked: list[bytes] = []
    lan = Interface(IPv4Address(HERE), IPv4Network("127.0.0.1/32"))  # its broadcast address is HERE
    async with host(silent(asked)) as port:
        await release_by_broadcast(APP, 0x8000, [lan], port=port, interval_s=0.01)
        answer = await register(APP, OURS, HERE, ttl_s=0, port=port, patience=Patience(0.05, 1))
    assert not answer.is_granted
    demands = [Packet.decode(data) for data in asked[:3]]
    assert {(packet_kind(each), each.is_broadcast) for each in demands} == {
        ("NAME RELEASE REQUEST", True)
    }
    assert len({each.name_trn_id for each in demands}) == 1


def test_which_address_of_this_machine() -> None:
    assert own_address_towards(HERE) == IPv4Address(HERE)
    assert interfaces_with(IPv4Address(HERE))[0].network == IPv4Network("127.0.0.0/8")
    with pytest.raises(
        LocalError, match=r"this machine has no address 192\.0\.2\.7; --address takes"
    ):
        interfaces_with(IPv4Address("192.0.2.7"))
