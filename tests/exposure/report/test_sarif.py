"""SARIF: its shape, its rules, and its results."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from nethood.exposure.findings import CATALOGUE, assess
from nethood.exposure.model import HostReport, Target
from nethood.exposure.report import write_sarif
from tests.exposure import hosts
from tests.exposure.json_schema import faults

SCHEMA = json.loads(Path(__file__).with_name("sarif.json").read_text(encoding="utf-8"))


def written(reports: list[HostReport]) -> dict[str, Any]:
    file = io.StringIO()
    write_sarif(map(assess, reports), file)
    assert file.getvalue().isascii()
    log: dict[str, Any] = json.loads(file.getvalue())
    return log


def test_it_is_sarif() -> None:
    assert list(faults(written([*hosts.everybody(), hosts.hostile()]), SCHEMA)) == []
    assert list(faults(written([]), SCHEMA)) == []


def test_the_check_can_fail() -> None:
    log = written([hosts.samba()])
    log["runs"][0]["results"][0]["level"] = "high"
    assert list(faults(log, SCHEMA)) != []


def test_rules_are_the_catalogue_and_results_point_at_them() -> None:
    [run] = written(hosts.everybody())["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(CATALOGUE)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]


def test_a_result_names_host_and_port() -> None:
    report = hosts.nethood()
    report.target = Target("fe80::1%eth0", 4450)
    [run] = written([report])["runs"]
    place = run["results"][0]["locations"][0]
    assert place["logicalLocations"][0]["fullyQualifiedName"] == "[fe80::1%25eth0]:4450"
    assert run["results"][0]["level"] == "note"


def test_the_same_finding_of_the_same_host_keeps_its_fingerprint() -> None:
    first, again = (written([hosts.samba()])["runs"][0]["results"] for _ in range(2))
    prints = [result["partialFingerprints"]["hostAndFinding/v1"] for result in first]
    assert prints == [result["partialFingerprints"]["hostAndFinding/v1"] for result in again]
    assert len(set(prints)) == len(prints)


def test_a_host_sets_no_link() -> None:
    report = hosts.samba()
    assert report.shares.value is not None
    report.shares.value[0].name = "[click](https://evil.example)"
    for result in written([report])["runs"][0]["results"]:
        assert "[" not in result["message"]["text"]
