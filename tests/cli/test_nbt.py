"""`nethood nbt`: what it prints, for people and for programs, and how it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any

import pytest

from nethood.cli import nbt_print, run
from nethood.nbt.name_service import (
    AddressEntry,
    NodeStatus,
    StatusName,
    positive_name_query_response,
)
from nethood.nbt.node_status import (
    NAME_FLAGS_ACT,
    NAME_FLAGS_CNF,
    NAME_FLAGS_DRG,
    NAME_FLAGS_G,
    NAME_FLAGS_PRM,
    Statistics,
)
from nethood.nbt.packet import TYPE_NBSTAT, Packet
from tests.neighborhood.hosts import HERE, status_answer, threaded_host

GROUP = NAME_FLAGS_G | NAME_FLAGS_ACT


def answer(data: bytes) -> list[bytes]:
    """Be a host called ATTIC that answers queries for that name, and node status requests."""
    request = Packet.decode(data)
    [question] = request.questions
    if question.question_type == TYPE_NBSTAT:
        return status_answer(data)
    if question.name.name != "ATTIC":
        return []
    entries = [AddressEntry(0x6000, IPv4Address("10.1.2.3"))]
    return [positive_name_query_response(request.name_trn_id, question.name, entries, 60).encode()]


@pytest.fixture(scope="module")
def port() -> Iterator[str]:
    with threaded_host(answer) as port:
        yield str(port)


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def columns(text: str) -> list[list[str]]:
    """Split a plain table at its gaps of two blanks."""
    return [[cell.strip() for cell in line.split("  ") if cell] for line in text.splitlines()]


def test_a_query_for_people(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["nbt", "query", "attic#20", "--unicast", HERE, "--port", port]) == 0
    assert columns(capsys.readouterr().out) == [
        ["Address", "Name", "Kind", "Service", "Node", "Answered by"],
        ["10.1.2.3", "ATTIC<20>", "unique", "File Server Service", "H", HERE],
    ]


@pytest.mark.parametrize("way", [["--wins", HERE], ["--broadcast", "--to", HERE], ["--to", HERE]])
def test_a_query_for_programs(
    way: list[str], port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["nbt", "query", "ATTIC", *way, "--port", port, "--json"]) == 0
    assert objects(capsys.readouterr().out) == [
        {
            "name": "ATTIC",
            "suffix": "00",
            "service": "Workstation Service",
            "address": "10.1.2.3",
            "group": False,
            "node_type": "H",
            "ttl_s": 60,
            "responder": HERE,
        }
    ]


def test_a_name_nobody_has(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--unicast", HERE, "--port", port, "--wait", "0.05", "--retries", "0"]
    assert run(["nbt", "query", "CELLAR#1b", *options]) == 1
    assert capsys.readouterr() == ("", "nethood: nobody answers for CELLAR<1B>\n")


def test_a_status_for_people(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["nbt", "status", HERE, "--port", port]) == 0
    first, *table, last = capsys.readouterr().out.splitlines()
    assert first == f"{HERE}, MAC 02:03:04:05:06:07"
    assert columns("\n".join(table)) == [
        ["Name", "Suffix", "Kind", "Service", "Node", "State"],
        ["ATTIC", "<00>", "unique", "Workstation Service", "B", "active"],
        ["HOUSE", "<00>", "group", "Domain Name", "B", "active"],
        ["ATTIC", "<20>", "unique", "File Server Service", "B", "active"],
    ]
    assert last == "Statistics: all zero"


def test_a_status_for_programs(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["nbt", "status", HERE, "localhost", "--port", port, "--json"]) == 0
    one, other = objects(capsys.readouterr().out)
    assert one == other
    assert (one["address"], one["mac"]) == (HERE, "02:03:04:05:06:07")
    assert one["names"][1] == {
        "name": "HOUSE",
        "suffix": "00",
        "service": "Domain Name",
        "group": True,
        "node_type": "B",
        "flags": ["active"],
    }
    assert len(one["statistics"]) == 19


def test_a_host_that_does_not_answer(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--port", port, "--wait", "0.05", "--retries", "0"]
    assert run(["nbt", "status", "127.0.0.2", HERE, *options]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{HERE}, MAC")
    assert captured.err == "nethood: 127.0.0.2 does not answer\n"
    assert run(["nbt", "reverse", "127.0.0.2", *options]) == 1
    assert capsys.readouterr().err == "nethood: 127.0.0.2 does not answer\n"


def test_the_name_of_an_address(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["nbt", "reverse", HERE, "--port", port]) == 0
    assert capsys.readouterr().out == "HOUSE\\ATTIC\n"
    assert run(["nbt", "reverse", HERE, "--port", port, "--json"]) == 0
    assert objects(capsys.readouterr().out) == [
        {"address": HERE, "name": "ATTIC", "group": "HOUSE"}
    ]


def test_a_sweep(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["nbt", "sweep", HERE, "--port", port, "--wait", "0.05"]
    assert run(arguments) == 0
    captured = capsys.readouterr()
    assert columns(captured.out) == [
        ["Address", "Name", "Workgroup", "MAC", "Names"],
        [HERE, "ATTIC", "HOUSE", "02:03:04:05:06:07", "3"],
    ]
    assert captured.err.startswith("1 of 1 addresses answered in 0.")
    assert captured.err.endswith(" s, 1 requests.\n")
    assert run([*arguments, "--json"]) == 0
    [found] = objects(capsys.readouterr().out)
    assert (found["address"], len(found["names"])) == (HERE, 3)


def test_a_sweep_without_an_answer(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--port", port, "--wait", "0.05", "--retries", "1"]
    assert run(["nbt", "sweep", "127.0.0.2/31", *options]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("0 of 2 addresses answered in ")
    assert captured.err.endswith(" s, 4 requests.\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["query", "A" * 16], f"{'A' * 16!r} is no NetBIOS name: it is longer than 15 characters"),
        (["query", "A#xy"], "'#xy' is no suffix: it is two hex digits, like #20"),
        (["query", "A#"], "'#' is no suffix: it is two hex digits, like #20"),
        (["query", "A#123"], "'#123' is no suffix: it is two hex digits, like #20"),
        (["query", "#20"], "'#20' is no NetBIOS name: nothing stands before the #"),
        (["query", "€"], "'€' is no NetBIOS name: it leaves Latin-1"),
        (["query", "A", "--wins", "b"], "--wins: 'b' is no IPv4 address"),
        (
            ["query", "A", "--wins", HERE, "--unicast", HERE],
            "--wins and --unicast exclude each other",
        ),
        (
            ["query", "A", "--wins", HERE, "--to", HERE],
            "--to goes with --broadcast, not with --wins",
        ),
        (["status", HERE, "--style", "nmblookup", "--json"], "--style and --json exclude each"),
        (["status", "nowhere.invalid"], "'nowhere.invalid' is no IPv4 address, and no name with"),
        (["reverse", "::1"], "addr: '::1' is no IPv4 address"),
        (["sweep", "9.9.9.0/24"], "9.9.9.0/24 is public; --public asks it all the same"),
        (["sweep", "here"], "'here' is no IPv4 network; write it like 192.168.1.0/24"),
        (["sweep", HERE, "--port", "0"], "Invalid value for '--port': 0 is not in the range"),
        (["swep"], "'swep' is no command; did you mean 'sweep'?"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["nbt", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"nethood: {sentence}")
    assert captured.err.count("\n") == 1


ODD = NodeStatus(
    (
        StatusName("PEER", 0x1D, NAME_FLAGS_ACT | NAME_FLAGS_PRM),
        StatusName("\x01\x02__MSBROWSE__\x02", 0x01, GROUP | 0x6000),
        StatusName("FIFTEEN-LETTERS", 0x00, NAME_FLAGS_CNF | NAME_FLAGS_DRG | 0x2000),
    ),
    bytes.fromhex("000c29aabbcc"),
    Statistics(number_good_sends=7),
)


def test_the_lines_of_nmblookup() -> None:
    assert list(nbt_print.nmblookup_lines("10.0.0.1", ODD)) == [
        "Looking up status of 10.0.0.1",
        "\tPEER            <1d> -         B <ACTIVE> <PERMANENT> ",
        "\t..__MSBROWSE__. <01> - <GROUP> H <ACTIVE> ",
        "\tFIFTEEN-LETTERS <00> -         P <DEREGISTERING> <CONFLICT> ",
        "",
        "\tMAC Address = 00-0C-29-AA-BB-CC",
        "",
    ]
    assert list(nbt_print.nmblookup_lines("10.0.0.1", None)) == [
        "Looking up status of 10.0.0.1",
        "No reply from 10.0.0.1",
        "",
    ]


def test_the_lines_of_nbtstat() -> None:
    """As Windows prints them, blanks at the ends of lines included."""
    assert "|\n".join(nbt_print.nbtstat_lines("Ethernet0", "172.16.158.243", ODD)) == (
        "    |\n"
        "Ethernet0:|\n"
        "Node IpAddress: [172.16.158.243] Scope Id: []|\n"
        "|\n"
        "           NetBIOS Remote Machine Name Table|\n"
        "|\n"
        "       Name               Type         Status|\n"
        "    ---------------------------------------------|\n"
        "    PEER           <1D>  UNIQUE      Registered |\n"
        "    ..__MSBROWSE__.<01>  GROUP       Registered |\n"
        "    FIFTEEN-LETTERS<00>  UNIQUE      Conflict |\n"
        "|\n"
        "    MAC Address = 00-0C-29-AA-BB-CC|\n"
    )


def test_the_lines_of_nbtstat_for_a_host_that_is_silent() -> None:
    assert list(nbt_print.nbtstat_lines("Wi-Fi", "172.20.10.2", None)) == [
        "    ",
        "Wi-Fi:",
        "Node IpAddress: [172.20.10.2] Scope Id: []",
        "",
        "    Host not found.",
    ]


def test_a_status_in_the_style_of_nbtstat(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["nbt", "status", HERE, "127.0.0.2", "--style", "nbtstat", "--port", port]
    assert run([*arguments, "--wait", "0.1", "--retries", "0"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["    ", "lo:", f"Node IpAddress: [{HERE}] Scope Id: []"]
    assert "    ATTIC          <20>  UNIQUE      Registered " in lines
    assert "    MAC Address = 02-03-04-05-06-07" in lines
    assert lines[-3:] == [f"Node IpAddress: [{HERE}] Scope Id: []", "", "    Host not found."]


def test_what_a_peer_calls_itself_can_not_steer_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = NodeStatus((StatusName("\x1b[2J", 0x00),), bytes(6), Statistics(number_good_sends=7))
    nbt_print.show_status("10.0.0.1", status)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\\x1b[2J" in out
    assert out.endswith("Statistics: number good sends 7\n")
