"""One setting as it stands, or why it is unknown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """*value* as its program states it; *unknown* says why there is none.

    *advice* is what to do where the value weakens the machine, else "".
    """

    source: str
    name: str
    value: str = ""
    unknown: str = ""
    advice: str = ""
