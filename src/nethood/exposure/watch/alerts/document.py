"""An alert as JSON for programs: what a webhook posts and a command reads. Version in `schema`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, tzinfo

from nethood.exposure.watch.alerts.render import subject_line, text_of
from nethood.exposure.watch.events import Alert, alert_to_json


def document_of(alert: Alert, zone: tzinfo = UTC) -> str:
    """Return the alert's own fields, the moment as text, and the words for people."""
    document = json.loads(alert_to_json(alert))
    document.pop("tell")
    document["kind"] = alert.kind.name.lower()
    document["at"] = datetime.fromtimestamp(alert.at_unix, UTC).isoformat(timespec="seconds")
    document["summary"] = subject_line(alert)
    document["text"] = text_of(alert, zone)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
