"""The ledger: positions behind which nothing is open, and counts that survive a restart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nethood.exposure.ledger import Fate, Ledger


def test_the_position_waits_for_the_slowest() -> None:
    ledger = Ledger()
    assert [ledger.begin() for _ in range(4)] == [0, 1, 2, 3]
    ledger.end(1, Fate.SILENT)
    ledger.end(3, Fate.FOUND)
    assert (ledger.position, ledger.over, dict(ledger.settled)) == (0, 2, {})
    ledger.end(0, Fate.SILENT)
    assert (ledger.position, dict(ledger.settled)) == (2, {"silent": 2})
    ledger.end(2, Fate.REFUSING)
    assert (ledger.position, ledger.begun, ledger.over) == (4, 4, 4)
    assert ledger.settled == ledger.counts == {"silent": 2, "found": 1, "refusing": 1}


@given(st.permutations(range(12)), st.integers(0, 12))
def test_taken_up_again_nothing_is_counted_twice(order: list[int], killed_after: int) -> None:
    fates = [list(Fate)[place % len(Fate)] for place in range(12)]
    ledger = Ledger()
    for _ in order:
        ledger.begin()
    for place in order[:killed_after]:
        ledger.end(place, fates[place])
    again = Ledger(ledger.position, ledger.settled)
    while again.begun < 12:
        place = again.begin()
        again.end(place, fates[place])
    assert again.counts == {fate: fates.count(fate) for fate in Fate}
