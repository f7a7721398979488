"""Sets of numbers against Python's own sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.exposure.local.firewall.spans import Spans, everything, network_span, networks

PAIRS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=6)


def members(spans: Spans) -> set[int]:
    return {number for low, high in spans.items for number in range(low, high + 1)}


@given(PAIRS, PAIRS)
def test_it_is_a_set(left: list[tuple[int, int]], right: list[tuple[int, int]]) -> None:
    one, two = Spans.of(left), Spans.of(right)
    expected = {n for low, high in left for n in range(low, high + 1)}
    assert members(one) == expected
    assert members(one | two) == members(one) | members(two)
    assert members(one & two) == members(one) & members(two)
    assert members(one - two) == members(one) - members(two)
    assert members(one.complement(0, 40)) == set(range(41)) - members(one)
    assert bool(one) == bool(expected)
    assert all((number in one) == (number in expected) for number in range(41))
    assert all(a[1] + 1 < b[0] for a, b in zip(one.items, one.items[1:], strict=False))


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90)), max_size=2))
def test_few_against_many(few: list[tuple[int, int]]) -> None:
    many, some = Spans.of((n, n + 1) for n in range(0, 90, 3)), Spans.of(few)
    assert members(many & some) == members(some & many) == members(many) & members(some)
    assert members(many - some) == members(many) - members(some)
    assert members(some - many) == members(some) - members(many)
    assert (many - some).items == Spans.of((many - some).items).items


@pytest.mark.parametrize(
    ("texts", "family", "expected"),
    [
        (["10.0.0.0/8"], 4, ["10.0.0.0/8"]),
        (["10.0.0.0/255.0.0.0"], 4, ["10.0.0.0/8"]),
        (["10.0.0.1", "10.0.0.0"], 4, ["10.0.0.0/31"]),
        (["192.0.2.7"], 4, ["192.0.2.7"]),
        (["fe80::/10"], 6, ["fe80::/10"]),
        (["::/0"], 6, ["::/0"]),
    ],
)
def test_networks_come_out_as_they_went_in(
    texts: list[str], family: int, expected: list[str]
) -> None:
    assert networks(Spans.of(network_span(text)[1:] for text in texts), family) == expected


def test_everything() -> None:
    assert networks(everything(4), 4) == ["0.0.0.0/0"]
