"""What the server reports, as one JSON object a line, or as text that is safe to print.

Names in it come from peers: nothing they send may steer a terminal or start a second line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def as_json(
    kind: str, sentence: str, fields: Mapping[str, Any], now: datetime | None = None
) -> str:
    """Return one line: `time` (ISO 8601, UTC), `event`, `sentence`, and *fields*."""
    moment = now or datetime.now(UTC)
    head = {
        "time": moment.isoformat(timespec="milliseconds"),
        "event": kind,
        "sentence": sentence,
    }
    return json.dumps(head | dict(fields), default=str, ensure_ascii=True)


def printable(text: str) -> str:
    """Return *text* with every character that is not plainly visible written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
