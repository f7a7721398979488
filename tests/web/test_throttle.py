"""How often something may be tried."""

from __future__ import annotations

import pytest

from nethood.web.throttle import LoginThrottle, Rate, source_of


def test_a_few_attempts_are_free_then_each_doubles_the_wait() -> None:
    throttle = LoginThrottle(free=3, first_wait_s=2, longest_wait_s=10, overall=100)
    now, waits = 0.0, []
    for _ in range(8):
        assert throttle.begin("192.0.2.1", now) == 0
        waits.append(throttle.begin("192.0.2.1", now))
        now += waits[-1] or 0
        if not waits[-1]:
            waits[-1] = 0.0
    # The probing second call counts as an attempt while it is free.
    assert waits[-4:] == [10, 10, 10, 10]
    assert sorted(waits) == waits


def test_waiting_is_enough_and_success_forgets() -> None:
    throttle = LoginThrottle(free=1, first_wait_s=4)
    assert throttle.begin("192.0.2.1", 0.0) == 0
    assert throttle.begin("192.0.2.1", 1.0) == 3
    assert throttle.begin("192.0.2.1", 4.0) == 0
    throttle.succeeded("192.0.2.1")
    assert throttle.begin("192.0.2.1", 4.0) == 0


def test_all_sources_together_are_bounded_but_known_ones_get_in() -> None:
    throttle = LoginThrottle(overall=10)
    assert throttle.begin("198.51.100.7", 0.0) == 0
    throttle.succeeded("198.51.100.7")
    for n in range(10):
        assert throttle.begin(f"192.0.2.{n}", 1.0) == 0
    assert throttle.begin("192.0.2.99", 1.0) == pytest.approx(60)
    assert throttle.begin("198.51.100.7", 1.0) == 0
    assert throttle.begin("192.0.2.99", 61.5) == 0


def test_memory_is_bounded() -> None:
    throttle = LoginThrottle(overall=10**9, most_sources=50)
    for n in range(500):
        throttle.begin(f"10.0.{n // 250}.{n % 250}", float(n))
        throttle.succeeded(f"10.1.{n // 250}.{n % 250}")
    assert len(throttle._tries) <= 50
    assert len(throttle._trusted) <= 50


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_one_client_is_one_source(address: str, source: str) -> None:
    assert source_of(address) == source


def test_a_rate_lets_so_many_in_and_then_says_how_long() -> None:
    rate = Rate(2, 60.0)
    for now in (0.0, 10.0):
        assert rate.wait_s(now) == 0
        rate.take(now)
    assert rate.wait_s(20.0) == 40
    assert rate.wait_s(60.0) == 0
