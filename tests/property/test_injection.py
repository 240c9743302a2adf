"""
A message never injects a line, a header, a URL part or a path: what it says stays a value.

The texts are hostile to every format at once: ends of lines, of strings, of headers,
``../``, NUL, percent signs, braces, and bytes that are no UTF-8.
"""

from __future__ import annotations

import asyncio
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote_to_bytes

from hypothesis import example, given, settings
from hypothesis import strategies as st

from helpers.metrics import parse_prometheus
from helpers.programs import NOW, ORIGIN, compiled
from logferry.config.load import load_configuration
from logferry.daemon import stats
from logferry.daemon.control import _encode, split_command
from logferry.daemon.queue_store import QueueStore
from logferry.daemon.registry import default_registry
from logferry.daemon.topology import Topology, build_topology
from logferry.destinations.http.request import Requests
from logferry.queues.memory import MemoryQueue
from logferry.runtime.environment import Environment
from logferry.syslog.framing import make_framer
from logferry.telemetry.counters import Legacy, Metrics
from logferry.telemetry.events import Event, render

if TYPE_CHECKING:
    from logferry.destinations.file.destination import FileDestination
    from logferry.destinations.http.options import HttpDestinationOptions
    from logferry.message.batch import RecordBatch

pieces = st.sampled_from(
    [
        *(b"\n", b"\r\n", b"\r", b"\0", b"\n.\n", b"\x0b", b"\x85", b"\xe2\x80\xa8"),
        *(b"../", b"..", b"/", b"//etc/passwd", b".", b"~", b"\\", b"%2e%2e%2f", b"%"),
        *(b'"', b"'", b";", b",", b"=", b"{", b"}", b"<13>1 ", b"7 <13>a", b"<0>"),
        *(b"?", b"&x=1", b"#", b"@evil.example", b"http://", b":80", b" HTTP/1.1"),
        *(b"X-Evil: 1", b"\r\nX-Evil: 1\r\n\r\n", b"Content-Length: 0", b"a", b"\xff"),
        *(b"OK ", b"FAIL ", b"syslogng_evil 1", b"center;;evil;a;processed;1", b"\xc3"),
        b"x" * 300,
    ]
)
hostile = st.lists(pieces, max_size=8).map(b"".join)

FRAME = b"<13>1 2026-11-21T03:00:00Z host app 1 id - "
SET = (
    'rewrite { set("$MSG" value("HOST")); set("$MSG" value("PROGRAM"));'
    ' set("$MSG" value("PID")); set("$MSG" value("MSGID"));'
    ' set("$MSG" value(".SDATA.x.y")); };'
)
"""All that is written into a line's header is what the message says."""


def lines_of(destination: str, text: bytes, *, is_set: bool = True) -> list[bytes]:
    """Return the records that a message becomes."""
    site = _site(destination, is_set)
    return [row for rows in site.frames(FRAME + text).values() for row in rows]


@lru_cache
def _site(destination: str, is_set: bool):
    return compiled(
        "log { source { input(keep-hostname(yes) flags(syslog-protocol)); }; "
        f"{SET if is_set else ''} destination {{ output({destination}); }}; }};"
    )


@settings(max_examples=300)
@given(hostile)
def test_with_no_multi_line_a_message_is_one_line(text):
    for form in ("rfc3164", "rfc5424", "file"):
        (record,) = lines_of(f'form({form}) flags("no-multi-line")', text)
        assert record.endswith(b"\n")
        assert not set(record[:-1]) & set(b"\n\r\0")


@settings(max_examples=300)
@given(hostile)
def test_octet_counting_gives_every_message_back_whole(text):
    wire = b"".join(
        lines_of("form(rfc5424) octet-count(yes)", part)[0]
        for part in (text, b"in between", text)
    )
    framer = make_framer("octet-count", 65536)
    frames = framer.feed(wire)
    assert len(frames) == 3
    assert frames[0] == frames[2]
    assert b"in between" in frames[1]


@settings(max_examples=300)
@given(hostile)
def test_the_header_of_an_rfc_5424_message_has_its_seven_words(text):
    (record,) = lines_of('form(rfc5424) template("")', text)
    match = re.match(rb"<13>1 \S+( [^\x00-\x20\x7f]+){4} \[x y=\"", record)
    assert match is not None, record


@settings(max_examples=300)
@given(hostile)
def test_escaped_templates_keep_quotes_and_lines_out(text):
    (record,) = lines_of(
        "template(\"values('$MSG')\\n\") template-escape(yes)", text, is_set=False
    )
    assert record.startswith(b"values('")
    assert record.endswith(b"')\n")
    inside = record[len(b"values('") : -len(b"')\n")]
    assert b"\n" not in inside
    assert b"\0" not in inside
    assert re.fullmatch(rb"(?:[^'\\]|\\.)*", inside, re.DOTALL) is not None


# -- http() ---------------------------------------------------------------------------


@lru_cache
def topology(destination: str) -> Topology:
    """Build a configuration of real drivers, of which none is started."""
    text = (
        "@version: 4.27\n"
        "source s { network(port(1) keep-hostname(yes) flags(syslog-protocol)); };\n"
        f"destination d {{ {destination} }};\n"
        f"log {{ source(s); {SET} destination(d); }};\n"
    )
    configuration, _ = load_configuration(
        Path("site.conf"), default_registry(), {}, text
    )
    environment = Environment()
    return build_topology(configuration, environment, QueueStore(environment))


def batches(built: Topology, text: bytes) -> list[RecordBatch]:
    (outputs,) = built.programs["s#0"].frames([FRAME + text], ORIGIN, NOW)
    return list(outputs)


@settings(max_examples=300)
@given(hostile)
@example(b"\r\nX-Evil: 1\r\n\r\n")
def test_a_message_adds_no_header_and_no_url_part(text):
    built = topology(
        'http(url("http://h.example:81/a/${HOST}/b?c=${PROGRAM}&d=$MSG")'
        ' headers("X-Host: $HOST", "X-Both: a $MSG b") batch-lines(10));'
    )
    (batch,) = batches(built, text)
    (path,) = built.configuration.log_paths
    spec = next(
        driver
        for group in built.configuration.destinations.values()
        for driver in group.drivers
    )
    del path
    prepared = Requests(cast("HttpDestinationOptions", spec.options)).prepared(
        0, batch.key
    )
    url = prepared.url
    assert (url.scheme, url.host, url.port, url.fragment) == (
        *("http", "h.example", 81),
        "",
    )
    assert (url.user, url.password) == (None, None)
    segments = url.raw_path.split("/")
    assert (segments[:2], segments[3:]) == (["", "a"], ["b"])
    names = [part.partition("=")[0] for part in url.raw_query_string.split("&")]
    assert names == ["c", "d"]
    value = url.raw_query_string.rpartition("=")[2]
    assert (
        unquote_to_bytes(value) == text.rstrip(b"\r\n\0")
        or unquote_to_bytes(value) == text
    )
    lines = prepared.head.split(b"\r\n")
    assert lines[0].startswith(b"POST /a/")
    assert lines[0].endswith(b" HTTP/1.1")
    assert lines[0].count(b" ") == 2
    found = [line.partition(b":")[0] for line in lines[1:]]
    expected = ["Host", *prepared.headers.keys(), "Content-Length"]
    assert [name.decode() for name in found] == expected
    assert b"X-Evil" not in found
    for line in lines:
        assert not set(line) & set(b"\r\n\0")


# -- file() ---------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(st.lists(hostile, min_size=1, max_size=4))
@example([b"../../../tmp/evil"])
@example([b".."])
@example([b"\0"])
@example([b"x" * 5000])
def test_no_path_leads_out_of_the_folders_that_its_template_names(
    tmp_path_factory, texts
):
    base = tmp_path_factory.mktemp("logs")
    inner = base / "in" / "here"
    inner.mkdir(parents=True)
    built = topology(
        f'file("{inner}/${{HOST}}/x-$PROGRAM.log" create-dirs(yes) template("$MSG\\n"));'
    )
    made = [batch for text in texts for batch in batches(built, text)]
    environment = Environment()
    queue = MemoryQueue(1000)
    spec = built.configuration.destinations["d"].drivers[0]
    driver = cast(
        "FileDestination",
        default_destination("file").create(spec, environment, queue),
    )

    async def run() -> None:
        await driver.start()
        for batch in made:
            driver.push(batch)
        for _ in range(5):
            await asyncio.sleep(0)
        await driver.stop(0.0)

    asyncio.run(run())
    assert [path.name for path in base.iterdir()] == ["in"]
    assert [path.name for path in (base / "in").iterdir()] == ["here"]
    depths = {len(path.relative_to(inner).parts) for path in files_below(inner)}
    assert depths <= {1, 2}  # an empty value leaves a folder out
    ledger = queue.ledger
    assert ledger.accepted == len(texts)
    assert ledger.delivered + sum(ledger.dropped.values()) == len(texts)


def default_destination(kind: str):
    from logferry.daemon.registry import destination_kinds

    return destination_kinds()[kind]


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


# -- counters, answers, the log --------------------------------------------------------


def metrics_of(name: str) -> Metrics:
    """Return counters that are named after what a message says."""
    metrics = Metrics()
    metrics.level = 4
    metrics.counter(
        "probed_total", {"host": name}, legacy=Legacy("src.host", "", name, "processed")
    ).add(1)
    metrics.counter("", legacy=Legacy("src.program", name, "", "processed")).add(2)
    return metrics


@settings(max_examples=300)
@given(hostile)
def test_counters_named_by_messages_stay_one_row_each(data):
    metrics = metrics_of(data.decode("utf-8", "replace"))
    rows = _encode(stats.render_csv(metrics, 4)).decode().split("\n")
    assert len(rows) == 5  # header, two rows, the dot, nothing
    assert rows[3:] == [".", ""]
    assert rows[1].startswith("src.host;;")
    assert rows[1].endswith(";a;processed;1")
    assert rows[2].endswith(";a;processed;2")
    for row in rows:
        assert not set(row) & set("\r\0\x0b\x85\u2028")
    for row in rows[1:3]:
        outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", row)
        assert outside.count(";") == 5
    samples = parse_prometheus(
        _encode(stats.render_prometheus(metrics, 4, with_legacy=True)).decode()
    )
    assert sorted(sample.name for sample in samples) == [
        "probed_total",
        "src_program_processed",
    ]
    exposed = parse_prometheus(stats.render_exposition(metrics, 4))
    assert [sample.value for sample in exposed] == [1]


@settings(max_examples=300)
@given(hostile)
def test_queries_answer_a_line_for_each_counter(data):
    metrics = metrics_of(data.decode("utf-8", "replace"))
    listed = _encode(stats.query(metrics, "LIST", "*")).decode().split("\n")
    assert len(listed) == 4
    assert listed[2:] == [".", ""]
    got = _encode(stats.query(metrics, "GET", "*")).decode().split("\n")
    assert len(got) == 4
    assert [line.rpartition("=")[2] for line in got[:2]] == ["1", "2"]


class Happened(Event):
    """Something that a client caused."""

    text = "Something happened"

    def __init__(self, value: str) -> None:
        object.__setattr__(self, "_value", value)

    def tags(self):
        yield "what", self._value


@settings(max_examples=300)
@given(hostile)
def test_an_event_is_one_line_of_the_log(data):
    line = render(Happened(data.decode("utf-8", "backslashreplace")))
    assert line.isprintable()
    assert re.fullmatch(
        r"Something happened; what='(?:[^'\\]|\\.)*'", line.replace("\\\\", "")
    ) or "\\" in data.decode("utf-8", "backslashreplace")


@settings(max_examples=300)
@given(hostile)
def test_an_answer_ends_where_it_ends(data):
    answer = _encode(data.decode("utf-8", "surrogateescape"))
    assert answer.endswith(b".\n")
    assert (b"\n" + answer[:-2]).count(b"\n.\n") == 0


@given(st.binary(max_size=200))
def test_any_line_is_some_command(line):
    words = split_command(line)
    assert all(isinstance(word, str) for word in words)
