"""Every rule finds its trap, says what to do, and is silent when it was done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helpers.configs import loaded
from logferry.config.diagnostics import LANGUAGE_RULES, Diagnostics
from logferry.config.lint import RULES, lint

ROOT = Path(__file__).resolve().parents[4]
IN = "source { internal(); };"
NET = "source { network(port(514) max-connections(9)); };"
OUT = 'destination { file("/tmp/x"); };'
SERVER = 'network("10.0.0.1" {0})'


def log(destination: str, flags: str = "") -> str:
    return f"log {{ {IN} destination {{ {destination}; }}; {flags} }};"


GROUPED = (
    "log { source { stdin(); }; parser { grouping-by(key('k') timeout(5)"
    " inject-mode(internal) aggregate()); }; destination { file('/tmp/z'); }; };"
)

CASES = {
    "unused-object": (
        "filter f { level(err); };",
        f"filter f {{ level(err); }}; log {{ {IN} filter(f); {OUT} }};",
    ),
    "unused-block": (
        "block filter b() { level(err) };",
        f"block filter b() {{ level(err) }}; log {{ {IN} filter {{ b() }}; {OUT} }};",
    ),
    "no-source": (f"log {{ {OUT} }};", f"log {{ {OUT} flags(catchall); }};"),
    "no-destination": (
        f"log {{ {IN} filter {{ level(err); }}; }};",
        f"log {{ {IN} filter {{ level(err); }}; flags(final); }};",
    ),
    "unreachable-path": (
        f"source s {{ internal(); }}; log {{ source(s); {OUT} flags(final); }}; log {{ source(s); {OUT} }};",
        f"source s {{ internal(); }}; log {{ source(s); filter {{ level(err); }}; {OUT} flags(final); }}; log {{ source(s); {OUT} }};",
    ),
    "unreachable-fallback": (
        f"source s {{ internal(); }}; log {{ source(s); {OUT} }}; log {{ source(s); {OUT} flags(fallback); }};",
        f"source s {{ internal(); }}; log {{ source(s); filter {{ level(err); }}; {OUT} }}; log {{ source(s); {OUT} flags(fallback); }};",
    ),
    "persist-name-clash": (
        f'log {{ source {{ file("/a" persist-name("p")); file("/b" persist-name("p")); }}; {OUT} }};',
        f'log {{ source {{ file("/a" persist-name("p")); file("/b" persist-name("q")); }}; {OUT} }};',
    ),
    "missing-file": (
        log(SERVER.format('transport("tls") tls(ca-file("/no/such/file"))')),
        log(SERVER.format('transport("tls") tls(ca-file("/etc/passwd"))')),
    ),
    "tls-key": (
        f'log {{ source {{ network(port(514) transport("tls") tls(cert-file("/c"))); }}; {OUT} }};',
        f'log {{ source {{ network(port(514) transport("tls") tls(cert-file("/c") key-file("/k"))); }}; {OUT} }};',
    ),
    "missing-folder": (
        log('file("/no/such/folder/x")'),
        log('file("/no/such/folder/x" create-dirs(yes))'),
    ),
    "max-connections": (
        f"log {{ source {{ network(port(514)); }}; {OUT} }};",
        f"log {{ {NET} {OUT} }};",
    ),
    "udp-receive-buffer": (
        f'log {{ source {{ network(port(514) transport("udp")); }}; {OUT} }};',
        f'log {{ source {{ network(port(514) transport("udp") so-rcvbuf(1MiB)); }}; {OUT} }};',
    ),
    "port-clash": (
        f"log {{ {NET} {OUT} }}; log {{ {NET} {OUT} }};",
        f'log {{ {NET} source {{ network(port(514) transport("udp")); }}; {OUT} }};',
    ),
    "keep-hostname": (
        f'log {{ {NET} destination {{ network("10.0.0.1"); }}; }};',
        f'options {{ keep-hostname(yes); }}; log {{ {NET} destination {{ network("10.0.0.1"); }}; }};',
    ),
    "missing-newline": (
        log('file("/tmp/x" template("$MSG"))'),
        log('file("/tmp/x" template("$MSG\\n"))'),
    ),
    "hand-made-json": (
        log('file("/tmp/x" template("{\\"m\\": \\"$MSG\\"}\\n"))'),
        log('file("/tmp/x" template("$(format-json m=$MSG)\\n"))'),
    ),
    "inject-mode": (
        GROUPED,
        GROUPED + "log { source { internal(); }; destination { file('/tmp/y'); }; };",
    ),
    "flow-control": (
        log(SERVER.format("disk-buffer(reliable(yes) capacity-bytes(1G))")),
        log(
            SERVER.format("disk-buffer(reliable(yes) capacity-bytes(1G))"),
            "flags(flow-control);",
        ),
    ),
    "disk-buffer-capacity": (
        log(SERVER.format("disk-buffer(reliable(yes))")),
        log(SERVER.format("disk-buffer(capacity-bytes(1G))")),
    ),
    "disk-buffer-reliable": (
        log(SERVER.format("disk-buffer(capacity-bytes(1G))")),
        log(SERVER.format("disk-buffer(reliable(no))")),
    ),
    "disk-buffer-udp": (
        log(SERVER.format('transport("udp") disk-buffer(reliable(yes))')),
        log(SERVER.format("disk-buffer(reliable(yes))")),
    ),
    "workers": (
        log('http(url("http://a/" "http://b/") persist-name("p"))'),
        log('http(url("http://a/" "http://b/") persist-name("p") workers(2))'),
    ),
    "http-timeout": (
        log('http(url("http://a/"))'),
        log('http(url("http://a/") timeout(10))'),
    ),
    "templated-url": (
        log('http(url("http://a/$HOST"))'),
        log('http(url("http://a/$HOST") worker-partition-key("$HOST"))'),
    ),
    "failover-twice": (
        log(SERVER.format('failover(servers("10.0.0.1"))')),
        log(SERVER.format('failover(servers("10.0.0.2"))')),
    ),
    "slow-reopen": (
        log(SERVER.format('failover(servers("b" "c"))')),
        log(SERVER.format('backoff() failover(servers("b" "c"))')),
    ),
    "failback": (
        log(SERVER.format('failover(servers("b"))')),
        log(SERVER.format('failover(servers("b") failback())')),
    ),
    "delivery-timeout": (
        log(SERVER.format('failover(servers("b"))')),
        log(SERVER.format('delivery-timeout(10) failover(servers("b"))')),
    ),
    "peer-verify": (
        log(SERVER.format('transport("tls") tls(peer-verify(no))')),
        log(SERVER.format('transport("tls") tls(peer-verify(yes))')),
    ),
}


def rules_of(text: str, disabled: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the hints of the warnings about ``text`` by their rules."""
    configuration, _ = loaded(text)
    diagnostics = Diagnostics()
    lint(configuration, diagnostics, disabled)
    return {item.rule: item.hint for item in diagnostics.items}


def test_every_rule_has_a_case() -> None:
    assert set(CASES) == set(RULES)


@pytest.mark.parametrize("name", CASES)
def test_a_rule_finds_its_trap_and_names_the_remedy(name: str) -> None:
    assert rules_of(CASES[name][0])[name]


@pytest.mark.parametrize("name", CASES)
def test_a_rule_is_silent_when_the_remedy_was_taken(name: str) -> None:
    assert name not in rules_of(CASES[name][1])


@pytest.mark.parametrize("name", CASES)
def test_a_rule_can_be_switched_off(name: str) -> None:
    assert name not in rules_of(CASES[name][0], (name,))


def test_a_configuration_may_switch_rules_off_itself() -> None:
    head = '@define disabled-rules "http-timeout, undefined-variable"\n'
    text = log('http(url("http://a/`nothing`"))')
    assert "http-timeout" not in rules_of(head + text)
    _, diagnostics = loaded(head + text)
    assert diagnostics.items == []


def test_every_rule_has_a_remedy_on_its_page() -> None:
    rows = [
        line.split("|")
        for line in (ROOT / "docs/config/lint.md").read_text().splitlines()
        if line.startswith("| `")
    ]
    documented = {name for row in rows for name in re.findall(r"`([a-z-]+)`", row[1])}
    assert documented == {*RULES, *LANGUAGE_RULES}
    assert all(len(row) == 5 and row[3].strip() for row in rows)


def test_every_rule_that_code_names_can_be_switched_off() -> None:
    named = {
        name
        for path in (ROOT / "src").rglob("*.py")
        for name in re.findall(r'rule="([a-z-]+)"', path.read_text())
    }
    assert named
    assert named <= {*RULES, *LANGUAGE_RULES}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('http(url("http://a/" "http://b/") workers(1) persist-name("x"))', "workers"),
        ('network("a" failover(servers("a") failback()))', "failover-twice"),
    ],
)
def test_what_options_say_themselves_is_said_once(text: str, rule: str) -> None:
    configuration, diagnostics = loaded(log(text))
    lint(configuration, diagnostics)
    assert [item.rule for item in diagnostics.items].count(rule) == 1


def test_warnings_of_options_can_be_switched_off() -> None:
    text = log('file("/tmp/x" flush-timeout(10))')
    text = "options { threaded(yes); };\n" + text
    assert "no-effect" in {item.rule for item in loaded(text)[1].items}
    head = '@define disabled-rules "no-effect, obsolete-name"\n'
    assert "no-effect" not in {item.rule for item in loaded(head + text)[1].items}


def test_blocks_of_an_included_file_need_not_be_used(tmp_path: Path) -> None:
    (tmp_path / "blocks.conf").write_text("block filter b() { level(err) };")
    configuration, _ = loaded('@include "blocks.conf"\n', path=tmp_path / "site.conf")
    assert configuration.unused_blocks == {}


def test_a_certificate_without_a_key_is_of_no_use_to_a_client_either() -> None:
    text = log(SERVER.format('transport("tls") tls(cert-file("/etc/passwd"))'))
    assert rules_of(text)["tls-key"] == "add key-file(…)"
