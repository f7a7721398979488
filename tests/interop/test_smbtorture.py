"""smbtorture: what passed once passes ever after.

smbtorture-smb2.txt lists what passes of smbtorture-all.txt; the quick ones of it, named in
smbtorture-fast.txt, run here. `python -m tests.interop.smbtorture` runs all.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop import peers
from tests.interop.conftest import ServerFactory
from tests.interop.peers import Ran
from tests.interop.smbtorture import (
    ALL,
    FAST,
    PASSING,
    SHARES,
    Target,
    judge,
    read_list,
    run_test,
)

TIMEOUT_S = 30.0
TESTS = [test for test in read_list(PASSING) if test in set(read_list(FAST))]

pytestmark = pytest.mark.timeout(90)


@pytest.fixture(scope="module")
def target(start_server: ServerFactory) -> Target:
    peers.need("smbtorture")
    return Target.of(start_server(shares=SHARES))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("smbtorture")


@pytest.mark.parametrize("test", TESTS)
def test_passes_still(test: str, target: Target, home: Path) -> None:
    outcome = run_test(test, target, home, TIMEOUT_S)
    if outcome.verdict != "success":  # a busy machine makes some of them late: once more
        outcome = run_test(test, target, home, TIMEOUT_S)
    assert outcome.verdict == "success", outcome.reason


def test_lists_are_sane() -> None:
    known = read_list(ALL)
    assert len(known) == len(set(known))
    assert set(read_list(PASSING)) <= set(known)
    assert set(read_list(FAST)) <= set(known)
    assert len(read_list(PASSING)) >= 200


@pytest.mark.parametrize(
    ("status", "output", "verdict"),
    [
        (0, "time: now\ntest: a\ntime: now\nsuccess: a\n", "success"),
        (1, "test: a\nfailure: a [\nwhy\n]\n", "failure"),
        (1, "test: a\nsuccess: b\nfailure: a [\nwhy\n]\n", "failure"),
        (1, "test: a\nerror: a [\nwhy\n]\n", "error"),
        (0, "test: a\nskip: a [\nwhy\n]\n", "skip"),
        (1, "success: a\n", "failure"),
        (134, "Aborted\n", "crash"),
    ],
)
def test_verdicts(status: int, output: str, verdict: str) -> None:
    found, reason = judge(Ran(status, output))
    assert found == verdict
    assert reason == "why" or "why" not in output
