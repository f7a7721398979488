"""What is known of a host against what is expected of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nethood.exposure.model import (
    AlgorithmFacts,
    Answer,
    DialectFacts,
    Evidence,
    HostReport,
    LogonFacts,
    NetbiosFacts,
    NetbiosName,
    PortFacts,
    PortState,
    ServerFacts,
    Signing,
    Smb1Facts,
    Target,
    known,
    unknown,
)
from nethood.exposure.watch.checks import KEYS, parse_check
from nethood.exposure.watch.events import Judgement, Verdict
from nethood.exposure.watch.expect import (
    ALL_FIELDS,
    fields_needed,
    judge_expectation,
    judge_expectations,
    ports_needed,
    wants_guest,
)
from nethood.exposure.watch.expect_ports import network_around
from nethood.exposure.watch.mending import CLOSE_IT, OPEN_IT
from nethood.exposure.watch.policy import Expectation

FINE, WRONG, BLIND = Judgement.AS_EXPECTED, Judgement.DEVIATES, Judgement.UNKNOWN


def port(state: PortState) -> Answer[PortFacts]:
    return known(PortFacts(state, 0.4 if state is PortState.OPEN else None))


OPEN, CLOSED, FILTERED = (port(state) for state in PortState)
SILENT: Answer[PortFacts] = unknown("no answer from udp/137", Evidence("a question", "silence"))
NO_ROUTE: Answer[PortFacts] = unknown("no route to it", Evidence("a question", "no route"))


def report(**ports: Answer[PortFacts]) -> HostReport:
    """Return a report; tcp_445=OPEN fills the port tcp/445."""
    made = HostReport(Target("10.1.0.7"))
    made.ports = {name.replace("_", "/"): answer for name, answer in ports.items()}
    return made


def judged(key: str, value: str, made: HostReport, here: str = "10.9.9.9") -> Verdict:
    return judge_expectation(parse_check(key, value), made, here)


EXCEPT = "closed except from 10.0.0.0/8, fd00::/8"


@pytest.mark.parametrize(
    ("value", "state", "here", "judgement", "observed"),
    [
        ("closed", CLOSED, "", FINE, "port 445 is closed"),
        ("closed", FILTERED, "", FINE, "port 445 is closed to us: nothing comes back"),
        ("closed", OPEN, "", WRONG, "port 445 is open"),
        ("closed", NO_ROUTE, "", BLIND, "port 445 unknown: no route to it"),
        ("open", OPEN, "", FINE, "port 445 is open"),
        ("open", CLOSED, "", WRONG, "port 445 is closed"),
        ("open", FILTERED, "", WRONG, "port 445 is closed to us: nothing comes back"),
        ("open", NO_ROUTE, "", BLIND, "port 445 unknown: no route to it"),
        (EXCEPT, OPEN, "10.0.0.5", FINE, "port 445 is open, as it may be seen from 10.0.0.0/8"),
        (EXCEPT, CLOSED, "10.0.0.5", FINE, "port 445 is closed"),
        (EXCEPT, OPEN, "192.168.0.5", WRONG, "port 445 is open"),
        (EXCEPT, CLOSED, "192.168.0.5", FINE, "port 445 is closed"),
        (EXCEPT, OPEN, "fd00::1%eth0", FINE, "port 445 is open, as it may be seen from fd00::/8"),
        (EXCEPT, OPEN, "fe80::1%eth0", WRONG, "port 445 is open"),
        (EXCEPT, CLOSED, "", FINE, "port 445 is closed"),
        (
            EXCEPT,
            OPEN,
            "",
            BLIND,
            "port 445 is open, but from which address it sees this watcher is not known;"
            " write seen_from in the policy",
        ),
    ],
)
def test_a_tcp_port(
    value: str, state: Answer[PortFacts], here: str, judgement: Judgement, observed: str
) -> None:
    verdict = judged("445", value, report(tcp_445=state), here)
    assert (verdict.judgement, verdict.observed) == (judgement, observed)


@pytest.mark.parametrize(
    ("value", "state", "judgement"),
    [
        ("closed", SILENT, FINE),
        ("closed", CLOSED, FINE),
        ("closed", FILTERED, FINE),
        ("closed", OPEN, WRONG),
        ("closed", NO_ROUTE, BLIND),
        ("open", OPEN, FINE),
        ("open", SILENT, WRONG),
        ("open", CLOSED, WRONG),
    ],
)
def test_a_udp_port_counts_as_open_only_where_it_answered(
    value: str, state: Answer[PortFacts], judgement: Judgement
) -> None:
    assert judged("137", value, report(udp_137=state)).judgement is judgement


def test_the_smb_port_may_be_another() -> None:
    made = HostReport(Target("10.1.0.7", 4450), ports={"tcp/4450": OPEN})
    assert judged("445", "closed", made).observed == "port 4450 is open"
    assert judged("445", "closed", report(tcp_139=OPEN)).observed == "port 445 was not looked at"


def test_an_open_port_shows_how_to_close_it() -> None:
    verdict = judged("445", "closed", report(tcp_445=OPEN))
    assert verdict.mark == "open"
    assert verdict.evidence == ("connection to 10.1.0.7 port 445 → accepted in 0.4 ms",)
    assert verdict.finding_ids == ("smb-reachable",)
    assert verdict.fix[0] == CLOSE_IT
    assert len(verdict.fix) > 2
    assert judged("445", "open", report(tcp_445=CLOSED)).fix == (OPEN_IT,)


def test_a_fix_is_known_without_a_finding() -> None:
    verdict = judged("138", "closed", report(udp_138=OPEN))
    assert not verdict.finding_ids
    assert len(verdict.fix) > 1


def test_evidence_of_strangers_is_made_harmless_and_bounded() -> None:
    seen = [Evidence("q\x1b[2J", "x" * 9999)] * 20
    state = Answer(PortFacts(PortState.OPEN), "", seen)
    evidence = judged("445", "closed", report(tcp_445=state)).evidence
    assert len(evidence) == 5
    assert all(line.isprintable() and len(line) < 500 for line in evidence)


def with_smb(made: HostReport | None = None, **answers: Answer[Any]) -> HostReport:
    """Return a report of a host whose SMB port is open, with *answers* in it."""
    made = made or report(tcp_445=OPEN, tcp_139=CLOSED)
    for name, answer in answers.items():
        setattr(made, name, answer)
    return made


def dialect(number: int, name: str, supported: bool | None = True, **more: object) -> DialectFacts:
    return DialectFacts(number, name, supported, **more)  # type: ignore[arg-type]


def server(signing: Signing) -> Answer[Any]:
    return known(ServerFacts(0x0311, signing, "", None, None, None, [], []))


SMB1_ON = known(Smb1Facts(True, signing=Signing.OFF, native_os="Unix", native_lan_manager="Samba"))
SMB1_OFF = known(Smb1Facts(False))
D21 = dialect(0x0210, "2.1")
D30 = dialect(0x0300, "3.0", capabilities=["ENCRYPTION"])
D30_PLAIN = dialect(0x0300, "3.0")
D311 = dialect(0x0311, "3.1.1")
D21_SILENT = dialect(0x0210, "2.1", None, problem="no answer within 3 s")
GCM = known(AlgorithmFacts({"AES-128-GCM": True, "AES-128-CCM": False}, {}, {}))
NO_CIPHER = known(AlgorithmFacts({"AES-128-GCM": False, "AES-128-CCM": False}, {}, {}))
NAMES = known(
    NetbiosFacts(
        [NetbiosName("NAS\x1b", 0x20, "file server", False)], "NAS", "HOME", "", [], [], 50, 100
    )
)


OFFERS: list[tuple[str, str, HostReport, Judgement, str]] = [
    ("smb1", "off", with_smb(smb1=SMB1_OFF), FINE, "SMB1 is off"),
    ("smb1", "off", with_smb(smb1=SMB1_ON), WRONG, "SMB1 is on (Unix, Samba)"),
    ("smb1", "off", with_smb(smb1=unknown("reset")), BLIND, "SMB1 unknown: reset"),
    ("signing", "required", with_smb(server=server(Signing.REQUIRED)), FINE, "is required"),
    ("signing", "required", with_smb(server=server(Signing.ENABLED)), WRONG, "not required"),
    ("signing", "enabled", with_smb(server=server(Signing.ENABLED)), FINE, "is enabled"),
    ("signing", "enabled", with_smb(server=server(Signing.REQUIRED)), FINE, "is required"),
    ("signing", "enabled", with_smb(server=server(Signing.OFF)), WRONG, "signing is off"),
    (
        "signing",
        "required",
        with_smb(server=server(Signing.REQUIRED), smb1=SMB1_ON),
        WRONG,
        "signing is off (SMB1)",
    ),
    ("signing", "required", with_smb(), BLIND, "signing unknown: not asked"),
    ("encryption", "available", with_smb(algorithms=GCM), FINE, "AES-128-GCM"),
    ("encryption", "available", with_smb(dialects=known([D21, D30])), FINE, "SMB 3.0"),
    ("encryption", "available", with_smb(dialects=known([D21])), WRONG, "no dialect"),
    ("encryption", "available", with_smb(dialects=known([D30_PLAIN])), WRONG, "no dialect"),
    (
        "encryption",
        "available",
        with_smb(dialects=known([D311]), algorithms=NO_CIPHER),
        WRONG,
        "every cipher is refused",
    ),
    ("encryption", "available", with_smb(dialects=known([D311])), BLIND, "not asked"),
    ("encryption", "available", with_smb(dialects=known([D21_SILENT])), BLIND, "not every"),
    ("names", "none", with_smb(netbios=NAMES), WRONG, r"NetBIOS names NAS\x1b"),
    ("names", "none", report(udp_137=CLOSED), FINE, "port 137 is closed"),
    (
        "names",
        "none",
        with_smb(netbios=unknown("no answer", Evidence("q", "silence"))),
        FINE,
        "port 137 is silent",
    ),
    ("names", "none", with_smb(netbios=unknown("no route")), BLIND, "no route"),
    (
        "anonymous",
        "refused",
        with_smb(anonymous=known(LogonFacts(False, "STATUS_ACCESS_DENIED"))),
        FINE,
        "refused (STATUS_ACCESS_DENIED)",
    ),
    (
        "anonymous",
        "refused",
        with_smb(anonymous=known(LogonFacts(True, "STATUS_SUCCESS", is_guest=True))),
        WRONG,
        "accepted as guest",
    ),
    ("guest", "refused", with_smb(guest=known(LogonFacts(True, "", True))), WRONG, "accepted"),
    ("guest", "refused", with_smb(), BLIND, "guest logon unknown: not asked"),
    (
        "dialects",
        "3.0 or newer",
        with_smb(dialects=known([D30, D311]), smb1=SMB1_OFF),
        FINE,
        "nothing older than SMB 3.0",
    ),
    (
        "dialects",
        "3.0 or newer",
        with_smb(dialects=known([D21, D30]), smb1=SMB1_ON),
        WRONG,
        "it accepts SMB1, SMB 2.1",
    ),
    ("dialects", "2.0.2 or newer", with_smb(smb1=SMB1_ON), WRONG, "it accepts SMB1"),
    (
        "dialects",
        "3.0 or newer",
        with_smb(dialects=known([D21_SILENT, D30]), smb1=SMB1_OFF),
        BLIND,
        "SMB 2.1 unknown: no answer within 3 s",
    ),
    ("dialects", "3.0 or newer", with_smb(dialects=known([D30])), BLIND, "SMB1 unknown"),
    ("harden", "plan.json", with_smb(), BLIND, "was not looked at"),
]


@pytest.mark.parametrize(("key", "value", "made", "judgement", "observed"), OFFERS)
def test_what_a_host_offers(
    key: str, value: str, made: HostReport, judgement: Judgement, observed: str
) -> None:
    verdict = judged(key, value, made)
    assert (verdict.judgement, observed in verdict.observed) == (judgement, True), verdict
    assert bool(verdict.mark) is (judgement is WRONG)
    assert "\x1b" not in verdict.observed


@pytest.mark.parametrize("key", ["smb1", "signing", "encryption", "anonymous", "dialects"])
def test_ports_that_refuse_offer_nothing_wrong_and_silence_says_nothing(key: str) -> None:
    value = {
        "smb1": "off",
        "signing": "required",
        "encryption": "available",
        "anonymous": "refused",
        "dialects": "3.1.1 or newer",
    }[key]
    assert judged(key, value, report(tcp_445=CLOSED, tcp_139=CLOSED)).judgement is FINE
    assert judged(key, value, report(tcp_445=CLOSED, tcp_139=FILTERED)).judgement is BLIND
    assert judged(key, value, report(tcp_445=FILTERED, tcp_139=FILTERED)).judgement is BLIND
    assert judged(key, value, report(tcp_445=CLOSED)).judgement is BLIND
    own_port = HostReport(Target("10.1.0.7", 4450), ports={"tcp/4450": CLOSED})
    assert judged(key, value, own_port).judgement is FINE


def modern() -> HostReport:
    """Return a report of a host that leaves nothing to be desired, and of which all is known."""
    return with_smb(
        server=server(Signing.REQUIRED),
        smb1=SMB1_OFF,
        dialects=known([dialect(0x0311, "3.1.1", signing=Signing.REQUIRED)]),
        algorithms=known(AlgorithmFacts({"AES-256-GCM": True}, {}, {})),
        anonymous=known(LogonFacts(False, "STATUS_ACCESS_DENIED")),
    )


def old() -> HostReport:
    return with_smb(modern(), smb1=SMB1_ON, server=server(Signing.OFF))


def half_known() -> HostReport:
    return with_smb(modern(), anonymous=unknown("the connection broke"))


def silent() -> HostReport:
    return report(tcp_445=FILTERED, tcp_139=FILTERED)


def closed() -> HostReport:
    return report(tcp_445=CLOSED, tcp_139=CLOSED)


@pytest.mark.parametrize(
    ("key", "value", "make", "judgement"),
    [
        ("grade", "A", modern, FINE),
        ("grade", "B or better", modern, FINE),
        ("grade", "B or better", old, WRONG),
        ("grade", "F or better", old, FINE),
        ("grade", "B or better", half_known, BLIND),
        ("grade", "B or better", silent, BLIND),
        ("grade", "A", closed, FINE),
        ("findings", "none at or above high", modern, FINE),
        ("findings", "none at or above high", old, WRONG),
        ("findings", "none at or above high", half_known, BLIND),
        ("findings", "none at or above critical", closed, FINE),
        ("findings", "none at or above critical", silent, BLIND),
    ],
)
def test_grade_and_findings(
    key: str, value: str, make: Callable[[], HostReport], judgement: Judgement
) -> None:
    verdict = judged(key, value, make())
    assert verdict.judgement is judgement, verdict
    if judgement is WRONG:
        assert verdict.finding_ids
        assert verdict.fix
    if judgement is BLIND:
        assert len(verdict.observed) > 30


def test_the_mark_of_findings_stays_when_their_evidence_changes() -> None:
    first = judged("findings", "none at or above high", old())
    again = judged("findings", "none at or above high", with_smb(old(), ntlm=unknown("other")))
    assert first.mark == again.mark
    assert "smb1-enabled" in first.mark


def expectation(key: str, value: str) -> Expectation:
    return Expectation("lab", key, value, parse_check(key, value))


def test_what_has_to_be_asked() -> None:
    ports = [expectation("445", "closed"), expectation("137", "closed")]
    assert ports_needed(ports) == {"tcp/445", "udp/137"}
    assert fields_needed(ports) == set()
    more = [*ports, expectation("smb1", "off"), expectation("anonymous", "refused")]
    assert fields_needed(more) == {"smb1", "anonymous"}
    assert fields_needed([expectation("grade", "A")]) == {*ALL_FIELDS, "ports"}
    assert not wants_guest(more)
    assert wants_guest([expectation("guest", "refused")])


def test_verdicts_come_in_order_and_others_can_be_given() -> None:
    plan = Verdict(WRONG, "step ufw-rules was reverted", "ufw-rules")
    asked = [expectation("harden", "plan.json"), expectation("445", "closed")]
    found = judge_expectations(asked, closed(), "", {"harden": plan})
    assert found[0] is plan
    assert found[1].judgement is FINE


VALUES = {
    "137": "closed",
    "138": "closed",
    "139": "closed",
    "445": EXCEPT,
    "smb1": "off",
    "signing": "required",
    "encryption": "available",
    "names": "none",
    "anonymous": "refused",
    "guest": "refused",
    "dialects": "3.0 or newer",
    "grade": "B or better",
    "findings": "none at or above low",
    "harden": "plan.json",
}


@pytest.mark.parametrize("key", KEYS)
def test_of_a_host_that_was_not_looked_at_nothing_is_said(key: str) -> None:
    verdict = judged(key, VALUES[key], HostReport(Target("10.1.0.7")))
    assert verdict.judgement is BLIND
    assert verdict.observed


def test_the_network_around_an_address() -> None:
    check = parse_check("445", EXCEPT)
    networks = getattr(check, "except_from")  # noqa: B009
    assert str(network_around(networks, "10.2.3.4")) == "10.0.0.0/8"
    assert network_around(networks, "192.168.1.1") is None
    assert network_around(networks, "not an address") is None
