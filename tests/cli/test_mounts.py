"""The mount lines: what runs as printed, however odd the names."""

from __future__ import annotations

import shlex

import pytest

from nethood.cli.mounts import Target, lines, linux, macos, remark, smbclient, windows

PLAIN = Target("192.168.1.5", 445, "Public", "alice")
ODD = Target("192.168.1.5", 4450, "Bob's & my files", "alice b", encrypt=True)
SIX = Target("fd00::2", 4450, "Public", "alice")


def test_on_the_usual_port_no_port_is_named() -> None:
    assert lines(PLAIN) == [
        ("Windows", r"net use Z: \\192.168.1.5\Public /user:alice"),
        ("macOS", "open 'smb://alice@192.168.1.5/Public'"),
        (
            "Linux",
            "sudo mount -t cifs //192.168.1.5/Public /mnt"
            " -o username=alice,port=445,vers=3.1.1,uid=$(id -u)",
        ),
        ("smbclient", "smbclient //192.168.1.5/Public -U alice"),
    ]


def test_another_port_is_named_and_so_is_the_windows_that_can() -> None:
    assert remark(PLAIN) is None
    assert "24H2" in str(remark(ODD))
    expected = r'net use Z: "\\192.168.1.5\Bob' + "'" + r's & my files" /user:"alice b"'
    assert windows(ODD) == expected + " /TCPPORT:4450"
    assert smbclient(ODD).endswith(" -p 4450")
    assert ",seal" in linux(ODD)


@pytest.mark.parametrize("make", [macos, linux, smbclient])
@pytest.mark.parametrize("target", [PLAIN, ODD, SIX])
def test_a_shell_takes_the_lines_apart_as_meant(make: object, target: Target) -> None:
    assert callable(make)
    words = shlex.split(str(make(target)))
    joined = " ".join(words)
    if make is macos:
        assert len(words) == 2
        assert words[1].startswith("smb://alice")
        assert " " not in words[1]
    else:
        assert f"//{target.host}/{target.share}" in words
        assert target.user in joined


def test_ipv6() -> None:
    assert r"\\fd00--2.ipv6-literal.net\Public" in windows(SIX)
    assert "@[fd00::2]:4450/" in macos(SIX)
