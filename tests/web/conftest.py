"""A dashboard over a made-up watcher, asked without a network."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from httpx import Response

from nethood.web import Settings, make_app, user_line
from nethood.web.desk import Desk
from tests.web.fake_view import NOW, FakeView, make_policy

with warnings.catch_warnings():
    # It would rather have httpx2, which is a different package from what the alerts use.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

PASSWORD = "correct horse battery"
PAGES = (
    "/",
    "/hosts",
    "/hosts/10.20.0.31",
    "/findings",
    "/alerts",
    "/policy",
    "/deviations/7",
    "/deviations/5",
    "/look",
)


class Clock:
    """A clock the test turns."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Browser:
    """A client with the cookies of one browser."""

    client: TestClient
    desk: Desk
    clock: Clock

    def get(self, path: str, **options: Any) -> Response:
        """Load a page; redirections are not followed."""
        answer: Response = self.client.get(path, follow_redirects=False, **options)
        return answer

    def token(self, path: str = "/look") -> str:
        """Return the token in the forms of a page."""
        found = re.search(r'name="token" value="([^"]+)"', self.get(path).text)
        assert found is not None
        return found[1]

    def post(self, path: str, headers: Any = None, **fields: str) -> Response:
        """Send a form as a page of the dashboard does."""
        answer: Response = self.client.post(
            path, data=fields, headers=headers, follow_redirects=False
        )
        return answer

    def log_in(self, name: str = "ops", password: str = PASSWORD, **more: str) -> Response:
        """Fill in the login."""
        return self.post("/login", token=self.token("/login"), name=name, password=password, **more)


Open = Callable[..., Browser]


@pytest.fixture(scope="session")
def ops_hash() -> str:
    return user_line("ops", PASSWORD).partition(":")[2]


@pytest.fixture
def view(tmp_path: Path) -> FakeView:
    return FakeView(make_policy(tmp_path))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_browser(view: FakeView, clock: Clock) -> Iterator[Open]:
    """Return a maker of browsers; options are fields of Settings, `base_url`, `address`."""
    opened: list[TestClient] = []

    def make(
        base_url: str = "http://127.0.0.1:8137",
        client: str = "127.0.0.1",
        desk_of: Browser | None = None,
        **options: Any,
    ) -> Browser:
        names = options.pop("names", frozenset({"localhost"}))
        app = (
            make_app(view, Settings(names=names, now=clock, **options))
            if desk_of is None
            else desk_of.client.app
        )
        test = TestClient(app, base_url=base_url, client=(client, 5000))
        if desk_of is not None:
            test.portal = desk_of.client.portal  # one event loop for both
        else:
            opened.append(test.__enter__())
        return Browser(test, test.app.state.desk, clock)  # type: ignore[attr-defined]

    yield make
    for test in opened:
        test.__exit__()


@pytest.fixture
def browser(open_browser: Open) -> Browser:
    """A browser on a dashboard without a login."""
    return open_browser()


@pytest.fixture
def guarded(open_browser: Open, ops_hash: str) -> Browser:
    """A browser on a dashboard that others can reach, not logged in."""
    return open_browser(
        "http://192.0.2.7:8137", "192.0.2.99", address="192.0.2.7", users={"ops": ops_hash}
    )
