"""What is measured: one Row a line of the table, with the folder it needs prepared for it.

Files are prepared straight in the shared folder, so that preparation costs the servers nothing.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import clients
from benchmarks.clients import Sample
from benchmarks.servers import Server

FILE_SIZE = 4096
LIST_ENTRIES = 2000
OPERATIONS = ("create", "stat", "read", "rename", "list", "unlink")
_LABELS = {
    "create": "create + write 4 KiB + close",
    "stat": "stat",
    "read": "open + read 4 KiB + close",
    "rename": "rename",
    "list": "list 2,000 entries",
    "unlink": "unlink",
}


@dataclass(frozen=True)
class Bench:
    """Where a run keeps its things: the shared folder, the clients' home, how much to do."""

    share: Path
    home: Path
    bulk_size: int
    operation_count: int
    list_count: int


class Row:
    """One line of the table."""

    key = ""
    label = ""
    unit = ""
    work_per_unit = 1
    best = False  # True: best round counts; False: median

    def run(self, server: Server, bench: Bench) -> Sample:
        raise NotImplementedError


class BulkRow(Row):
    """smbclient get or put of one big file."""

    unit = "GiB"
    work_per_unit = 1 << 30
    best = True

    def __init__(self, command: str, protection: str) -> None:
        self.command, self.protection = command, protection
        self.key = f"{command}.{protection}"
        self.label = f"smbclient {command}, {protection}"

    def run(self, server: Server, bench: Bench) -> Sample:
        source = bench.home / "source"
        if not source.exists():
            _fill(source, bench.bulk_size)
        shared = bench.share / "big"
        (bench.share / clients.MARK).write_bytes(b"mark")
        if self.command == "get":
            if not shared.exists() or shared.stat().st_size != bench.bulk_size:
                shutil.copyfile(source, shared)
            command = "get big /dev/null"
        else:
            shared.unlink(missing_ok=True)
            command = f"put {source} big"
        return clients.bulk(server, bench.home, self.protection, command, bench.bulk_size)


class OperationRow(Row):
    """One libsmbclient operation over and over, by one or more clients."""

    unit = "1,000 ops"
    work_per_unit = 1000

    def __init__(self, operation: str, client_count: int, protection: str) -> None:
        self.operation, self.client_count, self.protection = operation, client_count, protection
        self.key = f"{operation}.{client_count}.{protection}"
        people = "1 client" if client_count == 1 else f"{client_count} clients"
        self.label = f"{_LABELS[operation]}, {people}, {protection}"

    def run(self, server: Server, bench: Bench) -> Sample:
        count = bench.list_count if self.operation == "list" else bench.operation_count
        self._prepare(bench.share, count)
        arguments = (self.protection, self.operation, count, self.client_count)
        return clients.operations(server, bench.home, *arguments)

    def _prepare(self, share: Path, count: int) -> None:
        if self.operation == "list":
            _files(share / "list", LIST_ENTRIES)
            return
        for client in range(self.client_count):
            folder = share / f"c{client}"
            shutil.rmtree(folder, ignore_errors=True)
            _files(folder, 0 if self.operation == "create" else count)


def all_rows(client_counts: tuple[int, ...] = (1, 4)) -> Iterator[Row]:
    """Yield every row in table order."""
    for protection in clients.PROTECTIONS:
        for command in ("get", "put"):
            yield BulkRow(command, protection)
    for protection in ("plain", "signed"):
        for client_count in client_counts:
            for operation in OPERATIONS:
                yield OperationRow(operation, client_count, protection)


def _files(folder: Path, count: int) -> None:
    folder.mkdir(exist_ok=True)
    for i in range(count):
        path = folder / f"f{i:05d}"
        if not path.exists():
            path.write_bytes(b"x" * FILE_SIZE)


def _fill(path: Path, size: int) -> None:
    block = bytes(range(256)) * 4096
    with path.open("wb") as file:
        for _ in range(size // len(block)):
            file.write(block)
