"""What the library's blocks send for one message."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from helpers.configs import complaints, loaded
from helpers.programs import NOW, ORIGIN
from logferry.daemon.queue_store import QueueStore
from logferry.daemon.topology import build_topology
from logferry.message.model import UnixNanos
from logferry.runtime.environment import Environment

if TYPE_CHECKING:
    from logferry.daemon.topology import Topology

LINE = b'<34>Nov 21 02:00:00 web app[7]: say "hi" \\ there\n'
TEXT = 'say "hi" \\ there'


def topology_of(driver: str, between: str = "") -> Topology:
    configuration, _ = loaded(
        '@include "scl.conf"\n'
        'source s { network(port(0) keep-hostname(yes) time-zone("UTC")); };\n'
        f"log {{ source(s); {between} destination {{ {driver}; }}; }};"
    )
    environment = Environment(time_zone="UTC", host_name="relay")
    return build_topology(configuration, environment, QueueStore(environment))


def sent(
    driver: str, line: bytes = LINE, between: str = "", now: UnixNanos = NOW
) -> list[list[bytes]]:
    """Return the records of each destination driver."""
    program = topology_of(driver, between).programs["s#0"]
    _, outputs = program.lines(line, ORIGIN, now)
    return [[record for batch in out for record in batch.records()] for out in outputs]


def body(driver: str) -> bytes:
    """Return the one record for the line, without what ``http()`` keeps with it."""
    ((record,),) = sent(driver)
    head, _, rest = record.partition(b"\n")
    return rest if b"%24%7B" in head else record


def test_elasticsearch_gets_an_action_and_a_document() -> None:
    driver = 'elasticsearch-http(url("http://x/_bulk") index("logs-$YEAR") custom-id("$PID"))'
    action, document = body(driver).splitlines()
    assert json.loads(action) == {"index": {"_index": "logs-2026", "_id": "7"}}
    found = json.loads(document)
    assert found["MESSAGE"] == TEXT
    assert found["@timestamp"] == "2026-11-21T02:00:00+00:00"


def test_opensearch_may_have_another_operation_and_no_id() -> None:
    driver = (
        'opensearch(url("http://x/_bulk") index("i") op-type("create") template("{}"))'
    )
    assert body(driver) == b'{"create":{"_index":"i"}}\n{}\n'


def test_splunk_gets_events_without_empty_fields() -> None:
    driver = 'splunk-hec-event(url("https://x:8088") token("t") default-index("main"))'
    assert json.loads(body(driver)) == {
        "time": "1795226400.000",
        "index": "main",
        "source": "axosyslog",
        "sourcetype": "nix:syslog",
        "host": "web",
        "event": TEXT,
    }


def test_splunk_gets_fields_of_an_event_beside_it() -> None:
    driver = 'splunk-hec-event(url("https://x:8088") token("t") fields("host=$HOST a.b=$PID"))'
    found = json.loads(body(driver))
    assert found["host"] == "web"
    assert found["fields"] == {"host": "web", "a.b": "7"}


def test_splunk_raw_carries_in_its_url_what_all_lines_share() -> None:
    topology = topology_of(
        'splunk-hec-raw(url("https://x") token("t") channel("c") default-source("s"))'
    )
    ((spec,),) = (
        path.elements[-1].group.drivers  # type: ignore[union-attr]
        for path in topology.configuration.log_paths
    )
    (url,) = spec.options.url  # type: ignore[attr-defined]
    assert getattr(url, "text", url) == (
        "https://x/services/collector/raw?source=s&channel=c"
    )
    assert "Authorization: Splunk t" in spec.options.headers  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [("msg", "1795226400000000000"), ("received", "1795230000123456000")],
)
def test_loki_gets_the_line_in_its_stream(stamp: str, expected: str) -> None:
    driver = (
        'loki(url("http://x") labels("app" => "$PROGRAM", "host" => "$HOST") '
        f'template("$MSG") timestamp({stamp}))'
    )
    assert json.loads(body(driver).rstrip(b",")) == {
        "stream": {"app": "app", "host": "web"},
        "values": [[expected, TEXT]],
    }


def test_logscale_gets_structured_events() -> None:
    found = json.loads(body('logscale(token("t"))').rstrip(b","))
    assert found["rawstring"] == TEXT
    assert found["attributes"]["PROGRAM"] == "app"


def test_sumologic_gets_lines() -> None:
    driver = 'sumologic-http(collector("c") deployment("1") template("$MSG"))'
    assert body(driver) == TEXT.encode() + b"\n"


def test_sumologic_gets_fields_as_json_by_default() -> None:
    found = json.loads(body('sumologic-http(collector("c") deployment("us2"))'))
    assert found["MESSAGE"] == TEXT
    assert "SOURCE" not in found


def test_sumologic_gets_syslog_with_its_token() -> None:
    driver = 'sumologic-syslog(token("t") deployment("eu") tls(peer-verify(no)))'
    assert body(driver) == (
        b'<34>1 2026-11-21T02:00:00+00:00 web app 7 - [t tag="tag"] '
        + TEXT.encode()
        + b"\n"
    )


def test_a_data_stream_gets_documents_to_create() -> None:
    driver = (
        'elasticsearch-datastream(url("http://x/_bulk") record("--key PROGRAM x=$PID"))'
    )
    action, document = body(driver).splitlines()
    assert json.loads(action) == {"create": {}}
    assert json.loads(document) == {"PROGRAM": "app", "x": "7"}


def test_slack_gets_the_colour_of_the_severity() -> None:
    found = json.loads(body('slack(hook-url("http://x/"))').rstrip(b","))
    assert (found["text"], found["color"]) == (TEXT, "#E74C3C")


def test_telegram_gets_an_encoded_form() -> None:
    found = body('telegram(bot-id("1") chat-id("2"))')
    assert b"&chat_id=2&&text=say%20%22hi%22%20%5C%20there" in found


def test_discord_gets_a_name_and_a_text_cut_to_size() -> None:
    driver = 'discord(url("http://x/") username("$HOST-bot") max-msg-length(5))'
    assert json.loads(body(driver)) == {
        "username": "web-bot",
        "tts": False,
        "content": 'say "',
    }


def test_openobserve_gets_a_record_of_its_stream() -> None:
    driver = 'openobserve-log(url("http://x") user("u") password("p"))'
    assert json.loads(body(driver).rstrip(b","))["MESSAGE"] == TEXT


def test_graylog_gets_gelf_that_ends_with_nul() -> None:
    record = body('graylog2(host("x"))')
    assert record.endswith(b"}\0")
    found = json.loads(record[:-1])
    assert found["short_message"] == TEXT
    assert (found["level"], found["_program"]) == (2, "app")


def test_loggly_and_logmatic_begin_as_their_services_demand() -> None:
    assert body('loggly(token("t") tag("a"))') == (
        b'<34>1 2026-11-21T02:00:00+00:00 web app 7 - [t@41058 tag="a"] '
        + TEXT.encode()
        + b"\n"
    )
    assert body('logmatic(token("t"))') == (
        b"t <34>1 2026-11-21T02:00:00+00:00 web app 7 - - " + TEXT.encode() + b"\n"
    )


def test_ewmm_carries_all_fields() -> None:
    header, _, rest = body('syslog-ng(server("x"))').partition(b" {")
    assert header == b"<34>1 2026-11-21T02:00:00.000+00:00 relay @syslog-ng - - -"
    found = json.loads(b"{" + rest)
    assert (found["HOST"], found["PROGRAM"], found["MESSAGE"]) == ("web", "app", TEXT)


CARDS = b"<34>Nov 21 02:00:00 web app[7]: %s\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"pay 5542043004559005 now", b"pay 554204******9005 now"),
        (b"pay 5542-0430-0455-9005", b"pay 5542-04**-****-9005"),
        (
            b"two 4111111111111111 5542043004559005",
            b"two 411111******1111 554204******9005",
        ),
        (b"amex 371449635398431.", b"amex 371449******431."),
        (b"no card 1234567890123456", b"no card 1234567890123456"),
        (b"longer 55420430045590051234567", b"longer 55420430045590051234567"),
    ],
)
def test_card_numbers_are_masked(text: bytes, expected: bytes) -> None:
    driver = 'file("/x" template("$MSG\\n"))'
    found = sent(driver, CARDS % text, "rewrite { credit-card-mask(); };")
    assert found == [[expected + b"\n"]]


def test_card_numbers_are_hashed_alike() -> None:
    driver = 'file("/x" template("$MSG\\n"))'
    line = CARDS % b"5542043004559005 5542043004559005"
    ((record,),) = sent(driver, line, "rewrite { credit-card-hash(); };")
    first, second = record.split()
    assert first == second
    assert len(first) == 16
    assert b"5542" not in record


def test_listeners_are_the_usual_ones_and_tls_needs_keys() -> None:
    def listeners(options: str) -> list[tuple[str, object]]:
        configuration, _ = loaded(
            f'@include "scl.conf"\nsource s {{ default-network-drivers({options}); }};'
        )
        drivers = configuration.sources["s"].drivers
        return [(spec.kind, spec.options.port) for spec in drivers]  # type: ignore[attr-defined]

    plain = [("network", 514), ("network", 5514), ("syslog", 601)]
    assert listeners("tcp-port(5514)") == plain
    keys = 'tls(key-file("/k") cert-file("/c"))'
    assert listeners(f"tcp-port(5514) {keys}") == [*plain, ("syslog", 6514)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (LINE, [b" web app " + TEXT.encode()]),
        (
            b"<189>29: sw1: *Apr 29 13:58:40.411: %SYS-5-CONFIG_I: done\n",
            [b"cisco sw1  %SYS-5-CONFIG_I: done"],
        ),
        (
            b"<14>Nov 21 02:00:00 web sudo: bob : TTY=a ; COMMAND=/bin/ls\n",
            [b"sudo web sudo bob : TTY=a ; COMMAND=/bin/ls"],
        ),
        (
            (
                b'<14>1 2026-11-21T02:00:00Z web @syslog-ng - - - {"MESSAGE":"m",'
                b'"PROGRAM":"cron"}\n'
            ),
            [b" web cron m"],
        ),
        (b"<14>1 2026-11-21T02:00:00Z web app - - - m\n", [b" web app m"]),
    ],
)
def test_the_usual_listeners_recognise_applications_when_asked_to(
    line: bytes, expected: list[bytes]
) -> None:
    configuration, _ = loaded(
        '@include "scl.conf"\n'
        "source s { default-network-drivers(auto-parse(yes) keep-hostname(yes)); };\n"
        'log { source(s); destination { file("/x" template("${.app.name} $HOST $PROGRAM '
        '$MESSAGE")); }; };'
    )
    environment = Environment(time_zone="UTC", host_name="relay")
    topology = build_topology(configuration, environment, QueueStore(environment))
    _udp, tcp, _rfc5424 = topology.programs.values()
    _, (batches,) = tcp.lines(line, ORIGIN, NOW)
    assert [record for batch in batches for record in batch.records()] == expected


def test_a_wrong_argument_of_a_generator_is_reported_at_its_use() -> None:
    from helpers.configs import complaints

    (found,) = complaints(
        '@include "scl.conf"\ndestination d { loki(url("x") timestamp(yesterday)); };'
    )
    assert "site.conf:3:17: error:" in found
    assert "timestamp() is current, received or msg" in found


def test_access_logs_become_fields_and_a_time() -> None:
    line = (
        b"<13>Nov 21 02:00:00 web httpd: 192.0.2.1 - frank [10/Oct/2026:13:55:36 -0700] "
        b'"GET /a b.gif HTTP/1.0" 200 2326 "http://x/" "Mozilla 4"\n'
    )
    driver = (
        'file("/x" template("${.apache.clientip} ${.apache.auth} ${.apache.verb} '
        '${.apache.response} ${.apache.agent} $ISODATE\\n"))'
    )
    found = sent(driver, line, "parser { apache-accesslog-parser(); };")
    assert found == [[b"192.0.2.1 frank GET 200 Mozilla 4 2026-10-10T13:55:36-07:00\n"]]


@pytest.mark.parametrize(
    ("auth", "scheme"),
    [("", "http"), ("auth(insecure())", "http"), ('auth(tls(ca-file("/x")))', "https")],
)
def test_loki_reads_how_the_reference_connects(auth: str, scheme: str) -> None:
    configuration, _ = loaded(
        '@include "scl.conf"\n'
        f'destination d {{ loki(url("loki:9096") {auth} workers(4)); }};'
    )
    options: Any = configuration.destinations["d"].drivers[0].options
    assert options.url[0].text == f"{scheme}://loki:9096/loki/api/v1/push"
    assert (options.tls is not None) == (scheme == "https")


def test_loki_says_which_ways_to_connect_there_are() -> None:
    (only,) = complaints(
        '@include "scl.conf"\ndestination d { loki(url("x") auth(adc())); };'
    )
    assert "auth() is insecure() or tls() here, not adc()" in only


def test_card_numbers_may_become_a_text_of_ones_own() -> None:
    driver = 'file("/x" template("$MSG\\n"))'
    mask = 'rewrite { credit-card-mask(template("<card ${2}>")); };'
    found = sent(driver, CARDS % b"pay 5542043004559005 now", mask)
    assert found == [[b"pay <card 9005> now\n"]]
