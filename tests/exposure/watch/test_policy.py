"""POLICY.toml: what is right becomes a policy, what is wrong a sentence with line and remedy."""

from __future__ import annotations

from datetime import UTC, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nethood.errors import ConfigError
from nethood.exposure.watch.checks import KEYS, HardenCheck
from nethood.exposure.watch.maintenance import Once, Weekly, in_maintenance
from nethood.exposure.watch.policy import FloodLimits, Policy, load_policy

WHOLE = """\
every = "5m"
confirm_after = "20s"
tell = ["ops"]
heartbeat = "08:00"
time_zone = "Europe/Lisbon"
seen_from = "10.0.0.5"

[groups.lab]
targets = ["10.1.0.0/24", "nas.example", "@more.txt", "[fd00::1]:4450"]
exclude = ["10.1.0.9"]
every = "1m 30s"
137 = "closed"
138 = "closed"
139 = "closed"
445 = "closed except from 10.0.0.0/8, fd00::/8"
smb1 = "off"
signing = "required"
encryption = "available"
names = "none"
anonymous = "refused"
guest = "refused"
dialects = "3.0 or newer"
grade = "B or better"
findings = "none at or above high"
harden = "plan.json"

[groups."file servers"]
targets = "192.168.7.2"
445 = "open"
tell = []
confirm_after = "0s"
unknown_after = 0

[alerts.ops]
kind = "webhook"
url = "https://chat.example/hook"
secret_env = "HOOK_SECRET"

[alerts.mail]
kind = "smtp"
host = "mail.example"
sender = "nethood@example.org"
to = "ops@example.org"
user = "nethood"
password_file = "password"

[alerts.log]
kind = "syslog"

[alerts.pager]
kind = "command"
argv = ["/usr/bin/true", "--now"]

[[maintenance]]
groups = ["lab"]
days = ["sat", "Sunday"]
start = "22:00"
end = "04:00"
note = "patches"

[[maintenance]]
start = 2026-12-24T18:00:00
end = 2026-12-25T06:00:00

[flood]
limit = 5
within = "10m"

[web]
listen = "127.0.0.1:8137"

[state]
url_env = "WATCH_DB"
keep = "30d"

[metrics]
listen = "[::1]:9137"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "more.txt": "10.2.0.1\n# a comment\n10.2.0.2\n",
        "plan.json": "{}",
        "password": "secret\n",
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def load(folder: Path, text: str) -> Policy:
    path = folder / "policy.toml"
    path.write_text(text)
    return load_policy(path)


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    return str(caught.value).splitlines()


def test_the_whole_of_it(folder: Path) -> None:
    policy = load(folder, WHOLE)
    lab, servers = policy.groups["lab"], policy.groups["file servers"]
    assert lab.every_s == 90
    assert servers.every_s == 300
    assert lab.targets[2] == f"@{folder / 'more.txt'}"
    assert [one.key for one in lab.expectations] == list(KEYS)
    assert {one.tell for one in lab.expectations} == {("ops",)}
    assert lab.expectations[3].id == "lab:445"
    assert lab.expectations[3].sentence == "445/tcp closed except from 10.0.0.0/8, fd00::/8"
    assert lab.expectations[3].confirm_after_s == 20
    only = servers.expectations[0]
    assert (only.tell, only.confirm_after_s, only.unknown_after) == ((), 0.0, 0)
    harden = policy.expectations["lab:harden"].check
    assert isinstance(harden, HardenCheck)
    assert harden.plan == str(folder / "plan.json")
    assert policy.heartbeat.at == time(8)
    assert policy.heartbeat.zone == ZoneInfo("Europe/Lisbon")
    assert policy.heartbeat_tell == ("ops",)
    assert policy.flood == FloodLimits(5, 600)
    assert (policy.web.listen, policy.metrics_listen) == ("127.0.0.1:8137", "[::1]:9137")
    assert (policy.state.url_env, policy.state.keep_s) == ("WATCH_DB", 30 * 86400)
    assert policy.seen_from == "10.0.0.5"
    assert list(policy.channels) == ["ops", "mail", "log", "pager"]


def test_windows(folder: Path) -> None:
    weekly, once = load(folder, WHOLE).maintenance
    assert isinstance(weekly.when, Weekly)
    assert weekly.when.days == {5, 6}
    assert isinstance(once.when, Once)
    # Lisbon is at UTC in winter.
    assert once.when.start_unix == 1798135200
    assert in_maintenance([once], "any group", 1798135200) is once


def test_the_policy_in_sentences(folder: Path) -> None:
    lines = load(folder, WHOLE).understood()
    for line in (
        "lab: 445/tcp closed except from 10.0.0.0/8, fd00::/8; tells ops",
        "file servers: 445/tcp open; tells nobody",
        "more than 5 alerts to a channel within 10m become one summary",
        "maintenance of lab: saturday, sunday from 22:00 to 04:00 (patches)",
        "maintenance of everything: from 2026-12-24 18:00 to 2026-12-25 06:00",
        "a heartbeat comes each day at 08:00",
    ):
        assert line in lines
    assert any("as seen from this watcher" in line for line in lines)


def test_the_smallest(folder: Path) -> None:
    policy = load(folder, '[groups.a]\ntargets = "10.0.0.1"\n445 = "closed"\n')
    assert policy.groups["a"].every_s == 300
    assert policy.heartbeat.every_s == 86400
    assert policy.heartbeat_tell == ()
    assert policy.understood()[-1] == "a heartbeat comes every 1d"


GROUP = '[groups.lab]\ntargets = ["10.0.0.1"]\n445 = "closed"\n'
HOOK = '[alerts.ops]\nkind = "webhook"\nurl = "http://127.0.0.1/"\n'
MAIL = (
    '[alerts.m]\nkind = "smtp"\nhost = "mail.example"\nsender = "a@example.org"\n'
    'to = ["b@example.org"]\n'
)
ONE_FAULT = [
    # expectations
    (
        '[groups.lab]\ntargets = ["10.0.0.1"]\n445 = "closd"\n',
        'policy.toml line 3: groups.lab.445 = "closd": write "open", "closed" or'
        ' "closed except from NETWORK"',
    ),
    (GROUP + "139 = true\n", 'line 4: groups.lab.139 = true: write "open", "closed" or'),
    (
        GROUP + '139 = "closed except from 10.0.0.1/8"\n',
        'line 4: groups.lab.139 = "closed except from 10.0.0.1/8": 10.0.0.1/8 has bits of a host'
        " in it; write 10.0.0.0/8",
    ),
    (GROUP + '139 = "closed except from lan"\n', "'lan' is no network; write it like 10.0.0.0/8"),
    (GROUP + '139 = "closed except from"\n', "write the networks with commas"),
    (GROUP + 'sining = "required"\n', 'groups.lab.sining: unknown key; did you mean "signing"?'),
    (GROUP + 'signing = "of"\n', 'write "required" or "enabled"'),
    (GROUP + 'smb1 = "on"\n', 'groups.lab.smb1 = "on": write "off"'),
    (GROUP + 'names = "some"\n', 'write "none"'),
    (GROUP + 'guest = "ok"\n', 'write "refused"'),
    (GROUP + 'encryption = "yes"\n', 'write "available"'),
    (GROUP + 'dialects = "3.3 or newer"\n', "there are 2.0.2, 2.1, 3.0, 3.0.2, 3.1.1"),
    (GROUP + 'grade = "G or better"\n', "the grades are A, B, C, D, E, F"),
    (GROUP + 'findings = "none at or above hihg"\n', 'did you mean "none at or above high"?'),
    (GROUP + 'findings = "few"\n', 'write "none at or above high"'),
    (GROUP + 'harden = "no.json"\n', "line 4: groups.lab.harden: there is no"),
    (GROUP + 'harden = ""\n', "write the path of the plan"),
    # groups
    ('every = "5m"\n', "policy.toml: there is no group; add [groups.NAME]"),
    ('[groups.lab]\n445 = "closed"\n', "line 1: groups.lab: targets is missing; add targets ="),
    ('[groups.lab]\ntargets = ["10.0.0.1"]\n', "line 1: groups.lab: nothing is expected of it"),
    ('[groups.lab]\ntargets = []\n445 = "open"\n', "line 2: groups.lab.targets: the list is empty"),
    ('[groups."a:b"]\ntargets = "10.0.0.1"\n445 = "open"\n', "can't have a colon"),
    (
        '[groups.lab]\ntargets = [\n  "10.0.0.1",\n  "10.0.0.0/99",\n]\n445 = "closed"\n',
        "line 4: groups.lab.targets[2]: '10.0.0.0/99' is no target",
    ),
    (
        '[groups.lab]\ntargets = ["8.8.8.8"]\n445 = "closed"\n',
        "line 2: groups.lab.targets[1]: 8.8.8.8 is public",
    ),
    ('[groups.lab]\ntargets = ["@no.txt"]\n445 = "open"\n', "targets[1]: can't read"),
    (GROUP + 'tell = ["opz"]\n' + HOOK, "groups.lab.tell[1]: there is no [alerts.opz]; did you"),
    # the top
    ('tell = "ops"\n' + GROUP, "line 1: tell[1]: there is no [alerts.ops]; add [alerts.ops]"),
    ("every = 5\n" + GROUP, 'line 1: every = 5: write how long in quotes, as "30s"'),
    ('every = "0s"\n' + GROUP, 'write at least "1s"'),
    ('every = "500d"\n' + GROUP, "longer than a year"),
    ('every = "m"\n' + GROUP, "write how long in quotes"),
    ('heartbeat = "25:00"\n' + GROUP, 'write "1d", "08:00" (each day at that time) or "never"'),
    ('time_zone = "Mars/Base"\n' + GROUP, "line 1: time_zone: there is no time zone 'Mars/Base'"),
    ('seen_from = "here"\n' + GROUP, "'here' is no address"),
    ('evry = "5m"\n' + GROUP, 'line 1: evry: unknown key; did you mean "every"?'),
    ('public = "yes"\n' + GROUP, 'public = "yes": write true or false'),
    ("rate = 0\n" + GROUP, "line 1: rate = 0:"),
    ("groups = 1\n", "write a table, such as [groups.NAME]"),
    ("[groups.lab\n", "policy.toml line 1: this is not TOML:"),
    (GROUP + GROUP, "line 4: this is not TOML:"),
    # alerts
    (GROUP + '[alerts.ops]\nurl = "http://x/"\n', "line 4: alerts.ops: kind is missing; add kind"),
    (
        GROUP + '[alerts.ops]\nkind = "webhok"\n',
        'line 5: alerts.ops.kind = "webhok": no such kind; did you mean "webhook"?',
    ),
    (GROUP + HOOK + 'ulr = "x"\n', 'line 7: alerts.ops.ulr: unknown key; did you mean "url"?'),
    (GROUP + '[alerts.ops]\nkind = "webhook"\nurl = "ftp://x"\n', "write an address such as"),
    (GROUP + '[alerts.ops]\nkind = "webhook"\n', "url is missing; add one of url, url_env"),
    (GROUP + HOOK + 'url_env = "URL"\n', "there is url already; keep one of them"),
    (GROUP + HOOK + 'secret = "abc"\n', 'did you mean "secret_env"?'),
    (GROUP + HOOK + 'secret_file = "none"\n', "alerts.ops.secret_file: there is no file"),
    (GROUP + HOOK + 'format = "xml"\n', 'format = "xml": write "json", "slack", "teams" or "ntfy"'),
    (GROUP + MAIL + 'user = "x"\n', "a login needs both user and password_env"),
    (
        GROUP + MAIL + 'user = "x"\npassword_env = "P"\nsecurity = "none"\n',
        "line 11: alerts.m.security: a password would go unprotected",
    ),
    (GROUP + MAIL.replace("b@example.org", "b"), "'b' is no mail address"),
    (GROUP + MAIL + "port = 70000\n", "alerts.m.port = 70000"),
    (GROUP + '[alerts.l]\nkind = "syslog"\naddress = "tls://x"\n', 'write "udp://loghost:514"'),
    (GROUP + '[alerts.l]\nkind = "syslog"\nfacility = "x"\n', 'write "daemon" or another of'),
    (GROUP + '[alerts.c]\nkind = "command"\nargv = []\n', "name the program, then its arguments"),
    # windows
    (GROUP + "[maintenance]\nstart = 1\n", "line 4: maintenance: write it as [[maintenance]]"),
    (
        GROUP + '[[maintenance]]\ndays = "caturday"\nstart = "22:00"\nend = "23:00"\n',
        "line 5: maintenance[1].days = \"caturday\": 'caturday' is no day",
    ),
    (GROUP + '[[maintenance]]\nstart = "22:00"\nend = "23:00"\n', "days is missing"),
    (
        GROUP + "[[maintenance]]\nstart = 2026-01-02T00:00:00\nend = 2026-01-01T00:00:00\n",
        "line 6: maintenance[1].end: the window ends before it starts",
    ),
    (
        GROUP + '[[maintenance]]\nstart = 2026-01-02T00:00:00\nend = "23:00"\n',
        "start has a date and end has none",
    ),
    (
        GROUP + '[[maintenance]]\ngroups = "lap"\ndays = "mon"\nstart = "1:00"\nend = "2:00"\n',
        'maintenance[1].groups[1]: there is no [groups.lap]; did you mean "lab"?',
    ),
    (GROUP + '[[maintenance]]\ndays="mon"\nstart = "1:00"\nend = "1:00"\n', "end is start"),
    (GROUP + '[[maintenance]]\ndays="mon"\nstart = "1:00"\n', "maintenance[1]: end is missing"),
    # the rest
    (GROUP + '[web]\nlisten = "8137"\n', 'write ADDRESS:PORT, as "127.0.0.1:8137"'),
    (GROUP + '[web]\nlisten = "0.0.0.0:8137"\n', "line 5: web.listen: others can reach"),
    (GROUP + "[web]\nbehind_https = true\n", "web.behind_https: others can reach"),
    (GROUP + '[web]\ncertificate = "x.pem"\n', "web: https needs both certificate and key"),
    (GROUP + '[state]\nurl = "sqlite://"\nurl_env = "X"\n', "there is url already"),
    (GROUP + "[flood]\nlimit = 0\n", "line 5: flood.limit = 0:"),
    (GROUP + "[metrics]\n", "metrics: listen is missing; add listen ="),
]


@pytest.mark.parametrize(("text", "sentence"), ONE_FAULT)
def test_a_fault_names_line_key_and_remedy(folder: Path, text: str, sentence: str) -> None:
    found = faults(folder, text)
    assert any(sentence in line for line in found), found
    assert all(line.startswith("policy.toml") for line in found)


def test_all_faults_come_at_once_in_the_order_of_the_file(folder: Path) -> None:
    text = 'every = 1\n[groups.lab]\ntargets = "10.0.0.1"\n445 = "shut"\n[web]\nlisten = 1\n'
    lines = faults(folder, text)
    assert [line.split(":")[0].split()[-1] for line in lines] == ["1", "4", "6"]


def test_public_targets_when_it_says_so(folder: Path) -> None:
    text = 'public = true\n[groups.a]\ntargets = "8.8.8.8"\n445 = "closed"\n'
    assert load(folder, text).public


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load_policy(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_policy(tmp_path)
    (tmp_path / "p.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="byte 0 is not UTF-8"):
        load_policy(tmp_path / "p.toml")


def test_utc_needs_no_zone_file(folder: Path) -> None:
    policy = load(folder, 'time_zone = "UTC"\n' + GROUP)
    assert policy.zone is UTC


def test_what_a_file_holds_cannot_begin_a_line(folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(folder, WHOLE.replace('"required"', '"\\required\\u001b[31m"'))
    assert str(caught.value).isprintable()
    assert r'signing = "\required\x1b[31m"' in str(caught.value)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    at=st.integers(min_value=0, max_value=len(WHOLE)),
    length=st.integers(min_value=0, max_value=12),
    text=st.text(alphabet="[]{}=\"',.\n#a1 \\", max_size=6),
)
def test_any_damage_is_a_policy_or_a_sentence(
    folder: Path, at: int, length: int, text: str
) -> None:
    damaged = WHOLE[:at] + text + WHOLE[at + length :]
    found = []
    try:
        load(folder, damaged)
    except ConfigError as error:
        found = str(error).splitlines()
    assert all(line.startswith("policy.toml") for line in found)
