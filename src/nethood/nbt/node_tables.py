"""What a NetBIOS end node does, as tables: RFC 1002 5.1.1 to 5.1.3 and [MS-NBTE] 3.1.

A local name and a query each have a state. An input looks up its row, the row's actions are done
in order, and the state becomes the row's. An input without a row is ignored: it came too late, or
from somebody who does not know our state. The request that belongs to a state is in `REQUESTS`;
`Action.BEGIN` sends the request of the *new* state and starts its timer.

    B  claims and asks by broadcast          P  claims at and asks the name server
    M  broadcast first, then name server     H  name server first, then broadcast
"""

from __future__ import annotations

from enum import Enum, IntEnum


class NodeType(IntEnum):
    """The owner node type of RFC 1002 4.2.1.3 (ONT); 3 is reserved there and H in practice."""

    B = 0
    P = 1
    M = 2
    H = 3


class State(Enum):
    """Where a local name or a query stands."""

    ABSENT = "absent"
    PROBING = "claiming by broadcast"
    REGISTERING = "claiming at the name server"
    CHALLENGING = "asking the owner the name server named"
    OVERWRITING = "telling the name server that the owner is gone"
    OWNED = "owned"
    REFRESHING = "owned, being refreshed"
    CONFLICT = "in conflict"
    DEREGISTERING = "being released at the name server"
    WITHDRAWING = "being released by broadcast"
    ASKING_ALL = "asking by broadcast"
    ASKING_SERVER = "asking the name server"
    ASKING_ONE = "asking one address"
    WATCHING = "found, watching for a second owner"


class Input(Enum):
    """What happens to a local name or a query."""

    START = "the application asks for it"
    STOP = "the application gives it up"
    RETRY = "no answer yet, tries are left"
    SILENCE = "no answer, no tries are left"
    POSITIVE = "a positive response to our request"
    NEGATIVE = "a negative response to our request"
    CHALLENGE = "an end-node challenge in response to our claim"
    REDIRECT = "the name server names another name server"
    WACK = "the name server asks for patience"
    CONFLICT = "a conflict demand"
    DEMAND = "a release demand of the name server"
    DUE = "the refresh timer has run out"


class Action(Enum):
    """What a row does, in order."""

    BEGIN = "send the request of the new state"
    REPEAT = "send the current request again"
    WAIT = "extend the timer by the TTL of the WACK"
    FOLLOW = "send the current request to the name server named"
    ANNOUNCE = "broadcast an overwrite demand: the name is ours"
    SCHEDULE = "set the refresh timer"
    ADDED = "tell that the name is ours"
    REFUSED = "tell that the name can't be had"
    CONFLICTED = "tell that the name is in conflict"
    RELEASED = "tell that the name is given up"
    FOUND = "tell the answer"
    NOT_FOUND = "tell that there is no answer"
    COMPARE = "hold a second answer against the first"


class Request(Enum):
    """Which request belongs to a state."""

    BROADCAST_REGISTRATION = 1
    REGISTRATION = 2
    OWNER_QUERY = 3
    OVERWRITE = 4
    REFRESH = 5
    RELEASE = 6
    BROADCAST_RELEASE = 7
    BROADCAST_QUERY = 8
    SERVER_QUERY = 9
    DIRECT_QUERY = 10


REQUESTS = {
    State.PROBING: Request.BROADCAST_REGISTRATION,
    State.REGISTERING: Request.REGISTRATION,
    State.CHALLENGING: Request.OWNER_QUERY,
    State.OVERWRITING: Request.OVERWRITE,
    State.REFRESHING: Request.REFRESH,
    State.DEREGISTERING: Request.RELEASE,
    State.WITHDRAWING: Request.BROADCAST_RELEASE,
    State.ASKING_ALL: Request.BROADCAST_QUERY,
    State.ASKING_SERVER: Request.SERVER_QUERY,
    State.ASKING_ONE: Request.DIRECT_QUERY,
}
BROADCAST_STATES = frozenset({State.PROBING, State.WITHDRAWING, State.ASKING_ALL})
HELD = frozenset({State.OWNED, State.REFRESHING, State.CONFLICT})
"""The states in which a name stands in the local name table as ours."""

Row = tuple[tuple[Action, ...], State]
Table = dict[tuple[State, Input], Row]

_A, _I, _S = Action, Input, State
_OURS: Row = ((_A.SCHEDULE, _A.ADDED), _S.OWNED)
_OURS_ANNOUNCED: Row = ((_A.ANNOUNCE, _A.SCHEDULE, _A.ADDED), _S.OWNED)
_REFUSED: Row = ((_A.REFUSED,), _S.ABSENT)
_RELEASED: Row = ((_A.RELEASED,), _S.ABSENT)
_NOT_FOUND: Row = ((_A.NOT_FOUND,), _S.ABSENT)


def _begin(state: State) -> Row:
    return ((_A.BEGIN,), state)


def _repeat(*states: State) -> Table:
    return {(state, _I.RETRY): ((_A.REPEAT,), state) for state in states}


def _patient(*states: State) -> Table:
    """Rows of the states that talk to a name server: it may ask for patience."""
    return _repeat(*states) | {(s, _I.WACK): ((_A.WAIT,), s) for s in states}


def _conflict(*states: State) -> Table:
    return {(state, _I.CONFLICT): ((_A.CONFLICTED,), _S.CONFLICT) for state in states}


# Claiming by broadcast; who is asked next when nobody objects differs by node type.
_PROBE: Table = {
    **_repeat(_S.PROBING, _S.WITHDRAWING),
    (_S.PROBING, _I.NEGATIVE): _REFUSED,
    (_S.PROBING, _I.STOP): _RELEASED,
    (_S.WITHDRAWING, _I.SILENCE): _RELEASED,
    **_conflict(_S.OWNED),
}
# Claiming at a name server, RFC 1002 5.1.2.1; what its silence means differs by node type.
_REGISTER: Table = {
    **_patient(_S.REGISTERING, _S.OVERWRITING, _S.REFRESHING, _S.DEREGISTERING),
    **_repeat(_S.CHALLENGING),
    (_S.REGISTERING, _I.POSITIVE): _OURS,
    (_S.REGISTERING, _I.NEGATIVE): _REFUSED,
    (_S.REGISTERING, _I.CHALLENGE): _begin(_S.CHALLENGING),
    (_S.REGISTERING, _I.STOP): _begin(_S.DEREGISTERING),
    (_S.CHALLENGING, _I.POSITIVE): _REFUSED,
    (_S.CHALLENGING, _I.NEGATIVE): _begin(_S.OVERWRITING),
    (_S.CHALLENGING, _I.SILENCE): _begin(_S.OVERWRITING),
    (_S.CHALLENGING, _I.STOP): _RELEASED,
    (_S.OVERWRITING, _I.POSITIVE): _OURS,
    (_S.OVERWRITING, _I.NEGATIVE): _REFUSED,
    (_S.OVERWRITING, _I.SILENCE): _REFUSED,
    (_S.OVERWRITING, _I.STOP): _begin(_S.DEREGISTERING),
    (_S.OWNED, _I.DUE): _begin(_S.REFRESHING),
    (_S.OWNED, _I.STOP): _begin(_S.DEREGISTERING),
    (_S.OWNED, _I.DEMAND): _RELEASED,
    (_S.REFRESHING, _I.POSITIVE): ((_A.SCHEDULE,), _S.OWNED),
    # A name server that is away for a while does not cost us the name; it is asked again.
    (_S.REFRESHING, _I.SILENCE): ((_A.SCHEDULE,), _S.OWNED),
    (_S.REFRESHING, _I.NEGATIVE): ((_A.CONFLICTED,), _S.CONFLICT),
    (_S.REFRESHING, _I.STOP): _begin(_S.DEREGISTERING),
    (_S.REFRESHING, _I.DEMAND): _RELEASED,
    (_S.CONFLICT, _I.STOP): _begin(_S.DEREGISTERING),
    (_S.CONFLICT, _I.DEMAND): _RELEASED,
    (_S.DEREGISTERING, _I.POSITIVE): _RELEASED,
    # Deviates from RFC 1002 5.1.2.4, where a refused release keeps the name: who gives a name up
    # is about to leave, and what the name server believes is the name server's affair.
    (_S.DEREGISTERING, _I.NEGATIVE): _RELEASED,
    (_S.DEREGISTERING, _I.SILENCE): _RELEASED,
    **_conflict(_S.OWNED, _S.REFRESHING),
}

NAME_TABLES: dict[NodeType, Table] = {
    NodeType.B: {
        **_PROBE,
        (_S.ABSENT, _I.START): _begin(_S.PROBING),
        (_S.PROBING, _I.SILENCE): _OURS_ANNOUNCED,
        (_S.OWNED, _I.STOP): _begin(_S.WITHDRAWING),
        # The name is somebody else's as far as the network knows: nothing is ours to release.
        (_S.CONFLICT, _I.STOP): _RELEASED,
    },
    NodeType.P: {
        **_REGISTER,
        (_S.ABSENT, _I.START): _begin(_S.REGISTERING),
        (_S.REGISTERING, _I.SILENCE): _REFUSED,
    },
    # The segment first; the name server's silence leaves a name that only the segment knows.
    NodeType.M: {
        **_PROBE,
        **_REGISTER,
        (_S.ABSENT, _I.START): _begin(_S.PROBING),
        (_S.PROBING, _I.SILENCE): _begin(_S.REGISTERING),
        (_S.REGISTERING, _I.POSITIVE): _OURS_ANNOUNCED,
        (_S.REGISTERING, _I.SILENCE): _REFUSED,
        (_S.OVERWRITING, _I.POSITIVE): _OURS_ANNOUNCED,
        (_S.DEREGISTERING, _I.POSITIVE): _begin(_S.WITHDRAWING),
        (_S.DEREGISTERING, _I.NEGATIVE): _begin(_S.WITHDRAWING),
        (_S.DEREGISTERING, _I.SILENCE): _begin(_S.WITHDRAWING),
    },
    # The name server first, the segment when it is silent; [MS-NBTE] 3.1.7 for the release.
    NodeType.H: {
        **_PROBE,
        **_REGISTER,
        (_S.ABSENT, _I.START): _begin(_S.REGISTERING),
        (_S.REGISTERING, _I.SILENCE): _begin(_S.PROBING),
        (_S.PROBING, _I.SILENCE): _OURS_ANNOUNCED,
        (_S.DEREGISTERING, _I.NEGATIVE): _begin(_S.WITHDRAWING),
        (_S.DEREGISTERING, _I.SILENCE): _begin(_S.WITHDRAWING),
    },
}
"""What becomes of a local name, by node type."""

_ASK_ALL: Table = {
    **_repeat(_S.ASKING_ALL),
    (_S.ASKING_ALL, _I.POSITIVE): ((_A.FOUND,), _S.WATCHING),
    (_S.ASKING_ALL, _I.SILENCE): _NOT_FOUND,
    (_S.WATCHING, _I.POSITIVE): ((_A.COMPARE,), _S.WATCHING),
    (_S.WATCHING, _I.SILENCE): ((), _S.ABSENT),
}
_ASK_SERVER: Table = {
    **_patient(_S.ASKING_SERVER),
    (_S.ASKING_SERVER, _I.POSITIVE): ((_A.FOUND,), _S.ABSENT),
    (_S.ASKING_SERVER, _I.NEGATIVE): _NOT_FOUND,
    (_S.ASKING_SERVER, _I.SILENCE): _NOT_FOUND,
    (_S.ASKING_SERVER, _I.REDIRECT): ((_A.FOLLOW,), _S.ASKING_SERVER),
}

QUERY_TABLES: dict[NodeType, Table] = {
    NodeType.B: {**_ASK_ALL, (_S.ABSENT, _I.START): _begin(_S.ASKING_ALL)},
    NodeType.P: {**_ASK_SERVER, (_S.ABSENT, _I.START): _begin(_S.ASKING_SERVER)},
    NodeType.M: {
        **_ASK_ALL,
        **_ASK_SERVER,
        (_S.ABSENT, _I.START): _begin(_S.ASKING_ALL),
        (_S.ASKING_ALL, _I.SILENCE): _begin(_S.ASKING_SERVER),
    },
    NodeType.H: {
        **_ASK_ALL,
        **_ASK_SERVER,
        (_S.ABSENT, _I.START): _begin(_S.ASKING_SERVER),
        (_S.ASKING_SERVER, _I.NEGATIVE): _begin(_S.ASKING_ALL),
        (_S.ASKING_SERVER, _I.SILENCE): _begin(_S.ASKING_ALL),
    },
}
"""What becomes of a query, by node type."""

DIRECT_TABLE: Table = {
    (_S.ABSENT, _I.START): _begin(_S.ASKING_ONE),
    **_patient(_S.ASKING_ONE),
    (_S.ASKING_ONE, _I.POSITIVE): ((_A.FOUND,), _S.ABSENT),
    (_S.ASKING_ONE, _I.NEGATIVE): _NOT_FOUND,
    (_S.ASKING_ONE, _I.SILENCE): _NOT_FOUND,
}
"""What becomes of a query or node status request to one address, for every node type."""
