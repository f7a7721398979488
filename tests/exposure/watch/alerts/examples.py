"""Alerts the tests of the channels send."""

from __future__ import annotations

from nethood.exposure.watch.events import Alert, AlertKind, Subject, event_id

SUBJECT = Subject("lab", "10.1.0.7", "445", "445/tcp closed", "nas.example")
DEVIATES = Alert(
    id=event_id("example"),
    kind=AlertKind.DEVIATES,
    at_unix=1795219325.0,
    title="nas.example (10.1.0.7): port 445 is open; expected: 445/tcp closed",
    tell=("ops",),
    subject=SUBJECT,
    since_unix=1795219295.0,
    observed="port 445 is open",
    was="port 445 is closed",
    evidence=("connect to tcp/445 → accepted",),
    finding_ids=("smb-reachable",),
    fix=("On the host: nethood harden plan", "smb.conf: a < b & c"),
    deviation_id=17,
)
