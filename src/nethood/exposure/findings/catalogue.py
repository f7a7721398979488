"""The catalogue: every kind of finding by its id, in the order reports list them."""

from __future__ import annotations

from nethood.exposure.findings.kinds import (
    access,
    encryption,
    host,
    netbios,
    pipes,
    signing,
    smb1,
    vulnerable,
)
from nethood.exposure.findings.kinds.base import Kind
from nethood.exposure.findings.model import Entry

KINDS: tuple[Kind, ...] = (
    *vulnerable.KINDS,
    *smb1.KINDS,
    *signing.KINDS,
    *access.KINDS,
    *pipes.KINDS,
    *encryption.KINDS,
    *netbios.KINDS,
    *host.KINDS,
)
CATALOGUE: dict[str, Entry] = {kind.entry.id: kind.entry for kind in KINDS}


def find_entry(finding_id: str) -> Entry | None:
    """Return the entry of that id, None if there is none."""
    return CATALOGUE.get(finding_id)
