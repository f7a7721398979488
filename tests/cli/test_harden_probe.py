"""What is said of this machine's SMB server after it was hardened."""

from __future__ import annotations

import pytest

from nethood.cli import harden_probe
from nethood.exposure.harden.model import LocalFacts, Plan, Platform
from nethood.exposure.harden.plan import make_plan
from nethood.exposure.model import (
    HostReport,
    PortFacts,
    PortState,
    ServerFacts,
    Signing,
    Smb1Facts,
    Target,
    known,
    unknown,
)

SAMBA = make_plan(LocalFacts(), platforms=[Platform.SAMBA])


def report(state: PortState, *, smb1: bool | None, signing: Signing | None) -> HostReport:
    made = HostReport(Target("127.0.0.1"), ports={"tcp/445": known(PortFacts(state))})
    made.smb1 = unknown("no answer") if smb1 is None else known(Smb1Facts(enabled=smb1))
    if signing is not None:
        made.server = known(ServerFacts(0x0311, signing, "", None, None, None, [], []))
    else:
        made.server = unknown("no answer")
    return made


@pytest.mark.parametrize(
    ("seen", "is_right", "words"),
    [
        (
            report(PortState.OPEN, smb1=False, signing=Signing.REQUIRED),
            True,
            "Asked at 127.0.0.1 port 445: SMB1 is refused, signing is required.",
        ),
        (
            report(PortState.OPEN, smb1=True, signing=Signing.ENABLED),
            False,
            "Not so at 127.0.0.1 port 445: SMB1 is accepted, signing is enabled.",
        ),
        (
            report(PortState.OPEN, smb1=None, signing=None),
            False,
            "Not so at 127.0.0.1 port 445: SMB1 is not known (no answer), "
            "signing is not known (no answer).",
        ),
        (
            report(PortState.CLOSED, smb1=None, signing=None),
            True,
            "Nothing answers at 127.0.0.1 port 445: it counts when Samba starts.",
        ),
    ],
)
def test_what_is_said(
    seen: HostReport, is_right: bool, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def examine(_port: int) -> HostReport:
        return seen

    monkeypatch.setattr(harden_probe, "_examine", examine)
    assert harden_probe.ask_samba(SAMBA) == (is_right, words)


def test_a_plan_without_samba_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(harden_probe, "_examine")
    plan = Plan("box", 0.0, [Platform.NFTABLES], [], [], [])
    assert harden_probe.ask_samba(plan) == (True, "")
