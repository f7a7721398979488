"""Measure nethood beside smbd and write the table: `python -m benchmarks --help`."""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatch
from pathlib import Path

import click

from benchmarks import clients, extras, nbt_names, rows, scan, table, watch
from benchmarks.clients import Sample
from benchmarks.rows import Bench, Row
from benchmarks.servers import Nethood, Server, Smbd

_RESULTS = Path(__file__).with_name("RESULTS.md")


@click.command()
@click.option("--rows", "wanted", multiple=True, help="Only rows like this: 'get*', 'stat.1.*'.")
@click.option("--server", "only", multiple=True, help="Only smbd, smbd-again or nethood.")
@click.option("--rounds", default=5, show_default=True, help="Counted rounds, after a warm-up.")
@click.option("--clients", "people", default="1,4", show_default=True, help="Client counts.")
@click.option("--quick", is_flag=True, help="256 MiB files, 300 operations, 2 rounds, no file.")
@click.option("--no-extras", is_flag=True, help="Leave out codec, memory, start-up, NetBIOS.")
@click.option("--netbios", is_flag=True, help="Only the section of NetBIOS, put in its place.")
@click.option("--scans", is_flag=True, help="Only the section of scans, put in its place.")
@click.option("--watch", "watching", is_flag=True, help="Only the section of watching.")
@click.option("--output", default=_RESULTS, type=click.Path(path_type=Path), show_default=True)
def main(
    wanted: Sequence[str],
    only: Sequence[str],
    rounds: int,
    people: str,
    quick: bool,
    no_extras: bool,
    netbios: bool,
    scans: bool,
    watching: bool,
    output: Path,
) -> None:
    """Run the benchmark; without --quick, --rows or --server write benchmarks/RESULTS.md."""
    alone = {nbt_names: netbios, scan: scans, watch: watching}
    if any(alone.values()):
        for module in (one for one, wanted_alone in alone.items() if wanted_alone):
            _only(output, module.section())
        return
    if missing := clients.require_tools():
        sys.exit(
            f"This needs {', '.join(missing)}: apt-get install samba smbclient gcc"
            " libsmbclient-dev pkg-config"
        )
    counts = tuple(int(count) for count in people.split(","))
    chosen = [row for row in rows.all_rows(counts) if _matches(row.key, wanted)]
    with _workplace(quick) as bench, ExitStack() as stack:
        servers = [stack.enter_context(s) for s in _servers(bench, only)]
        result = table.Result(versions={s.name: s.version for s in servers})
        for server in servers:
            result.negotiated[server.name] = _negotiated(server, bench)
        result.lines = [_measure(row, servers, bench, 2 if quick else rounds) for row in chosen]
        if not no_extras:
            result.extras = extras.measure(servers)
            result.sections = [nbt_names.section(), scan.section(), watch.section()]
    text = table.render(result)
    click.echo(text)
    if not (quick or wanted or only):
        output.write_text(text)


def _only(output: Path, section: str) -> None:
    click.echo(section)
    if output.exists():
        output.write_text(table.with_section(output.read_text(), section))


def _matches(key: str, wanted: Sequence[str]) -> bool:
    return not wanted or any(fnmatch(key, pattern) for pattern in wanted)


def _servers(bench: Bench, only: Sequence[str]) -> Iterator[Server]:
    state = bench.home / "servers"
    for name, kind in (("smbd", Smbd), ("smbd-again", Smbd), ("nethood", Nethood)):
        if not only or name in only:
            server = kind(bench.share, state / name)
            server.name = name
            yield server


def _negotiated(server: Server, bench: Bench) -> dict[str, str]:
    (bench.share / clients.MARK).write_bytes(b"mark")
    return {kind: clients.negotiated(server, bench.home, kind) for kind in clients.PROTECTIONS}


def _measure(row: Row, servers: Sequence[Server], bench: Bench, rounds: int) -> table.Line:
    """Run one row in every server by turns: a discarded warm-up, then rounds, order alternating."""
    samples: dict[str, list[Sample]] = {server.name: [] for server in servers}
    for round_ in range(rounds + 1):
        for server in servers if round_ % 2 else reversed(servers):
            sample = row.run(server, bench)
            if round_:
                samples[server.name].append(sample)
    line = table.line(row, samples)
    click.echo(table.progress(line), err=True)
    return line


@contextmanager
def _workplace(quick: bool) -> Iterator[Bench]:
    """Make the shared folder, the clients' home and the driver in tmpfs; remove them at the end."""
    top = Path(tempfile.mkdtemp(prefix="nethood-bench-", dir="/dev/shm"))
    try:
        share, home = top / "share", top / "home"
        share.mkdir()
        home.mkdir()
        clients.compile_ops(home / "ops")
        if quick:
            yield Bench(share, home, bulk_size=256 << 20, operation_count=300, list_count=10)
        else:
            yield Bench(share, home, bulk_size=1 << 30, operation_count=1000, list_count=30)
    finally:
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    main()
