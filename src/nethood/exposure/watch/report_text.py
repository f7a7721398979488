"""A report as JSON and back, as the store keeps it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from nethood.exposure.model import HostReport

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def report_to_json(report: HostReport) -> str:
    """Return *report* as JSON."""
    return _adapter().dump_json(report).decode()


def report_from_json(text: str) -> HostReport | None:
    """Return the report; None where another version wrote what this one can't read."""
    try:
        return _adapter().validate_json(text)
    except ValueError:
        return None


@cache
def _adapter() -> TypeAdapter[HostReport]:
    """Return what turns a report into JSON and back; pydantic is imported where it is used."""
    from pydantic import TypeAdapter

    return TypeAdapter(HostReport)
