"""What Prometheus reads of the watcher, at /metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from nethood.errors import ConnectError
from nethood.exposure.watch.events import Outcome, Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from nethood.exposure.watch.scheduler import Scheduler

_BUCKETS = (0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10, 30)


class Watched(Protocol):
    """A session as far as it is measured."""

    @property
    def in_flight(self) -> int: ...

    def tally(self) -> Tally: ...


class Metrics:
    """The measures of a process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._looks = Counter(
            "nethood_watch_looks", "Looks at targets that are over.", registry=self.registry
        )
        self._seconds = Histogram(
            "nethood_watch_look_seconds",
            "How long a look took.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._alerts = Counter(
            "nethood_watch_alerts",
            "Tries to deliver an alert, by what became of them.",
            ["channel", "result"],
            registry=self.registry,
        )
        self._last = Gauge(
            "nethood_watch_last_look_timestamp_seconds",
            "When the last look was over.",
            registry=self.registry,
        )
        self._standing = Gauge(
            "nethood_watch_expectations",
            "Expectations of all targets, by where they stand.",
            ["standing"],
            registry=self.registry,
        )
        self._in_flight = self._gauge("in_flight", "Targets that are being looked at.")
        self._lateness = self._gauge("lateness_seconds", "How late the last look began.")
        self._targets = self._gauge("targets", "Targets that are watched.")

    def _gauge(self, name: str, help_text: str) -> Gauge:
        return Gauge(f"nethood_watch_{name}", help_text, registry=self.registry)

    def looked(self, seconds: float) -> None:
        """Count a look."""
        self._looks.inc()
        self._seconds.observe(seconds)
        self._last.set_to_current_time()

    def delivered(self, channel: str, outcome: Outcome) -> None:
        """Count a try to deliver."""
        self._alerts.labels(channel, outcome.fate.value).inc()

    def watch(self, session: Watched, scheduler: Scheduler) -> None:
        """Measure this session from now on."""
        self._in_flight.set_function(lambda: session.in_flight)
        self._lateness.set_function(lambda: scheduler.lateness_s)
        self._targets.set(len(scheduler.timetable))
        for name in Tally.__dataclass_fields__:
            self._standing.labels(name).set_function(_reader(session, name))

    def serve(self, address: str, port: int) -> tuple[int, Callable[[], None]]:
        """Serve /metrics from a thread; return the port and what ends that. Raises ConnectError.

        *port* 0 takes a free one.
        """
        try:
            server, thread = start_http_server(port, address, self.registry)
        except OSError as error:
            reason = error.strerror or error
            raise ConnectError(f"can't serve metrics on {address}:{port}: {reason}") from error

        def end() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return server.server_port, end


def _reader(session: Watched, name: str) -> Callable[[], float]:
    return lambda: float(getattr(session.tally(), name))
