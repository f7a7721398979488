"""The machine a plan is applied to: running commands and changing files, nothing else.

Everything harden changes goes through a `Machine`; a test gives one of its own. A command holds
the journal's lock as long as it runs, so that one that outlives us is waited for by the next.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nethood.errors import LocalError

SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished command: its exit status and what it printed, errors included."""

    status: int
    output: str


@dataclass(frozen=True, slots=True)
class FileState:
    """What is at a path: *was* is "absent", "file" or "link" (*data* is then its target)."""

    was: str
    data: bytes = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0

    @property
    def digest(self) -> str:
        """A hash over what it is and what it holds."""
        return hashlib.sha256(self.was.encode() + b"\0" + self.data).hexdigest()


class Machine:
    """This machine. *root* is put before every path; *lock_fd* is handed to the commands."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root
        self.lock_fd: int | None = None

    @property
    def is_root(self) -> bool:
        """Whether we may change it."""
        return os.geteuid() == 0

    def which(self, program: str) -> str | None:
        """Return where *program* is, the administrator's folders included."""
        return shutil.which(program, path=_search_path())

    def run(self, argv: Sequence[str], stdin: str = "") -> Ran:
        """Run *argv* to its end. Raises LocalError where it can't be started or does not end."""
        held = () if self.lock_fd is None else (self.lock_fd,)
        environment = {**os.environ, "PATH": _search_path(), "LC_ALL": "C"}
        try:
            done = subprocess.run(
                argv,
                input=stdin.encode(errors="surrogateescape"),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=held,
                env=environment,
                cwd="/",
                timeout=TIMEOUT_S,
                start_new_session=True,
                check=False,
            )
        except FileNotFoundError:
            raise LocalError(f"{argv[0]} is not installed") from None
        except subprocess.TimeoutExpired:
            raise LocalError(f"{' '.join(argv)} did not end within {TIMEOUT_S:.0f} s") from None
        return Ran(done.returncode, done.stdout.decode(errors="replace"))

    def look(self, path: str) -> FileState:
        """Return what is at *path*."""
        place = self._place(path)
        try:
            status = os.lstat(place)
        except (FileNotFoundError, NotADirectoryError):
            return FileState("absent")
        owner = (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
        if stat.S_ISLNK(status.st_mode):
            return FileState("link", os.fsencode(os.readlink(place)), *owner)
        if not stat.S_ISREG(status.st_mode):
            raise LocalError(f"{path} is neither a file nor a link")
        return FileState("file", place.read_bytes(), *owner)

    def read_text(self, path: str) -> str | None:
        """Return the text of the file *path*, links followed; None where it can't be read."""
        try:
            return self._place(path).read_bytes().decode(errors="surrogateescape")
        except OSError:
            return None

    def exists(self, path: str) -> bool:
        """Whether there is something at *path*, a dangling link included."""
        return os.path.lexists(self._place(path))

    def real_path(self, path: str) -> str:
        """Return *path* with links followed, where it is a link to a file."""
        place = self._place(path)
        if not place.is_symlink() or not place.exists():
            return path
        resolved = place.resolve()
        try:
            return "/" + str(resolved.relative_to(self.root.resolve()))
        except ValueError:
            return path

    def missing_folders(self, path: str) -> list[str]:
        """Return the folders above *path* that are not there, the outermost first."""
        missing: list[str] = []
        folder = os.path.dirname(path)
        while folder not in ("", "/") and not self._place(folder).is_dir():
            missing.insert(0, folder)
            folder = os.path.dirname(folder)
        return missing

    def put(self, path: str, state: FileState) -> None:
        """Make *path* what *state* says, in one step, and have it on the disk on return."""
        if state.was == "absent":
            self._remove(path)
            return
        place = self._place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = _beside(place)
        temporary.unlink(missing_ok=True)  # of a run that was cut short
        if state.was == "link":
            os.symlink(os.fsdecode(state.data), temporary)
        else:
            _write_durably(temporary, state)
        _replace(temporary, place, state)
        _sync_folder(place.parent)

    def remove_folder(self, path: str) -> bool:
        """Remove the folder *path* where it is empty; return whether it is gone."""
        try:
            self._place(path).rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        _sync_folder(self._place(path).parent)
        return True

    def _remove(self, path: str) -> None:
        place = self._place(path)
        try:
            _beside(place).unlink(missing_ok=True)
            place.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return
        _sync_folder(place.parent)

    def _place(self, path: str) -> Path:
        return self.root / path.lstrip("/")


def _beside(place: Path) -> Path:
    """Return where the next content of *place* is made ready: always the same, to be found."""
    return place.with_name(f".{place.name}.nethood-new")


def _search_path() -> str:
    return f"{os.environ.get('PATH', '/usr/bin:/bin')}:{SBIN}"


def _write_durably(place: Path, state: FileState) -> None:
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(state.data)
        file.flush()
        status = os.fstat(file.fileno())
        if (status.st_uid, status.st_gid) != (state.uid, state.gid) and os.geteuid() == 0:
            os.fchown(file.fileno(), state.uid, state.gid)
        os.fchmod(file.fileno(), state.mode)
        os.fsync(file.fileno())


def _replace(temporary: Path, place: Path, state: FileState) -> None:
    try:
        os.replace(temporary, place)
    except OSError as error:
        temporary.unlink()
        if error.errno != errno.EBUSY or state.was != "file":
            raise
        # A file that is itself a mount can't be replaced; it can be written.
        with place.open("r+b") as file:
            file.write(state.data)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
