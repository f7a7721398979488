"""Alerts by HTTP POST, signed, once.

Headers: `Idempotency-Key` and `X-Nethood-Event` are the event's id, `X-Nethood-Timestamp` is when
it was sent (seconds since 1970). With a secret, `X-Nethood-Signature` is "sha256=" and the
HMAC-SHA256 of timestamp, a dot, and the body, in hex: `signature_of`. A redirect is refused: what
was signed for one address is not handed to another.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nethood.errors import LocalError
from nethood.exposure.findings.words import clean
from nethood.exposure.watch.alerts.channel import outcome
from nethood.exposure.watch.alerts.webhook_body import Body, body_of
from nethood.exposure.watch.events import Alert, Fate, Outcome
from nethood.exposure.watch.policy_file import WebhookTable
from nethood.net.client_tls import client_context

if TYPE_CHECKING:
    import httpx

_REPLY_LIMIT = 4096
_TRY_AGAIN = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """A web address. *url*, *secret* and *token* are kept out of what is printed of it."""

    name: str
    settings: WebhookTable
    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    zone: tzinfo = UTC
    now: Callable[[], float] = time.time
    kind: str = "webhook"

    async def send(self, alert: Alert) -> Outcome:
        """Post one alert, once."""
        import httpx

        try:
            async with asyncio.timeout(2 * self.settings.timeout), self._client() as client:
                return await self._post(client, alert)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            why = f"no connection to {self._where()}: {_reason(error)}"
            return outcome(self, alert, Fate.FAILED, why)
        except (httpx.TransportError, TimeoutError) as error:
            why = f"{self._where()} did not answer: {_reason(error)}; it may have taken the alert"
            return outcome(self, alert, Fate.UNCERTAIN, why)
        except (httpx.InvalidURL, LocalError) as error:
            return outcome(self, alert, Fate.REFUSED, f"{self._where()}: {error}")

    def _client(self) -> httpx.AsyncClient:
        import httpx

        settings = self.settings
        return httpx.AsyncClient(
            verify=client_context(settings.ca) if self.url.startswith("https") else False,
            timeout=settings.timeout,
            follow_redirects=False,
            trust_env=False,
            proxy=settings.proxy or None,
        )

    async def _post(self, client: httpx.AsyncClient, alert: Alert) -> Outcome:
        body = body_of(self.settings.format, alert, self.zone)
        headers = self._headers(alert, body)
        async with client.stream("POST", self.url, content=body.content, headers=headers) as reply:
            said = b""
            if not reply.is_success:
                async for chunk in reply.aiter_raw(_REPLY_LIMIT):
                    said = chunk
                    break
            return self._judge(alert, reply, said)

    def _headers(self, alert: Alert, body: Body) -> dict[str, str]:
        timestamp = str(int(self.now()))
        headers = {
            "Content-Type": body.content_type,
            "User-Agent": "nethood",
            "Idempotency-Key": alert.id,
            "X-Nethood-Event": alert.id,
            "X-Nethood-Timestamp": timestamp,
            **body.headers,
        }
        if self.secret:
            headers["X-Nethood-Signature"] = signature_of(self.secret, timestamp, body.content)
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return headers

    def _judge(self, alert: Alert, reply: httpx.Response, said: bytes) -> Outcome:
        if reply.is_success:
            return outcome(self, alert, Fate.DELIVERED)
        if reply.has_redirect_location:
            why = f"{self._where()} points elsewhere; write the address it points to as url"
            return outcome(self, alert, Fate.REFUSED, why)
        status = reply.status_code
        words = clean(said.decode("utf-8", "replace").strip())
        why = f"{self._where()} answered {status}" + (f": {words}" if words else "")
        if status == HTTPStatus.GATEWAY_TIMEOUT:
            return outcome(self, alert, Fate.UNCERTAIN, why)
        return outcome(self, alert, Fate.FAILED if status in _TRY_AGAIN else Fate.REFUSED, why)

    def _where(self) -> str:
        """Return the peer without what may be secret in its path."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def signature_of(secret: str, timestamp: str, body: bytes) -> str:
    """Return the value of X-Nethood-Signature."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, "sha256")
    return f"sha256={digest.hexdigest()}"


def _reason(error: Exception) -> str:
    text = str(error).strip() or "no answer in time"
    return clean(text[:1].lower() + text[1:])
