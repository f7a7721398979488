"""Channels: how people are told. Made from a policy, all of them, before anything starts."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nethood.errors import ConfigError
from nethood.exposure.watch.alerts.channel import Channel
from nethood.exposure.watch.alerts.render import trial_alert
from nethood.exposure.watch.events import Outcome
from nethood.exposure.watch.policy import Policy

if TYPE_CHECKING:
    from nethood.exposure.watch.policy_faults import Fault, Faults

__all__ = ["Channel", "make_channels", "test_alerts"]

_SECRETS = ("url", "secret", "token", "password")


def make_channels(policy: Policy, environ: Mapping[str, str] | None = None) -> dict[str, Channel]:
    """Return every channel of *policy* by its name, its secrets read.

    *environ* is the environment, this process's for None. Raises ConfigError with a line for
    each secret that is missing.
    """
    from nethood.exposure.watch.policy_faults import Faults

    maker = _Maker(policy, os.environ if environ is None else environ)
    channels = {name: maker.make(name, table) for name, table in policy.channels.items()}
    if maker.missing:
        faults = Faults(policy.path, policy.text)
        raise ConfigError(faults.together(_faults(faults, maker.missing)))
    return channels


def _faults(faults: Faults, missing: list[tuple[tuple[str, ...], str]]) -> list[Fault]:
    return [faults.at(where, problem) for where, problem in missing]


class _Maker:
    def __init__(self, policy: Policy, environ: Mapping[str, str]) -> None:
        self._policy = policy
        self._environ = environ
        self.missing: list[tuple[tuple[str, ...], str]] = []

    def make(self, name: str, table: Any) -> Channel:
        """Return one channel; what it misses is noted."""
        secrets = {key: self._secret(name, table, key) for key in _SECRETS}
        return _MAKERS[table.kind](self, name, table, secrets)

    def _secret(self, name: str, table: Any, key: str) -> str:
        """Read a secret from where the policy says it is; "" where it says nothing."""
        variable = getattr(table, f"{key}_env", "")
        path: Path | None = getattr(table, f"{key}_file", None)
        if variable:
            value = self._environ.get(variable, "")
            if not value:
                problem = f"the environment has no {variable}; set it before starting the watcher"
                self.missing.append((("alerts", name, f"{key}_env"), problem))
            return value.strip()
        return self._from_file(name, key, path) if path is not None else ""

    def _from_file(self, name: str, key: str, path: Path) -> str:
        where = ("alerts", name, f"{key}_file")
        try:
            value = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            self.missing.append((where, f"can't read {path}: {error.strerror}"))
            return ""
        except UnicodeDecodeError:
            self.missing.append((where, f"{path} is no text in UTF-8"))
            return ""
        if not value:
            self.missing.append((where, f"{path} is empty; put the {key} into it"))
        return value

    def environ_for_programs(self) -> dict[str, str]:
        """Return the environment without the secrets of other channels."""
        secret = {
            getattr(table, f"{key}_env", "")
            for table in self._policy.channels.values()
            for key in _SECRETS
        }
        return {key: value for key, value in self._environ.items() if key not in secret}

    def webhook(self, name: str, table: Any, secrets: Mapping[str, str]) -> Channel:
        """Return a webhook."""
        from nethood.exposure.watch.alerts.webhook import WebhookChannel

        url = table.url or secrets["url"]
        if not table.url and url and not url.startswith(("https://", "http://")):
            key = "url_env" if table.url_env else "url_file"
            self.missing.append((("alerts", name, key), "what it holds is no web address"))
        return WebhookChannel(
            name, table, url, secrets["secret"], secrets["token"], self._policy.zone
        )

    def smtp(self, name: str, table: Any, secrets: Mapping[str, str]) -> Channel:
        """Return a mail channel."""
        from nethood.exposure.watch.alerts.smtp import SmtpChannel

        return SmtpChannel(name, table, secrets["password"], self._policy.zone)

    def syslog(self, name: str, table: Any, _secrets: Mapping[str, str]) -> Channel:
        """Return a log."""
        from nethood.exposure.watch.alerts.syslog import SyslogChannel

        return SyslogChannel(name, table)

    def command(self, name: str, table: Any, _secrets: Mapping[str, str]) -> Channel:
        """Return a program."""
        from nethood.exposure.watch.alerts.command import CommandChannel

        return CommandChannel(name, table, self._policy.path.parent, self.environ_for_programs())


_MAKERS: dict[str, Callable[[_Maker, str, Any, Mapping[str, str]], Channel]] = {
    "webhook": _Maker.webhook,
    "smtp": _Maker.smtp,
    "syslog": _Maker.syslog,
    "command": _Maker.command,
}


async def test_alerts(channels: Mapping[str, Channel], now_unix: float) -> list[Outcome]:
    """Send one clearly marked test through each channel; return what became of each, in order."""
    sending = (channel.send(trial_alert(name, now_unix)) for name, channel in channels.items())
    return list(await asyncio.gather(*sending))
