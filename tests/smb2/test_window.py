"""The sequence window against the plainest model of it: a set of ids."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nethood.smb2.window import SequenceWindow

LIMIT = 16


class Model(RuleBasedStateMachine):
    """Ids that are open are in a set; a request takes all of its own, or none."""

    def __init__(self) -> None:
        super().__init__()
        self.window = SequenceWindow(LIMIT)
        self.open = {0}
        self.high = 1

    @rule(at=st.integers(-3, 40), charge=st.integers(1, 20))
    def use(self, at: int, charge: int) -> None:
        message_id = max(0, self.high - LIMIT + at)
        wanted = set(range(message_id, message_id + charge))
        assert self.window.use(message_id, charge) == (wanted <= self.open)
        if wanted <= self.open:
            self.open -= wanted

    @rule(charge=st.integers(1, 4))
    def use_the_oldest(self, charge: int) -> None:
        oldest = min(self.open, default=self.high)
        wanted = set(range(oldest, oldest + charge))
        assert self.window.use(oldest, charge) == (wanted <= self.open)
        if wanted <= self.open:
            self.open -= wanted

    @rule(requested=st.integers(1, 40))
    def grant(self, requested: int) -> None:
        had = len(self.open)
        granted = self.window.grant(requested)
        assert 0 <= granted <= requested
        if not had:
            assert granted >= 1, "a client without ids could never send again"
        self.open |= set(range(self.high, self.high + granted))
        self.high += granted
        oldest = min(self.open)
        if granted and had:
            assert self.high - oldest <= 2 * LIMIT

    @invariant()
    def counts_agree(self) -> None:
        assert self.window.open_ids == len(self.open)
        assert self.window.high == self.high
        assert len(self.open) <= LIMIT


TestModel = Model.TestCase


@given(st.integers(0, 2**64 - 1), st.integers(1, 0xFFFF))
def test_any_id_and_charge(message_id: int, charge: int) -> None:
    window = SequenceWindow(LIMIT)
    window.grant(7)
    assert window.use(message_id, charge) == (message_id + charge <= 8)


def test_an_id_works_once() -> None:
    window = SequenceWindow(LIMIT)
    assert window.use(0, 1)
    assert not window.use(0, 1)
    assert not window.use(1, 1)


def test_a_new_window_holds_id_0_alone() -> None:
    assert SequenceWindow(LIMIT).open_ids == 1
    assert not SequenceWindow(LIMIT).use(1, 1)


def test_what_is_out_of_order_is_remembered() -> None:
    window = SequenceWindow(LIMIT)
    window.grant(5)
    assert window.use(3, 2)
    assert not window.use(2, 2)
    assert window.use(0, 3)
    assert window.low == 5


def test_a_client_that_leaves_a_hole_is_granted_twice_the_limit_and_no_more() -> None:
    """Message 0 is never used: what is remembered of the others stays bounded."""
    window = SequenceWindow(LIMIT)
    next_id = 1
    for _ in range(10 * LIMIT):
        for _ in range(window.grant(LIMIT)):
            if window.use(next_id, 1):
                next_id += 1
    assert window.high - window.low <= 2 * LIMIT


def test_a_client_may_fill_its_window_again_and_again() -> None:
    window = SequenceWindow(LIMIT)
    window.grant(LIMIT)
    for message_id in range(1000):
        assert window.use(message_id, 1)
        assert window.grant(1) == 1
