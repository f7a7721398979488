"""`[wins]`: what stands there reaches the name server, and what is wrong is told with its place."""

from __future__ import annotations

import re
from dataclasses import fields
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from pydantic import BaseModel

from nethood.config import (
    PartnerSettings,
    Settings,
    StaticSettings,
    WinsSettings,
    build,
    load,
)
from nethood.config.load import line_number
from nethood.errors import ConfigError
from nethood.nbt.name import NetbiosName
from nethood.nbt.node_model import Interface
from nethood.nbt.wins import WinsOptions
from nethood.nbt.wins_records import Intervals, RecordKind
from nethood.neighborhood.wins import WinsConfig
from nethood.neighborhood.wins_replication import ReplicationConfig

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"
WHOLE = """\
[wins]
enabled = true
store = "w.sqlite"
networks = ["10.0.0.0/24", "10.0.9.0/24"]
rate_per_s = 0.0
burst = 7
max_records = 99
renewal_s = 1.0
extinction_s = 2.0
extinction_timeout_s = 3.0
verify_s = 4.0
special_groups = ["print#20"]
own_address = "10.0.0.1"
push_delay_s = 0.5

[[wins.static]]
name = "corp#1c"
kind = "special-group"
addresses = ["10.0.0.7", "10.0.0.8"]

[[wins.static]]
name = "OLDBOX#20"
addresses = ["10.0.0.9"]

[[wins.static]]
name = "house"
kind = "group"

[[wins.partners]]
address = "10.0.9.1"
push = false
interval_s = 60.0

[[wins.partners]]
address = "10.0.8.1"
pull = false
"""
LANS = [
    Interface(IPv4Address("10.0.0.5"), IPv4Network("10.0.0.0/24")),
    Interface(IPv4Address("10.0.8.5"), IPv4Network("10.0.8.0/24")),
]


def read(folder: Path, text: str) -> Settings:
    file = folder / "nethood.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, needs_shares=False)


def test_all_of_it_reaches_the_name_server(tmp_path: Path) -> None:
    config = build.wins(read(tmp_path, WHOLE).wins, LANS, Path("/nowhere"))
    corp, old, house = config.static
    assert (corp.name, corp.kind) == (NetbiosName("CORP", 0x1C), RecordKind.SPECIAL_GROUP)
    assert (corp.is_static, list(map(str, corp.addresses))) == (True, ["10.0.0.7", "10.0.0.8"])
    assert (old.name, old.kind) == (NetbiosName("OLDBOX", 0x20), RecordKind.UNIQUE)
    assert (house.name, house.kind) == (NetbiosName("HOUSE"), RecordKind.GROUP)
    near, far = IPv4Address("10.0.9.1"), IPv4Address("10.0.8.1")
    assert config == WinsConfig(
        tmp_path / "w.sqlite",
        networks=(IPv4Network("10.0.0.0/24"), IPv4Network("10.0.9.0/24")),
        static=config.static,
        rate_per_s=0,
        burst=7,
        options=WinsOptions(Intervals(1, 2, 3, 4), frozenset({NetbiosName("PRINT", 0x20)}), 99),
        replication=ReplicationConfig(
            IPv4Address("10.0.0.1"),
            (near, far),
            push_delay_s=0.5,
            pull_from={near: 60.0},
            push_to=(far,),
        ),
    )


def test_nothing_said_is_the_name_servers_own_default() -> None:
    assert build.wins(WinsSettings(), LANS, Path("/s")) == WinsConfig(Path("/s"))


@pytest.mark.parametrize(("partner", "own"), [("10.0.8.9", "10.0.8.5"), ("10.9.9.9", "10.0.0.5")])
def test_partners_know_it_by_the_address_in_their_network(partner: str, own: str) -> None:
    settings = WinsSettings.model_validate({"partners": [{"address": partner}]})
    config = build.wins(settings, LANS, Path("/s"))
    assert config.replication is not None
    assert config.replication.own == IPv4Address(own)
    assert config.replication.intervals_s() == {IPv4Address(partner): 1800.0}


def test_every_interval_can_be_set() -> None:
    assert {each.name for each in fields(Intervals)} <= set(WinsSettings.model_fields)


STATIC = '[[wins.static]]\nname = "A"\naddresses = ["10.0.0.1"]\n'
PARTNER = '[[wins.partners]]\naddress = "10.0.0.1"\n'
FAULTS = [
    (
        '[wins]\nnetworks = ["home"]',
        """line 2: [wins] networks must be a network, such as "203.0.113.0/24", not 'home'""",
    ),
    ("[wins]\nburst = 0", "line 2: [wins] burst must be greater than or equal to 1, not 0"),
    ("[wins]\nverify_s = 0.0", "line 2: [wins] verify_s must be greater than 0, not 0.0"),
    (
        '[wins]\nspecial_groups = ["A#xy"]',
        'line 2: [wins] special_groups must be NAME#SUFFIX, such as "CORP#1C": '
        "'#xy' is no suffix: it is two hex digits, like #20, not 'A#xy'",
    ),
    (
        "[[wins.static]]\n" + STATIC,
        'line 1: [[wins.static]] name is missing; add name = "NAME#SUFFIX"',
    ),
    (
        STATIC + '[[wins.static]]\nname = "much-too-long-a-name"',
        'line 5: [[wins.static]] name must be NAME#SUFFIX, such as "CORP#1C": '
        "'much-too-long-a-name' is no NetBIOS name: it is longer than 15 characters,"
        " not 'much-too-long-a-name'",
    ),
    (
        STATIC + '[[wins.static]]\nname = "B"\naddresses = ["here"]',
        'line 6: [[wins.static]] addresses must be an IPv4 address in quotes, such as "192.168.1.5"'
        ", not 'here'",
    ),
    (
        STATIC + '[[wins.static]]\nname = "B"\nadress = []',
        "line 6: [[wins.static]] unknown key 'adress'; did you mean 'addresses'?",
    ),
    (
        '[[wins.static]]\nname = "B"\nkind = "user"',
        "line 3: [[wins.static]] kind must be 'unique', 'group', 'special-group' or 'multihomed',"
        " not 'user'",
    ),
    (
        '[[wins.static]]\nname = "B#20"',
        'line 1: [[wins.static]] B#20 of kind "unique" has one address, not 0',
    ),
    (
        '[[wins.static]]\nname = "B"\nkind = "group"\naddresses = ["10.0.0.1"]',
        'line 1: [[wins.static]] B#00 of kind "group" has no addresses, its members are asked by'
        " broadcast; leave addresses out",
    ),
    (
        '[[wins.static]]\nname = "B"\nkind = "multihomed"',
        'line 1: [[wins.static]] B#00 of kind "multihomed" has 1 to 25 addresses, not 0',
    ),
    (
        '[[wins.static]]\nname = "B"\nkind = "multihomed"\naddresses = ["10.0.0.1", "10.0.0.1"]',
        "line 1: [[wins.static]] B#00 has an address twice; write it once",
    ),
    (
        STATIC * 2,
        "[wins] A#00 stands in two [[wins.static]]; write one with all addresses",
    ),
    (PARTNER * 2, "[wins] 10.0.0.1 stands in two [[wins.partners]]; keep one of them"),
    (
        '[wins]\nown_address = "10.0.0.1"\n' + PARTNER,
        "line 1: [wins] own_address 10.0.0.1 is a partner too; name only the others in"
        " [[wins.partners]]",
    ),
    (
        PARTNER + "pull = false\npush = false",
        "line 1: [[wins.partners]] 10.0.0.1 with neither pull nor push exchanges nothing;"
        " leave it out",
    ),
    (
        PARTNER + "interval_s = 1",
        "line 3: [[wins.partners]] interval_s must be greater than or equal to 10, not 1",
    ),
    (
        "[wins]\npartners = 5",
        "line 2: [wins] partners must be written as [[wins.partners]], not 5",
    ),
]


@pytest.mark.parametrize(("text", "complaint"), FAULTS)
def test_one_fault_is_one_sentence(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    [line] = [each for each in str(caught.value).splitlines() if complaint.split()[-1] in each]
    assert line == f"{tmp_path / 'nethood.toml'}: {complaint}"


def test_lines_in_tables_of_several() -> None:
    assert line_number(WHOLE, ("wins", "static", "1", "addresses", "0")) == 23
    assert line_number(WHOLE, ("wins", "partners", "1")) == 34
    assert line_number(WHOLE, ("wins", "burst")) == 6


@pytest.mark.parametrize(
    ("section", "table"),
    [("[[wins.static]]", StaticSettings), ("[[wins.partners]]", PartnerSettings)],
)
def test_every_key_is_stated(section: str, table: type[BaseModel]) -> None:
    text = DOCUMENT.read_text().partition(f"## {section}\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == list(table.model_fields)


def test_the_defaults_stated_are_those_taken() -> None:
    text = DOCUMENT.read_text().partition("## [wins]\n")[2].partition("\n## ")[0]
    stated = dict(re.findall(r"^\| `(\w+)` \| `([\d.]+)` \|", text, re.MULTILINE))
    taken = WinsSettings().model_dump()
    assert stated == {
        key: str(value)
        for key, value in taken.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def test_the_example_is_right(tmp_path: Path) -> None:
    text = DOCUMENT.read_text().partition("## [[wins.partners]]\n")[2]
    wins = read(tmp_path, text.partition("```text\n")[2].partition("```")[0]).wins
    assert (len(wins.static), len(wins.partners)) == (1, 1)
