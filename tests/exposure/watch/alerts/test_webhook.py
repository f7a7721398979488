"""A webhook against a real HTTP server: what it gets, and what becomes of each of its answers."""

from __future__ import annotations

import asyncio
import hmac
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nethood.exposure.watch.alerts.webhook import WebhookChannel
from nethood.exposure.watch.events import Fate
from nethood.exposure.watch.policy_file import WebhookTable
from tests.exposure.watch.alerts.examples import DEVIATES


@dataclass
class Server:
    """Answers every request with *reply*, and keeps what it got."""

    reply: bytes = b"HTTP/1.1 204 No Content\r\n\r\n"
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self.answer(reader, writer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.requests.append((first, headers, body))
        if self.reply == b"silence":
            await reader.read()
        else:
            writer.write(self.reply)
            await writer.drain()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    peer = Server()
    listener = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.port = listener.sockets[0].getsockname()[1]
    yield peer
    listener.close()


def channel(port: int, form: str = "json", secret: str = "", token: str = "") -> WebhookChannel:
    table = WebhookTable.model_validate({"kind": "webhook", "format": form, "timeout": "1s"})
    url = f"http://127.0.0.1:{port}/hook?key=hidden"
    return WebhookChannel("ops", table, url, secret, token, now=lambda: 1700000000.5)


async def test_what_arrives(server: Server) -> None:
    outcome = await channel(server.port, secret="s3cret", token="t0ken").send(DEVIATES)
    assert (outcome.fate, outcome.channel, outcome.alert_id) == (
        Fate.DELIVERED,
        "ops",
        DEVIATES.id,
    )
    first, headers, body = server.requests[0]
    assert first == "POST /hook?key=hidden HTTP/1.1"
    assert headers["idempotency-key"] == headers["x-nethood-event"] == DEVIATES.id
    assert headers["content-type"] == "application/json"
    assert headers["authorization"] == "Bearer t0ken"
    document = json.loads(body)
    assert document["schema"] == 1
    assert document["kind"] == "deviates"
    assert document["subject"]["target"] == "10.1.0.7"
    assert document["at"] == "2026-11-21T00:02:05+00:00"
    assert "What to do:" in document["text"]
    assert "tell" not in document


async def test_the_signature_is_over_time_and_body(server: Server) -> None:
    await channel(server.port, secret="s3cret").send(DEVIATES)
    _, headers, body = server.requests[0]
    assert headers["x-nethood-timestamp"] == "1700000000"
    digest = hmac.new(b"s3cret", b"1700000000." + body, "sha256").hexdigest()
    assert headers["x-nethood-signature"] == f"sha256={digest}"
    await channel(server.port).send(DEVIATES)
    assert "x-nethood-signature" not in server.requests[1][1]
    assert "authorization" not in server.requests[1][1]


async def test_slack(server: Server) -> None:
    await channel(server.port, "slack").send(DEVIATES)
    text = json.loads(server.requests[0][2])["text"]
    assert text.startswith("```\nDEVIATES nas.example")
    assert "a &lt; b &amp; c" in text


async def test_teams(server: Server) -> None:
    await channel(server.port, "teams").send(DEVIATES)
    card = json.loads(server.requests[0][2])["attachments"][0]["content"]
    lines = [block["inlines"][0]["text"] for block in card["body"]]
    assert lines[0].startswith("DEVIATES nas.example")
    assert "  connect to tcp/445 → accepted" in lines


async def test_ntfy(server: Server) -> None:
    await channel(server.port, "ntfy").send(DEVIATES)
    _, headers, body = server.requests[0]
    assert headers["title"].startswith("DEVIATES nas.example")
    assert headers["priority"] == "high"
    assert "connect to tcp/445 → accepted" in body.decode()


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    ("reply", "fate", "why"),
    [
        (answer("200 OK", b"ok"), Fate.DELIVERED, ""),
        (answer("302 Found", b"", "Location: http://127.0.0.1:1/"), Fate.REFUSED, "points elsewhe"),
        (answer("400 Bad", b"bad\x1b[2J word\n"), Fate.REFUSED, r"answered 400: bad\x1b[2J word"),
        (answer("404 Not Found"), Fate.REFUSED, "answered 404"),
        (answer("429 Slow"), Fate.FAILED, "answered 429"),
        (answer("500 Oh"), Fate.FAILED, "answered 500"),
        (answer("503 Busy"), Fate.FAILED, "answered 503"),
        (answer("504 Late"), Fate.UNCERTAIN, "answered 504"),
        (answer("400 Bad", b"x" * 99999), Fate.REFUSED, "x… ("),
        (b"", Fate.UNCERTAIN, "it may have taken the alert"),
        (b"nonsense\r\n\r\n", Fate.UNCERTAIN, "it may have taken the alert"),
    ],
)
async def test_what_becomes_of_an_answer(
    server: Server, reply: bytes, fate: Fate, why: str
) -> None:
    server.reply = reply
    outcome = await channel(server.port).send(DEVIATES)
    assert (outcome.fate, why in outcome.why) == (fate, True), outcome
    assert "hidden" not in outcome.why
    assert len(server.requests) == 1


async def test_silence_is_uncertain(server: Server) -> None:
    server.reply = b"silence"
    outcome = await channel(server.port).send(DEVIATES)
    assert outcome.fate is Fate.UNCERTAIN
    assert outcome.why.startswith(f"http://127.0.0.1:{server.port} did not answer")


async def test_nobody_there(server: Server, free_port: int) -> None:
    outcome = await channel(free_port).send(DEVIATES)
    assert outcome.fate is Fate.FAILED
    assert outcome.why.startswith(f"no connection to http://127.0.0.1:{free_port}: ")


async def test_a_name_nobody_knows() -> None:
    table = WebhookTable.model_validate({"kind": "webhook", "timeout": "1s"})
    made = WebhookChannel("ops", table, "http://no-such-host.invalid/secret")
    outcome = await made.send(DEVIATES)
    assert outcome.fate is Fate.FAILED
    assert "secret" not in outcome.why


async def test_https_checks_who_answers(certificate: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    peer = Server()
    listener = await asyncio.start_server(peer.serve, "127.0.0.1", 0, ssl=context)
    port = listener.sockets[0].getsockname()[1]
    outcomes = []
    for host, is_known in (("localhost", True), ("localhost", False), ("127.0.0.1", True)):
        values = {"kind": "webhook", "timeout": "2s", "ca": certificate[0] if is_known else None}
        table = WebhookTable.model_validate(values)
        made = WebhookChannel("ops", table, f"https://{host}:{port}/")
        outcomes.append(await made.send(DEVIATES))
    listener.close()
    assert [one.fate for one in outcomes] == [Fate.DELIVERED, Fate.FAILED, Fate.FAILED]
    assert len(peer.requests) == 1
    assert all("certificate verify failed" in one.why for one in outcomes[1:])


def test_secrets_are_not_printed() -> None:
    shown = repr(channel(1, secret="s3cret", token="t0ken"))
    assert not any(word in shown for word in ("s3cret", "t0ken", "hidden"))
