"""Delays, repetitions, duplicates and one source's share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.wsd.pacing import SeenMessages, Throttle, application_delay_s, repeat_delays_s


def test_delays_double_up_to_half_a_second() -> None:
    assert repeat_delays_s(4, lambda: 0.0) == pytest.approx([0.05, 0.1, 0.2, 0.4])
    assert repeat_delays_s(3, lambda: 1.0) == pytest.approx([0.25, 0.5, 0.5])
    assert repeat_delays_s(0, lambda: 0.5) == []
    assert application_delay_s(lambda: 0.5) == 0.25


@given(st.lists(st.sampled_from("abcdef")))
def test_an_id_is_new_once(ids: list[str]) -> None:
    seen = SeenMessages()
    assert [i for i in ids if seen.is_new(i)] == list(dict.fromkeys(ids))


def test_the_oldest_id_is_forgotten() -> None:
    seen = SeenMessages(capacity=2)
    assert [seen.is_new(i) for i in "abacb"] == [True, True, False, True, True]


def test_a_source_has_its_share_and_no_more() -> None:
    throttle = Throttle(per_s=2.0, burst=3.0)
    assert [throttle.allows("a", 10.0) for _ in range(4)] == [True, True, True, False]
    assert throttle.allows("b", 10.0)
    assert not throttle.allows("a", 10.4)
    assert throttle.allows("a", 10.5)
    assert not throttle.allows("a", 10.5)


def test_sources_are_bounded() -> None:
    throttle = Throttle(burst=1.0, capacity=2)
    assert throttle.allows("a", 0.0)
    assert not throttle.allows("a", 0.0)
    assert throttle.allows("b", 0.0)
    assert throttle.allows("c", 0.0)
    assert throttle.allows("a", 0.0), "a was forgotten, so it begins anew"
