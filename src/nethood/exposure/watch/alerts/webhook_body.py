"""What a webhook posts: JSON for programs, or what a chat or notification service reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import tzinfo

from nethood.exposure.watch.alerts.document import document_of
from nethood.exposure.watch.alerts.render import subject_line, text_of
from nethood.exposure.watch.events import Alert, AlertKind

_JSON = "application/json"
_NTFY_PRIORITY = {
    AlertKind.DEVIATES: "high",
    AlertKind.CHANGED: "high",
    AlertKind.STILL_DEVIATES: "high",
    AlertKind.SUMMARY: "high",
    AlertKind.HEARTBEAT: "low",
}
_NTFY_LIMIT = 4000
"""In bytes: what is longer ntfy makes an attachment of."""
_CHAT_LIMIT = 12_000


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of a request, their type, and headers that belong to them."""

    content: bytes
    content_type: str = _JSON
    headers: dict[str, str] = field(default_factory=dict)


def body_of(form: str, alert: Alert, zone: tzinfo) -> Body:
    """Return the body in one of the forms a policy knows."""
    return _FORMS[form](alert, zone)


def _json(alert: Alert, zone: tzinfo) -> Body:
    return Body(document_of(alert, zone).encode())


def _slack(alert: Alert, zone: tzinfo) -> Body:
    """Slack's incoming webhook; Mattermost and Rocket.Chat read the same."""
    text = text_of(alert, zone)[:_CHAT_LIMIT]
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, entity)
    return _dumped({"text": f"```\n{text.replace('```', '` ` `')}```"})


def _teams(alert: Alert, zone: tzinfo) -> Body:
    """Microsoft Teams: an adaptive card. Its rich text is not read for formatting or links."""
    lines = text_of(alert, zone)[:_CHAT_LIMIT].rstrip("\n").split("\n")
    blocks = [_rich_text(line, is_bold=not number) for number, line in enumerate(lines)]
    card = {"type": "AdaptiveCard", "version": "1.4", "body": blocks}
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return _dumped({"type": "message", "attachments": [attachment]})


def _rich_text(line: str, *, is_bold: bool) -> dict[str, object]:
    weight = {"weight": "Bolder"} if is_bold else {}
    run = {"type": "TextRun", "text": line or " ", **weight}
    return {"type": "RichTextBlock", "spacing": "None", "inlines": [run]}


def _ntfy(alert: Alert, zone: tzinfo) -> Body:
    """ntfy: plain text, the title in a header, which holds ASCII only."""
    content = text_of(alert, zone).encode()[:_NTFY_LIMIT].decode("utf-8", "ignore").encode()
    headers = {
        "Title": subject_line(alert).encode("ascii", "replace").decode(),
        "Priority": _NTFY_PRIORITY.get(alert.kind, "default"),
    }
    return Body(content, "text/plain; charset=utf-8", headers)


def _dumped(value: object) -> Body:
    return Body(json.dumps(value, ensure_ascii=False).encode())


_FORMS: dict[str, Callable[[Alert, tzinfo], Body]] = {
    "json": _json,
    "slack": _slack,
    "teams": _teams,
    "ntfy": _ntfy,
}
