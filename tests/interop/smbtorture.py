"""Run smbtorture test by test and write what became of each to a table.

    python -m tests.interop.smbtorture LIST OUT.tsv [--folder DIR] [--host H --port P ...]

Each test is one process in a session of its own with a time limit, so that a hang or a crash of
one costs nothing to the others. Without --port a nethood server is started for the run.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.interop import peers
from tests.interop.server import RunningServer, ServerOptions, start

HERE = Path(__file__).parent
ALL, PASSING, FAST = (HERE / f"smbtorture-{name}.txt" for name in ("all", "smb2", "fast"))
SHARES = ("files", "second", "noperm")
"""smb2.ioctl.bug14788 asks for a share of the last name."""
# What the two tests that work on a file named from outside are told.
IOCTL_OPTIONS = ("filename=torture-file", "offset=0", "beyond_final_zero=4096")

# What a test printed in subunit's text form, worst first; "xfail" is a failure we asked for.
_VERDICT = re.compile(r"^(success|failure|error|skip|xfail|uxsuccess): [^\n]*?(\[)?[ ]*$(.*)", re.M)
_ORDER = ("error", "failure", "success", "skip")
_SAME = {"xfail": "failure", "uxsuccess": "success"}


@dataclass(frozen=True)
class Target:
    """Where smbtorture goes; folder is what the share holds on this side, None if unknown."""

    host: str
    port: int
    credentials: str
    folder: Path | None = None
    share: str = SHARES[0]
    second: str = SHARES[1]

    @classmethod
    def of(cls, server: RunningServer) -> Target:
        return cls(server.host, server.port, server.credentials, server.path(SHARES[0]))


@dataclass(frozen=True)
class Outcome:
    """What became of one test: success, failure, error, skip, timeout or crash, and why."""

    test: str
    verdict: str
    seconds: float
    reason: str = ""


def read_list(file: Path) -> list[str]:
    """Return the tests named in a file, one a line; # starts a comment."""
    lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    return [line for line in lines if line]


def run_test(test: str, target: Target, home: Path, timeout_s: float) -> Outcome:
    """Run one test on an emptied share."""
    if target.folder:
        empty(target.folder)
    start_s = time.monotonic()
    try:
        ran = peers.run(_command(test, target, home), timeout_s, cwd=home)
    except TimeoutError as error:
        return Outcome(test, "timeout", timeout_s, _one_line(str(error)))
    verdict, reason = judge(ran)
    return Outcome(test, verdict, time.monotonic() - start_s, reason)


def judge(ran: peers.Ran) -> tuple[str, str]:
    """Return the verdict and the first reason given in smbtorture's output."""
    found = [(_SAME.get(m[1], m[1]), m[3]) for m in _VERDICT.finditer(ran.output)]
    verdicts = {verdict for verdict, _ in found}
    worst = next((verdict for verdict in _ORDER if verdict in verdicts), "crash")
    if worst == "success" and ran.status:
        worst = "failure"
    if worst == "success":
        return worst, ""
    blocks = re.findall(r"^(?:failure|error|skip): [^\n]*\[\s*\n(.*?)\n\]", ran.output, re.M | re.S)
    return worst, _one_line(blocks[0] if blocks else f"status {ran.status} {ran.output[-200:]}")


def empty(folder: Path) -> None:
    """Remove everything in folder."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _command(test: str, target: Target, home: Path) -> list[str]:
    conf = home / "torture.conf"
    if not conf.exists():
        conf.write_text(_conf(home))
    command = ["smbtorture", f"//{target.host}/{target.share}", "-p", str(target.port)]
    command += ["-U", target.credentials, "-s", str(conf), "-T", "samba3", "--format=subunit"]
    command += ["--option=torture:progress=no", f"--option=torture:share2={target.second}"]
    if target.folder:
        command.append(f"--option=torture:localdir={target.folder}")
    if target.folder and test.startswith(("smb2.set-sparse-ioctl", "smb2.zero-data-ioctl")):
        (target.folder / "torture-file").write_bytes(bytes(8192))
        command += [f"--option=torture:{option}" for option in IOCTL_OPTIONS]
    return [*command, test]


def _conf(home: Path) -> str:
    paths = ("private dir", "lock directory", "state directory", "cache directory", "pid directory")
    return (
        "[global]\n   workgroup = WORKGROUP\n   netbios name = TORTURE\n"
        "   client min protocol = NT1\n   name resolve order = host\n"
        "   interfaces = 127.0.0.1/8\n   log level = 0\n"
        + "".join(f"   {key} = {home}\n" for key in paths)
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]


@contextlib.contextmanager
def _target(arguments: argparse.Namespace, home: Path) -> Iterator[Target]:
    if arguments.port:
        yield Target(arguments.host, arguments.port, arguments.user, arguments.folder)
        return
    options = ServerOptions(shares=SHARES)
    server = start(options, home / "server")
    try:
        yield Target.of(server)
    finally:
        server.stop()


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("list", type=Path, help="file naming the tests")
    parser.add_argument("out", type=Path, help="table to write: test, verdict, seconds, reason")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds for one test")
    parser.add_argument("--retries", type=int, default=1, help="extra attempts of a failed test")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, help="a server that runs; one is started without")
    parser.add_argument("--user", help="USER%%PASSWORD for --port")
    parser.add_argument("--folder", type=Path, help="the shared folder, emptied before each test")
    parser.add_argument("--only", default="", help="regular expression on test names")
    parser.add_argument("--passing", type=Path, help="write the names of what passed here")
    arguments = parser.parse_args(words)
    tests = [t for t in read_list(arguments.list) if re.search(arguments.only, t)]
    home = Path(tempfile.mkdtemp(prefix="smbtorture-"))
    try:
        with _target(arguments, home) as target:
            outcomes = list(_all(tests, target, home, arguments))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    if arguments.passing:
        passed = [o.test for o in outcomes if o.verdict == "success"]
        arguments.passing.write_text("".join(f"{test}\n" for test in passed))
    counts = Counter(outcome.verdict for outcome in outcomes)
    print(f"{len(outcomes)} tests: {', '.join(f'{n} {v}' for v, n in counts.most_common())}")


def _all(
    tests: list[str], target: Target, home: Path, arguments: argparse.Namespace
) -> Iterator[Outcome]:
    with arguments.out.open("w") as table:
        table.write("test\tverdict\tseconds\treason\n")
        for test in tests:
            outcome = run_test(test, target, home, arguments.timeout)
            for _ in range(arguments.retries):
                if outcome.verdict in ("success", "skip", "timeout"):
                    break
                outcome = run_test(test, target, home, arguments.timeout)
            row = (outcome.test, outcome.verdict, f"{outcome.seconds:.2f}", outcome.reason)
            table.write("\t".join(row) + "\n")
            table.flush()
            yield outcome


if __name__ == "__main__":
    main(sys.argv[1:])
