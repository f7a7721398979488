"""`nethood scan`: what answers on the ports of whole networks, and what is wrong with it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nethood.cli import scan_options as options

if TYPE_CHECKING:
    from nethood.cli.scan_files import Outputs
    from nethood.cli.scan_view import Tally, View
    from nethood.exposure.model import HostReport
    from nethood.exposure.report import JsonLines
    from nethood.exposure.scan import ScanOptions
    from nethood.exposure.state import Saved, ScanFile

INTERRUPTED = 130
OUT_OF_REACH = 2
_SEED_BITS = 62
_SHAPING = ("rate", "parallel", "wait_s", "retries", "timeout_s", "guest", "keep_all", "ports_only")


@click.command(short_help="Find what is exposed in whole networks.")
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@options.questions
@options.patience
@options.outputs
def scan(targets: Sequence[str], **given: Any) -> int:
    """Find the hosts among TARGETs, examine them, and print what is wrong with each.

    A TARGET is an address, a network such as 192.168.1.0/24, a range such as 192.168.1.1-20, a
    name, each with :PORT for an SMB server elsewhere than 445, or @FILE with one of these a line.

    With --resume the scan keeps its own targets and options; TARGETs then say which scan.
    Interrupted by Ctrl-C it keeps what it found; the exit status is then 130.
    """
    from nethood.cli.scan_files import Outputs

    if not targets and not given["resume"]:
        raise click.UsageError("there is no TARGET to scan; name one, like 192.168.1.0/24")
    files = {kind: given[f"{kind}_file"] for kind in ("json", "csv", "sarif", "html")}
    outputs = Outputs({kind: name for kind, name in files.items() if name})
    file, saved = _resumed(targets, given) if given["resume"] else _begun(targets, given)
    with file:
        return _carry_out(file, saved, given, outputs)


def _begun(targets: Sequence[str], given: dict[str, Any]) -> tuple[ScanFile, Saved]:
    """Read the targets, and only then touch the file."""
    from nethood.exposure.state import ScanFile
    from nethood.exposure.targets import parse_targets

    wanted = parse_targets(targets, given["exclude"], public=given["public"])
    shaping = {name: given[name] for name in _SHAPING}
    file = ScanFile(_path(given))
    saved = file.begin(_specs(targets, given), wanted, shaping, secrets.randbits(_SEED_BITS))
    return file, saved


def _resumed(targets: Sequence[str], given: dict[str, Any]) -> tuple[ScanFile, Saved]:
    from nethood.errors import LocalError
    from nethood.exposure.state import ScanFile

    path = _path(given)
    if not path.exists():
        raise LocalError(f"there is nothing to resume: {path} does not exist")
    file = ScanFile(path)
    try:
        return file, file.unfinished(_specs(targets, given) if targets else None)
    except LocalError:
        file.close()
        raise


def _path(given: dict[str, Any]) -> Path:
    from nethood.exposure.state import default_path

    return given["state_file"] or default_path()


def _specs(targets: Sequence[str], given: dict[str, Any]) -> list[str]:
    return [*targets, *(f"not {text}" for text in given["exclude"])]


def _carry_out(file: ScanFile, saved: Saved, given: dict[str, Any], outputs: Outputs) -> int:
    """Run the scan to its end or until it is interrupted; show and write what was found."""
    from nethood.cli.scan_view import Tally, view
    from nethood.errors import LocalError

    tally, streamed = Tally(), outputs.stream()
    for report in file.reports(saved.id):
        judged = tally.add(report)
        if streamed:
            streamed.host(judged)
    with view(plain=given["no_progress"], quiet=outputs.use_stdout) as shown:
        sink = _Sink(file, saved.id, tally, shown, streamed)
        ended = _ask_all(file, saved, sink)
    try:
        outputs.write(lambda: file.reports(saved.id))
    except LocalError as error:
        more = "'nethood scan --resume' writes another without asking again"
        raise LocalError(f"{error}; {more}") from None
    if ended:
        file.finish(saved.id)
    tally.show(ended=ended)
    if not ended:
        return INTERRUPTED
    if tally.reached_nobody:
        return OUT_OF_REACH
    return 1 if given["fail_on"] and tally.has(given["fail_on"]) else 0


def _ask_all(file: ScanFile, saved: Saved, sink: _Sink) -> bool:
    """Run the event loop; return False where a person stopped it."""
    from nethood.cli.nbt_ask import run

    try:
        run(_scan(file, saved, sink))
    except KeyboardInterrupt:
        return False
    return True


async def _scan(file: ScanFile, saved: Saved, sink: _Sink) -> None:
    from nethood.exposure.examine import examine
    from nethood.exposure.scan import Scan, Start, fate_of

    after = file.reports_from(saved.id, saved.position)
    done = {place: fate_of(report) for place, report in after}
    start = Start(saved.seed, saved.position, saved.settled, done)
    running = Scan(saved.targets, start, _options(saved.options), sink, examine)
    sink.tally.watch(running)
    async with sink.shown.watching(running):
        await running.run()


class _Sink:
    """Whatever is found goes into the file first, then before the person's eyes."""

    def __init__(
        self, file: ScanFile, scan_id: int, tally: Tally, shown: View, streamed: JsonLines | None
    ) -> None:
        self.tally = tally
        self.shown = shown
        self._file = file
        self._id = scan_id
        self._streamed = streamed

    def host_found(self, place: int, report: HostReport) -> None:
        self._file.save_host(self._id, place, report)
        judged = self.tally.add(report)
        self.shown.host(judged)
        if self._streamed:
            self._streamed.host(judged)

    def position_reached(self, position: int, settled: dict[str, int]) -> None:
        self._file.save_position(self._id, position, settled)


def _options(stored: dict[str, Any]) -> ScanOptions:
    from nethood.exposure.context import ProbeOptions
    from nethood.exposure.scan import ScanOptions

    return ScanOptions(
        rate=stored["rate"],
        parallel=stored["parallel"],
        wait_s=stored["wait_s"],
        retries=stored["retries"],
        keep_all=stored["keep_all"],
        ports_only=stored["ports_only"],
        probes=ProbeOptions(timeout_s=stored["timeout_s"], guest=stored["guest"]),
    )
