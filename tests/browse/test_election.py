"""Elections: who beats whom, how long one waits, how often one speaks."""

from __future__ import annotations

from itertools import permutations, product

import pytest

from nethood.browse import election
from nethood.browse.election import Candidate, Election, Outcome, criteria, election_delay_s
from nethood.browse.roles import Event, Role, next_role, server_type_flags

# Every criteria value, uptime and name order that makes a difference, from weakest to strongest.
RANKED = [
    Candidate(level, uptime_s, name)
    for level, uptime_s, name in product(
        (0, 0x10010F00, 0x10010F04, 0x10010F08, 0x20010F00, 0xFFFFFFFF), (0, 60, 2**32 - 1), "ZMA"
    )
]


def test_one_of_any_two_candidates_beats_the_other() -> None:
    for (i, one), (j, other) in permutations(enumerate(RANKED), 2):
        assert one.beats(other) == (i > j)


def test_nobody_beats_himself_in_another_case() -> None:
    assert not Candidate(1, 1, "host").beats(Candidate(1, 1, "HOST"))


@pytest.mark.parametrize(
    ("role", "configured", "operating_system", "expected"),
    [
        (Role.POTENTIAL, 0, election.OS_WORKSTATION, 0x10010F00),
        (Role.BACKUP, 0, election.OS_WORKSTATION, 0x10010F01),
        (Role.LOCAL_MASTER, election.PREFERRED_MASTER, election.OS_WORKSTATION, 0x10010F0C),
        (Role.DOMAIN_MASTER, 0x8A, election.OS_SERVER, 0x20010F8E),
        (Role.NON_BROWSER, election.WINS_CLIENT, election.OS_WORKSTATION, 0x10010F20),
    ],
)
def test_criteria(role: Role, configured: int, operating_system: int, expected: int) -> None:
    found = criteria(role, configured=configured, operating_system=operating_system)
    assert found == expected


@pytest.mark.parametrize(
    ("role", "chance", "expected"),
    [
        (Role.LOCAL_MASTER, 0.7, 0.1),
        (Role.DOMAIN_MASTER, 0.0, 0.1),
        (Role.BACKUP, 0.0, 0.2),
        (Role.BACKUP, 0.5, 0.4),
        (Role.POTENTIAL, 0.0, 0.8),
        (Role.POTENTIAL, 1.0, 3.0),
    ],
)
def test_the_stronger_role_speaks_sooner(role: Role, chance: float, expected: float) -> None:
    assert election_delay_s(role, chance) == pytest.approx(expected)


def test_four_transmissions_in_silence_win() -> None:
    own = Election()
    own.challenge(10.0, 0.4)
    assert own.deadline == 10.4
    outcomes = [own.expire(11.0) for _ in range(3)]
    assert outcomes == [Outcome.GOES_ON] * 3
    assert own.deadline == 12.0
    assert own.expire(12.0) is Outcome.WON
    assert not own.is_running


def test_a_weaker_candidate_makes_all_four_due_again_but_not_sooner() -> None:
    own = Election()
    own.challenge(0.0, 1.0)
    for _ in range(3):
        own.expire(1.0)
    own.challenge(1.5, 1.0)
    assert own.deadline == 2.0
    assert [own.expire(2.0) for _ in range(4)] == [Outcome.GOES_ON] * 3 + [Outcome.WON]
    assert own.transmissions == 7


def test_more_than_thirty_transmissions_lose() -> None:
    own = Election()
    outcomes = []
    own.challenge(0.0, 0.1)
    while own.is_running:
        outcomes.append(own.expire(0.0))
        if own.is_running:
            own.challenge(0.0, 0.1)
    assert outcomes == [Outcome.GOES_ON] * 30 + [Outcome.LOST]


def test_the_next_election_counts_from_nothing() -> None:
    own = Election()
    own.challenge(0.0, 0.1)
    own.expire(0.0)
    own.stop()
    own.challenge(5.0, 0.1)
    assert (own.transmissions, own.unanswered, own.deadline) == (0, 0, 5.1)


MASTERS = (Role.LOCAL_MASTER, Role.DOMAIN_MASTER)


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("role", Role)
def test_every_role_and_event(role: Role, event: Event) -> None:
    found = next_role(role, event)
    if role is Role.NON_BROWSER or event is Event.SHUTDOWN:
        assert found is Role.NON_BROWSER
    elif event in (Event.WON, Event.WON_AS_PRIMARY) and role not in MASTERS:
        assert found.is_master
    elif event is Event.BECOME_BACKUP:
        assert found is (Role.BACKUP if role is Role.POTENTIAL else role)
    elif event is Event.LOST_AS_CONTROLLER and role in MASTERS:
        assert found is Role.BACKUP
    elif event is Event.CONTROLLER_IS_MASTER and role is Role.DOMAIN_MASTER:
        assert found is Role.DOMAIN_MASTER
    else:
        steps_down = role in MASTERS and event not in (Event.WON, Event.WON_AS_PRIMARY)
        steps_down |= event is Event.RESET_CLEAR_ALL and role is Role.BACKUP
        assert found is (Role.POTENTIAL if steps_down else role)


def test_roles_announce_themselves() -> None:
    flags = {role: server_type_flags(role) for role in Role}
    assert flags == {
        Role.NON_BROWSER: 0,
        Role.POTENTIAL: 0x10000,
        Role.BACKUP: 0x30000,
        Role.LOCAL_MASTER: 0x50000,
        Role.DOMAIN_MASTER: 0xD0000,
    }
