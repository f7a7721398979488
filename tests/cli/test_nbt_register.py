"""`nethood nbt register` and `release` at a name server: what they say, and when they fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any

import pytest

from nethood.cli import run
from nethood.nbt.name_service import (
    AddressEntry,
    addresses_of,
    is_registration,
    negative_registration_response,
    positive_name_query_response,
    positive_registration_response,
    positive_release_response,
)
from nethood.nbt.packet import OPCODE_QUERY, OPCODE_RELEASE, Packet
from tests.neighborhood.hosts import HERE, threaded_host

OTHER = AddressEntry(0, IPv4Address("10.1.2.3"))
REFUSED = {"TAKEN": 6, "FORBIDDEN": 5, "FULL": 2}


def answer(data: bytes) -> list[bytes]:
    """Be a name server with a table: TAKEN is another host's, CLUB a group's."""
    request = Packet.decode(data)
    name, trn_id = request.questions[0].name, request.name_trn_id
    if request.opcode == OPCODE_QUERY:
        address = {"TAKEN": OTHER, "CLUB": AddressEntry(0x8000, IPv4Address("255.255.255.255"))}
        entries = [address[name.name]] if name.name in address else []
        return [positive_name_query_response(trn_id, name, entries).encode()]
    [entry] = addresses_of(request)
    if is_registration(request) and name.name in {*REFUSED, "CLUB"}:
        rcode = REFUSED.get(name.name, 6)
        return [negative_registration_response(trn_id, name, entry, rcode).encode()]
    if request.opcode == OPCODE_RELEASE:
        return [positive_release_response(trn_id, name, entry).encode()]
    ttl_s = request.additionals[0].ttl_s
    return [positive_registration_response(trn_id, name, entry, ttl_s).encode()]


@pytest.fixture(scope="module")
def server() -> Iterator[list[str]]:
    with threaded_host(answer) as port:
        yield ["--wins", HERE, "--port", str(port)]


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    [line] = capsys.readouterr().out.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


@pytest.mark.parametrize(
    ("ttl", "span"),
    [
        ([], "for 3 days"),
        (["--ttl", "7200"], "for 2 hours"),
        (["--ttl", "150"], "for 2 minutes"),
        (["--ttl", "119"], "for 119 seconds"),
        (["--ttl", "0"], "for ever"),
    ],
)
def test_how_long_a_record_lasts(
    ttl: list[str], span: str, server: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["nbt", "register", "app#41", *server, *ttl]) == 0
    assert capsys.readouterr().out == (
        f"APP<41> is registered for {HERE} at {HERE}, {span}; nobody defends it (--hold does)\n"
    )


def test_a_registration_for_programs(server: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--group", "--address", "10.9.9.9", "--json"]
    assert run(["nbt", "register", "house#1c", *server, *options]) == 0
    told = said(capsys)
    assert told.pop("sentence").startswith("HOUSE<1C> is registered for 10.9.9.9 at ")
    assert told == {
        "name": "HOUSE",
        "suffix": "1C",
        "service": "Domain Controllers",
        "group": True,
        "way": "wins",
        "server": HERE,
        "result": "registered",
        "address": "10.9.9.9",
        "ttl_s": 300_000,
    }


@pytest.mark.parametrize(
    ("name", "why", "holders"),
    [
        ("taken", "10.1.2.3 has it", ["10.1.2.3"]),
        ("club", "it is a group's name there", ["255.255.255.255"]),
        ("forbidden", "its rules forbid it", []),
        ("full", "it has a problem of its own or no room for more names", []),
    ],
)
def test_why_it_is_refused(
    name: str,
    why: str,
    holders: list[str],
    server: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["nbt", "register", name, *server]) == 1
    sentence = f"{name.upper()}<00>: {HERE} refuses it for {HERE}: {why}"
    assert capsys.readouterr() == ("", f"nethood: {sentence}\n")
    assert run(["nbt", "register", name, *server, "--json"]) == 1
    told = said(capsys)
    assert (told["result"], told["sentence"], told["holders"]) == ("refused", sentence, holders)


def test_a_release(server: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["nbt", "release", "app#41", *server]) == 0
    assert capsys.readouterr().out == f"{HERE} has no APP<41> for {HERE} any more\n"
    assert run(["nbt", "release", "app#41", *server, "--json"]) == 0
    assert said(capsys)["result"] == "released"


@pytest.mark.parametrize("command", ["register", "release"])
def test_a_server_that_is_silent(
    command: str, server: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--wins", "127.0.0.2", *server[2:], "--wait", "0.05", "--retries", "0"]
    assert run(["nbt", command, "app", *options]) == 1
    sentence = "APP<00>: 127.0.0.2 does not answer; is it a name server?"
    assert capsys.readouterr().err == f"nethood: {sentence}\n"
