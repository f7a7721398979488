"""Whether what a step says is so on this machine: its commands run, its files read."""

from __future__ import annotations

from dataclasses import dataclass

from nethood.exposure.harden.model import Check, Step
from nethood.exposure.harden.runner import Machine


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check, whether it holds, and what does not where it doesn't."""

    check: Check
    holds: bool
    problem: str = ""


def check_step(step: Step, machine: Machine) -> list[CheckResult]:
    """Look whether *step* is done. Checks without a command or a file are for a person: left out.

    Raises LocalError where a command is not installed.
    """
    return [_look(check, machine) for check in step.verify if check.argv or check.path]


def _look(check: Check, machine: Machine) -> CheckResult:
    if check.argv:
        ran = machine.run(check.argv)
        if ran.status:
            said = ran.output.strip().splitlines()
            problem = f"{' '.join(check.argv)} fails: {said[0] if said else ran.status}"
            return CheckResult(check, False, problem)
        return _compare(check, " ".join(check.argv), ran.output)
    state = machine.look(machine.real_path(check.path))
    if state.was == "absent":
        return CheckResult(check, False, f"{check.path} is not there")
    return _compare(check, check.path, state.data.decode(errors="surrogateescape"))


def _compare(check: Check, where: str, text: str) -> CheckResult:
    if check.content and text != check.content:
        return CheckResult(check, False, f"{where} is not as it was left")
    for wanted in check.contains:
        if wanted not in text:
            return CheckResult(check, False, f"{where} does not say {wanted!r} any more")
    return CheckResult(check, True)
