"""What was done and how it is undone, on the disk before it is done.

One folder: `journal.jsonl` is the plan that is applied or half applied, one JSON record a line,
each fsync'ed before anything follows from it; `undone-*.jsonl` are those of before. A line cut
short by a power cut is no record: what it would have announced was not begun.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nethood.errors import LocalError
from nethood.exposure.harden.model import Command, Plan, plan_from_json
from nethood.exposure.harden.runner import FileState

DEFAULT_STATE = Path("/var/lib/nethood/harden")
VERSION = 1


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A file as it was. *inserted* are the texts we put into it, to be taken out one by one
    where somebody else has changed the file since; *made* are the folders made for it."""

    path: str
    was: str
    data_b64: str
    mode: int
    uid: int
    gid: int
    inserted: tuple[str, ...] = ()
    made: tuple[str, ...] = ()

    @property
    def state(self) -> FileState:
        """What has to be there again."""
        data = base64.b64decode(self.data_b64)
        return FileState(self.was, data, self.mode, self.uid, self.gid)


@dataclass(frozen=True, slots=True)
class Undo:
    """How to take back one thing: the commands *first*, *files* put back, then *commands*.

    Where a file is not as we left it, its own insertions are taken out, or, where there are
    *otherwise* commands, these are run instead of everything else. With a *guard* commands run
    only if it succeeds; with *repeat* again and again as long as it does.
    """

    first: tuple[Command, ...] = ()
    files: tuple[SavedFile, ...] = ()
    commands: tuple[Command, ...] = ()
    otherwise: tuple[Command, ...] = ()
    guard: tuple[str, ...] = ()
    repeat: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """A plan that rolls back by itself at *until_s* of the clock that counts since the start."""

    token: str
    until_s: float
    boot_id: str


@dataclass(slots=True)
class JournalState:
    """What the journal says. *undos* are those of steps that are, or may be, done.

    *left* maps a step to its files' hashes as it left them, *observed* to what its platform said.
    """

    plan: Plan
    began_unix: float
    undos: dict[str, list[Undo]] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    left: dict[str, dict[str, str]] = field(default_factory=dict)
    observed: dict[str, str] = field(default_factory=dict)
    waiting: Waiting | None = None
    applied: bool = False
    undoing: bool = False


class Journal:
    """The journal in *folder*. All but `state` and `exists` need the lock held."""

    def __init__(self, folder: Path = DEFAULT_STATE) -> None:
        self.folder = folder
        self.path = folder / "journal.jsonl"

    @property
    def exists(self) -> bool:
        """Whether a plan is applied, or half applied."""
        return self.path.exists()

    @contextlib.contextmanager
    def locked(self) -> Iterator[int]:
        """Hold the lock, waiting for who has it; give its descriptor."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def state(self) -> JournalState | None:
        """Return what is applied, None where nothing is. Raises LocalError on a foreign file."""
        try:
            records = _whole_lines(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except PermissionError:
            raise LocalError(f"{self.path} can't be read: run this as root") from None
        return _replay(records, self.path) if records else None

    def begin(self, plan: Plan, now_unix: float) -> None:
        """Write that *plan* begins."""
        self.path.unlink(missing_ok=True)  # at most a torn first line
        self._append(record="begun", version=VERSION, unix=now_unix, plan=asdict(plan))
        _sync(self.folder)

    def wait(self, waiting: Waiting) -> None:
        """Write that it rolls back unless confirmed."""
        self._append(record="waiting", **asdict(waiting))

    def will_undo(self, step: str, undos: Sequence[Undo]) -> None:
        """Write how *step*, which has not begun, is taken back."""
        self._append(record="undo", step=step, undos=[asdict(undo) for undo in undos])

    def did(self, step: str, left: dict[str, str], observed: str) -> None:
        """Write that *step* is done, and what it left behind."""
        self._append(record="done", step=step, left=left, observed=observed)

    def confirm(self) -> None:
        """Write that it stays."""
        self._append(record="confirmed")

    def applied(self) -> None:
        """Write that all of it is done."""
        self._append(record="applied")

    def undoing(self) -> None:
        """Write that it is being taken back: from here on, only undo goes on."""
        self._append(record="undoing")

    def puts_back(self, step: str) -> None:
        """Write that the files of *step* are as it left them, and are put back now."""
        self._append(record="restores", step=step)

    def took_back(self, step: str) -> None:
        """Write that *step* is undone."""
        self._append(record="undone", step=step)

    def close(self, now_unix: float) -> Path:
        """Put the journal of an undone plan aside; return where it is."""
        number = int(now_unix)
        while (aside := self.folder / f"undone-{number}.jsonl").exists():
            number += 1
        os.rename(self.path, aside)
        _sync(self.folder)
        return aside

    def _append(self, **record: Any) -> None:
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            whole = b"".join(_whole_lines(os.pread(descriptor, os.fstat(descriptor).st_size, 0)))
            os.ftruncate(descriptor, len(whole))
            os.pwrite(descriptor, line, len(whole))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def save(path: str, state: FileState, inserted: tuple[str, ...], made: list[str]) -> SavedFile:
    """Return *state* in the form the journal keeps."""
    data = base64.b64encode(state.data).decode()
    return SavedFile(path, state.was, data, state.mode, state.uid, state.gid, inserted, tuple(made))


def _whole_lines(data: bytes) -> list[bytes]:
    return [line for line in data.splitlines(keepends=True) if line.endswith(b"\n")]


def _replay(lines: list[bytes], path: Path) -> JournalState:
    from pydantic import TypeAdapter

    undos = TypeAdapter(list[Undo])
    try:
        records = [json.loads(line) for line in lines]
        first = records[0]
        if first["version"] != VERSION:
            raise LocalError(f"{path} is of version {first['version']}, not {VERSION}")
        state = JournalState(plan_from_json(json.dumps(first["plan"])), first["unix"])
        for record in records[1:]:
            if record["record"] == "undo":
                state.undos[record["step"]] = undos.validate_python(record["undos"])
            else:
                _take(state, record)
    except (ValueError, KeyError, TypeError) as error:
        raise LocalError(f"{path} is no journal of nethood harden: {error}") from None
    return state


def _take(state: JournalState, record: dict[str, Any]) -> None:
    match record["record"]:
        case "done":
            state.done.add(record["step"])
            state.left[record["step"]] = record["left"]
            state.observed[record["step"]] = record["observed"]
        case "restores":
            state.left.pop(record["step"], None)
        case "undone":
            state.left.pop(record["step"], None)
            state.done.discard(record["step"])
            state.undos.pop(record["step"], None)
        case "waiting":
            state.waiting = Waiting(record["token"], record["until_s"], record["boot_id"])
        case "confirmed":
            state.waiting = None
        case "applied":
            state.applied = True
        case "undoing":
            state.undoing = True
        case other:
            raise ValueError(f"what is {other!r}?")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
