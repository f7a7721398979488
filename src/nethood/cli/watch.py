"""`nethood watch`: that the ports stay closed, and who is told when they don't."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nethood.errors import LocalError

if TYPE_CHECKING:
    from nethood.cli.watch_lines import Lines
    from nethood.exposure.watch.daemon import Plan

NOT_CHECKED = 3
_NEEDED = ("sqlalchemy", "alembic", "prometheus_client", "httpx")


@click.command(short_help="Watch that the ports stay closed, and tell when they don't.")
@click.argument("policy", metavar="POLICY.toml", required=False, type=click.Path(path_type=Path))
@click.option("--once", is_flag=True, help="Look at everything once, as from cron, and end.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("--test-alerts", is_flag=True, help="Send a test through every channel, and stop.")
@click.option("--metrics", metavar="ADDR:PORT", help="Serve Prometheus metrics at /metrics.")
@click.option("--web", metavar="ADDR:PORT", help="Serve the dashboard.")
@click.option("--web-user", metavar="NAME", help="Ask for a password; print the user's line.")
@click.option("--password-file", metavar="FILE", help="That password; - is standard input.")
@click.option("--acknowledge", metavar="ID", type=int, help="Keep a deviation quiet.")
@click.option("--by", metavar="NAME", help="Who acknowledges; the current user if not given.")
@click.option("--note", default="", help="Why, for others to read.")
@click.option(
    "--for", "duration", metavar="TIME", help="For how long, as 2h; else till it changes."
)
def watch(policy: Path | None, **given: Any) -> int:
    """Watch what POLICY.toml expects of its targets, until SIGTERM or Ctrl-C.

    A change is confirmed by a second look, stored, and told once. SIGHUP reads the policy again.

    With --once everything is looked at once, and what changed a second time; the state is kept
    from run to run, so that alerts tell of changes only. The exit status is then 0 where all is
    as it should be, 1 where something deviates that nobody acknowledged, 2 for a policy that is
    wrong, 3 where something could not be checked.
    """
    if given["web_user"]:
        return _print_user(given["web_user"], given["password_file"])
    if policy is None:
        raise click.UsageError("there is no policy; name its file, like: nethood watch policy.toml")
    _need_extra()
    if given["acknowledge"] is not None:
        from nethood.cli.watch_acknowledge import acknowledge

        return acknowledge(policy, given)
    return _watch(policy, given)


def _need_extra() -> None:
    if any(find_spec(name) is None for name in _NEEDED):
        raise LocalError("watching needs more packages: install nethood's extra [watch]")


def _print_user(name: str, password_file: str | None) -> int:
    from nethood.cli import passwords

    if find_spec("argon2") is None:
        raise LocalError("this needs more packages: install nethood's extra [watch]")
    from nethood.web import user_line

    click.echo(user_line(name, passwords.obtain(name, password_file)))
    return 0


def _watch(path: Path, given: dict[str, Any]) -> int:
    from nethood.cli import watch_run
    from nethood.cli.nbt_ask import run
    from nethood.cli.watch_lines import make_lines
    from nethood.exposure.watch.daemon import open_store, read_plan

    lines = make_lines(as_json=given["as_json"])
    plan = read_plan(path)
    if given["test_alerts"]:
        return run(watch_run.test(plan, lines))
    store = open_store(plan.policy)
    try:
        if given["once"]:
            return _once(plan, store, lines)
        run(watch_run.forever(plan, store, lines, given["web"], given["metrics"]))
    finally:
        store.close()
    return 0


def _once(plan: Plan, store: Any, lines: Lines) -> int:
    from nethood.cli.nbt_ask import run
    from nethood.errors import TransportError
    from nethood.exposure.watch.database import StoreError
    from nethood.exposure.watch.once import watch_once

    try:
        result = run(watch_once(plan, store, lines.listener()))
    except (StoreError, TransportError) as error:
        click.echo(f"nethood: {error}", err=True)
        return NOT_CHECKED
    lines.summary(result)
    return result.status
