"""What is wrong with a host: the catalogue of findings, the judge, and the grade.

    findings = judge(report)
    letter = grade(findings)

`assess` does both and adds what could not be known.
"""

from nethood.exposure.findings.catalogue import CATALOGUE, find_entry
from nethood.exposure.findings.grade import Assessment, assess, grade
from nethood.exposure.findings.judge import judge, unknowns
from nethood.exposure.findings.model import (
    Entry,
    Finding,
    Platform,
    Reference,
    Severity,
    Step,
    Unknown,
)

__all__ = [
    "CATALOGUE",
    "Assessment",
    "Entry",
    "Finding",
    "Platform",
    "Reference",
    "Severity",
    "Step",
    "Unknown",
    "assess",
    "find_entry",
    "grade",
    "judge",
    "unknowns",
]
