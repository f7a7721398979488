"""`nethood check`: one host in depth, its grade, and how to fix what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from nethood.cli import scan_options as options

if TYPE_CHECKING:
    from nethood.exposure.findings import Assessment
    from nethood.exposure.model import HostReport, Target

RATE = 200.0
"""Connections a second at most; a host is asked a few dozen questions."""
NO_ANSWER = 1


@click.command(name="check", short_help="Look at one host in depth, and how to fix it.")
@click.argument("host", metavar="HOST[:PORT]")
@click.option("--all-fixes", is_flag=True, help="Print the fixes for every platform.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines, as nethood scan does.")
@click.option("--html", "html_file", metavar="FILE", help="Write a report to read to FILE too.")
@options.fail_on
@options.timeout("How long a question may take, its connection included.")
@options.guest
@click.option("--public", is_flag=True, help="Ask a public address too: only your own.")
def check(host: str, **given: Any) -> int:
    """Ask HOST everything, grade it, and say how to fix what is wrong with it.

    PORT is the port of SMB, 445 if not given. Nothing is attacked: no password is guessed and
    nothing is written. The exit status is 1 when HOST does not answer.
    """
    from nethood.cli.nbt_ask import run
    from nethood.cli.scan_files import Outputs
    from nethood.exposure.findings import assess

    target = parse_target(host, public=given["public"])
    outputs = Outputs(_files(given))
    report: HostReport = run(_examine(target, given))
    judged = assess(report)
    if not given["as_json"]:
        show(judged, all_fixes=given["all_fixes"], echo=click.echo)
    outputs.write(lambda: iter([report]))
    return exit_status(judged, given["fail_on"])


def _files(given: dict[str, Any]) -> dict[str, str]:
    wanted = {"json": "-" if given["as_json"] else "", "html": given["html_file"]}
    if given["html_file"] == "-":
        raise click.UsageError("--html wants the name of a file")
    return {kind: name for kind, name in wanted.items() if name}


def parse_target(text: str, *, public: bool) -> Target:
    """Return the one host that *text* names. Raises LocalError."""
    from nethood.errors import LocalError
    from nethood.exposure.targets import parse_targets

    if text.startswith("@"):
        raise LocalError(f"{text!r} is a list of hosts; 'nethood scan' takes lists")
    found = parse_targets([text], public=public)
    if len(found) > 1 and not found.names:
        raise LocalError(f"{text!r} is more than one host; 'nethood scan' takes networks")
    return found[0]


def exit_status(judged: Assessment, fail_on: str | None) -> int:
    """Return 1 for a host that was silent, and for findings as bad as *fail_on*."""
    from nethood.exposure.findings import Severity

    if not judged.report.is_alive:
        return NO_ANSWER
    if fail_on is None:
        return 0
    limit = Severity(fail_on)
    return int(any(finding.severity.at_least(limit) for finding in judged.findings))


async def _examine(target: Target, given: dict[str, Any]) -> HostReport:
    from nethood.exposure.context import ProbeOptions
    from nethood.exposure.examine import examine
    from nethood.exposure.network import PacedNetwork
    from nethood.exposure.pace import Pacer

    asked = ProbeOptions(timeout_s=given["timeout_s"], guest=given["guest"])
    return await examine(target, PacedNetwork(Pacer(RATE)), asked)


def show(judged: Assessment, *, all_fixes: bool, echo: Callable[[str], Any]) -> None:
    """Print everything known of a host through *echo*, nothing of it unclean."""
    from nethood.cli.host_text import lines

    for line in lines(judged, all_fixes=all_fixes):
        echo(line)
