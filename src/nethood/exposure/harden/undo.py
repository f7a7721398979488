"""Taking a plan back: every step's undo from the journal, the last step first.

What is put back is what was there, byte for byte, unless somebody else has changed it since; then
only what is ours is taken out. Every undo can be run again, so one that was cut short is no harm.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nethood.errors import LocalError
from nethood.exposure.harden.journal import Journal, JournalState, SavedFile, Undo
from nethood.exposure.harden.model import Command
from nethood.exposure.harden.runner import FileState, Machine

Say = Callable[[str], None]
REPEATS = 64


def silent(sentence: str) -> None:
    """Tell nobody."""


@contextlib.contextmanager
def holding(journal: Journal, machine: Machine) -> Iterator[None]:
    """Hold the journal's lock, and have the machine's commands hold it too.

    Raises LocalError where we may not change this machine; nothing is touched then.
    """
    if not machine.is_root:
        raise LocalError("changing this machine's firewall needs root: run it with sudo")
    with journal.locked() as descriptor:
        machine.lock_fd = descriptor
        try:
            yield
        finally:
            machine.lock_fd = None


def undo(journal: Journal, machine: Machine, say: Say = silent) -> bool:
    """Take back what is applied or half applied; return False where there is nothing.

    Raises LocalError where something could not be put back; the journal keeps it for next time.
    """
    with holding(journal, machine):
        state = journal.state()
        if state is None:
            return False
        undo_all(state, journal, machine, say)
        return True


def undo_all(state: JournalState, journal: Journal, machine: Machine, say: Say) -> None:
    """Take back every step of *state* and put the journal aside. The lock is held."""
    if not state.undoing:
        journal.undoing()
        state.undoing = True
    for step in reversed(list(state.undos)):
        take_back(step, state, journal, machine, say)
    journal.close(time.time())


def take_back(step: str, state: JournalState, journal: Journal, machine: Machine, say: Say) -> None:
    """Take back one step. The lock is held."""
    left = state.left.get(step, {})
    files = [saved for one in state.undos[step] for saved in one.files]
    if left and not any(_changed_since(saved, left, machine) for saved in files):
        journal.puts_back(step)  # from here on the files may be anything in between
        left = {}
    for one in reversed(state.undos[step]):
        _run_undo(one, left, machine, journal.folder, say)
    journal.took_back(step)
    state.undos.pop(step)
    state.done.discard(step)
    state.left.pop(step, None)
    say(f"{step}: taken back")


def _run_undo(one: Undo, left: Mapping[str, str], machine: Machine, folder: Path, say: Say) -> None:
    changed = [saved for saved in one.files if _changed_since(saved, left, machine)]
    if changed and one.otherwise:
        say(f"{changed[0].path} was changed since: only what is ours is taken out of it")
        _run_guarded(one, one.otherwise, machine)
        return
    if one.first:
        _run_guarded(one, one.first, machine)
    for saved in one.files:
        if saved in changed:
            _take_out(saved, machine, folder, say)
        else:
            machine.put(saved.path, saved.state)
        for made in reversed(saved.made):
            machine.remove_folder(made)
    _run_guarded(one, one.commands, machine)


def _changed_since(saved: SavedFile, left: Mapping[str, str], machine: Machine) -> bool:
    now = machine.look(saved.path).digest
    return saved.path in left and now not in (left[saved.path], saved.state.digest)


def _take_out(saved: SavedFile, machine: Machine, folder: Path, say: Say) -> None:
    now = machine.look(saved.path)
    if now.was == "file" and saved.inserted:
        say(f"{saved.path} was changed since: only what is ours is taken out of it")
        machine.put(saved.path, replace(now, data=without(now.data, saved.inserted)))
        return
    if now.was == "file":
        kept = folder / f"changed-{Path(saved.path).name}"
        kept.write_bytes(now.data)
        say(f"{saved.path} was changed since: what it held is kept as {kept}")
    if now.was != "absent" or saved.was != "absent":
        machine.put(saved.path, saved.state)


def without(data: bytes, inserted: Sequence[str]) -> bytes:
    """Return *data* without the texts that were put into it."""
    for text in inserted:
        data = data.replace(text.encode(errors="surrogateescape"), b"", 1)
    return data


def _run_guarded(one: Undo, commands: Sequence[Command], machine: Machine) -> None:
    if not one.guard or not commands:
        _run_all(commands, machine)
        return
    for _ in range(REPEATS if one.repeat else 1):
        if machine.run(one.guard).status:
            return
        _run_all(commands, machine)


def _run_all(commands: Sequence[Command], machine: Machine) -> None:
    for command in commands:
        ran = machine.run(command.argv, command.stdin)
        if ran.status:
            raise LocalError(f"{' '.join(command.argv)}: {ran.output.strip() or ran.status}")


def file_state(command: Command, before: FileState) -> FileState:
    """Return what a FILE or LINK command makes of *before*: a file there keeps its owner, mode."""
    if command.kind == "link":
        return FileState("link", command.content.encode())
    data = command.content.encode(errors="surrogateescape")
    if before.was == "file":
        return replace(before, data=data)
    return FileState("file", data, command.mode)
