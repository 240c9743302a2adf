"""Every counter: drive the event, read the number through both formats."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import urllib.error
import urllib.request

import pytest

from helpers.collector import Collector, Sender
from helpers.daemon import Daemon, free_port
from helpers.metrics import parse_prometheus, rows_of, unbalanced, value_of

pytestmark = pytest.mark.integration

HOST = "127.0.0.1"


class Scene:
    """A daemon with a source on ``port`` and a network destination on ``out``."""

    def __init__(self) -> None:
        self.port = free_port(HOST)
        self.out = free_port(HOST, "127.0.0.2")

    def text(
        self, level: int, *, source: str = "", destination: str = "", path: str = ""
    ) -> str:
        return f"""
options {{ stats(level({level})); }};
source s_net {{ network(ip({HOST}) port({self.port}) {source}); }};
destination d_net {{ network("{HOST}" port({self.out}) time-reopen(0.2) {destination}); }};
filter f_x {{ message("x"); }};
parser p_x {{ csv-parser(columns("a", "b") delimiters(",") flags(drop-invalid)); }};
{path or "log { source(s_net); destination(d_net); };"}
"""


async def read(daemon: Daemon):
    """Return rows of the CSV and samples of Prometheus."""
    csv = rows_of(await daemon.ctl("STATS", "CSV"))
    return csv, parse_prometheus(await daemon.ctl("STATS", "PROMETHEUS"))


async def eventually(daemon: Daemon, check) -> None:
    """Wait until ``check(rows, samples)`` holds."""
    rows, samples = {}, []
    try:
        async with asyncio.timeout(30):
            while True:
                rows, samples = await read(daemon)
                if check(rows, samples):
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        lines = [f"{sample}" for sample in samples]
        raise AssertionError("\n".join(map(str, [*rows.items(), *lines]))) from None


async def test_input_events_are_counted_by_client_source_and_in_all(tmp_path):
    scene = Scene()
    async with (
        Collector(HOST, scene.out) as out,
        Daemon(scene.text(1), tmp_path) as daemon,
    ):
        async with Sender(HOST, scene.port) as sender:
            await sender.send(3)
            await out.wait_for_lines(3)
        rows, samples = await read(daemon)
    assert rows["src.network", "s_net#0", "tcp,127.0.0.1", "processed"] == ("a", 3)
    assert rows["source", "s_net", "", "processed"] == ("a", 3)
    assert rows["center", "", "received", "processed"] == ("a", 3)
    labels = {
        "address": f"{HOST}:{scene.port}",
        "driver": "network",
        "id": "s_net#0",
        "peer_address": HOST,
        "transport": "tcp",
    }
    assert value_of(samples, "input_events_total", **labels) == 3
    assert value_of(samples, "input_event_bytes_total", **labels) == 3 * len(
        "<13>Nov 21 12:00:00 h app: number 000000\n"
    )


async def test_clients_are_not_listed_at_level_0_but_their_rows_are(tmp_path):
    scene = Scene()
    async with (
        Collector(HOST, scene.out) as out,
        Daemon(scene.text(0), tmp_path) as daemon,
    ):
        async with Sender(HOST, scene.port) as sender:
            await sender.send(1)
            await out.wait_for_lines(1)
        rows, samples = await read(daemon)
    assert ("src.network", "s_net#0", "tcp,127.0.0.1", "processed") in rows
    assert value_of(samples, "input_events_total") is None


async def test_output_events_are_counted_by_result(tmp_path):
    scene = Scene()
    async with (
        Collector(HOST, scene.out) as out,
        Daemon(scene.text(0), tmp_path) as daemon,
    ):
        async with Sender(HOST, scene.port) as sender:
            await sender.send(4)
            await out.wait_for_lines(4)
        instance = f"tcp,{HOST}:{scene.out}"
        await eventually(
            daemon,
            lambda rows, _: (
                rows["dst.network", "d_net#0", instance, "written"] == ("a", 4)
            ),
        )
        rows, samples = await read(daemon)
    assert rows["dst.network", "d_net#0", instance, "processed"] == ("a", 4)
    assert rows["dst.network", "d_net#0", instance, "dropped"] == ("a", 0)
    assert rows["dst.network", "d_net#0", instance, "queued"] == ("a", 0)
    assert rows["destination", "d_net", "", "processed"] == ("a", 4)
    assert rows["center", "", "queued", "processed"] == ("a", 4)
    labels = {
        "address": f"{HOST}:{scene.out}",
        "driver": "network",
        "id": "d_net#0",
        "transport": "tcp",
    }
    for result, count in {"delivered": 4, "dropped": 0, "queued": 0}.items():
        assert (
            value_of(samples, "output_events_total", **labels, result=result) == count
        )
    assert value_of(samples, "output_unreachable", **labels) == 0
    assert value_of(samples, "memory_queue_events", **labels) == 0
    assert value_of(samples, "memory_queue_processed_events_total", **labels) == 4
    assert value_of(samples, "memory_queue_capacity", **labels) == 10_000
    assert value_of(samples, "memory_queue_memory_usage_bytes", **labels) == 0
    assert unbalanced(samples) == []


async def test_a_dead_server_shows_as_unreachable_queued_and_dropped(tmp_path):
    scene = Scene()
    text = scene.text(0, destination="log-fifo-size(5)")
    async with Daemon(text, tmp_path) as daemon:
        async with Sender(HOST, scene.port) as sender:
            await sender.send(8)
        instance = f"tcp,{HOST}:{scene.out}"
        await eventually(
            daemon,
            lambda rows, _: (
                rows["dst.network", "d_net#0", instance, "dropped"] == ("a", 3)
            ),
        )
        rows, samples = await read(daemon)
        line = await daemon.wait_for("Destination queue full, dropping messages")
        assert "driver='d_net#0', count='3', queue_len='5'" in line
    assert rows["dst.network", "d_net#0", instance, "queued"] == ("a", 5)
    assert rows["dst.network", "d_net#0", instance, "processed"] == ("a", 8)
    assert value_of(samples, "output_unreachable", id="d_net#0") == 1
    assert value_of(samples, "output_events_total", id="d_net#0", result="queued") == 5
    assert value_of(samples, "output_events_total", id="d_net#0", result="dropped") == 3
    assert (
        value_of(samples, "ledger_events_total", id="d_net#0", result="rejected") == 3
    )
    assert unbalanced(samples) == []


async def test_servers_have_series_of_their_own(tmp_path):
    scene = Scene()
    text = scene.text(
        0,
        destination='failover(servers("127.0.0.2")'
        " failback(tcp-probe-interval(1) successful-probes-required(1)))",
    )
    async with (
        Collector("127.0.0.2", scene.out) as backup,
        Daemon(text, tmp_path) as daemon,
        Sender(HOST, scene.port) as sender,
    ):
        await sender.send(1)
        await backup.wait_for_lines(1)
        await eventually(
            daemon,
            lambda _, samples: (
                (
                    value_of(
                        samples,
                        "output_server_probes_total",
                        server=HOST,
                        result="bad",
                    )
                    or 0
                )
                > 0
            ),
        )
        _, samples = await read(daemon)
        assert value_of(samples, "output_server_active", server="127.0.0.2") == 1
        assert value_of(samples, "output_server_active", server=HOST) == 0
        assert value_of(samples, "output_server_up", server="127.0.0.2") == 1
        assert value_of(samples, "output_server_failures_total", server=HOST) >= 1
        assert (
            value_of(samples, "output_server_connections_total", server="127.0.0.2")
            == 1
        )
        assert value_of(samples, "output_server_state_seconds", server=HOST) >= 0
        async with Collector(HOST, scene.out) as primary:
            await primary.wait_for_connections(1)
            await daemon.wait_for("switched to another server")
            await eventually(
                daemon,
                lambda _, samples: (
                    value_of(samples, "output_server_switches_total") == 1
                    and value_of(samples, "output_server_active", server=HOST) == 1
                    and (
                        value_of(
                            samples,
                            "output_server_probes_total",
                            server=HOST,
                            result="good",
                        )
                        or 0
                    )
                    >= 1
                ),
            )


async def test_what_a_broken_connection_had_under_way_is_counted(tmp_path):
    scene = Scene()
    async with Collector(HOST, scene.out) as out:
        text = scene.text(0, destination="so-sndbuf(8192)")
        async with (
            Daemon(text, tmp_path) as daemon,
            Sender(HOST, scene.port) as sender,
        ):
            await sender.send(1)
            await out.wait_for_lines(1)
            out.freeze()
            padding = b"x" * 60_000
            for _ in range(400):  # more than all buffers on the way hold
                await sender.send_raw(b"<13>Nov 21 12:00:00 h a: " + padding + b"\n")
            await eventually(
                daemon,
                lambda _, samples: (
                    value_of(samples, "output_in_flight_events", id="d_net#0") > 0
                ),
            )
            await out.stop(reset=True)
            await eventually(
                daemon,
                lambda _, samples: value_of(samples, "output_unacked_events_total") > 0,
            )
            _, samples = await read(daemon)
            assert unbalanced(samples) == []


async def test_filters_parsers_and_named_paths_count(tmp_path):
    scene = Scene()
    path = """
log main {
    source(s_net); filter(f_x); parser(p_x); destination(d_net);
};
"""
    async with (
        Collector(HOST, scene.out) as out,
        Daemon(scene.text(1, path=path), tmp_path) as daemon,
    ):
        rows, samples = await read(daemon)
        for name in ("route_ingress_total", "route_egress_total"):
            assert value_of(samples, name, id="main") == 0  # from the start
        async with Sender(HOST, scene.port) as sender:
            for text in ("x,1", "x,2", "x", "y"):
                await sender.send_raw(f"<13>Nov 21 12:00:00 h a: {text}\n".encode())
            await out.wait_for_lines(2)
        rows, samples = await read(daemon)
    assert rows["filter", "f_x", "", "matched"] == ("a", 3)
    assert rows["filter", "f_x", "", "not_matched"] == ("a", 1)
    assert rows["parser", "p_x", "", "processed"] == ("a", 2)
    assert rows["parser", "p_x", "", "discarded"] == ("a", 1)
    assert value_of(samples, "filtered_events_total", id="f_x", result="matched") == 3
    assert (
        value_of(samples, "filtered_events_total", id="f_x", result="not_matched") == 1
    )
    assert value_of(samples, "parsed_events_total", id="p_x", result="processed") == 2
    assert value_of(samples, "parsed_events_total", id="p_x", result="discarded") == 1
    assert value_of(samples, "route_ingress_total", id="main") == 4
    assert value_of(samples, "route_egress_total", id="main") == 2


async def test_files_have_rows_from_their_first_message_on(tmp_path):
    scene = Scene()
    path = f"""
destination d_file {{ file("{tmp_path}/$PROGRAM.log"); }};
log {{ source(s_net); destination(d_file); }};
"""
    async with Daemon(scene.text(1, path=path), tmp_path) as daemon:
        rows, _ = await read(daemon)
        assert not any(row[0] == "dst.file" for row in rows)
        async with Sender(HOST, scene.port) as sender:
            await sender.send(2)
            instance = f"{tmp_path}/app.log"
            await eventually(
                daemon,
                lambda rows, _: (
                    rows.get(("dst.file", "d_file#0", instance, "written")) == ("a", 2)
                ),
            )
        rows, samples = await read(daemon)
    assert rows["dst.file", "d_file#0", instance, "processed"] == ("a", 2)
    assert rows["dst.file", "d_file#0", instance, "queued"] == ("a", 0)
    labels = {"driver": "file", "filename": instance, "result": "delivered"}
    assert value_of(samples, "output_events_total", **labels) == 2
    assert unbalanced(samples) == []


async def test_connections_and_refusals_count(tmp_path):
    scene = Scene()
    async with (
        Daemon(scene.text(0, source="max-connections(1)"), tmp_path) as daemon,
        Sender(HOST, scene.port),
    ):
        await daemon.wait_for("connection accepted")
        reader, writer = await asyncio.open_connection(HOST, scene.port)
        assert await reader.read() == b""
        writer.close()
        rows, samples = await read(daemon)
    labels = {"direction": "input", "id": "s_net#0"}
    assert value_of(samples, "socket_connections", **labels) == 1
    assert value_of(samples, "socket_max_connections", **labels) == 1
    assert value_of(samples, "socket_rejected_connections_total", **labels) == 1
    instance = f"afsocket_sd.(stream,AF_INET({HOST}:{scene.port}))"
    assert rows["src.network", "s_net", instance, "connections"] == ("a", 1)


async def test_windows_show_at_level_4_for_open_connections(tmp_path):
    scene = Scene()
    path = "log { source(s_net); destination(d_net); flags(flow-control); };"
    text = scene.text(4, source="log-iw-size(1000)", path=path)
    async with Daemon(text, tmp_path) as daemon:
        async with Sender(HOST, scene.port) as sender:
            await sender.send(7)  # nobody takes them
            await eventually(
                daemon,
                lambda _, samples: (
                    value_of(samples, "input_window_available", id="s_net#0") == 93
                ),
            )
            _, samples = await read(daemon)
            assert value_of(samples, "input_window_capacity", id="s_net#0") == 100
            await sender.send(200)
            await eventually(
                daemon,
                lambda _, samples: (
                    (value_of(samples, "input_window_full_total") or 0) >= 1
                ),
            )
        await daemon.ctl("LOG", "LEVEL", "DEFAULT")


async def test_windows_of_closed_connections_go(tmp_path):
    scene = Scene()
    async with Daemon(scene.text(4), tmp_path) as daemon:
        async with Sender(HOST, scene.port):
            await eventually(
                daemon,
                lambda _, samples: value_of(samples, "input_window_capacity") == 100,
            )
        await eventually(
            daemon,
            lambda _, samples: value_of(samples, "input_window_capacity") is None,
        )


async def test_bad_framing_is_a_transport_error(tmp_path):
    port = free_port(HOST)
    text = f"""
source s {{ syslog(ip({HOST}) port({port}) transport(tcp)); }};
destination d {{ file("{tmp_path}/out"); }};
log {{ source(s); destination(d); }};
"""
    async with Daemon(text, tmp_path) as daemon:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"INVALID_FRAME\n")
        assert await reader.read() == b""
        writer.close()
        _, samples = await read(daemon)
    name = "input_transport_errors_total"
    assert value_of(samples, name, reason="invalid-frame-header", id="s#0") == 1


async def test_datagrams_count_by_sender(tmp_path):
    port = free_port(HOST)
    text = f"""
options {{ stats(level(1)); }};
source s {{ network(ip({HOST}) port({port}) transport(udp)); }};
destination d {{ file("{tmp_path}/out"); }};
log {{ source(s); destination(d); }};
"""
    async with Daemon(text, tmp_path) as daemon:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _ in range(3):
                sock.sendto(b"<13>Nov 21 12:00:00 h a: x", (HOST, port))
        await eventually(
            daemon,
            lambda rows, _: (
                rows.get(("src.network", "s#0", "udp,127.0.0.1", "processed"))
                == ("a", 3)
            ),
        )


@pytest.mark.parametrize(
    ("stats", "expected"),
    [
        ("level(1)", set()),
        ("level(2)", {"src.host"}),
        (
            "level(3)",
            {"src.host", "src.program", "src.sender", "severity", "facility"},
        ),
        ("level(3) syslog-stats(no)", set()),
        (
            "level(0) syslog-stats(yes)",
            {"src.host", "src.program", "src.sender", "severity", "facility"},
        ),
    ],
)
async def test_messages_are_counted_by_host_and_more_from_level_2_on(
    tmp_path, stats, expected
):
    scene = Scene()
    text = scene.text(0, source="keep-hostname(yes)").replace("level(0)", stats)
    async with Collector(HOST, scene.out) as out, Daemon(text, tmp_path) as daemon:
        async with Sender(HOST, scene.port) as sender:
            await sender.send(3)
            await out.wait_for_lines(3)
        rows, _ = await read(daemon)
    components = {"src.host", "src.program", "src.sender", "severity", "facility"}
    assert {row[0] for row in rows} & components == expected
    if "src.host" in expected:
        assert rows["src.host", "", "h", "processed"] == ("d", 3)
        assert rows["src.host", "", "h", "stamp"][1] > 1_600_000_000
    if "severity" in expected:
        assert rows["severity", "", "5", "processed"] == ("a", 3)
        assert rows["facility", "", "1", "processed"] == ("a", 3)
        assert rows["src.program", "", "app", "processed"] == ("d", 3)


async def test_sources_without_clients_have_a_row_of_their_own(tmp_path):
    text = f"""
source s_int {{ internal(); }};
source s_gen {{ example-msg-generator(num(2) template("x")); }};
destination d {{ file("{tmp_path}/out"); }};
log {{ source(s_int); source(s_gen); destination(d); }};
"""
    async with Daemon(text, tmp_path) as daemon:
        await eventually(
            daemon,
            lambda rows, _: (
                rows["src.internal", "s_int#0", "", "processed"][1] >= 1
                and rows["src.example-msg-generator", "s_gen#0", "", "processed"]
                == ("a", 2)
            ),
        )


async def test_metrics_probe_makes_series_with_exactly_its_labels(tmp_path):
    scene = Scene()
    path = """
log {
    source(s_net);
    parser { metrics-probe(key("my_probe") labels("app" => "$PROGRAM")); };
    destination(d_net);
};
"""
    async with (
        Collector(HOST, scene.out) as out,
        Daemon(scene.text(0, path=path), tmp_path) as daemon,
    ):
        async with Sender(HOST, scene.port) as sender:
            await sender.send(2)
            await out.wait_for_lines(2)
        text = await daemon.ctl("STATS", "PROMETHEUS")
    assert 'syslogng_my_probe{app="app"} 2' in text.splitlines()


async def test_max_dynamics_bounds_what_the_data_can_make(tmp_path):
    scene = Scene()
    path = """
log {
    source(s_net);
    parser { metrics-probe(key("my_probe") labels("n" => "$MSG")); };
    destination(d_net);
};
"""
    text = scene.text(0, path=path).replace("level(0)", "level(0) max-dynamics(3)")
    async with Collector(HOST, scene.out) as out, Daemon(text, tmp_path) as daemon:
        async with Sender(HOST, scene.port) as sender:
            await sender.send(10)
            await out.wait_for_lines(10)
        _, samples = await read(daemon)
    assert len([item for item in samples if item.name == "my_probe"]) == 3


async def test_a_reset_starts_counters_anew_and_leaves_gauges_and_sums(tmp_path):
    scene = Scene()
    async with (
        Daemon(scene.text(1), tmp_path) as daemon,
        Sender(HOST, scene.port) as sender,
    ):
        await sender.send(5)
        await eventually(
            daemon,
            lambda rows, _: rows["source", "s_net", "", "processed"] == ("a", 5),
        )
        assert "reset to 0" in await daemon.ctl("RESET_STATS")
        rows, samples = await read(daemon)
        assert rows["source", "s_net", "", "processed"] == ("a", 0)
        queued = value_of(samples, "output_events_total", id="d_net#0", result="queued")
        assert queued == 5  # they wait, whatever is reset
        await sender.send(1)
        await eventually(
            daemon,
            lambda rows, _: rows["source", "s_net", "", "processed"] == ("a", 1),
        )


async def test_queries_sum_and_reset_what_a_glob_chooses(tmp_path):
    scene = Scene()
    async with (
        Collector(HOST, scene.out) as out,
        Daemon(scene.text(0), tmp_path) as daemon,
    ):
        async with Sender(HOST, scene.port) as sender:
            await sender.send(2)
            await out.wait_for_lines(2)
        assert await daemon.ctl("QUERY", "GET", "source.*") == (
            "source.s_net.processed=2\n"
        )
        assert await daemon.ctl("QUERY", "GET_SUM", "source.*") == "2\n"
        assert await daemon.ctl("QUERY", "GET_SUM", "nothing") == ""
        answer = await daemon.ctl("QUERY", "GET_RESET", "source.*")
        assert answer.startswith("source.s_net.processed=2\n")
        assert answer.endswith(
            "The selected counters of syslog-ng have been reset to 0.\n"
        )
        assert await daemon.ctl("QUERY", "GET", "source.*") == (
            "source.s_net.processed=0\n"
        )
        assert "destination.d_net.processed=2" in await daemon.ctl(
            "QUERY", "GET", "destination.*"
        )


async def test_statistics_are_logged_at_their_frequency(tmp_path):
    scene = Scene()
    text = scene.text(0).replace("level(0)", "level(0) freq(1)")
    async with Daemon(text, tmp_path, "-v") as daemon:
        line = await daemon.wait_for("Log statistics")
    assert "processed='source(s_net)=0'" in line


async def test_the_health_of_the_event_loop_is_measured_at_its_frequency(tmp_path):
    text = Scene().text(0).replace("level(0)", "level(0) healthcheck-freq(0.1)")
    async with Daemon(text, tmp_path) as daemon:
        await eventually(
            daemon,
            lambda _, samples: (
                0 <= (value_of(samples, "io_worker_latency_seconds") or -1) < 5
            ),
        )


async def test_the_metrics_page_serves_prometheus(tmp_path):
    scene = Scene()
    page = free_port(HOST)
    text = scene.text(1) + f"options {{ metrics-page(ip({HOST}) port({page})); }};"
    async with Daemon(text, tmp_path) as daemon:
        await daemon.wait_for(
            f"Metrics page opened; url='http://{HOST}:{page}/metrics'"
        )

        def fetch() -> tuple[str, str]:
            url = f"http://{HOST}:{page}/metrics"
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.headers["Content-Type"], answer.read().decode()

        kind, body = await asyncio.to_thread(fetch)
        assert kind.startswith("text/plain; version=0.0.4")
        assert "# TYPE syslogng_socket_connections gauge" in body.splitlines()
        assert value_of(parse_prometheus(body), "socket_connections") == 0
        daemon.config.write_text("@version: 4.27\n" + scene.text(1))
        assert (await daemon.ctl("RELOAD")).startswith("OK")
        with pytest.raises(OSError, match="refused"):
            await asyncio.to_thread(fetch)


async def test_the_page_of_several_workers_shows_them_all(tmp_path):
    scene = Scene()
    page = free_port(HOST)
    text = scene.text(1) + f"options {{ metrics-page(ip({HOST}) port({page})); }};"
    async with (
        Collector(HOST, scene.out) as out,
        Daemon(text, tmp_path, "--processes", "2"),
    ):
        senders = [Sender(HOST, scene.port) for _ in range(6)]
        for sender in senders:
            async with sender:
                await sender.send(1)
        await out.wait_for_lines(6)

        def fetch() -> str:
            url = f"http://{HOST}:{page}/metrics"
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read().decode()

        samples = []
        async with asyncio.timeout(30):
            while not samples:  # 503 until the last worker answers
                with contextlib.suppress(urllib.error.HTTPError):
                    samples = parse_prometheus(await asyncio.to_thread(fetch))
    assert value_of(samples, "input_events_total", id="s_net#0") == 6


async def test_legacy_rows_can_be_had_in_prometheus_form(tmp_path):
    async with Daemon(Scene().text(0), tmp_path) as daemon:
        plain = await daemon.ctl("STATS", "PROMETHEUS")
        full = await daemon.ctl("STATS", "PROMETHEUS", "WITH_LEGACY")
    assert "syslogng_source_processed" not in plain
    assert 'syslogng_source_processed{id="s_net",stat_instance=""} 0' in full


async def legacy_value(daemon: Daemon, *row: str) -> dict[str, float]:
    """Return the types of a CSV row that only it has, equal in both formats."""
    rows = rows_of(await daemon.ctl("STATS", "CSV"))
    found = {key[3]: value[1] for key, value in rows.items() if key[:3] == row}
    samples = parse_prometheus(await daemon.ctl("STATS", "PROMETHEUS", "WITH_LEGACY"))
    component = row[0].replace(".", "_").replace("-", "_")
    for kind, value in found.items():
        labels = {"id": row[1], "stat_instance": row[2]}
        shown = value_of(samples, f"{component}_{kind}", **labels)
        assert shown is None or shown == value or kind.startswith("eps")
    return found


async def test_sizes_rates_and_cuts_have_the_rows_of_the_reference(tmp_path):
    scene = Scene()
    more = f"""
destination d_file {{ file("{tmp_path}/out.log" truncate-size(30)); }};
destination d_cut {{
    network("{HOST}" port({scene.out}) persist-name("cut") truncate-size(20));
}};
log {{ source(s_net); destination(d_net); }};
log {{ source(s_net); destination(d_file); destination(d_cut); }};
"""
    async with (
        Collector(HOST, scene.out) as out,
        Daemon(scene.text(1, path=more), tmp_path) as daemon,
    ):
        lines = [b"<13>Nov 21 12:00:00 h app: " + b"x" * size for size in (3, 8)]
        async with Sender(HOST, scene.port) as sender:
            for line in lines:
                await sender.send_raw(line + b"\n")
            await out.wait_for_lines(2)
            path = tmp_path / "out.log"
            async with asyncio.timeout(30):
                while not path.exists() or path.stat().st_size < 60:
                    await asyncio.sleep(0.02)
        source = await legacy_value(daemon, "src.network", "s_net#0", f"tcp,{HOST}")
        sent = await legacy_value(
            daemon, "dst.network", "d_net#0", f"tcp,{HOST}:{scene.out}"
        )
        cut = await legacy_value(
            daemon, "dst.network", "d_cut#0", f"tcp,{HOST}:{scene.out}"
        )
        written = await legacy_value(daemon, "dst.file", "d_file#0", str(path))
        assert (source["msg_size_max"], source["msg_size_avg"]) == (35, 32)
        # The host is ours: the name of the sender's address.
        assert sent["msg_size_max"] - sent["msg_size_avg"] == 3
        assert (sent["truncated_count"], sent["truncated_bytes"]) == (0, 0)
        assert (cut["msg_size_max"], cut["truncated_count"]) == (20, 2)
        assert cut["truncated_bytes"] == 2 * sent["msg_size_max"] - 5 - 2 * 20
        assert (written["msg_size_max"], written["truncated_count"]) == (30, 2)
        assert written["truncated_bytes"] > 0
        for row in (source, sent, written):
            assert {"eps_last_1h", "eps_last_24h", "eps_since_start"} <= row.keys()


async def test_latency_of_acknowledgements_is_told_by_server(tmp_path):
    scene = Scene()
    async with (
        Collector(HOST, scene.out) as out,
        Daemon(scene.text(0), tmp_path) as daemon,
    ):
        async with Sender(HOST, scene.port) as sender:
            await sender.send(10)
            await out.wait_for_lines(10)
        shown = {}

        def is_measured(_, samples) -> bool:
            for share in ("0.5", "0.9", "0.99"):
                shown[share] = value_of(
                    samples,
                    "output_server_ack_latency_seconds",
                    server=HOST,
                    quantile=share,
                )
            return all(shown.values())

        await eventually(daemon, is_measured)
    assert 0 < shown["0.5"] <= shown["0.9"] <= shown["0.99"] < 5
