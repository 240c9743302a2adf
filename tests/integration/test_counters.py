"""The counters that ``test_metrics.py`` has not: drive the event, read the number."""

from __future__ import annotations

import ast
import asyncio
import re
import socket
import time
from pathlib import Path

import pytest

import logferry
from helpers.collector import Collector, Sender
from helpers.daemon import Daemon, free_port
from helpers.metrics import Sample, parse_prometheus, rows_of, value_of
from helpers.web import Request, Response, WebServer
from logferry.telemetry.names import METRIC_NAMES

pytestmark = pytest.mark.integration

HOST = "127.0.0.1"
FAMILIES = (
    *("classified", "correlation", "dead_letters", "disk_queue", "event", "events"),
    *("filtered", "input", "internal", "io_worker", "last", "ledger", "mainloop"),
    *("memory_queue", "output", "parsed", "patterndb", "python", "route", "socket"),
    *("stats", "tagged"),
)
NAME = re.compile(rf"(?:{'|'.join(FAMILIES)})_[a-z_]+")
ENDING = re.compile(
    "_(total|bytes|events|capacity|seconds|available|connections|unreachable|contexts|"
    "messages|active|up|drained|probes|workers|in_flight|level)$"
)
NOT_SERIES = {
    *("disk_queue", "max_connections", "last_level", "event_bytes", "output_level"),
    "input_drained",
}
IN_UNIT_TESTS = {
    "processing_faults_total": (
        "unit/runtime/test_guard.py",
        "test_a_message_that_the_program_fails_on_ends_alone_and_is_told",
    ),
    "correlation_early_contexts_total": (
        "unit/runtime/test_waiting.py",
        "test_contexts_that_ended_for_want_of_room_are_counted",
    ),
}
"""What no real daemon can be driven to within a test's time."""


def counter_names() -> set[str]:
    """Return the names of series that stand in the program."""
    names = set()
    for path in Path(logferry.__path__[0]).rglob("*.py"):
        if path.name == "names.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                names |= made_by(node)
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
                if NAME.fullmatch(text) and ENDING.search(text):
                    names.add(text)
    return names - NOT_SERIES


def made_by(call: ast.Call) -> set[str]:
    """Return the name of the series that a call makes."""
    function, arguments = call.func, call.args
    if (
        isinstance(function, ast.Attribute)
        and function.attr in {"counter", "gauge", "histogram"}
        and arguments
        and isinstance(arguments[0], ast.Constant)
        and isinstance(arguments[0].value, str)
        and arguments[0].value
    ):
        return {arguments[0].value}
    return set()


def test_every_counter_is_read_in_a_test():
    names = counter_names()
    here = Path(__file__).parent
    tests = "".join(
        path.read_text()
        for folder in (here, here.parent / "faults")
        for path in folder.rglob("test_*.py")
    )
    for name, (file, test) in IN_UNIT_TESTS.items():
        assert name in names
        assert test in (here.parent / file).read_text()
    missing = {name for name in names if name not in tests}
    assert sorted(missing - IN_UNIT_TESTS.keys()) == []


def test_the_registry_names_every_series():
    routes = {f"route_{way}_total" for way in ("ingress", "egress")}  # made of parts
    assert set(METRIC_NAMES) == counter_names() | routes
    assert list(METRIC_NAMES) == sorted(METRIC_NAMES)


def test_every_type_of_a_classic_row_is_read_in_a_test():
    """The rows' types, as AxoSyslog's documentation lists them, and we have them."""
    types = (
        *("processed", "written", "dropped", "queued", "matched", "not_matched"),
        *("discarded", "connections", "stamp", "memory_usage", "value", "suppressed"),
        *("msg_size_max", "msg_size_avg", "batch_size_max", "batch_size_avg"),
        *("eps_last_1h", "eps_last_24h", "eps_since_start"),
        *("truncated_count", "truncated_bytes"),
    )
    program = "".join(
        path.read_text() for path in Path(logferry.__path__[0]).rglob("*.py")
    )
    here = Path(__file__).parent
    tests = "".join(path.read_text() for path in here.glob("test_*.py"))
    assert [kind for kind in types if f'"{kind}"' not in program] == []
    assert [kind for kind in types if f'"{kind}"' not in tests] == []


async def both(daemon: Daemon) -> tuple[dict, list[Sample]]:
    csv = rows_of(await daemon.ctl("STATS", "CSV"))
    return csv, parse_prometheus(await daemon.ctl("STATS", "PROMETHEUS"))


async def shown(daemon: Daemon, name: str, value: float, **labels: str) -> None:
    """Wait until the series has this value."""
    found = None
    try:
        async with asyncio.timeout(30):
            while (found := value_of((await both(daemon))[1], name, **labels)) != value:
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{name} {labels} is {found}, not {value}") from None


def http_text(port: int, urls: str, more: str = "") -> str:
    return f"""
options {{ stats(level(1)); }};
source s {{ network(ip({HOST}) port({port})); }};
destination d {{
    http(url({urls}) batch-lines(10) batch-timeout(100) body("<$MSG>") delimiter("")
        workers(2) time-reopen(0.2) persist-name("p") {more});
}};
log {{ source(s); destination(d); }};
"""


async def test_http_counts_by_target_request_and_batch(tmp_path):
    answers = iter([503])

    def fail_once(request: Request) -> Response:
        del request
        return Response(next(answers, 200))

    port = free_port(HOST)
    async with (
        WebServer(HOST, fail_once) as server,
        Daemon(http_text(port, f'"{server.url}"'), tmp_path) as daemon,
    ):
        async with Sender(HOST, port) as sender:
            await sender.send(10)
            await shown(daemon, "output_events_total", 10, id="d#0", result="delivered")
        csv, samples = await both(daemon)
        url = server.url
    body_bytes = 10 * len("<number 000000>")
    row = ("dst.http", "d#0", f"http,{url}")
    assert csv[*row, "written"] == ("a", 10)
    assert csv[*row, "processed"] == ("a", 10)
    assert csv[*row, "memory_usage"] == ("a", 0)
    assert csv[*row, "msg_size_max"] == ("a", 15)
    assert csv[*row, "msg_size_avg"] == ("a", 15)
    assert csv[*row, "batch_size_max"][1] <= body_bytes
    assert 15 <= csv[*row, "batch_size_avg"][1] <= csv[*row, "batch_size_max"][1]
    labels = {"driver": "http", "id": "d#0", "url": url}
    requests = "output_http_requests_total"
    assert value_of(samples, requests, **labels, response_code="503") == 1
    assert (value_of(samples, requests, **labels, response_code="200") or 0) >= 1
    assert value_of(samples, "output_event_bytes_total", **labels) == body_bytes
    batches = value_of(samples, "output_batches_total", **labels)
    assert batches == value_of(samples, requests, **labels, response_code="200")
    assert (value_of(samples, "output_event_retries_total", **labels) or 0) >= 1
    assert value_of(samples, "output_unreachable", **labels) == 0
    for name, total in (
        ("output_batch_size_events", 10),
        ("output_batch_size_bytes", body_bytes),
    ):
        assert value_of(samples, f"{name}_sum", **labels) == total
        assert value_of(samples, f"{name}_count", **labels) == batches
        assert value_of(samples, f"{name}_bucket", **labels) == batches
    answers_count = value_of(samples, requests, **labels)
    name = "output_request_latency_seconds"
    assert value_of(samples, f"{name}_count", **labels) == answers_count
    assert value_of(samples, f"{name}_bucket", **labels) == answers_count
    assert value_of(samples, "output_event_size_bytes_count", **labels) is None
    target = {**labels, "target": url}
    assert value_of(samples, "output_target_events_total", **target) == 10
    assert value_of(samples, "output_target_failures_total", **target) == 1
    assert value_of(samples, "output_target_in_flight", **target) == 0
    assert value_of(samples, "output_target_up", **target) == 1
    assert (value_of(samples, "output_target_latency_seconds", **target) or 0) > 0
    for share in ("0.5", "0.99"):
        took_s = value_of(
            samples, "output_target_request_latency_seconds", **target, quantile=share
        )
        assert took_s is not None
        assert 0 < took_s < 5


async def test_targets_under_way_and_down_are_seen(tmp_path):
    port = free_port(HOST)

    def wait(request: Request) -> Response:
        del request
        return Response(200, delay_s=0.5)

    dead = f"http://{HOST}:{free_port(HOST)}/"
    async with WebServer(HOST, wait) as server:
        text = http_text(port, f'"{server.url}" "{dead}"')
        async with Daemon(text, tmp_path) as daemon, Sender(HOST, port) as sender:
            await sender.send(40)
            await shown(daemon, "output_target_up", 0, target=dead)
            async with asyncio.timeout(30):
                while not value_of(
                    (await both(daemon))[1],
                    "output_target_in_flight",
                    target=server.url,
                ):
                    await asyncio.sleep(0.02)
            await shown(daemon, "output_events_total", 40, id="d#0", result="delivered")


async def test_dead_letters_are_counted_by_reason_and_in_the_ledger(tmp_path):
    port = free_port(HOST)

    def refuse(request: Request) -> Response:
        return Response(400 if b"000003" in request.body else 200)

    async with (
        WebServer(HOST, refuse) as one,
        WebServer(HOST, refuse) as two,
        Daemon(http_text(port, f'"{one.url}" "{two.url}"'), tmp_path) as daemon,
        Sender(HOST, port) as sender,
    ):
        await sender.send(10)
        await shown(
            daemon, "dead_letters_total", 1, destination="http.p", reason="rejected"
        )
        await shown(daemon, "ledger_events_total", 1, id="d#0", result="dead_lettered")
        await shown(daemon, "ledger_events_total", 9, id="d#0", result="delivered")
        async with asyncio.timeout(30):
            while not value_of((await both(daemon))[1], "dead_letters_bytes"):
                await asyncio.sleep(0.05)


async def test_disk_queues_count_their_commits(tmp_path):
    port = free_port(HOST)
    text = f"""
source s {{ network(ip({HOST}) port({port})); }};
destination d {{
    network("{HOST}" port({free_port(HOST)}) time-reopen(60)
        disk-buffer(reliable(yes) capacity-bytes(10MiB)));
}};
log {{ source(s); destination(d); }};
"""
    async with Daemon(text, tmp_path) as daemon, Sender(HOST, port) as sender:
        await sender.send(10)
        await shown(daemon, "disk_queue_events", 10)
        async with asyncio.timeout(30):  # it is written behind our back
            while not value_of((await both(daemon))[1], "disk_queue_commits_total"):
                await asyncio.sleep(0.02)
        _, samples = await both(daemon)
        assert value_of(samples, "disk_queue_capacity_bytes") == 10 * 1024 * 1024
        csv, _ = await both(daemon)
        (memory,) = [row[1] for key, row in csv.items() if key[3] == "memory_usage"]
        assert memory >= 0


async def test_drained_servers_and_good_probes_are_seen(tmp_path):
    port, out = free_port(HOST), free_port(HOST, "127.0.0.2")
    text = f"""
source s {{ network(ip({HOST}) port({port})); }};
destination d {{
    network("{HOST}" port({out}) time-reopen(0.1) failover(servers("127.0.0.2")
        failback(tcp-probe-interval(1) successful-probes-required(100))));
}};
log {{ source(s); destination(d); }};
"""
    async with Collector("127.0.0.2", out) as backup, Daemon(text, tmp_path) as daemon:
        async with Sender(HOST, port) as sender:
            await sender.send(1)
            await backup.wait_for_lines(1)
        async with Collector(HOST, out):
            async with asyncio.timeout(30):
                while not value_of(
                    (await both(daemon))[1], "output_server_good_probes", server=HOST
                ):
                    await asyncio.sleep(0.05)
            assert (await daemon.ctl("DRAIN", HOST)).startswith("OK")
            await shown(daemon, "output_server_drained", 1, server=HOST)
            await daemon.ctl("UNDRAIN", HOST)
            await shown(daemon, "output_server_drained", 0, server=HOST)


async def test_a_probe_without_a_key_counts_classified_events(tmp_path):
    port = free_port(HOST)
    text = f"""
source s {{ network(ip({HOST}) port({port})); }};
destination d {{ file("{tmp_path}/out"); }};
log {{ source(s); parser {{ metrics-probe(labels("app" => "$PROGRAM")); }}; destination(d); }};
"""
    async with Daemon(text, tmp_path) as daemon, Sender(HOST, port) as sender:
        await sender.send(3)
        await shown(daemon, "classified_events_total", 3, app="app")


async def test_configurations_leave_their_times_and_level(tmp_path):
    text = f"""
options {{ stats(level(1) healthcheck-freq(1)); }};
source s {{ network(ip({HOST}) port({free_port(HOST)})); }};
destination d {{ file("{tmp_path}/out"); }};
log {{ source(s); destination(d); }};
"""
    before = int(time.time())
    async with Daemon(text, tmp_path) as daemon:
        _, samples = await both(daemon)
        for name in (
            "last_config_file_modification_timestamp_seconds",
            "last_config_reload_timestamp_seconds",
            "last_successful_config_reload_timestamp_seconds",
        ):
            assert (value_of(samples, name) or 0) >= before - 1
        assert value_of(samples, "stats_level") == 1
        good_at = value_of(samples, "last_successful_config_reload_timestamp_seconds")
        await asyncio.sleep(1.1)
        daemon.config.write_text("nonsense")
        assert (await daemon.ctl("RELOAD")).startswith("FAIL")
        _, samples = await both(daemon)
        name = "last_successful_config_reload_timestamp_seconds"
        assert value_of(samples, name) == good_at
        assert (
            value_of(samples, "last_config_reload_timestamp_seconds") or 0
        ) > good_at
        for name in (
            "io_worker_latency_seconds",
            "mainloop_io_worker_roundtrip_latency_seconds",
        ):
            assert value_of(samples, name) is not None


async def test_a_client_s_last_message_leaves_its_time(tmp_path):
    port = free_port(HOST)
    text = f"""
source s {{ network(ip({HOST}) port({port})); }};
destination d {{ file("{tmp_path}/out"); }};
log {{ source(s); destination(d); }};
"""
    before = int(time.time())
    async with Daemon(text, tmp_path) as daemon, Sender(HOST, port) as sender:
        await sender.send(1)
        async with asyncio.timeout(30):
            while True:
                csv, _ = await both(daemon)
                found = csv.get(("src.network", "s#0", f"tcp,{HOST}", "stamp"))
                if found is not None and found[1] >= before:
                    break
                await asyncio.sleep(0.02)


async def test_from_level_2_on_sizes_and_times_of_single_messages_are_counted(tmp_path):
    port = free_port(HOST)
    async with WebServer(HOST) as server:
        text = http_text(port, f'"{server.url}"').replace("level(1)", "level(2)")
        async with Daemon(text, tmp_path) as daemon, Sender(HOST, port) as sender:
            await sender.send(7)
            labels = {"driver": "http", "id": "d#0", "url": server.url}
            size = "output_event_size_bytes"
            await shown(daemon, f"{size}_count", 7, **labels)
            await shown(daemon, f"{size}_sum", 7 * len("<number 000000>"), **labels)
            await shown(daemon, f"{size}_bucket", 7, **labels, le="64")
            latency = "output_event_latency_seconds"
            await shown(daemon, f"{latency}_count", 7, **labels)
            await shown(daemon, f"{latency}_bucket", 7, **labels)
            through = "event_processing_latency_seconds"
            place = {"driver": "network", "id": "s#0", "measurement_point": "input"}
            await shown(daemon, f"{through}_count", 7, **place)
            await shown(daemon, f"{through}_bucket", 7, **place)
            _, samples = await both(daemon)
            delay_s = value_of(samples, "output_event_delay_sample_seconds", **labels)
            age_s = value_of(samples, "output_event_delay_sample_age_seconds", **labels)
            assert delay_s is not None
            assert age_s is not None
            assert 0 <= delay_s < 60
            assert 0 <= age_s < 60


async def test_delays_are_measured_from_the_reload_on_that_asks_for_it(tmp_path):
    port, out = free_port(HOST), free_port(HOST)
    text = f"""
options {{ stats(level(LEVEL)); }};
source s {{ network(ip({HOST}) port({port})); }};
destination d {{ network("{HOST}" port({out})); }};
log {{ source(s); destination(d); }};
"""
    name = "output_event_latency_seconds_count"
    async with (
        Collector(HOST, out),
        Daemon(text.replace("LEVEL", "0"), tmp_path) as daemon,
        Sender(HOST, port) as sender,
    ):
        await sender.send(3)
        await shown(daemon, "output_events_total", 3, id="d#0", result="delivered")
        assert value_of((await both(daemon))[1], name) is None
        daemon.config.write_text("@version: 4.27\n" + text.replace("LEVEL", "2"))
        assert (await daemon.ctl("RELOAD")).startswith("OK")
        await sender.send(2)
        await shown(daemon, name, 2, id="d#0")
        await shown(daemon, "event_processing_latency_seconds_count", 2, id="s#0")


async def test_bytes_are_counted_by_every_kind_of_destination(tmp_path):
    port, out = free_port(HOST), free_port(HOST)
    text = f"""
options {{ stats(level(1)); }};
source s {{ network(ip({HOST}) port({port})); }};
destination d {{
    network("{HOST}" port({out}) template("$MSG\n"));
    file("{tmp_path}/out" template("$MSG\n"));
    program("cat >/dev/null" template("$MSG\n"));
}};
log {{ source(s); destination(d); }};
"""
    size = 5 * len("number 000000\n")
    async with (
        Collector(HOST, out),
        Daemon(text, tmp_path) as daemon,
        Sender(HOST, port) as sender,
    ):
        await sender.send(5)
        for driver in ("network", "file", "program"):
            await shown(daemon, "output_event_bytes_total", size, driver=driver)


async def test_a_batch_that_was_not_filled_in_time_is_counted(tmp_path):
    port = free_port(HOST)
    async with (
        WebServer(HOST) as server,
        Daemon(http_text(port, f'"{server.url}"'), tmp_path) as daemon,
        Sender(HOST, port) as sender,
    ):
        await sender.send(3)  # batch-lines(10)
        await shown(daemon, "output_events_total", 3, id="d#0", result="delivered")
        _, samples = await both(daemon)
        batches = value_of(samples, "output_batches_total", id="d#0")
        timed_out = value_of(samples, "output_batch_timedout_total", id="d#0")
        assert timed_out == batches


async def test_the_kernel_s_drops_of_datagrams_are_counted(tmp_path):
    port, out = free_port(HOST), free_port(HOST)
    text = f"""
options {{ stats(level(1)); }};
source s {{
    network(ip({HOST}) port({port}) transport(udp) so-rcvbuf(4096) log-iw-size(10));
}};
destination d {{ network("{HOST}" port({out}) time-reopen(60)); }};
log {{ source(s); destination(d); flags(flow-control); }};
"""
    names = (
        "socket_receive_buffer_max_bytes",
        "socket_receive_buffer_used_bytes",
        "socket_receive_dropped_packets_total",
    )
    async with Daemon(text, tmp_path) as daemon:
        labels = {"id": "s#0", "driver": "network", "transport": "udp"}
        found = dict.fromkeys(names, 0.0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            async with asyncio.timeout(30):
                while not all(found.values()):  # until the window is full, too
                    for _ in range(20):
                        sock.sendto(b"<13>Nov 21 12:00:00 h a: x" * 40, (HOST, port))
                    _, samples = await both(daemon)
                    found = {
                        name: value_of(samples, name, **labels) or 0 for name in names
                    }
    assert found["socket_receive_buffer_max_bytes"] >= 4096


async def test_what_waits_in_memory_and_the_room_on_disk_are_told(tmp_path):
    port = free_port(HOST)
    text = f"""
options {{ stats(level(1)); }};
source s {{ network(ip({HOST}) port({port})); }};
destination d {{
    network("{HOST}" port({free_port(HOST)}) time-reopen(60) template("$MSG\n")
        disk-buffer(reliable(no) capacity-bytes(10MiB) dir("{tmp_path}")));
    network("{HOST}" port({free_port(HOST)}) time-reopen(60) template("$MSG\n"));
}};
log {{ source(s); destination(d); }};
"""
    async with Daemon(text, tmp_path) as daemon, Sender(HOST, port) as sender:
        await sender.send(10)
        await shown(daemon, "memory_queue_events", 10)
        csv, samples = await both(daemon)
        allocated = value_of(samples, "events_allocated_bytes")
        assert allocated is not None
        assert allocated >= 10 * len("number 000000\n")
        row = ("global", "msg_allocated_bytes", "", "value")
        assert csv[row][1] >= 10 * len("number 000000\n")
        room = value_of(samples, "disk_queue_dir_available_bytes", dir=str(tmp_path))
        assert room is not None
        assert room > 0


async def test_internal_events_are_counted_with_their_room(tmp_path):
    text = f"""
source s {{ internal(log-fifo-size(77)); }};
source u {{ unix-stream("{tmp_path}/socket" max-connections(5)); }};
destination d {{ file("{tmp_path}/out"); }};
log {{ source(s); source(u); destination(d); }};
"""
    async with Daemon(text, tmp_path) as daemon:
        csv, samples = await both(daemon)
        assert value_of(samples, "internal_events_queue_capacity") == 77
        assert value_of(samples, "internal_events_total", result="dropped") == 0
        assert value_of(samples, "internal_events_total", result="queued") == 0
        count = value_of(samples, "internal_events_total", result="processed") or 0
        assert count >= 1
        assert csv["global", "internal_source", "", "processed"][1] >= 1
        labels = {"driver": "unix-stream", "direction": "input", "id": "u#0"}
        assert value_of(samples, "socket_max_connections", **labels) == 5
        assert value_of(samples, "socket_connections", **labels) == 0


async def test_repetitions_that_were_held_back_are_counted(tmp_path):
    port, out = free_port(HOST), free_port(HOST)
    text = f"""
source s {{ network(ip({HOST}) port({port})); }};
destination d {{ network("{HOST}" port({out}) suppress(60)); }};
destination f {{ file("{tmp_path}/out" suppress(60)); }};
log {{ source(s); destination(d); destination(f); }};
"""
    async with Daemon(text, tmp_path) as daemon:
        _, writer = await asyncio.open_connection(HOST, port)
        writer.write(5 * b"<13>Nov 21 12:00:00 h a: again\n")
        await shown(daemon, "output_events_total", 4, id="d#0", result="suppressed")
        await shown(daemon, "output_events_total", 4, id="f#0", result="suppressed")
        csv, _ = await both(daemon)
        row = ("dst.network", "d#0", f"tcp,{HOST}:{out}", "suppressed")
        assert csv[row] == ("a", 4)
        assert csv["dst.file", "f#0", f"{tmp_path}/out", "suppressed"] == ("a", 4)
        writer.close()


async def test_what_correlations_keep_and_end_is_counted(tmp_path):
    port = free_port(HOST)
    text = f"""
source s {{ network(ip({HOST}) port({port})); }};
parser p {{ group-lines(key("$HOST") timeout(3600) multi-line-mode(indented)); }};
destination d {{ file("{tmp_path}/out"); }};
log {{ source(s); parser(p); destination(d); }};
"""
    async with Daemon(text, tmp_path) as daemon:
        _, writer = await asyncio.open_connection(HOST, port)
        for line in (b"a", b" 1", b"b", b" 2", b" 3"):
            writer.write(b"<13>Nov 21 12:00:00 h p: " + line + b"\n")
        await shown(daemon, "correlation_ended_contexts_total", 1)
        await shown(daemon, "correlation_contexts", 1)
        await shown(daemon, "correlation_messages", 1)  # they are one by now
        writer.close()


async def test_databases_that_changed_are_counted(tmp_path):
    port = free_port(HOST)
    database = tmp_path / "db.xml"

    def write(pattern: str) -> None:
        database.with_suffix(".new").write_text(
            "<patterndb version='6' pub_date='2026-11-21'>"
            "<ruleset name='s' id='s'><patterns><pattern>a</pattern></patterns><rules>"
            f"<rule id='r' class='c'><patterns><pattern>{pattern}</pattern></patterns>"
            "</rule></rules></ruleset></patterndb>"
        )
        database.with_suffix(".new").replace(database)

    text = f"""
source s {{ network(ip({HOST}) port({port})); }};
parser p {{ db-parser(file("{database}")); }};
destination d {{ file("{tmp_path}/out"); }};
log {{ source(s); parser(p); destination(d); }};
"""
    name = "patterndb_reloads_total"
    write("x")
    async with Daemon(text, tmp_path) as daemon, Sender(HOST, port) as sender:
        await sender.send(1)
        for pattern, result in (("another x", "loaded"), ("@NO::", "failed")):
            write(pattern)
            async with asyncio.timeout(30):
                while not value_of((await both(daemon))[1], name, result=result):
                    await sender.send(1)
                    await asyncio.sleep(0.2)


async def test_a_file_s_rows_say_what_waits_for_it_and_what_was_dropped(tmp_path):
    port = free_port(HOST)
    blocked = tmp_path / "folder" / "out"  # there is no such folder
    text = f"""
options {{ stats(level(1)); }};
source s {{ network(ip({HOST}) port({port})); }};
destination d {{ file("{blocked}" template("$MSG\n") log-fifo-size(100) time-reopen(1)); }};
destination e {{ file("{tmp_path}/../$MSG") ; }};
log {{ source(s); destination(d); destination(e); }};
"""
    async with Daemon(text, tmp_path) as daemon, Sender(HOST, port) as sender:
        await sender.send(3)
        await shown(daemon, "output_events_total", 3, id="d#0", result="queued")
        row = ("dst.file", "d#0", str(blocked))
        csv, _ = await both(daemon)
        assert csv[*row, "memory_usage"] == ("a", 3 * len("number 000000\n"))
        assert csv[*row, "queued"] == ("a", 3)
        assert csv[*row, "dropped"] == ("a", 0)
        blocked.parent.mkdir()
        await shown(daemon, "output_events_total", 3, id="d#0", result="delivered")
        csv, _ = await both(daemon)
        assert csv[*row, "memory_usage"] == ("a", 0)
        await shown(daemon, "output_events_total", 3, id="e#0", result="dropped")
        csv, _ = await both(daemon)
        dropped = [
            value
            for (component, driver, _, kind), (_, value) in csv.items()
            if (component, driver, kind) == ("dst.file", "e#0", "dropped")
        ]
        assert sum(dropped) == 3


async def test_sums_leave_times_out_and_resets_say_what_they_did(tmp_path):
    port = free_port(HOST)
    text = f"""
source s {{ network(ip({HOST}) port({port})); }};
source i {{ internal(); }};
destination d {{ file("{tmp_path}/out"); }};
log {{ source(s); source(i); destination(d); }};
"""
    async with Daemon(text, tmp_path) as daemon, Sender(HOST, port) as sender:
        await sender.send(2)
        await shown(daemon, "ledger_events_total", 0, id="d#0", result="queued")
        csv, _ = await both(daemon)
        assert csv["src.internal", "i#0", "", "stamp"][1] > 1_700_000_000
        total = await daemon.ctl("QUERY", "GET_SUM", "src.*.stamp")
        assert total == "0\n"
        assert await daemon.ctl("QUERY", "GET_RESET", "nothing.*") == ""
        assert "reset to 0" in await daemon.ctl("QUERY", "GET_RESET", "src.internal.*")


async def test_failures_of_filterx_are_counted_by_place(tmp_path):
    port = free_port(HOST)
    text = f"""
options {{ stats(level(1)); }};
source s {{ network(ip({HOST}) port({port})); }};
destination d {{ file("{tmp_path}/out"); }};
log {{ source(s); filterx {{ x = int("no number"); }}; destination(d); }};
"""
    async with Daemon(text, tmp_path) as daemon, Sender(HOST, port) as sender:
        await sender.send(3)
        await shown(daemon, "filterx_failures_total", 3)


async def test_bytes_and_times_are_counted_by_every_kind_of_source(tmp_path):
    text = f"""
options {{ stats(level(1)); }};
source s {{ file("{tmp_path}/in"); unix-stream("{tmp_path}/socket"); }};
destination d {{ file("{tmp_path}/out"); }};
log {{ source(s); destination(d); }};
"""
    line = "<13>Nov 21 12:00:00 h a: hello\n"
    (tmp_path / "in").write_text(3 * line)
    async with Daemon(text, tmp_path) as daemon:
        _, writer = await asyncio.open_unix_connection(f"{tmp_path}/socket")
        writer.write(2 * line.encode())
        for driver, count in (("file", 3), ("unix-stream", 2)):
            await shown(daemon, "input_events_total", count, driver=driver)
            await shown(
                daemon, "input_event_bytes_total", count * len(line), driver=driver
            )
        csv, _ = await both(daemon)
        for row in (
            ("src.file", "s#0", f"{tmp_path}/in", "stamp"),
            ("src.unix-stream", "s#1", f"{tmp_path}/socket", "stamp"),
        ):
            assert csv[row][1] > 1_700_000_000
        writer.close()
