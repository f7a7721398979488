"""Alerts by mail: plain text, one message for all recipients, over STARTTLS or TLS.

Mails about the same expectation of the same host are one thread. The message's id is the event's,
so that a mail system that gets it twice shows it once.
"""

from __future__ import annotations

import asyncio
import platform
import smtplib
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime

from nethood.errors import LocalError
from nethood.exposure.findings.words import clean
from nethood.exposure.watch.alerts.channel import outcome
from nethood.exposure.watch.alerts.render import subject_line, text_of
from nethood.exposure.watch.events import Alert, Fate, Outcome, event_id
from nethood.exposure.watch.policy_file import SmtpTable
from nethood.net.client_tls import client_context

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_PERMANENT = 500
_SEVEN_BITS = SMTP_POLICY.clone(cte_type="7bit")
"""What every server takes, 8BITMIME or not."""


@dataclass(frozen=True, slots=True)
class SmtpChannel:
    """A mail server and recipients."""

    name: str
    settings: SmtpTable
    password: str = field(default="", repr=False)
    zone: tzinfo = UTC
    kind: str = "smtp"

    async def send(self, alert: Alert) -> Outcome:
        """Send one alert, once. A wait for the server takes at most the channel's time-out each."""
        return await asyncio.to_thread(self._send, alert)

    def _send(self, alert: Alert) -> Outcome:
        message = message_of(alert, self.settings, self.zone).as_bytes(policy=_SEVEN_BITS)
        try:
            with self._connect() as server:
                try:
                    refused = self._announce(server)
                except smtplib.SMTPSenderRefused as error:
                    return self._said_no(alert, f"the sender {error.sender}", error)
                if len(refused) == len(self.settings.to):
                    return self._all_refused(alert, refused)
                return self._hand_over(server, alert, message, refused)
        except smtplib.SMTPResponseException as error:
            return self._said_no(alert, "the login" if _is_login(error) else "us", error)
        except smtplib.SMTPServerDisconnected as error:
            why = f"no mail to {self._where()}: {_reason(error)}"
            return outcome(self, alert, Fate.FAILED, why)
        except smtplib.SMTPException as error:
            return outcome(self, alert, Fate.REFUSED, f"{self._where()}: {clean(str(error))}")
        except OSError as error:
            why = f"no mail to {self._where()}: {_reason(error)}"
            return outcome(self, alert, Fate.FAILED, why)
        except LocalError as error:
            return outcome(self, alert, Fate.REFUSED, str(error))

    def _where(self) -> str:
        return f"{self.settings.host} port {self._port}"

    @property
    def _port(self) -> int:
        return self.settings.port or _PORTS[self.settings.security]

    def _connect(self) -> smtplib.SMTP:
        settings = self.settings
        name = platform.node() or "localhost"
        if settings.security == "tls":
            return self._ready(
                smtplib.SMTP_SSL(
                    settings.host,
                    self._port,
                    local_hostname=name,
                    timeout=settings.timeout,
                    context=client_context(settings.ca),
                )
            )
        server = smtplib.SMTP(
            settings.host, self._port, local_hostname=name, timeout=settings.timeout
        )
        return self._ready(server)

    def _ready(self, server: smtplib.SMTP) -> smtplib.SMTP:
        """Bring a connection to where it takes mail; close it where it does not."""
        try:
            if self.settings.security == "starttls":
                server.starttls(context=client_context(self.settings.ca))
            server.ehlo_or_helo_if_needed()
            if self.settings.user:
                server.login(self.settings.user, self.password)
        except BaseException:
            server.close()
            raise
        return server

    def _announce(self, server: smtplib.SMTP) -> dict[str, tuple[int, bytes]]:
        """Say from whom and to whom; return the recipients it does not take."""
        sender = self.settings.sender
        code, said = server.mail(sender)
        if code >= 400:
            raise smtplib.SMTPSenderRefused(code, said, sender)
        answers = {address: server.rcpt(address) for address in self.settings.to}
        return {address: answer for address, answer in answers.items() if answer[0] >= 400}

    def _all_refused(self, alert: Alert, refused: dict[str, tuple[int, bytes]]) -> Outcome:
        code = min(answer[0] for answer in refused.values())
        fate = Fate.REFUSED if code >= _PERMANENT else Fate.FAILED
        return outcome(
            self, alert, fate, f"{self._where()} takes no recipient: {_not_for(refused)}"
        )

    def _hand_over(
        self,
        server: smtplib.SMTP,
        alert: Alert,
        message: bytes,
        refused: dict[str, tuple[int, bytes]],
    ) -> Outcome:
        """Send the message itself: from here on it may have arrived."""
        try:
            code, said = server.data(message)
        except smtplib.SMTPDataError as error:
            return self._said_no(alert, "the mail", error)
        except (smtplib.SMTPException, OSError) as error:
            why = f"{self._where()} did not confirm: {_reason(error)}; it may have taken the mail"
            return outcome(self, alert, Fate.UNCERTAIN, why)
        if code >= 400:
            return self._said_no(alert, "the mail", smtplib.SMTPDataError(code, said))
        why = f"taken, but not for {_not_for(refused)}" if refused else ""
        return outcome(self, alert, Fate.DELIVERED, why)

    def _said_no(self, alert: Alert, what: str, error: smtplib.SMTPResponseException) -> Outcome:
        fate = Fate.REFUSED if error.smtp_code >= _PERMANENT else Fate.FAILED
        why = f"{self._where()} refused {what}: {error.smtp_code} {_text(error.smtp_error)}"
        return outcome(self, alert, fate, why)


def message_of(alert: Alert, settings: SmtpTable, zone: tzinfo = UTC) -> EmailMessage:
    """Return the mail."""
    message = EmailMessage(policy=_SEVEN_BITS)
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.to)
    message["Subject"] = f"[nethood] {subject_line(alert)}"
    message["Date"] = format_datetime(datetime.fromtimestamp(alert.at_unix, UTC))
    message["Message-ID"] = f"<{alert.id}@nethood>"
    if alert.subject is not None:
        subject = alert.subject
        thread = event_id("thread", subject.group, subject.target, subject.key)
        message["References"] = f"<{thread}@nethood>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Nethood-Event"] = alert.id
    message.set_content(text_of(alert, zone))
    return message


def _is_login(error: smtplib.SMTPResponseException) -> bool:
    return isinstance(error, smtplib.SMTPAuthenticationError)


def _not_for(refused: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(f"{to} ({code} {_text(said)})" for to, (code, said) in refused.items())


def _text(said: bytes | str) -> str:
    return clean(said.decode("utf-8", "replace") if isinstance(said, bytes) else said)


def _reason(error: Exception) -> str:
    strerror = getattr(error, "strerror", None)
    return clean(str(strerror or error or type(error).__name__)).lower() or "no answer in time"
