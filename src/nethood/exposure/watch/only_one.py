"""A lock on a file that ends with the process, however that ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from nethood.errors import LocalError


class FileLock:
    """A lock that is held from the making of the object until `close`."""

    def __init__(self, path: Path, what: str) -> None:
        """Take it. Raises LocalError where another process has *what*, OSError for the file."""
        self.path = path
        self._file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            _lock(self._file)
        except OSError:
            os.lseek(self._file, 1, os.SEEK_SET)
            holder = os.read(self._file, 32).decode("ascii", "replace").strip()
            os.close(self._file)
            who = f" (process {holder})" if holder.isdigit() else ""
            raise LocalError(
                f"another watcher{who} has {what}; end it, or name another [state] url"
            ) from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f" {os.getpid()}\n".encode())

    def close(self) -> None:
        """Let others have it; closing twice does no harm."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        """Lock the first byte: on Windows others can't read what is locked."""
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
