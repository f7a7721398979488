"""`nethood local`: what this machine itself has open, and who can get to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nethood.exposure.local.settings.model import Setting
    from nethood.exposure.local.survey import Exposure, Gate, LocalReport

_COLOURS = {"everyone": "red", "some": "yellow", "unknown": "magenta", "nobody": "green"}


@click.command(name="local", short_help="Show what this machine has open, and to whom.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--fail-on-open",
    is_flag=True,
    help="Exit status 1 where SMB or NetBIOS is open to others, or that can't be ruled out.",
)
def local(as_json: bool, fail_on_open: bool) -> int:
    """Show what listens here for SMB, NetBIOS and discovery, and who gets to it.

    Every listener comes with its process and user, and with what the firewall does to a new
    connection from another host, worked out from the rules themselves. Settings of Samba, systemd
    and Windows follow. What can't be known is "unknown" with its reason; as root more is known.
    Nothing is changed and nothing is sent.
    """
    from nethood.exposure.local.survey import survey

    report = survey()
    if as_json:
        click.echo(json.dumps(fields(report)))
    else:
        for line in lines(report):
            click.echo(line)
    return int(fail_on_open and report.open_to_others is not False)


def lines(report: LocalReport) -> Iterator[str]:
    """Yield what is printed; nothing in it steers a terminal."""
    from nethood.cli.events import printable
    from nethood.exposure.local.words import advice, conclusion

    yield click.style(printable(conclusion(report)), bold=True)
    for step in advice(report):
        yield f"  - {printable(step)}"
    for beside, title in ((False, "SMB and NetBIOS"), (True, "Beside them")):
        some = [e for e in report.exposures if e.listener.service.beside is beside]
        if some:
            yield ""
            yield click.style(title, bold=True)
            for exposure in some:
                yield from _listener(exposure)
    yield ""
    yield from _firewall(report)
    if report.settings:
        yield ""
        yield click.style("Settings", bold=True)
        yield from _settings(report.settings)


def _listener(exposure: Exposure) -> Iterator[str]:
    from nethood.cli.events import printable
    from nethood.exposure.local.words import exposure_text, owners

    listener = exposure.listener
    service = listener.service
    where = f"[{listener.address}]" if ":" in listener.address else listener.address
    head = f"{service.protocol.upper()} {service.port:<5} {service.name}"
    yield printable(f"  {head:<28} {where}, {listener.reach}")
    yield printable(f"      process   {owners(listener)}")
    colour = _COLOURS.get(exposure.access or "nobody")
    yield f"      firewall  {click.style(printable(exposure_text(exposure)), fg=colour)}"
    for rule in dict.fromkeys(rule for gate in exposure.gates for rule in gate.verdict.rules):
        yield printable(f"                by '{rule}'")
    for note in listener.notes:
        yield printable(f"      note      {note}")


def _firewall(report: LocalReport) -> Iterator[str]:
    from nethood.cli.events import printable

    yield click.style("Firewall", bold=True)
    state = report.firewall
    if state.ruleset is None:
        yield f"  unknown: {printable(state.unknown)}"
        return
    count = state.ruleset.rule_count
    whose = f", among them those of {', '.join(state.managers)}" if state.managers else ""
    yield f"  {count} rules{whose}" if count else "  no rules: everything is let in"


def _settings(settings: list[Setting]) -> Iterator[str]:
    from nethood.cli.events import printable

    names = [f"{one.source}: {one.name}" for one in settings]
    width = min(max(map(len, names)), 48)
    for name, one in zip(names, settings, strict=True):
        shown = f"unknown: {one.unknown}" if one.unknown else one.value or "(empty)"
        advice = f"   ! {one.advice}" if one.advice else ""
        yield f"  {printable(f'{name:<{width}}  {shown}{advice}')}"


def fields(report: LocalReport) -> dict[str, Any]:
    """Return the report as JSON takes it; docs/local.md lists the keys."""
    from dataclasses import asdict

    from nethood.exposure.local.survey import SCHEMA_VERSION
    from nethood.exposure.local.words import advice, conclusion

    ruleset = report.firewall.ruleset
    return {
        "schema_version": SCHEMA_VERSION,
        "conclusion": conclusion(report),
        "advice": advice(report),
        "open_to_others": report.open_to_others,
        "listeners_unknown": report.listeners_unknown,
        "listeners": [_listener_fields(exposure) for exposure in report.exposures],
        "firewall": {
            "rules": None if ruleset is None else ruleset.rule_count,
            "managers": report.firewall.managers,
            "unknown": report.firewall.unknown,
        },
        "settings": [asdict(one) for one in report.settings],
    }


def _listener_fields(exposure: Exposure) -> dict[str, Any]:
    from dataclasses import asdict

    listener = exposure.listener
    return {
        "protocol": listener.service.protocol,
        "port": listener.service.port,
        "service": listener.service.name,
        "beside": listener.service.beside,
        "address": listener.address,
        "reach": listener.reach,
        "processes": [asdict(owner) for owner in listener.owners],
        "processes_unknown": listener.owner_unknown,
        "access": exposure.access,
        "access_why": exposure.why,
        "firewall": [_gate_fields(gate) for gate in exposure.gates],
        "notes": listener.notes,
    }


def _gate_fields(gate: Gate) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        **asdict(gate.verdict),
        "text": str(gate.verdict),
        "places": [asdict(place) for place in gate.places],
    }
