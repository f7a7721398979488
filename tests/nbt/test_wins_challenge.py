"""Who keeps a name that two want, with a fake clock and no network."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from nethood.nbt import wins_challenge
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import (
    NB_FLAGS_G,
    AddressEntry,
    addresses_of,
    name_query_request,
    negative_name_query_response,
    positive_name_query_response,
    refresh_request,
    registration_request,
    release_request,
    wack_request,
)
from nethood.nbt.packet import (
    NM_FLAGS_RD,
    OPCODE_MULTIHOMED_REGISTRATION,
    OPCODE_REGISTRATION,
    OPCODE_WACK,
    RCODE_ACT_ERR,
    RCODE_OK,
    Packet,
)
from nethood.nbt.wins import (
    Outgoing,
)
from nethood.nbt.wins_records import (
    Member,
    Record,
    RecordKind,
    static_record,
)
from tests.nbt.wins_bench import BOX, CHALLENGE_S, A, B, Bench, C, contest


@pytest.fixture
def bench() -> Bench:
    return Bench()


# Challenges.


def test_the_holder_is_asked_and_the_newcomer_waits(bench: Bench) -> None:
    waiting, question = contest(bench)
    assert waiting.opcode == OPCODE_WACK
    opcode, flags, ttl_s = wack_request(waiting) or (0, 0, 0)
    assert (opcode, flags) == (OPCODE_REGISTRATION, NM_FLAGS_RD)
    assert ttl_s > CHALLENGE_S
    assert question == name_query_request(0x4000, BOX, recursion=False)
    assert bench.query(BOX) == [A]


def test_a_holder_that_answers_keeps_the_name(bench: Bench) -> None:
    _, question = contest(bench)
    holds = positive_name_query_response(question.name_trn_id, BOX, [AddressEntry(0, A)])
    (refusal,) = bench.sends(holds, A)
    assert refusal.destination == (str(B), 137)
    assert (refusal.packet.rcode, refusal.packet.name_trn_id) == (RCODE_ACT_ERR, 7)
    assert bench.query(BOX) == [A]
    assert bench.server.next_due_s() is None


def test_a_holder_that_denies_loses_the_name(bench: Bench) -> None:
    _, question = contest(bench)
    (grant,) = bench.sends(negative_name_query_response(question.name_trn_id, BOX), A)
    assert (grant.destination, grant.packet.rcode) == ((str(B), 137), RCODE_OK)
    assert bench.query(BOX) == [B]


def test_a_silent_holder_is_asked_three_times_and_loses_the_name(bench: Bench) -> None:
    _, question = contest(bench)
    for _ in range(wins_challenge.TRIES - 1):
        assert bench.tick(wins_challenge.RETRY_S - 0.01) == []
        assert bench.tick(0.01) == [Outgoing(question, (str(A), 137))]
    (grant,) = bench.tick(wins_challenge.RETRY_S)
    assert (grant.destination, grant.packet.rcode) == ((str(B), 137), RCODE_OK)
    assert bench.query(BOX) == [B]
    assert bench.server.next_due_s() is None


def test_a_newcomer_that_asks_again_is_told_to_wait_again(bench: Bench) -> None:
    contest(bench)
    answer = bench.ask(registration_request(7, BOX, AddressEntry(0, B)), B)
    assert answer.opcode == OPCODE_WACK


def test_a_third_one_gets_no_answer_while_two_contest(bench: Bench) -> None:
    contest(bench)
    assert bench.sends(registration_request(8, BOX, AddressEntry(0, C)), C) == []


@pytest.mark.parametrize("source", [B, C])
def test_only_the_holders_answer_counts(bench: Bench, source: IPv4Address) -> None:
    _, question = contest(bench)
    assert bench.sends(negative_name_query_response(question.name_trn_id, BOX), source) == []
    assert bench.query(BOX) == [A]


def test_answers_to_other_questions_are_not_the_servers_affair(bench: Bench) -> None:
    _, question = contest(bench)
    trn_id = question.name_trn_id
    other = replace(BOX, suffix=0)
    for packet in (
        negative_name_query_response(trn_id + 1, BOX),
        negative_name_query_response(trn_id, other),
    ):
        assert bench.server.receive(packet.encode(), (str(A), 137), bench.now_s) is None
    assert bench.query(BOX) == [A]


def test_a_holder_that_refreshes_meanwhile_keeps_the_name(bench: Bench) -> None:
    contest(bench)
    granted, refused = bench.sends(refresh_request(5, BOX, AddressEntry(0, A)), A)
    assert (granted.destination[0], granted.packet.rcode) == (str(A), RCODE_OK)
    assert (refused.destination[0], refused.packet.rcode) == (str(B), RCODE_ACT_ERR)


def test_a_holder_that_releases_meanwhile_makes_way(bench: Bench) -> None:
    contest(bench)
    _, granted = bench.sends(release_request(5, BOX, AddressEntry(0, A)), A)
    assert (granted.destination[0], granted.packet.rcode) == (str(B), RCODE_OK)
    assert bench.query(BOX) == [B]


def test_every_address_of_a_multihomed_holder_is_asked(bench: Bench) -> None:
    bench.server.put(Record(BOX, RecordKind.MULTIHOMED, (Member(A, 9e9), Member(C, 9e9))))
    _, *questions = bench.sends(registration_request(7, BOX, AddressEntry(0, B)), B)
    assert [each.destination[0] for each in questions] == [str(A), str(C)]
    denied = negative_name_query_response(questions[0].packet.name_trn_id, BOX)
    assert bench.sends(denied, A) == []
    assert [each.destination[0] for each in bench.tick(0.5)] == [str(C)]
    (grant,) = bench.sends(denied, C)
    assert grant.packet.rcode == RCODE_OK


def test_a_group_takes_a_name_its_holder_gave_up(bench: Bench) -> None:
    bench.register(BOX, A)
    bench.sends(registration_request(7, BOX, AddressEntry(NB_FLAGS_G, B)), B)
    for _ in range(wins_challenge.TRIES):
        sent = bench.tick(wins_challenge.RETRY_S)
    assert [each.packet.rcode for each in sent] == [RCODE_OK]
    assert bench.record().kind is RecordKind.GROUP


def test_the_number_of_challenges_is_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wins_challenge, "MAX_CHALLENGES", 1)
    contest(bench)
    other = NetbiosName("OTHER")
    bench.register(other, A)
    assert bench.sends(registration_request(8, other, AddressEntry(0, C)), C) == []


def test_a_wack_from_the_holder_is_no_answer(bench: Bench) -> None:
    _, question = contest(bench)
    patience = Packet(question.name_trn_id, is_response=True, opcode=OPCODE_WACK)
    assert bench.server.receive(patience.encode(), (str(A), 137), bench.now_s) is None


def test_static_records_are_never_contested(bench: Bench) -> None:
    bench.server.put(static_record(BOX, RecordKind.UNIQUE, (A,)))
    assert bench.register(BOX, B).rcode == RCODE_ACT_ERR
    assert bench.register(BOX, A).rcode == RCODE_OK
    assert bench.record() == replace(static_record(BOX, RecordKind.UNIQUE, (A,)), version=1)


def test_the_administrators_word_ends_a_challenge(bench: Bench) -> None:
    contest(bench)
    bench.server.put(static_record(BOX, RecordKind.UNIQUE, (C,)))
    assert bench.tick(CHALLENGE_S) == []
    assert bench.query(BOX) == [C]


# Several addresses of one machine.


def test_a_multihomed_machine_adds_its_addresses_after_a_challenge(bench: Bench) -> None:
    _, question = contest(bench, multihomed=True)
    mine = [AddressEntry(0, A), AddressEntry(0, B)]
    (grant,) = bench.sends(positive_name_query_response(question.name_trn_id, BOX, mine), A)
    assert (grant.packet.rcode, grant.packet.opcode) == (RCODE_OK, OPCODE_REGISTRATION)
    assert bench.query(BOX) == [A, B]
    assert bench.record().kind is RecordKind.MULTIHOMED


def test_a_multihomed_newcomer_of_another_machine_is_refused(bench: Bench) -> None:
    waiting, question = contest(bench, multihomed=True)
    assert (wack_request(waiting) or [0])[0] == OPCODE_MULTIHOMED_REGISTRATION
    theirs = positive_name_query_response(question.name_trn_id, BOX, [AddressEntry(0, A)])
    (refusal,) = bench.sends(theirs, A)
    assert refusal.packet.rcode == RCODE_ACT_ERR
    assert addresses_of(refusal.packet) == [AddressEntry(0, A)]  # whose the name is


def test_a_multihomed_machine_releases_one_address_from_another(bench: Bench) -> None:
    bench.server.put(Record(BOX, RecordKind.MULTIHOMED, (Member(A, 9e9), Member(B, 9e9))))
    assert bench.ask(release_request(1, BOX, AddressEntry(0, A)), B).rcode == RCODE_OK
    assert bench.query(BOX) == [B]
