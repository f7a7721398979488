"""The local store against the one in memory: the same calls, the same answers."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from nethood import erref
from nethood.errors import StatusError
from nethood.store import Info, LocalStore, MemoryStore, Node, Store
from nethood.store.portable import PortableSystem

NAMES = st.sampled_from(["a", "A", "b", "B", "ä", "Ä", "dir", "Dir", ".x", "x\uf022y"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
DATA = st.binary(max_size=40)
OFFSETS = st.integers(0, 60)
ATTRIBUTES = st.sampled_from([0x80, 0x20, 0x02, 0x21, 0x27, 0x06])
TIMES = st.none() | st.integers(120_000_000_000_000_000, 140_000_000_000_000_000)

Pair = tuple[Node, Node]


def answer(call: Callable[[], object]) -> object:
    """Return what *call* returns, or the name of the status it fails with."""
    try:
        return call()
    except StatusError as error:
        return erref.status_name(error.status)


def facts(info: Info) -> tuple[object, ...]:
    """Return what both stores must agree on."""
    return info.is_directory, info.size, info.attributes, info.link_count


def tree(store: Store, path: str = "") -> dict[str, tuple[object, ...]]:
    """Return all there is below *path*."""
    found: dict[str, tuple[object, ...]] = {}
    node = store.open(path)
    for entry in node.entries():
        below = f"{path}/{entry.name}" if path else entry.name
        found[below] = facts(entry.info)
        if entry.info.is_directory:
            found |= tree(store, below)
    node.close()
    return found


def read(node: Node, offset: int) -> bytes:
    """Return up to 50 bytes."""
    buffer = bytearray(50)
    return bytes(buffer[: node.read_into(memoryview(buffer), offset)])


class TwoStores(RuleBasedStateMachine):
    """Every call goes to both stores."""

    nodes = Bundle("nodes")
    system: type[PortableSystem] | None = None

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="nethood-")
        self.local = LocalStore(self.folder, system=self.system)
        self.memory = MemoryStore()
        self.open_nodes: list[Pair] = []

    def teardown(self) -> None:
        for pair in self.open_nodes:
            for node in pair:
                node.close()
        self.local.close()
        shutil.rmtree(self.folder)

    def both(self, one: Callable[[], object], other: Callable[[], object]) -> object:
        """Return the answer of both calls, which must be the same."""
        answers = answer(one), answer(other)
        assert answers[0] == answers[1]
        return answers[0]

    def taken(self, made: list[Node | None]) -> Pair | None:
        """Keep two nodes that both came to be."""
        one, other = made
        assert (one is None) == (other is None)
        if one is None or other is None:
            return None
        assert one.path == other.path
        assert facts(one.info_at_open()) == facts(other.info_at_open())
        self.open_nodes.append((one, other))
        return one, other

    def make(self, call: Callable[[Store], Node]) -> Pair | None:
        """Call for a node of each store."""
        made: list[Node | None] = []
        answers = []
        for store in (self.local, self.memory):
            try:
                made.append(call(store))
                answers.append("made")
            except StatusError as error:
                made.append(None)
                answers.append(erref.status_name(error.status))
        assert answers[0] == answers[1]
        return self.taken(made)

    @rule(target=nodes, path=PATHS, directory=st.booleans(), attributes=ATTRIBUTES)
    def create(self, path: str, directory: bool, attributes: int) -> object:
        pair = self.make(lambda s: s.create(path, directory=directory, attributes=attributes))
        return multiple() if pair is None else pair

    @rule(target=nodes, path=st.just("") | PATHS, write=st.booleans())
    def open(self, path: str, write: bool) -> object:
        pair = self.make(lambda s: s.open(path, write=write))
        return multiple() if pair is None else pair

    @rule(pair=consumes(nodes))
    def close(self, pair: Pair) -> None:
        self.open_nodes.remove(pair)
        for node in pair:
            node.close()

    @rule(pair=nodes, data=DATA, offset=OFFSETS)
    def write(self, pair: Pair, data: bytes, offset: int) -> None:
        if not pair[0].is_directory and data:
            self.both(lambda: pair[0].write(data, offset), lambda: pair[1].write(data, offset))

    @rule(pair=nodes, size=OFFSETS)
    def truncate(self, pair: Pair, size: int) -> None:
        if not pair[0].is_directory:
            self.both(lambda: pair[0].truncate(size), lambda: pair[1].truncate(size))

    @rule(pair=nodes, offset=OFFSETS, length=OFFSETS)
    def zero(self, pair: Pair, offset: int, length: int) -> None:
        if not pair[0].is_directory and length and offset < pair[0].info().size:
            self.both(lambda: pair[0].zero(offset, length), lambda: pair[1].zero(offset, length))

    @rule(pair=nodes, attributes=ATTRIBUTES)
    def set_attributes(self, pair: Pair, attributes: int) -> None:
        for node in pair:
            node.set_attributes(attributes)

    @rule(pair=nodes, created=TIMES, read=TIMES, written=TIMES, changed=TIMES)
    def set_times(
        self,
        pair: Pair,
        created: int | None,
        read: int | None,
        written: int | None,
        changed: int | None,
    ) -> None:
        for node in pair:
            node.set_times(
                creation_time=created,
                last_access_time=read,
                last_write_time=written,
                change_time=changed,
            )
            info = node.info()
            assert created in (None, info.creation_time)
            assert read in (None, info.last_access_time)
            assert written in (None, info.last_write_time)
            assert changed in (None, info.change_time)

    @rule(pair=nodes, path=PATHS, replace=st.booleans())
    def rename(self, pair: Pair, path: str, replace: bool) -> None:
        before = pair[0].path
        result = self.both(
            lambda: self.local.rename(pair[0], path, replace=replace),
            lambda: self.memory.rename(pair[1], path, replace=replace),
        )
        if isinstance(result, str) and not result.startswith("STATUS_"):
            self.follow(pair, before, result)

    def follow(self, pair: Pair, before: str, after: str) -> None:
        """Tell the open nodes their new paths, as a server does."""
        for node in pair:
            node.path = after
        for other in self.open_nodes:
            for node in other:
                if pair[0].is_directory and node.path.startswith(f"{before}/"):
                    node.path = after + node.path[len(before) :]

    @rule(pair=nodes, path=PATHS, replace=st.booleans())
    def link(self, pair: Pair, path: str, replace: bool) -> None:
        self.both(
            lambda: self.local.link(pair[0], path, replace=replace),
            lambda: self.memory.link(pair[1], path, replace=replace),
        )

    @rule(pair=nodes)
    def remove(self, pair: Pair) -> None:
        self.both(lambda: self.local.remove(pair[0]), lambda: self.memory.remove(pair[1]))

    @rule(pair=nodes, offset=OFFSETS)
    def read(self, pair: Pair, offset: int) -> None:
        if not pair[0].is_directory:
            self.both(lambda: read(pair[0], offset), lambda: read(pair[1], offset))

    @rule(source=nodes, into=nodes, start=OFFSETS, offset=OFFSETS, length=OFFSETS)
    def copy(self, source: Pair, into: Pair, start: int, offset: int, length: int) -> None:
        files = not source[0].is_directory and not into[0].is_directory
        apart = source[0].file_id != into[0].file_id
        if files and apart and start < source[0].info().size:
            self.both(
                lambda: self.local.copy_range(source[0], start, into[0], offset, length),
                lambda: self.memory.copy_range(source[1], start, into[1], offset, length),
            )

    @invariant()
    def open_nodes_agree(self) -> None:
        for one, other in getattr(self, "open_nodes", []):
            assert facts(one.info()) == facts(other.info())
            if one.is_directory:
                assert answer(one.is_empty) == answer(other.is_empty)

    @invariant()
    def trees_agree(self) -> None:
        if hasattr(self, "local"):
            assert tree(self.local) == tree(self.memory)


class TwoStoresWalking(TwoStores):
    """The same without openat2."""

    system = PortableSystem


_SETTINGS = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestLocal = TwoStores.TestCase
TestLocal.settings = _SETTINGS
TestLocalWalking = TwoStoresWalking.TestCase
TestLocalWalking.settings = _SETTINGS
