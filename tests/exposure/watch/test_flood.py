"""Flood control: many alerts become one, and none is lost."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import LocalError
from nethood.exposure.watch.events import Alert, AlertKind, Subject
from nethood.exposure.watch.flood import (
    FloodState,
    admit,
    due_at,
    flood_from_json,
    flood_to_json,
    release,
    summarise,
)
from nethood.exposure.watch.policy import FloodLimits

LIMITS = FloodLimits(limit=3, within_s=60.0)


def alert(number: int, kind: AlertKind = AlertKind.DEVIATES, at: float = 0.0) -> Alert:
    subject = Subject("lab", f"10.0.0.{number % 200}", "445", "445/tcp closed")
    return Alert(f"id{number}", kind, at, f"host {number} is open", ("ops",), subject)


def test_a_few_go_out_as_they_come() -> None:
    state = FloodState()
    for number in range(3):
        found = admit(state, LIMITS, [alert(number)], 100.0 + number)
        state = found.state
        assert [one.id for one in found.send] == [f"id{number}"]
        assert not found.hold
    assert due_at(state, LIMITS) is None


def test_the_next_one_is_held_until_the_time_is_over() -> None:
    state = FloodState()
    for number in range(6):
        found = admit(state, LIMITS, [alert(number)], 100.0 + number)
        state = found.state
        assert len(found.hold) == (number >= 3)
    assert due_at(state, LIMITS) == 163.0
    assert release(state, LIMITS, 162.9) == (state, ())
    state, held = release(state, LIMITS, 163.0)
    assert held == ("id3", "id4", "id5")
    assert not admit(state, LIMITS, [alert(7)], 170.0).send
    assert admit(state, LIMITS, [alert(7)], 223.0).send


def test_a_batch_over_the_limit_is_one_summary() -> None:
    found = admit(FloodState(), LIMITS, [alert(n) for n in range(50)], 100.0)
    assert (len(found.send), len(found.hold)) == (0, 50)


def test_heartbeats_and_tests_always_go_out() -> None:
    full = FloodState((100.0, 100.0, 100.0), ("x",), 100.0, is_flood=True)
    exempt = [alert(1, AlertKind.HEARTBEAT), alert(2, AlertKind.TEST), alert(3, AlertKind.SUMMARY)]
    found = admit(full, LIMITS, [*exempt, alert(4)], 101.0)
    assert found.send == exempt
    assert [one.id for one in found.hold] == ["id4"]


def test_a_clock_set_back_holds_nothing_for_ever() -> None:
    state = admit(FloodState(), LIMITS, [alert(n) for n in range(5)], 1e9).state
    _, held = release(state, LIMITS, 1000.0)
    assert len(held) == 5


def test_the_summary_names_them() -> None:
    alerts = [alert(n, at=100.0 + n) for n in range(3)]
    alerts.append(alert(2, AlertKind.RECOVERED, 103.0))
    made = summarise(alerts, "ops", 200.0)
    assert made.title == "4 changes on 3 hosts: 3 deviates, 1 recovered"
    assert made.members[0] == "host 0 is open"
    assert (made.tell, made.since_unix, made.kind) == (("ops",), 100.0, AlertKind.SUMMARY)
    assert made.id != summarise(alerts, "others", 200.0).id
    assert summarise([alert(1)], "ops", 1.0).title == "10.0.0.1: 1 change: 1 deviates"


def test_the_summary_says_what_to_do_and_what_to_acknowledge() -> None:
    many = [replace(alert(n), deviation_id=n, fix=("same", f"own {n}")) for n in range(20)]
    made = summarise(many, "ops", 1.0)
    assert made.members[7] == "host 7 is open (deviation 7)"
    assert made.fix[:3] == ("same", "own 0", "own 1")
    assert len(made.fix) == 12


def of_one_host(count: int, first: int = 1000) -> list[Alert]:
    subject = Subject("lab", "10.0.0.9", "smb1", "SMB1 off")
    return [replace(alert(first + n), subject=subject) for n in range(count)]


def test_many_about_one_host_are_one_message_at_once() -> None:
    alerts = [alert(1), *of_one_host(4), alert(2)]
    found = admit(FloodState(), LIMITS, alerts, 100.0)
    assert [one.id for one in found.send] == ["id1", "id2"]
    assert due_at(found.state, LIMITS) == 100.0
    state, held = release(found.state, LIMITS, 100.0)
    assert len(held) == 4
    # They count as the one message they are: three in all, which is the limit.
    assert admit(state, LIMITS, [alert(3)], 110.0).hold
    assert admit(state, LIMITS, [alert(3)], 160.0).send


def test_a_few_about_one_host_stay_single() -> None:
    assert not admit(FloodState(), LIMITS, of_one_host(3), 100.0).hold


def test_in_a_flood_they_wait_like_all_others() -> None:
    flood = admit(FloodState(), LIMITS, [alert(n) for n in range(9)], 100.0).state
    state = admit(flood, LIMITS, of_one_host(5), 110.0).state
    assert due_at(state, LIMITS) == 160.0
    assert len(release(state, LIMITS, 160.0)[1]) == 14


def test_a_summary_of_very_many_is_bounded() -> None:
    made = summarise([alert(n) for n in range(5000)], "ops", 1.0)
    assert len(made.members) == 201
    assert made.members[-1].startswith("and 4,800 more")


def test_the_state_goes_to_the_store_and_back() -> None:
    state = admit(FloodState((99.0,)), LIMITS, [alert(n) for n in range(5)], 100.0).state
    assert flood_from_json(flood_to_json(state)) == state
    for text in ("", "{}", "[1]", '["x",1,2,3]'):
        with pytest.raises(LocalError):
            flood_from_json(text)


@given(
    st.lists(
        st.tuples(
            st.integers(min_value=0, max_value=12),
            st.sampled_from([0, 0, 2, 4, 9]),
            st.floats(min_value=0, max_value=90),
        ),
        max_size=40,
    )
)
def test_nothing_is_lost_and_nothing_floods(bursts: list[tuple[int, int, float]]) -> None:
    state, now, number = FloodState(), 0.0, 0
    told: list[str] = []
    messages: list[float] = []
    floods: list[float] = []
    for count, same, pause in [*bursts, (0, 0, 1000.0), (0, 0, 1000.0)]:
        now += pause
        was_flood = state.is_flood
        state, held = release(state, LIMITS, now)
        if held:
            told += held
            (floods if was_flood else messages).append(now)
        batch = [*(alert(number + n) for n in range(count)), *of_one_host(same, 10_000 + number)]
        number += count + same
        found = admit(state, LIMITS, batch, now)
        state = found.state
        told += [one.id for one in found.send]
        messages += [now] * len(found.send)
        if not state.is_flood:  # such are sent within the second
            state, held = release(state, LIMITS, now)
            told += held
            messages += [now] * bool(held)
    assert len(told) == len(set(told)) == number
    for start in messages:
        assert sum(start <= at < start + LIMITS.within_s for at in messages) <= LIMITS.limit
    assert all(after - before >= LIMITS.within_s for before, after in pairwise(floods))
