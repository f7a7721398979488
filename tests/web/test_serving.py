"""The dashboard on a real port: live events, and a clean end."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from nethood.errors import ConnectError, LocalError
from nethood.web import run_app
from nethood.web.streams import MOST_PER_SESSION, encode_event
from tests.web.fake_view import FakeView


@asynccontextmanager
async def served(view: FakeView, **options: Any) -> AsyncIterator[tuple[str, asyncio.Task[None]]]:
    """Serve *view*; give its URL, and the task that serves."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run_app(view, "127.0.0.1", 0, on_ready=ready.set_result, **options))
    task.add_done_callback(lambda _: ready.cancel())
    try:
        yield await ready, task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def events_of(answer: httpx.Response) -> AsyncIterator[tuple[str, str]]:
    """Yield (name, data) of each event."""
    name, data = "", []
    async for text in answer.aiter_lines():
        field, _, value = text.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif not text and name:
            yield name, "\n".join(data)
            name, data = "", []


async def token_of(client: httpx.AsyncClient) -> str:
    found = re.search(r'name="token" value="([^"]+)"', (await client.get("/look")).text)
    assert found is not None
    return found[1]


async def test_news_arrive_on_an_open_page(view: FakeView) -> None:
    async with (
        served(view) as (url, _),
        httpx.AsyncClient(base_url=url, timeout=10) as client,
        client.stream("GET", "/events") as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = events_of(answer)
        assert await anext(events) == ("hello", "1")
        view.publish()
        assert await anext(events) == ("news", "2")


async def test_a_look_arrives_piece_by_piece(view: FakeView) -> None:
    view.gate = asyncio.Event()
    async with served(view) as (url, _), httpx.AsyncClient(base_url=url, timeout=10) as client:
        token = await token_of(client)
        answer = await client.post("/look", data={"token": token, "host": "10.1.1.1", "live": "1"})
        async with client.stream("GET", f"{answer.headers['location']}/events") as stream:
            events = events_of(stream)
            first = await anext(events)
            assert first[0] == "answer"
            assert 'id="row-port-' in first[1]
            view.gate.set()
            rest = [event async for event in events]
        assert [name for name, _ in rest[:-1]] == ["answer"] * (len(rest) - 1)
        assert 'id="row-netbios"' in "".join(data for _, data in rest)
        assert rest[-1][0] == "done"
        assert "What that means" in rest[-1][1]


async def test_it_ends_within_moments_although_pages_are_open(
    view: FakeView, caplog: pytest.LogCaptureFixture
) -> None:
    view.gate = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with served(view) as (url, task), httpx.AsyncClient(base_url=url, timeout=10) as client:
        token = await token_of(client)
        await client.post("/look", data={"token": token, "host": "10.1.1.1", "live": "1"})
        async with client.stream("GET", "/events") as stream:
            events = events_of(stream)
            await anext(events)
            began = loop.time()
            task.cancel()
            await asyncio.wait({task})
            assert loop.time() - began < 3
            assert task.cancelled()
            assert caplog.messages == [], "nothing had to be cut off"


async def test_streams_are_bounded_for_a_session(view: FakeView) -> None:
    async with served(view) as (url, _), httpx.AsyncClient(base_url=url, timeout=10) as client:
        await client.get("/")
        opened, events = [], []
        for _ in range(MOST_PER_SESSION):
            request = client.build_request("GET", "/events")
            opened.append(await client.send(request, stream=True))
            events.append(events_of(opened[-1]))
            assert (await anext(events[-1]))[0] == "hello"
        assert (await client.get("/events")).status_code == 429
        for answer in opened:
            await answer.aclose()


async def test_a_port_that_is_taken_is_said(view: FakeView) -> None:
    async with served(view) as (url, _):
        port = int(url.rstrip("/").rpartition(":")[2])
        with pytest.raises(ConnectError, match="another program holds it"):
            await run_app(view, "127.0.0.1", port)


async def test_reachable_by_others_without_a_user_it_does_not_start(view: FakeView) -> None:
    with pytest.raises(LocalError, match="needs a login"):
        await run_app(view, "0.0.0.0", 0)


async def test_the_host_header_is_checked_on_the_wire(view: FakeView) -> None:
    async with served(view) as (url, _), httpx.AsyncClient(base_url=url, timeout=10) as client:
        assert (await client.get("/", headers={"Host": "evil.example"})).status_code == 421
        assert "server" not in (await client.get("/")).headers


def test_an_event_holds_any_lines() -> None:
    assert encode_event("a", "x\ny") == "event: a\ndata: x\ndata: y\n\n"
    assert encode_event("a", "", 3) == "id: 3\nevent: a\ndata: \n\n"
    assert "\nevent: evil" not in encode_event("a", "x\nevent: evil\r\nid: 1\r")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Return a certificate for 127.0.0.1 and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dashboard")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(minutes=5))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    paths = tmp_path / "cert.pem", tmp_path / "key.pem"
    paths[0].write_bytes(made.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


async def test_with_a_certificate_it_speaks_https(
    view: FakeView, certificate: tuple[Path, Path], ops_hash: str
) -> None:
    options = {"certificate": certificate[0], "key": certificate[1], "users": {"ops": ops_hash}}
    trusted = ssl.create_default_context(cafile=str(certificate[0]))
    async with served(view, **options) as (url, _):
        assert url.startswith("https://")
        async with httpx.AsyncClient(base_url=url, verify=trusted, timeout=10) as client:
            answer = await client.get("/login")
            assert answer.status_code == 200
            assert answer.headers["set-cookie"].endswith("; Secure")
            assert "strict-transport-security" in answer.headers


async def test_a_key_that_does_not_fit_is_said(view: FakeView, tmp_path: Path) -> None:
    file = tmp_path / "nonsense.pem"
    file.write_text("nonsense")
    with pytest.raises(LocalError, match="can't use"):
        await run_app(view, "127.0.0.1", 0, certificate=file, key=file)


async def test_behind_a_proxy_each_client_waits_for_itself(view: FakeView, ops_hash: str) -> None:
    async with (
        served(view, users={"ops": ops_hash}, behind_https=True) as (url, _),
        httpx.AsyncClient(base_url=url, timeout=30) as client,
    ):
        page = await client.get("/login")
        cookie = page.headers["set-cookie"].partition(";")[0]
        found = re.search(r'name="token" value="([^"]+)"', page.text)
        assert found is not None
        form = {"token": found[1], "name": "ops", "password": "wrong"}

        async def attempt(address: str) -> int:
            headers = {"Cookie": cookie, "X-Forwarded-For": address}
            return (await client.post("/login", data=form, headers=headers)).status_code

        assert [await attempt("203.0.113.9") for _ in range(6)] == [403] * 5 + [429]
        assert await attempt("203.0.113.10") == 403
