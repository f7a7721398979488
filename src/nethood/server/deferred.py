"""A response that comes later: a lock that waits, a change that has not happened, a slow disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nethood.erref import STATUS_CANCELLED

if TYPE_CHECKING:
    from nethood.server.results import Result


class Deferred:
    """What a handler returns when it can't answer yet.

    With *interim* the client is told STATUS_PENDING at once and may cancel; *on_cancel* then takes
    the wait apart. `complete` may be called once, from the event loop, also before the dispatcher
    has attached itself.
    """

    __slots__ = ("_callback", "_on_cancel", "_result", "interim")

    def __init__(
        self, on_cancel: Callable[[], None] | None = None, *, interim: bool = True
    ) -> None:
        self.interim = interim
        self._on_cancel = on_cancel
        self._callback: Callable[[Result], None] | None = None
        self._result: Result | None = None

    @property
    def is_done(self) -> bool:
        """Whether the result is known."""
        return self._result is not None

    def attach(self, callback: Callable[[Result], None]) -> None:
        """Have *callback* called with the result, now if it is known."""
        self._callback = callback
        if self._result is not None:
            callback(self._result)

    def complete(self, result: Result) -> None:
        """Give the result; later calls are ignored, since a cancel may have come first."""
        if self._result is not None:
            return
        self._result = result
        if self._callback is not None:
            self._callback(result)

    def cancel(self, status: int = STATUS_CANCELLED) -> None:
        """End the wait with *status*."""
        if self._result is not None:
            return
        if self._on_cancel is not None:
            self._on_cancel()
        self.complete((status, b""))
