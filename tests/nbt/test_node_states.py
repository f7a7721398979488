"""Every state of a local name with every input, by real packets and a fake clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from ipaddress import IPv4Address

import pytest

from nethood.nbt import name_service as ns
from nethood.nbt.name_service import AddressEntry
from nethood.nbt.node_model import (
    NameAdded,
    NameConflict,
    NameRefused,
    NameReleased,
    Send,
)
from nethood.nbt.node_tables import (
    BROADCAST_STATES,
    DIRECT_TABLE,
    NAME_TABLES,
    QUERY_TABLES,
    REQUESTS,
    Action,
    Input,
    NodeType,
    State,
    Table,
)
from nethood.nbt.packet import Packet
from tests.nbt.clocked import (
    NAME,
    OTHER,
    SERVER,
    Clocked,
    challenge,
    negative,
    positive,
    silence,
    wack,
)


def responses(clocked: Clocked, build: Callable[[Send], Packet]) -> None:
    for send in list(clocked.local.sends.values()):
        asked = IPv4Address(send.destination[0])
        by_all = clocked.local.state in BROADCAST_STATES
        clocked.feed(build(send), OTHER if by_all else asked)


def give(clocked: Clocked, what: Input) -> None:
    """Make *what* happen to the name, by the packet or the time that means it."""
    if what is Input.START:
        clocked.claim()
    elif what is Input.STOP:
        clocked.take(clocked.node.release(NAME, clocked.now))
    elif what in (Input.RETRY, Input.DUE):
        clocked.elapse()
    elif what is Input.SILENCE:
        silence(clocked)
    elif what is Input.CONFLICT:
        clocked.feed(ns.conflict_demand(9, NAME))
    elif what is Input.DEMAND:
        clocked.feed(ns.release_request(9, NAME, AddressEntry(0, SERVER)), SERVER)
    else:
        packets = {
            Input.POSITIVE: positive,
            Input.NEGATIVE: negative,
            Input.CHALLENGE: challenge,
            Input.WACK: wack,
        }
        responses(clocked, packets[what])


def path(table: Table, wanted: State) -> list[Input]:
    """Return the shortest way from nowhere to a state."""
    ways: deque[tuple[State, list[Input]]] = deque([(State.ABSENT, [])])
    seen = {State.ABSENT}
    while ways:
        state, inputs = ways.popleft()
        if state is wanted:
            return inputs
        for (before, what), (_, after) in table.items():
            if before is state and after not in seen:
                seen.add(after)
                ways.append((after, [*inputs, what]))
    raise AssertionError(f"{wanted} can't be reached")


def states(table: Table) -> set[State]:
    return {state for state, _ in table} | {state for _, state in table.values()}


CASES = [
    (node_type, state, what)
    for node_type, table in NAME_TABLES.items()
    for state in sorted(states(table) - {State.ABSENT}, key=lambda s: s.name)
    for what in Input
    if what not in (Input.START, Input.REDIRECT)
]
TIMED = (Input.RETRY, Input.SILENCE, Input.DUE)


@pytest.mark.parametrize(("node_type", "state", "what"), CASES)
def test_every_state_with_every_input(node_type: NodeType, state: State, what: Input) -> None:
    table = NAME_TABLES[node_type]
    clocked = Clocked(node_type)
    for step in path(table, state):
        give(clocked, step)
    local = clocked.local
    assert local.state is state
    row = table.get((state, what))
    if row is None and what in TIMED:
        assert what is Input.DUE or local.deadline is None or state is State.OWNED
        return
    clocked.sent, clocked.events = [], []
    give(clocked, what)
    if row is None:
        assert local.state is state
        assert not clocked.events
        assert what is Input.CHALLENGE or not clocked.sent
        return
    actions, after = row
    assert local.state is after
    assert bool(clocked.sent) == (
        not {Action.BEGIN, Action.REPEAT, Action.ANNOUNCE}.isdisjoint(actions)
    )
    assert (local in clocked.node.names) == (after is not State.ABSENT)
    told = {
        Action.ADDED: NameAdded,
        Action.REFUSED: NameRefused,
        Action.CONFLICTED: NameConflict,
        Action.RELEASED: NameReleased,
    }
    assert [type(event) for event in clocked.events] == [told[a] for a in actions if a in told]


@pytest.mark.parametrize(
    "table", [*NAME_TABLES.values(), *QUERY_TABLES.values(), DIRECT_TABLE], ids=str
)
def test_no_table_has_a_state_without_a_way_out(table: Table) -> None:
    for state in states(table) - {State.ABSENT, State.OWNED, State.CONFLICT}:
        assert (state, Input.SILENCE) in table
        assert state is State.WATCHING or (state, Input.RETRY) in table
    for actions, after in table.values():
        assert Action.BEGIN not in actions or after in REQUESTS
