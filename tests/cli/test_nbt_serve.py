"""`nethood nbt serve`: what it refuses before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from nethood.cli import neighbours, run
from nethood.config import load
from nethood.errors import ConfigError, ConnectError, LocalError
from nethood.nbt.node_model import Interface
from nethood.neighborhood import host


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--name", "a b"], "--name may hold only letters, digits, hyphens and underscores"),
        (["--name", "A" * 16], "--name must have 1 to 15 characters"),
        (["--workgroup", ""], "--workgroup must have 1 to 15 characters"),
        (["--interface", "nowhere9"], "this machine has no interface nowhere9, or it is down"),
        (["--config", "/no/such"], "/no/such: there is no such file"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["nbt", "serve", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"nethood: {sentence}")
    assert captured.err.count("\n") == 1


async def test_ports_that_can_not_be_had_are_said() -> None:
    class Refused:
        async def start(self) -> None:
            raise ConnectError(
                "can't use 10.0.0.1 UDP port 137: ports below 1024 need more rights; try sudo"
            )

    with pytest.raises(LocalError, match=r"^NetBIOS can't use .*: ports below 1024 need"):
        await neighbours.start_netbios(Refused())  # type: ignore[arg-type]


def test_a_configuration_without_shares_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "nethood.toml"
    file.write_text(
        '[server]\nname = "attic"\n[netbios]\nnode = "H"\nname_servers = ["10.0.0.9"]\n'
        '[browser]\nmaster = "potential"\n[wins]\nenabled = true\nstore = "w.sqlite"\n'
    )
    settings = load(file, needs_shares=False)
    asked: list[Sequence[str] | None] = []

    def choose(named: Sequence[str] | None) -> tuple[Interface, ...]:
        asked.append(named)
        return (Interface(IPv4Address("10.0.0.1"), IPv4Network("10.0.0.0/24")),)

    monkeypatch.setattr(host, "choose_interfaces", choose)
    made = neighbours.netbios_host(settings, lambda _: None).settings
    assert asked == [None]
    assert (made.name, made.machine_group, made.node_type.name) == ("ATTIC", "WORKGROUP", "H")
    assert list(map(str, made.name_servers)) == ["10.0.0.9"]
    assert (made.is_browser, made.is_preferred_master, made.serves_files) == (True, False, False)
    assert made.wins is not None
    assert made.wins.store == tmp_path / "w.sqlite"
    with pytest.raises(ConfigError, match="there is no share"):
        load(file)


def test_a_node_that_asks_nobody_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "nethood.toml"
    file.write_text('[netbios]\nnode = "P"\n')
    with pytest.raises(ConfigError, match='node "P" asks a name server; name it in name_servers'):
        load(file, needs_shares=False)
