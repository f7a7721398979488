"""Listening alone: who is in which group."""

from __future__ import annotations

import pytest

from nethood.browse import frames
from nethood.browse.actions import MSBROWSE, BrowseName
from nethood.browse.listener import Listener
from nethood.browse.lists import MAX_GROUPS
from nethood.errors import Malformed


def host(name: str, server_type: int = 3) -> bytes:
    frame = frames.HostAnnouncement(server_name=name, periodicity_ms=60000, server_type=server_type)
    return frame.encode()


def test_hosts_are_kept_by_group() -> None:
    listener = Listener()
    for group, name in (("HOUSE", "A"), ("house", "B"), ("SHED", "C")):
        listener.receive(host(name), "10.0.0.1", BrowseName(group, 0x1D), 0.0)
    found = {
        group: [entry.name for entry in neighbours.servers.entries()]
        for group, neighbours in listener.groups.items()
    }
    assert found == {"HOUSE": ["A", "B"], "SHED": ["C"]}


def test_masters_name_themselves_and_their_groups() -> None:
    listener = Listener()
    master = frames.LocalMasterAnnouncement(
        server_name="BOSS", periodicity_ms=720000, server_type=0x40003
    )
    domain = frames.DomainAnnouncement(
        machine_group="SHED",
        periodicity_ms=60000,
        server_type=0x80001000,
        local_master_browser_name="SPADE",
    )
    listener.receive(master.encode(), "10.0.0.1", BrowseName("HOUSE", 0x1E), 0.0)
    listener.receive(domain.encode(), "10.0.0.2", MSBROWSE, 0.0)
    assert listener.masters == {"HOUSE": "BOSS"}
    found = [(e.name, e.comment, e.address) for e in listener.domains.machine_groups.entries()]
    assert found == [("SHED", "SPADE", "10.0.0.2")]


def test_who_says_goodbye_or_is_silent_is_gone() -> None:
    listener = Listener()
    to = BrowseName("HOUSE", 0x1D)
    listener.receive(host("A"), "10.0.0.1", to, 0.0)
    listener.receive(host("B"), "10.0.0.2", to, 0.0)
    listener.receive(host("A", server_type=0), "10.0.0.1", to, 1.0)
    assert [e.name for e in listener.groups["HOUSE"].servers.entries()] == ["B"]
    listener.expire(179.9)
    assert "HOUSE" in listener.groups
    listener.expire(180.0)
    assert listener.groups == {}


@pytest.mark.parametrize(
    "data",
    [
        frames.RequestElection(1, 1, "X").encode(),
        frames.AnnouncementRequest("X").encode(),
        frames.ResetStateRequest(2).encode(),
    ],
    ids=["election", "request", "reset"],
)
def test_other_frames_tell_nothing(data: bytes) -> None:
    listener = Listener()
    listener.receive(data, "10.0.0.1", BrowseName("HOUSE", 0x1E), 0.0)
    assert listener.groups == {}


def test_an_announcement_to_another_name_counts_for_nothing() -> None:
    listener = Listener()
    listener.receive(host("A"), "10.0.0.1", BrowseName("HOUSE", 0x20), 0.0)
    assert listener.groups == {}


def test_groups_are_bounded() -> None:
    listener = Listener()
    for number in range(MAX_GROUPS + 10):
        listener.receive(host("A"), "10.0.0.1", BrowseName(f"G{number}", 0x1D), 0.0)
    assert len(listener.groups) == MAX_GROUPS


def test_a_malformed_frame_is_the_callers_to_count() -> None:
    with pytest.raises(Malformed):
        Listener().receive(b"\x01", "10.0.0.1", BrowseName("HOUSE", 0x1D), 0.0)
