"""Words of strangers made fit to be shown: nothing invisible, nothing endless."""

from __future__ import annotations

LIMIT = 200


def clean(text: str, limit: int = LIMIT) -> str:
    """Return *text* with what is not plainly visible written as an escape, *limit* long at most.

    Escape sequences, line ends and marks that turn the direction of writing become harmless;
    what was cut off is said.
    """
    shown = text[:limit]
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)
    if len(text) > limit:
        shown += f"… ({len(text):,} characters)"
    return shown


def joined(words: list[str], most: int = 12, limit: int = 60) -> str:
    """Return cleaned *words* with commas, each *limit* long at most; how many there are above
    *most* is said."""
    shown = ", ".join(clean(word, limit) for word in words[:most])
    left = len(words) - most
    return f"{shown} and {left:,} more" if left > 0 else shown
