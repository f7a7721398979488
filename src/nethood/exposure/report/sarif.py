"""SARIF 2.1.0: the catalogue as rules, a result for each finding of each host.

A host is no file, so a result's place is a logical location, "192.0.2.1:445"; for viewers that
know files only, the same is given as an artifact URI "smb://192.0.2.1:445/".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, TextIO

from nethood import __version__
from nethood.exposure.findings import CATALOGUE, Assessment, Entry, Finding, Severity
from nethood.exposure.findings.words import clean
from nethood.exposure.model import Target

SCHEMA_URI = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
_SCORES = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.5",
    Severity.INFO: "0.0",
}
"""What code scanning sorts by: its "security-severity", a number from 0 to 10 as text."""
_INDEX = {finding_id: index for index, finding_id in enumerate(CATALOGUE)}


def write_sarif(hosts: Iterable[Assessment], file: TextIO) -> None:
    """Write one run; results are written as the hosts come."""
    head = {"$schema": SCHEMA_URI, "version": "2.1.0"}
    run = {"tool": {"driver": _driver()}, "columnKind": "unicodeCodePoints"}
    file.write(json.dumps(head)[:-1] + ', "runs": [' + json.dumps(run)[:-1] + ', "results": [')
    separator = "\n"
    for host in hosts:
        for finding in host.findings:
            file.write(separator + json.dumps(_result(host.report.target, finding)))
            separator = ",\n"
    file.write("\n]}]}\n")


def _driver() -> dict[str, Any]:
    return {
        "name": "nethood",
        "semanticVersion": __version__,
        "version": __version__,
        "rules": [_rule(entry) for entry in CATALOGUE.values()],
    }


def _rule(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "shortDescription": {"text": entry.title},
        "fullDescription": {"text": entry.meaning},
        "help": {"text": _help(entry)},
        "helpUri": entry.references[0].url,
        "defaultConfiguration": {"level": LEVELS[entry.severity]},
        "properties": {
            "security-severity": _SCORES[entry.severity],
            "severity": str(entry.severity),
            "tags": ["security", "smb"],
        },
    }


def _help(entry: Entry) -> str:
    lines = [f"{entry.severity}: {entry.severity_reason}.", ""]
    for platform, steps in entry.fixes.items():
        lines += [f"{platform}, {step.how}:\n{step.text}\n" for step in steps]
    return "\n".join([*lines, f"What breaks: {entry.breaks}"])


def _result(target: Target, finding: Finding) -> dict[str, Any]:
    place = f"{_host(target.address)}:{target.port}"
    # Brackets are links in a message: a host must not be able to set one.
    evidence = " ".join(finding.evidence).replace("[", "(").replace("]", ")")
    return {
        "ruleId": finding.id,
        "ruleIndex": _INDEX[finding.id],
        "level": LEVELS[finding.severity],
        "message": {"text": clean(f"{place}: {finding.title}. {evidence}", 1000)},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": f"smb://{place}/"}},
                "logicalLocations": [{"fullyQualifiedName": place, "kind": "resource"}],
            }
        ],
        "partialFingerprints": {"hostAndFinding/v1": _fingerprint(place, finding.id)},
        "properties": {"evidence": finding.evidence, "fix": finding.fix},
    }


def _host(address: str) -> str:
    return f"[{address.replace('%', '%25')}]" if ":" in address else address


def _fingerprint(place: str, finding_id: str) -> str:
    return hashlib.sha256(f"{place} {finding_id}".encode()).hexdigest()[:32]
