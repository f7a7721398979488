"""Mail against a real server: what arrives, and what becomes of each of its answers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as default_policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from nethood.exposure.watch.alerts.smtp import SmtpChannel
from nethood.exposure.watch.events import Fate, Outcome
from nethood.exposure.watch.policy_file import SmtpTable
from tests.exposure.watch.alerts.examples import DEVIATES


def abort(server: SMTP) -> None:
    """Break the connection *server* has, if it has one."""
    if isinstance(server.transport, asyncio.Transport):
        server.transport.abort()


class Mailbox:
    """Keeps what it gets; *answers* are those to give instead of taking it."""

    def __init__(self, **answers: str) -> None:
        self.mails: list[tuple[Envelope, EmailMessage]] = []
        self.answers = answers

    async def handle_MAIL(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        envelope.mail_from = address
        return self.answers.get("mail", "250 fine")

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        reply = self.answers.get(address.partition("@")[0], "250 fine")
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        if self.answers.get("data") == "break":
            abort(server)
            return "250 never seen"
        content = envelope.content
        assert isinstance(content, bytes)
        parsed = message_from_bytes(content, policy=default_policy)
        assert isinstance(parsed, EmailMessage)
        self.mails.append((envelope, parsed))
        return self.answers.get("data", "250 taken")


@asynccontextmanager
async def serving(
    mailbox: Mailbox, ssl_context: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[int]:
    """Run a mail server for *mailbox* on a free port."""
    made: list[SMTP] = []

    def protocol() -> SMTP:
        made.append(SMTP(mailbox, hostname="localhost", **options))
        return made[-1]

    server = await asyncio.get_running_loop().create_server(
        protocol, "127.0.0.1", 0, ssl=ssl_context
    )
    yield server.sockets[0].getsockname()[1]
    server.close()
    for one in made:
        abort(one)


def table(port: int, **more: Any) -> SmtpTable:
    values: dict[str, Any] = {
        "kind": "smtp",
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "nethood@example.org",
        "to": ["ops@example.org", "second@example.org"],
        "timeout": "2s",
    }
    return SmtpTable(**{**values, **more})


async def send(settings: SmtpTable, password: str = "") -> Outcome:
    return await SmtpChannel("mail", settings, password).send(DEVIATES)


async def test_what_arrives() -> None:
    mailbox = Mailbox()
    async with serving(mailbox) as port:
        outcome = await send(table(port))
    assert (outcome.fate, outcome.why) == (Fate.DELIVERED, "")
    envelope, mail = mailbox.mails[0]
    assert envelope.mail_from == "nethood@example.org"
    assert envelope.rcpt_tos == ["ops@example.org", "second@example.org"]
    assert mail["Subject"].startswith("[nethood] DEVIATES nas.example (10.1.0.7): port 445 is open")
    assert mail["Message-ID"] == f"<{DEVIATES.id}@nethood>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime.timestamp() == DEVIATES.at_unix
    assert mail["References"].endswith("@nethood>")
    text = mail.get_content()
    assert "connect to tcp/445 → accepted" in text
    assert "--acknowledge 17" in text


async def test_seven_bits_are_enough() -> None:
    mailbox = Mailbox()
    async with serving(mailbox, decode_data=False, enable_SMTPUTF8=False) as port:
        await send(table(port))
    content = mailbox.mails[0][0].original_content
    assert content is not None
    assert content.isascii()


@pytest.mark.parametrize(
    ("answers", "fate", "why"),
    [
        ({"mail": "550 not you"}, Fate.REFUSED, "refused the sender nethood@example.org: 550"),
        ({"mail": "451 later"}, Fate.FAILED, "refused the sender nethood@example.org: 451 later"),
        ({"ops": "550 no", "second": "550 no"}, Fate.REFUSED, "takes no recipient: ops@example"),
        ({"ops": "451 hm", "second": "550 no"}, Fate.FAILED, "takes no recipient"),
        ({"ops": "550 unknown"}, Fate.DELIVERED, "taken, but not for ops@example.org (550 unkn"),
        ({"data": "554 spam"}, Fate.REFUSED, "refused the mail: 554 spam"),
        ({"data": "452 full"}, Fate.FAILED, "refused the mail: 452 full"),
        ({"data": "break"}, Fate.UNCERTAIN, "it may have taken the mail"),
    ],
)
async def test_what_becomes_of_an_answer(answers: dict[str, str], fate: Fate, why: str) -> None:
    async with serving(Mailbox(**answers)) as port:
        outcome = await send(table(port))
    assert (outcome.fate, why in outcome.why) == (fate, True), outcome


async def test_nobody_there(free_port: int) -> None:
    outcome = await send(table(free_port))
    assert outcome.fate is Fate.FAILED
    assert outcome.why == f"no mail to 127.0.0.1 port {free_port}: connection refused"


@pytest.fixture
async def silent_port() -> AsyncIterator[int]:
    async def keep_quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(keep_quiet, "127.0.0.1", 0)
    yield listener.sockets[0].getsockname()[1]
    listener.close()


async def test_a_server_that_says_nothing(silent_port: int) -> None:
    outcome = await send(table(silent_port, timeout="1s"))
    assert outcome.fate is Fate.FAILED
    assert "timed out" in outcome.why


class TestTls:
    """STARTTLS and TLS with a certificate of the test's own, and a login."""

    @pytest.fixture
    def context(self, certificate: tuple[Path, Path]) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        return context

    @staticmethod
    def authenticator(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: LoginPassword
    ) -> AuthResult:
        right = login == LoginPassword(b"nethood", b"s3cret")
        return AuthResult(success=right, handled=False)

    async def test_starttls_and_login(
        self, context: ssl.SSLContext, certificate: tuple[Path, Path]
    ) -> None:
        mailbox = Mailbox()
        options: dict[str, Any] = {
            "tls_context": context,
            "require_starttls": True,
            "authenticator": self.authenticator,
            "auth_required": True,
        }
        async with serving(mailbox, **options) as port:
            more = {"security": "starttls", "ca": certificate[0], "host": "localhost"}
            right = await send(table(port, **more, user="nethood"), "s3cret")
            wrong = await send(table(port, **more, user="nethood"), "guess")
            stranger = await send(table(port, security="starttls", host="localhost"))
        assert right.fate is Fate.DELIVERED, right
        assert len(mailbox.mails) == 1
        assert (wrong.fate, "refused the login: 535" in wrong.why) == (Fate.REFUSED, True)
        assert "guess" not in wrong.why
        assert stranger.fate is Fate.FAILED
        assert "certificate verify failed" in stranger.why

    async def test_tls_from_the_start(
        self, context: ssl.SSLContext, certificate: tuple[Path, Path]
    ) -> None:
        mailbox = Mailbox()
        async with serving(mailbox, ssl_context=context) as port:
            outcome = await send(table(port, security="tls", ca=certificate[0], host="localhost"))
        assert outcome.fate is Fate.DELIVERED, outcome

    async def test_a_server_without_starttls_is_refused(self) -> None:
        mailbox = Mailbox()
        async with serving(mailbox) as port:
            outcome = await send(table(port, security="starttls"))
        assert outcome.fate is Fate.REFUSED
        assert "STARTTLS" in outcome.why
        assert not mailbox.mails
