"""Bad input of every NetBIOS command: one sentence on standard error, and exit status 2."""

from __future__ import annotations

import click
import pytest

from nethood.cli import run
from nethood.cli.nbt import nbt

LONG = "A" * 16
TOO_LONG = f"{LONG!r} is no NetBIOS name: it is longer than 15 characters"
NO_HEX = "'#xy' is no suffix: it is two hex digits, like #20"
NO_INTERFACE = "this machine has no interface nowhere9, or it is down"
HERE = "127.0.0.1"

REFUSALS = [
    (["query", LONG], TOO_LONG),
    (["query", "A#xy"], NO_HEX),
    (["query", "A#+1"], "'#+1' is no suffix"),
    (["query", " "], "' ' is no NetBIOS name: nothing stands there"),
    (["query", "A", "--wins", "::1"], "--wins: '::1' is no IPv4 address"),
    (["query", "A", "--wait", "0"], "Invalid value for '--wait': 0.0 is not in the range"),
    (["query", "A", "--port", "70000"], "Invalid value for '--port': 70000 is not in the range"),
    (["query"], "Missing argument 'NAME[#SUFFIX]'. Try 'nethood nbt query --help'."),
    (["status", "nowhere.invalid"], "'nowhere.invalid' is no IPv4 address, and no name with"),
    (["status", HERE, "--style", "x"], "Invalid value for '--style': 'x' is not one of"),
    (["reverse", "attic"], "addr: 'attic' is no IPv4 address"),
    (["register", LONG], TOO_LONG),
    (["register", "A#xy"], NO_HEX),
    (["register", "*"], "'*' can't be a name: it begins with *"),
    (["register", "A", "--wins", "b"], "--wins: 'b' is no IPv4 address"),
    (["register", "A", "--broadcast", "--wins", HERE], "--broadcast and --wins exclude each"),
    (["register", "A", "--ttl", "5"], "--ttl goes with --wins: by broadcast a name has no time"),
    (["register", "A", "--ttl", "-1"], "Invalid value for '--ttl': -1 is not in the range"),
    (["register", "A", "--address", "b"], "--address: 'b' is no IPv4 address"),
    (["register", "A", "--address", "192.0.2.7"], "this machine has no address 192.0.2.7; "),
    (
        ["register", "A", "--wins", HERE, "--hold", "--address", "192.0.2.7"],
        "this machine has no address 192.0.2.7; --address takes one of its own",
    ),
    (["release", LONG], TOO_LONG),
    (["release", "A#xy"], NO_HEX),
    (["release", "A", "--broadcast", "--wins", HERE], "--broadcast and --wins exclude each"),
    (["release", "A", "--address", "192.0.2.7"], "this machine has no address 192.0.2.7; "),
    (["listen", "--interface", "nowhere9"], NO_INTERFACE),
    (["serve", "--interface", "nowhere9"], NO_INTERFACE),
    (["serve", "--name", LONG], "--name must have 1 to 15 characters"),
    (["serve", "--workgroup", "ä"], "--workgroup must have 1 to 15 characters, letters and"),
    (["serve", "--config", "/no/such"], "/no/such: there is no such file"),
    (["sweep", "9.9.9.0/24"], "9.9.9.0/24 is public; --public asks it all the same"),
    (["sweep", "10.0.0.1/33"], "'10.0.0.1/33' is no IPv4 network; write it like"),
    (["sweep", HERE, "--rate", "0"], "Invalid value for '--rate': 0.0 is not in the range"),
]
BROWSING = [
    ([LONG], TOO_LONG),
    (["--interface", "nowhere9"], NO_INTERFACE),
    (["--wait", "0"], "Invalid value for '--wait': 0.0 is not in the range"),
    (["--from", "daemon", "--wait", "1"], "--wait and --interface are for listening"),
    (["--from", "here"], "Invalid value for '--from': 'here' is not one of"),
]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        *((["nbt", *arguments], sentence) for arguments, sentence in REFUSALS),
        *((["browse", *arguments], sentence) for arguments, sentence in BROWSING),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"nethood: {sentence}")
    assert captured.err.count("\n") == 1


def test_no_command_is_left_out() -> None:
    assert {arguments[0] for arguments, _ in REFUSALS} == set(nbt.lazy)


@pytest.mark.parametrize("command", [*nbt.lazy])
def test_every_option_says_what_it_does(command: str) -> None:
    context = nbt.make_context("nbt", [])
    found = nbt.get_command(context, command)
    assert found is not None
    for option in found.params:
        if isinstance(option, click.Option):
            assert len(option.help or "") > 15, f"{command} {option.opts[0]}"
