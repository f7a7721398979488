"""Channels made from a policy, their secrets read, and each of them tried."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from nethood.errors import ConfigError
from nethood.exposure.watch import alerts
from nethood.exposure.watch.alerts import make_channels
from nethood.exposure.watch.alerts.command import CommandChannel
from nethood.exposure.watch.alerts.smtp import SmtpChannel
from nethood.exposure.watch.alerts.webhook import WebhookChannel
from nethood.exposure.watch.events import Fate
from nethood.exposure.watch.policy import Policy, load_policy

GROUP = '[groups.lab]\ntargets = "10.0.0.1"\n445 = "closed"\n'
HOOK = '[alerts.hook]\nkind = "webhook"\nurl_env = "HOOK_URL"\nsecret_file = "secret"\n'
MAIL = (
    '[alerts.mail]\nkind = "smtp"\nhost = "mail.example"\nsender = "a@example.org"\n'
    'to = "b@example.org"\nuser = "a"\npassword_env = "MAIL_PASSWORD"\n'
)
PAGER = '[alerts.pager]\nkind = "command"\nargv = ["./page-me", "now"]\n'


def policy(folder: Path, text: str) -> Policy:
    path = folder / "policy.toml"
    path.write_text(text)
    return load_policy(path)


def test_secrets_come_from_environment_and_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    environ = {"HOOK_URL": "https://chat.example/abc", "MAIL_PASSWORD": "p4ss", "PATH": "/bin"}
    made = make_channels(policy(tmp_path, GROUP + HOOK + MAIL + PAGER), environ)
    assert [(name, one.name, one.kind) for name, one in made.items()] == [
        ("hook", "hook", "webhook"),
        ("mail", "mail", "smtp"),
        ("pager", "pager", "command"),
    ]
    hook, mail, pager = made["hook"], made["mail"], made["pager"]
    assert isinstance(hook, WebhookChannel)
    assert isinstance(mail, SmtpChannel)
    assert isinstance(pager, CommandChannel)
    assert (hook.url, hook.secret) == ("https://chat.example/abc", "s3cret")
    assert mail.password == "p4ss"
    assert (pager.folder, pager.environ) == (tmp_path, {"PATH": "/bin"})
    assert not any(word in repr(made) for word in ("s3cret", "p4ss", "abc"))


def test_secrets_that_are_missing_are_named_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("\n")
    with pytest.raises(ConfigError) as caught:
        make_channels(policy(tmp_path, GROUP + HOOK + MAIL), {})
    assert str(caught.value).splitlines() == [
        "policy.toml line 6: alerts.hook.url_env: the environment has no HOOK_URL;"
        " set it before starting the watcher",
        f"policy.toml line 7: alerts.hook.secret_file: {tmp_path}/secret is empty;"
        " put the secret into it",
        "policy.toml line 14: alerts.mail.password_env: the environment has no MAIL_PASSWORD;"
        " set it before starting the watcher",
    ]


def test_an_address_in_the_environment_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    with pytest.raises(
        ConfigError, match=r"alerts\.hook\.url_env: what it holds is no web address"
    ):
        make_channels(policy(tmp_path, GROUP + HOOK), {"HOOK_URL": "chat.example"})


async def test_each_channel_is_tried(tmp_path: Path, free_port: int) -> None:
    script = tmp_path / "page-me"
    script.write_text("#!/bin/sh\ncat > got\n")
    script.chmod(0o755)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(5)
        log = (
            f'[alerts.log]\nkind = "syslog"\naddress = "udp://127.0.0.1:{sock.getsockname()[1]}"\n'
        )
        hook = f'[alerts.hook]\nkind = "webhook"\nurl = "http://127.0.0.1:{free_port}/"\n'
        channels = make_channels(policy(tmp_path, GROUP + PAGER + log + hook), {"PATH": "/bin"})
        outcomes = await alerts.test_alerts(channels, 1e9)
        assert b"This is a test" in sock.recv(4096)
    assert [(one.channel, one.fate) for one in outcomes] == [
        ("pager", Fate.DELIVERED),
        ("log", Fate.SENT),
        ("hook", Fate.FAILED),
    ]
    assert outcomes[2].why.startswith("no connection to")
    assert '"kind":"test"' in (tmp_path / "got").read_text()
