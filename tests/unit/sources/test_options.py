"""What options of sources mean, or say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from logferry.config.load import load_configuration
from logferry.daemon.registry import default_registry, source_kinds
from logferry.errors import ConfigError
from logferry.message.model import Origin, UnixNanos
from logferry.syslog.parse import Parser

if TYPE_CHECKING:
    from logferry.config.nodes import Spec
    from logferry.message.model import Message

NOW = UnixNanos(1_795_262_400_000_000_000)  # 2026-11-21T12:00:00Z
OUT = 'destination { file("/dev/null"); };'


def read(source: str) -> tuple[Spec, list[str]]:
    """Return a source driver and what was said about it; errors are raised."""
    text = f"@version: 4.27\nlog {{ source {{ {source}; }}; {OUT} }};\n"
    site, found = load_configuration(Path("a.conf"), default_registry(), {}, text)
    (group,) = site.sources.values()
    return group.drivers[0], [item.message for item in found.items]


def parsed(source: str, frame: bytes) -> Message:
    """Return the message that a source makes of ``frame``."""
    spec, _ = read(source)
    reception = source_kinds()[spec.kind].reception(spec)
    return Parser(reception, "own", 77, "UTC").parse(frame, Origin(), NOW)


@pytest.mark.parametrize(
    ("option", "error"),
    [
        ("encoding(klingon)", "unknown character set 'klingon'"),
        ("format(xml)", "unknown message format 'xml'"),
        ("time-zone(Nowhere/City)", "unknown time zone 'Nowhere/City'"),
        ("default-severity(bad)", "unknown severity 'bad'"),
        ("default-facility(bad)", "unknown facility 'bad'"),
        (
            "multi-line-mode(indented) multi-line-prefix('(')",
            "pattern does not compile",
        ),
    ],
)
def test_names_that_nobody_knows_are_errors(option: str, error: str) -> None:
    with pytest.raises(ConfigError, match=error.replace("(", r"\(")):
        read(f'file("/a" {option})')


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("network(log-fetch-limit(10))", "log-fetch-limit() has no effect"),
        ("network(read-old-records(no))", "read-old-records() has no effect"),
        ('file("/a" idle-timeout(5))', "idle-timeout() has no effect"),
        ('file("/a" multi-line-prefix("x"))', "multi-line-prefix() has no effect"),
        (
            'file("/a" multi-line-mode(prefix-suffix) multi-line-garbage("x"))',
            "multi-line-garbage() has no effect",
        ),
    ],
)
def test_an_option_without_effect_says_so(source: str, word: str) -> None:
    _, messages = read(source)
    assert any(word in message for message in messages), messages


@pytest.mark.parametrize(
    "source",
    [
        'file("/a" read-old-records(no) follow-freq(0.5) persist-name("x"))',
        'file("/a" multi-line-mode(regexp) multi-line-prefix("^a"))',
        'wildcard-file(base-dir("/a") filename-pattern("*") max-files(5))',
        'unix-stream("/a" so-passcred(no) optional(yes) perm(0600))',
    ],
)
def test_options_with_effect_are_taken_in_silence(source: str) -> None:
    _, messages = read(source)
    assert not any("has no effect" in message for message in messages), messages


def test_a_pattern_of_names_is_no_path() -> None:
    with pytest.raises(ConfigError, match="is a file name, without '/'"):
        read('wildcard-file(base-dir("/a") filename-pattern("b/*.log"))')


def test_our_own_process_id_on_request() -> None:
    frame = b"<13>Nov 21 12:00:00 h app[1]: x"
    assert parsed("network()", frame).pid == b"1"
    message = parsed("network(use-syslogng-pid(yes))", frame)
    assert (message.pid, message.header) == (b"77", b"")


def test_odd_program_names_are_refused_by_option_and_by_flag() -> None:
    frame = b"<13>Nov 21 12:00:00 h app\x01: x"
    assert parsed("network()", frame).program == b"app\x01"
    assert parsed("network(check-program(yes))", frame).program == b""
    assert parsed("network(flags(check-program))", frame).program == b""


def test_a_missing_zone_is_guessed_from_the_distance_to_our_clock() -> None:
    frame = b"<13>Nov 21 17:31:02 h app: x"  # 12:01:02 in UTC+05:30
    stamp = parsed("network(flags(guess-timezone))", frame).stamp
    assert (stamp.offset_s, stamp.unix_ns - NOW) == (19_800, 62 * 10**9)
    far = b"<13>Nov 25 17:31:02 h app: x"
    assert parsed("network(flags(guess-timezone))", far).stamp.offset_s == 0
    named = b"<13>2026-11-21T17:31:02+01:00 h app: x"
    assert parsed("network(flags(guess-timezone))", named).stamp.offset_s == 3600


def test_words_that_are_no_host_names_are_known_by_a_global_pattern() -> None:
    frame = b"<13>Nov 21 12:00:00 ctld app: x"
    text = f"""@version: 4.27
    options {{ bad-hostname("^ctld$"); keep-hostname(yes); }};
    log {{ source {{ network(); }}; {OUT} }};
    """
    site, _ = load_configuration(Path("a.conf"), default_registry(), {}, text)
    (group,) = site.sources.values()
    reception = source_kinds()["network"].reception(group.drivers[0])
    message = Parser(reception, "own", 77, "UTC").parse(frame, Origin(host=b"h"), NOW)
    assert message.host == b"h"
