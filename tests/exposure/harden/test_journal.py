"""The journal: what is on the disk counts, what was cut short does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nethood.errors import LocalError
from nethood.exposure.harden.journal import Journal, Undo, Waiting, save
from nethood.exposure.harden.model import Plan, Platform, Step, run
from nethood.exposure.harden.runner import FileState, Machine

PLAN = Plan(
    host="cellar",
    made_unix=5.0,
    platforms=[Platform.NFTABLES],
    allow=["10.0.0.0/8"],
    closes=["445/tcp"],
    steps=[Step("one", Platform.NFTABLES, "Do it", "because", commands=[run("true")])],
)
UNDO = Undo(
    files=(save("/etc/x", FileState("file", b"\x00\xff", 0o600, 1, 2), ("mine",), ["/etc/d"]),),
    commands=(run("nft", "-f", "-", stdin="x"),),
    guard=("true",),
    repeat=True,
)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = Journal(tmp_path)
    journal.begin(PLAN, 7.0)
    return journal


def test_what_is_written_is_read(journal: Journal) -> None:
    journal.wait(Waiting("token", 9.5, "boot"))
    journal.will_undo("one", [UNDO])
    journal.did("one", {"/etc/x": "hash"}, "rules")
    state = Journal(journal.folder).state()
    assert state is not None
    assert (state.plan, state.began_unix) == (PLAN, 7.0)
    assert state.undos == {"one": [UNDO]}
    assert state.undos["one"][0].files[0].state == FileState("file", b"\x00\xff", 0o600, 1, 2)
    assert (state.done, state.left["one"]) == ({"one"}, {"/etc/x": "hash"})
    assert state.waiting == Waiting("token", 9.5, "boot")
    journal.confirm()
    journal.applied()
    journal.took_back("one")
    state = journal.state()
    assert state is not None
    assert (state.waiting, state.applied, state.undos, state.done) == (None, True, {}, set())


def test_a_line_cut_short_is_no_line_and_the_next_takes_its_place(journal: Journal) -> None:
    whole = journal.path.read_bytes()
    for half in (b"{", b'{"record":"applied"}', b'{"record":"und\r'):
        journal.path.write_bytes(whole + half)
        state = journal.state()
        assert state is not None
        assert not state.applied
        journal.undoing()
        state = journal.state()
        assert state is not None
        assert state.undoing
        assert journal.path.read_bytes() == whole + b'{"record":"undoing"}\n'


def test_a_journal_whose_first_line_is_cut_short_is_none(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.path.write_bytes(b'{"record":"beg')
    assert journal.state() is None
    journal.begin(PLAN, 1.0)
    assert journal.state() is not None


def test_a_foreign_file_is_named(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for text in (b"hello\n", b"{}\n", b"[1]\n", b'{"record":"begun","version":9,"plan":{}}\n'):
        journal.path.write_bytes(text)
        with pytest.raises(LocalError, match=r"journal\.jsonl is"):
            journal.state()


def test_an_undone_journal_is_put_aside_under_a_name_of_its_own(journal: Journal) -> None:
    first = journal.close(3.0)
    assert journal.state() is None
    journal.begin(PLAN, 8.0)
    assert journal.close(3.0) != first
    assert len(list(journal.folder.glob("undone-*"))) == 2


def test_a_command_that_outlives_us_holds_the_lock(tmp_path: Path) -> None:
    """An orphan of a killed run may still change rules: the next run waits until it has ended."""
    script = """
import sys
from pathlib import Path
from nethood.exposure.harden.journal import Journal
from nethood.exposure.harden.runner import Machine
machine, journal = Machine(), Journal(Path(sys.argv[1]))
with journal.locked() as machine.lock_fd:
    machine.run(["sh", "-c", "kill -9 $PPID; read line < $0; echo done > $0.out",
                 sys.argv[2]])
"""
    pipe = tmp_path / "pipe"
    subprocess.run(["mkfifo", str(pipe)], check=True)
    killed = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), str(pipe)], check=False, timeout=60
    )
    assert killed.returncode == -9
    words = ["flock", str(tmp_path / "lock"), "cat", f"{pipe}.out"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as waiter:
        with pytest.raises(subprocess.TimeoutExpired):
            waiter.wait(0.2)
        pipe.write_text("go on\n")
        assert waiter.communicate(timeout=30)[0] == b"done\n"


def test_the_machine_needs_no_lock_to_look(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    assert machine.look("/etc/none") == FileState("absent")
    assert machine.run(["sh", "-c", "cat; exit 3"], "words").status == 3
    with pytest.raises(LocalError, match="no-such-program is not installed"):
        machine.run(["no-such-program"])
