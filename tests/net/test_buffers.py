"""The buffer pool: large enough, never lent twice, and not hoarding."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from nethood.net.buffers import SMALLEST, BufferPool

SLACK = 4096
KEPT = 64 * 1024 * 1024


class Lending(RuleBasedStateMachine):
    """Whatever is taken and given back, no buffer has two owners."""

    lent: Bundle[bytearray] = Bundle("lent")

    def __init__(self) -> None:
        super().__init__()
        self.pool = BufferPool(slack=SLACK)
        self.owners: dict[int, bytearray] = {}

    @rule(target=lent, size=st.one_of(st.integers(0, 300_000), st.integers(1 << 20, 1 << 24)))
    def take(self, size: int) -> bytearray:
        buffer = self.pool.take(size)
        assert len(buffer) >= size
        assert id(buffer) not in self.owners, "lent twice"
        self.owners[id(buffer)] = buffer
        return buffer

    @rule(buffer=consumes(lent))
    def give(self, buffer: bytearray) -> None:
        del self.owners[id(buffer)]
        self.pool.give(buffer)

    @invariant()
    def idle_buffers_are_bounded(self) -> None:
        assert idle(self.pool) <= KEPT + 4096 * SLACK


def idle(pool: BufferPool) -> int:
    return sum(len(b) for buffers in pool._free.values() for b in buffers)


TestLending = Lending.TestCase
TestLending.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)


def test_a_buffer_comes_back() -> None:
    pool = BufferPool()
    buffer = pool.take(100)
    pool.give(buffer)
    assert pool.take(SMALLEST) is buffer
    assert pool.take(SMALLEST) is not buffer


@pytest.mark.parametrize("size", [0, 1, SMALLEST, SMALLEST + SLACK, 1 << 20, (1 << 20) + SLACK])
def test_a_power_of_two_fits_with_its_headers(size: int) -> None:
    pool = BufferPool(slack=SLACK)
    buffer = pool.take(size)
    assert size <= len(buffer) <= max(2 * size, SMALLEST) + SLACK


def test_no_more_than_64_mib_are_kept() -> None:
    pool = BufferPool()
    buffers = [pool.take(8 << 20) for _ in range(20)]
    for buffer in buffers:
        pool.give(buffer)
    assert idle(pool) <= KEPT + 20 * 4096
    taken = [pool.take(8 << 20) for _ in range(20)]
    assert len({id(buffer) for buffer in taken}) == 20
