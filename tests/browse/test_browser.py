"""Browsers in every role, alone and many on one subnet with a fake clock."""

from __future__ import annotations

import pytest

from nethood.browse import frames
from nethood.browse.actions import MSBROWSE, BrowseName, RegisterName, ReleaseName, Send
from nethood.browse.browser import Browser
from nethood.browse.roles import Role
from nethood.browse.settings import DomainMaster
from nethood.errors import LocalError, Malformed
from tests.browse.subnet import GROUP, Subnet, sent, settings

MASTER = BrowseName(GROUP, 0x1D)
ELECTIONS = BrowseName(GROUP, 0x1E)
EVERYBODY = BrowseName(GROUP, 0x00)
PC, MB, BB, PB, DC = 0x3, 0x40000, 0x20000, 0x10000, 0x8


def lonely_master(**others: object) -> Browser:
    """Return a browser that has won the election nobody else took part in, at time 100."""
    browser = Browser(settings("OWN", is_preferred_master=True, **others), lambda: 0.0)
    browser.start(0.0)
    run_to(browser, 100.0)
    assert browser.role.is_master
    return browser


def run_to(browser: Browser, until: float) -> list[tuple[float, frames.Frame]]:
    """Let a lone browser's time pass; return when it sent what."""
    log: list[tuple[float, frames.Frame]] = []
    while (at := browser.next_time()) is not None and at <= until:
        log += [(at, frame) for frame, _ in sent(browser.tick(at))]
    return log


def announcement(name: str, server_type: int, period_s: int = 720) -> bytes:
    frame = frames.HostAnnouncement(
        server_name=name, periodicity_ms=period_s * 1000, server_type=server_type, comment="c"
    )
    return frame.encode()


def heard(browser: Browser, data: bytes, to: BrowseName, now: float = 100.0) -> list[object]:
    return [*browser.receive(data, "OTHER", "10.0.0.9", to, now)]


def role_of(browser: Browser) -> Role:
    return browser.role


def test_a_server_that_is_no_browser_announces_itself_on_schedule() -> None:
    browser = Browser(settings("OWN", is_browser=False, comment="Attic"), lambda: 0.0)
    first = browser.start(0.0)
    assert first[0] == RegisterName(EVERYBODY, is_group=True)
    [(frame, destination)] = sent(first)
    assert destination == MASTER
    assert isinstance(frame, frames.HostAnnouncement)
    assert (frame.server_name, frame.comment, frame.periodicity_ms) == ("OWN", "Attic", 60000)
    log = run_to(browser, 60.0 * 41)
    assert [round(at / 60) for at, _ in log] == [1, 2, 4, 8, 16, 28, 40]
    stated = [f.periodicity_ms // 60000 for _, f in log if isinstance(f, frames.HostAnnouncement)]
    assert stated == [1, 2, 4, 8, 12, 12, 12]
    assert browser.role is Role.NON_BROWSER


def test_a_server_that_is_no_browser_ignores_all_but_announcement_requests() -> None:
    browser = Browser(settings("OWN", is_browser=False), lambda: 0.5)
    browser.start(0.0)
    for data in (
        frames.RequestElection(0, 0, "X").encode(),
        frames.BecomeBackup("OWN").encode(),
        frames.GetBackupListRequest(4, 1).encode(),
        frames.ResetStateRequest(2).encode(),
    ):
        assert heard(browser, data, ELECTIONS) == []
    assert browser.role is Role.NON_BROWSER
    assert heard(browser, frames.AnnouncementRequest("X").encode(), EVERYBODY, 10.0) == []
    [(at, frame)] = run_to(browser, 59.0)
    assert at == 25.0  # half of 30 s later
    assert isinstance(frame, frames.HostAnnouncement)


def test_many_announcement_requests_have_one_answer() -> None:
    browser = Browser(settings("OWN", is_browser=False), lambda: 0.5)
    browser.start(0.0)
    for _ in range(100):
        heard(browser, frames.AnnouncementRequest("X").encode(), EVERYBODY, 10.0)
    assert len(run_to(browser, 59.0)) == 1


def test_a_preferred_master_forces_an_election_and_wins_alone() -> None:
    browser = Browser(settings("OWN", is_preferred_master=True), lambda: 0.0)
    frame, destination = sent(browser.start(0.0))[-1]
    assert frame == frames.RequestElection(0x10010F08, 0, "OWN")
    assert destination == ELECTIONS
    times = [at for at, f in run_to(browser, 10.0) if isinstance(f, frames.RequestElection)]
    assert times == pytest.approx([0.8, 1.8, 2.8, 3.8])
    assert browser.role is Role.LOCAL_MASTER
    assert browser.server_type & (MB | PB) == MB | PB


def test_a_new_master_claims_its_names_and_asks_and_tells() -> None:
    browser = Browser(settings("OWN", is_preferred_master=True), lambda: 0.0)
    browser.start(0.0)
    run_to(browser, 3.0)
    actions = browser.tick(3.8)
    names = [a for a in actions if isinstance(a, RegisterName)]
    assert names == [RegisterName(MASTER, is_group=False), RegisterName(MSBROWSE, is_group=True)]
    kinds = {(type(frame).__name__, destination) for frame, destination in sent(actions)}
    assert kinds == {
        ("RequestElection", ELECTIONS),
        ("AnnouncementRequest", EVERYBODY),
        ("LocalMasterAnnouncement", ELECTIONS),
        ("DomainAnnouncement", MSBROWSE),
        ("HostAnnouncement", MASTER),
    }


def test_a_potential_browser_asks_thrice_then_calls_an_election() -> None:
    browser = Browser(settings("OWN"), lambda: 0.0)
    assert isinstance(sent(browser.start(0.0))[-1][0], frames.AnnouncementRequest)
    log = [(at, type(frame).__name__) for at, frame in run_to(browser, 4.6)]
    assert log == [
        (1.5, "AnnouncementRequest"),
        (3.0, "AnnouncementRequest"),
        (4.5, "RequestElection"),
    ]


def test_a_potential_browser_leaves_a_master_in_peace() -> None:
    browser = Browser(settings("OWN"), lambda: 0.0)
    browser.start(0.0)
    master = frames.LocalMasterAnnouncement(
        server_name="BOSS", periodicity_ms=720000, server_type=PC | MB
    )
    heard(browser, master.encode(), ELECTIONS, 0.5)
    assert browser.master_name == "BOSS"
    assert not [f for _, f in run_to(browser, 600) if isinstance(f, frames.RequestElection)]
    # Silence for three periods: it looks for the master, then for a new one.
    late = [f for _, f in run_to(browser, 3000) if isinstance(f, frames.RequestElection)]
    assert late
    assert browser.role is Role.LOCAL_MASTER


def test_a_master_announces_itself_and_its_domain_on_schedule() -> None:
    browser = Browser(settings("OWN", is_preferred_master=True), lambda: 0.0)
    browser.start(0.0)
    log = run_to(browser, 3600.0)
    won_at = 3.8
    local = [
        round((at - won_at) / 60) for at, f in log if isinstance(f, frames.LocalMasterAnnouncement)
    ]
    domain = [
        round((at - won_at) / 60) for at, f in log if isinstance(f, frames.DomainAnnouncement)
    ]
    assert local == [0, 2, 4, 8, 16, 28, 40, 52]
    assert domain == [0, 1, 2, 7, 12, 22, 32, 47]


def test_a_master_lists_hosts_groups_and_itself() -> None:
    browser = lonely_master()
    heard(browser, announcement("PC1", PC), MASTER)
    other = frames.DomainAnnouncement(
        machine_group="HOME",
        periodicity_ms=60000,
        server_type=0x80001000,
        local_master_browser_name="PC7",
    )
    heard(browser, other.encode(), MSBROWSE)
    assert [e.name for e in browser.neighbours.servers.entries()] == ["OWN", "PC1"]
    found = [(e.name, e.comment) for e in browser.neighbours.machine_groups.entries()]
    assert found == [("HOME", "PC7"), (GROUP, "OWN")]
    entry = browser.neighbours.servers.get("PC1")
    assert entry is not None
    assert (entry.comment, entry.address) == ("c", "10.0.0.9")


def test_a_host_that_says_goodbye_leaves_the_list_at_once() -> None:
    browser = lonely_master()
    heard(browser, announcement("PC1", PC), MASTER)
    heard(browser, announcement("PC1", 0), MASTER)
    assert "PC1" not in browser.neighbours.servers


def test_a_silent_host_leaves_the_list_after_three_periods() -> None:
    browser = lonely_master()
    heard(browser, announcement("PC1", PC, period_s=60), MASTER)
    run_to(browser, 100.0 + 179.9)
    assert "PC1" in browser.neighbours.servers
    run_to(browser, 100.0 + 180.0)
    assert "PC1" not in browser.neighbours.servers
    assert "OWN" in browser.neighbours.servers


def test_a_backup_list_names_the_backups_or_the_master_itself() -> None:
    browser = lonely_master()
    request = frames.GetBackupListRequest(2, 77).encode()
    [own] = heard(browser, request, MASTER)
    assert own == Send(
        frames.GetBackupListResponse(77, ("OWN",)).encode(), BrowseName("OTHER", 0), "10.0.0.9"
    )
    for name in ("B3", "B1", "B2"):
        heard(browser, announcement(name, PC | PB | BB), MASTER)
    [answer] = heard(browser, request, MASTER)
    assert isinstance(answer, Send)
    assert frames.decode_frame(answer.data) == frames.GetBackupListResponse(77, ("B1", "B2"))


def test_only_a_master_answers_for_backups() -> None:
    browser = Browser(settings("OWN"), lambda: 0.0)
    browser.start(0.0)
    assert heard(browser, frames.GetBackupListRequest(4, 1).encode(), MASTER) == []


def test_a_master_that_serves_lists_promotes_as_many_as_it_wants() -> None:
    browser = lonely_master(serves_lists=True)
    [action] = heard(browser, announcement("PC1", PC | PB), MASTER)
    assert isinstance(action, Send)
    assert frames.decode_frame(action.data) == frames.BecomeBackup("PC1")
    assert heard(browser, announcement("PC1", PC | PB | BB), MASTER) == []
    # A second one is one too many for two or three hosts.
    [dismissal] = heard(browser, announcement("PC2", PC | PB | BB), MASTER)
    assert isinstance(dismissal, Send)
    assert frames.decode_frame(dismissal.data) == frames.ResetStateRequest(2)
    assert dismissal.destination == BrowseName("PC2", 0)


def test_a_master_whose_lists_nobody_can_fetch_promotes_nobody() -> None:
    browser = lonely_master()
    assert heard(browser, announcement("PC1", PC | PB), MASTER) == []


def test_the_loss_of_a_backup_makes_another_one() -> None:
    browser = lonely_master(serves_lists=True)
    heard(browser, announcement("PC1", PC | PB | BB, 60), MASTER)
    heard(browser, announcement("PC2", PC | PB, 720), MASTER)
    log = run_to(browser, 100 + 181)
    assert frames.BecomeBackup("PC2") in [frame for _, frame in log]


def test_a_potential_browser_becomes_backup_when_told_and_says_so() -> None:
    browser = Browser(settings("OWN"), lambda: 0.0)
    browser.start(0.0)
    assert heard(browser, frames.BecomeBackup("OTHER1").encode(), ELECTIONS) == []
    actions = heard(browser, frames.BecomeBackup("own").encode(), ELECTIONS)
    assert browser.role is Role.BACKUP
    frame = frames.decode_frame(next(a.data for a in actions if isinstance(a, Send)))
    assert isinstance(frame, frames.HostAnnouncement)
    assert frame.server_type & BB
    heard(browser, frames.ResetStateRequest(2).encode(), BrowseName("OWN", 0))
    assert role_of(browser) is Role.POTENTIAL


@pytest.mark.parametrize("reset_type", [1, 2, 3])
def test_a_master_that_is_reset_gives_up_its_names(reset_type: int) -> None:
    browser = lonely_master()
    actions = heard(browser, frames.ResetStateRequest(reset_type).encode(), BrowseName("OWN", 0))
    assert browser.role is Role.POTENTIAL
    assert ReleaseName(MASTER, is_group=False) in actions


def test_a_request_to_stop_the_service_is_ignored() -> None:
    browser = lonely_master()
    assert heard(browser, frames.ResetStateRequest(4).encode(), BrowseName("OWN", 0)) == []
    assert browser.role.is_master


def test_a_master_that_loses_gives_up_its_names() -> None:
    browser = lonely_master()
    stronger = frames.RequestElection(0x20010F08, 0, "OTHER").encode()
    actions = heard(browser, stronger, ELECTIONS)
    assert browser.role is Role.POTENTIAL
    released = [a for a in actions if isinstance(a, ReleaseName)]
    assert released == [
        ReleaseName(MASTER, is_group=False),
        ReleaseName(MSBROWSE, is_group=True),
    ]
    assert not browser.is_electing


def test_a_domain_controller_that_loses_stays_as_backup() -> None:
    browser = lonely_master(is_domain_controller=True)
    heard(browser, frames.RequestElection(0x20010F88, 0, "OTHER").encode(), ELECTIONS)
    assert browser.role is Role.BACKUP


def test_a_master_answers_a_weaker_call_at_once_and_stays() -> None:
    browser = lonely_master()
    heard(browser, frames.RequestElection(0, 0, "", version=0).encode(), ELECTIONS, 200.0)
    times = [at for at, f in run_to(browser, 210) if isinstance(f, frames.RequestElection)]
    assert times == pytest.approx([200.1, 201.1, 202.1, 203.1])
    assert browser.role is Role.LOCAL_MASTER


def test_a_second_master_is_answered_by_an_election() -> None:
    browser = lonely_master()
    [action] = heard(browser, announcement("RIVAL", PC | MB), MASTER)
    assert isinstance(action, Send)
    assert isinstance(frames.decode_frame(action.data), frames.RequestElection)
    assert browser.is_electing


def test_a_controller_that_is_master_is_given_way() -> None:
    browser = lonely_master()
    actions = heard(browser, announcement("RIVAL", PC | MB | DC), MASTER)
    assert browser.role is Role.POTENTIAL
    assert ReleaseName(MASTER, is_group=False) in actions


def test_a_primary_controller_gives_way_to_nobody() -> None:
    browser = lonely_master(is_primary_domain_controller=True)
    assert browser.role is Role.DOMAIN_MASTER
    heard(browser, announcement("RIVAL", PC | MB | DC), MASTER)
    assert browser.role is Role.DOMAIN_MASTER
    assert browser.is_electing


def test_a_domain_master_lists_local_masters_for_36_minutes() -> None:
    browser = lonely_master(is_primary_domain_controller=True)
    heard(browser, frames.MasterAnnouncement("FAR").encode(), BrowseName("OWN", 0))
    assert "FAR" in browser.neighbours.local_masters
    run_to(browser, 100.0 + 36 * 60 - 1)
    assert "FAR" in browser.neighbours.local_masters
    run_to(browser, 100.0 + 36 * 60)
    assert "FAR" not in browser.neighbours.local_masters


def test_a_local_master_announces_itself_to_the_domain_master() -> None:
    browser = Browser(
        settings("OWN", is_preferred_master=True, domain_master=DomainMaster("pdc", "10.9.0.1")),
        lambda: 0.0,
    )
    browser.start(0.0)
    run_to(browser, 3.0)
    told = [a for a in browser.tick(3.8) if isinstance(a, Send) and a.address]
    assert told == [
        Send(frames.MasterAnnouncement("OWN").encode(), BrowseName("PDC", 0), "10.9.0.1")
    ]
    later = [at for at, f in run_to(browser, 2000) if isinstance(f, frames.MasterAnnouncement)]
    assert later == pytest.approx([3.8 + 720, 3.8 + 1440])


def test_a_refused_name_means_another_election_twice_and_then_peace() -> None:
    browser = lonely_master()
    for _ in range(2):
        actions = browser.name_refused(MASTER, 100.0)
        assert browser.role is Role.POTENTIAL
        assert any(isinstance(f, frames.RequestElection) for f, _ in sent(actions))
        # In conflict it is still in the name table: it is released before it is claimed again.
        assert ReleaseName(MASTER, is_group=False) in actions
        run_to(browser, 200.0)
        assert role_of(browser) is Role.LOCAL_MASTER
    actions = browser.name_refused(MASTER, 200.0)
    assert not any(isinstance(f, frames.RequestElection) for f, _ in sent(actions))
    assert browser.role is Role.POTENTIAL


def test_a_master_that_leaves_says_so_and_calls_for_a_successor() -> None:
    browser = lonely_master()
    actions = browser.stop(200.0)
    goodbye, call = (frame for frame, _ in sent(actions))
    assert isinstance(goodbye, frames.HostAnnouncement)
    assert goodbye.server_type == 0
    assert call == frames.RequestElection(0, 0, "OWN", version=0)
    assert {a.name.suffix for a in actions if isinstance(a, ReleaseName)} == {0, 1, 0x1D, 0x1E}
    assert browser.next_time() is None or not browser.role.is_master


def test_frames_for_others_and_its_own_count_for_nothing() -> None:
    browser = lonely_master()
    data = announcement("PC1", PC)
    assert browser.receive(data, "PC1", "10.0.0.9", BrowseName("HOME", 0x1D), 100.0) == []
    assert browser.receive(data, "own", "10.0.0.9", MASTER, 100.0) == []
    assert "PC1" not in browser.neighbours.servers


def test_a_malformed_frame_is_the_callers_to_count() -> None:
    with pytest.raises(Malformed):
        heard(lonely_master(), b"\x08\x01", ELECTIONS)


@pytest.mark.parametrize(
    "wrong",
    [{"host_name": "SIXTEENBYTESLONG"}, {"machine_group": ""}, {"comment": "c" * 43}],
)
def test_settings_that_do_not_fit_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(LocalError):
        settings("OWN", **wrong)


@pytest.mark.parametrize("seed", range(20))
def test_many_hosts_agree_on_one_master(seed: int) -> None:
    subnet = Subnet(seed)
    for number in range(subnet.random.randint(2, 25)):
        subnet.add(f"HOST{number}")
        subnet.run(subnet.random.uniform(0, 2))
    subnet.run(60)
    [master] = subnet.masters()
    assert subnet.holders[MASTER] == master
    assert {host.master_name for host in subnet.hosts.values()} == {master}
    subnet.run(30 * 60)
    assert subnet.masters() == [master]
    assert {e.name for e in subnet.hosts[master].neighbours.servers.entries()} == set(subnet.hosts)


@pytest.mark.parametrize("seed", range(10))
def test_a_preferred_master_takes_over_and_its_leaving_is_noticed(seed: int) -> None:
    subnet = Subnet(seed)
    for number in range(6):
        subnet.add(f"HOST{number}")
    subnet.run(60)
    subnet.add("CHIEF", is_preferred_master=True)
    subnet.run(20)
    assert subnet.masters() == ["CHIEF"]
    subnet.stop("CHIEF")
    subnet.run(20)
    [successor] = subnet.masters()
    assert successor != "CHIEF"
    assert subnet.holders[MASTER] == successor
    assert "CHIEF" not in subnet.hosts[successor].neighbours.servers


@pytest.mark.parametrize("seed", range(10))
def test_a_master_that_dies_is_replaced_even_when_frames_are_lost(seed: int) -> None:
    subnet = Subnet(seed, loss=0.1)
    for number in range(8):
        subnet.add(f"HOST{number}")
    subnet.run(300)
    [master] = subnet.masters()
    subnet.kill(master)
    subnet.run(3 * 720 + 120)
    [successor] = subnet.masters()
    assert subnet.holders[MASTER] == successor


@pytest.mark.parametrize("seed", range(5))
def test_the_strongest_candidate_wins(seed: int) -> None:
    subnet = Subnet(seed)
    kinds: tuple[dict[str, bool], ...] = (
        {},
        {"is_wins_client": True},
        {"is_preferred_master": True},
    )
    for number in range(9):
        subnet.add(f"HOST{number}", **kinds[number % 3])
    subnet.add("SERVER", is_primary_domain_controller=True)
    subnet.run(30)
    assert subnet.masters() == ["SERVER"]
    assert subnet.hosts["SERVER"].role is Role.DOMAIN_MASTER


def test_an_idle_subnet_is_quiet() -> None:
    subnet = Subnet(1)
    for number in range(5):
        subnet.add(f"HOST{number}")
    subnet.run(3600)
    before = subnet.frames_sent
    subnet.run(3600)
    # Five hosts every 12 minutes, the master's two announcements every 12 and 15.
    assert subnet.frames_sent - before <= 5 * 5 + 5 + 4
