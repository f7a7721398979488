"""The files a scan leaves: checked before the first packet, written whole or not at all.

JSON lines on standard output are not held back: each host is written when it is known.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from nethood.errors import LocalError

if TYPE_CHECKING:
    from nethood.exposure.findings import Assessment
    from nethood.exposure.model import HostReport
    from nethood.exposure.report import JsonLines

STDOUT = "-"


class Outputs:
    """Which kinds of report go where: "json", "csv", "sarif", "html" to a file or to stdout."""

    def __init__(self, files: Mapping[str, str]) -> None:
        """Raises LocalError where a file can't be written, is an option, or two want stdout."""
        self._files = files
        self._streamed: JsonLines | None = None
        if sum(name == STDOUT for name in files.values()) > 1:
            raise LocalError("only one report can go to standard output; name files for the others")
        for kind, name in files.items():
            if name.startswith("--"):
                raise LocalError(f"--{kind} wants a file before {name}; - is standard output")
            if name != STDOUT:
                _check_writable(Path(name))

    @property
    def use_stdout(self) -> bool:
        """Whether standard output belongs to a report."""
        return STDOUT in self._files.values()

    def stream(self) -> JsonLines | None:
        """Return what takes hosts as they are found, where JSON goes to standard output."""
        from nethood.exposure.report import JsonLines

        if self._files.get("json") == STDOUT and self._streamed is None:
            self._streamed = JsonLines(sys.stdout)
        return self._streamed

    def write(self, reports: Callable[[], Iterator[HostReport]]) -> None:
        """Write every report, end the one that was streamed; *reports* reads all hosts anew."""
        from nethood.exposure.findings import assess

        for kind, name in self._files.items():
            hosts = map(assess, reports())
            if self._streamed is not None and name == STDOUT:
                self._streamed.end()
            elif name == STDOUT:
                _write(kind, hosts, sys.stdout)
            else:
                with _whole(Path(name)) as file:
                    _write(kind, hosts, file)


def _write(kind: str, hosts: Iterable[Assessment], file: TextIO) -> None:
    from nethood.exposure import report

    writers: dict[str, Callable[[Iterable[Assessment], TextIO], None]] = {
        "json": report.write_json_lines,
        "csv": report.write_csv,
        "sarif": report.write_sarif,
        "html": report.write_html,
    }
    writers[kind](hosts, file)


def _check_writable(path: Path) -> None:
    folder = path.parent
    if path.is_dir():
        raise LocalError(f"can't write {path}: it is a folder")
    if not folder.is_dir():
        raise LocalError(f"can't write {path}: there is no folder {folder}")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise LocalError(f"can't write {path}: it is not yours to write")


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[TextIO]:
    """Give a file that takes the place of *path* when all of it is written."""
    try:
        # Devices and pipes can't be replaced.
        if path.exists() and not path.is_file():
            with path.open("w", encoding="utf-8", newline="") as file:
                yield file
            return
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(descriptor, "w", encoding="utf-8", newline="") as file:
                yield file
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink()
            raise
    except OSError as error:
        raise LocalError(f"can't write {path}: {error.strerror or error}") from error
