"""The drop-in contract, line by line: what scripts written for syslog-ng rely on."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import tempfile
import time
from pathlib import Path

import pytest

from helpers.daemon import free_port
from helpers.drop_in import DropIn

pytestmark = pytest.mark.integration

FILE_ONLY = """
options {{ stats(level(1)); }};
source s {{ network(ip(127.0.0.1) port({port}){source_options}); }};
filter f_x {{ message("x"); }};
parser p_x {{ csv-parser(columns("a", "b") delimiters(",")); }};
destination d_local {{ file("out.log"); }};
log {{ source(s); destination(d_local); }};
log {{ source(s); filter(f_x); parser(p_x); destination(d_local); }};
"""


def file_only(port: int, source_options: str = "") -> str:
    return FILE_ONLY.format(port=port, source_options=source_options)


@pytest.fixture
def drop_in(tmp_path):
    (tmp_path / "run").mkdir()
    programs = DropIn(tmp_path / "programs", tmp_path / "run")
    yield programs
    programs.end()


@pytest.fixture
def port() -> int:
    return free_port("127.0.0.1")


def send(port: int, *messages: str) -> None:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        for message in messages:
            sock.sendall(f"<13>Nov 21 12:00:00 h app: {message}\n".encode())


# -- syslog-ng: calls ---------------------------------------------------------------


def test_version_needs_no_configuration(drop_in):
    result = drop_in.run("sbin/syslog-ng", "--version", "--cfgfile=/nowhere")
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert "Config version: 4.27" in lines
    assert "Enable-Filterx-Jit: off" in lines
    assert result.stderr == ""


def test_syntax_only_accepts_a_good_configuration_and_touches_nothing(drop_in, port):
    drop_in.configure(file_only(port))
    with socket.create_server(("127.0.0.1", port)):  # binding would fail
        result = drop_in.run(
            *("sbin/syslog-ng", "--syntax-only", "--cfgfile=a.conf"),
            *("--persist-file=a.persist", "--control=ctl", "--pidfile=a.pid"),
        )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert [path.name for path in drop_in.folder.iterdir()] == ["a.conf"]


def test_syntax_only_fails_with_1_for_a_bad_configuration(drop_in):
    drop_in.configure("source s { nonsense(); };\n")
    result = drop_in.run("sbin/syslog-ng", "-s", "-f", "a.conf", "-R", "a.persist")
    assert result.returncode == 1
    assert "a.conf:2:" in result.stderr
    assert "starting up" not in result.stderr


def test_preprocess_into_writes_the_expanded_configuration(drop_in, port):
    drop_in.configure("@define which 127.0.0.1\n" + file_only(port))
    (drop_in.folder / "a.conf").write_text(
        (drop_in.folder / "a.conf").read_text().replace("ip(127.0.0.1)", "ip(`which`)")
    )
    result = drop_in.run(
        "sbin/syslog-ng", "--cfgfile", "a.conf", "--preprocess-into=expanded.conf"
    )
    assert result.returncode == 0
    path = drop_in.folder / "expanded.conf"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    expanded = path.read_text()
    assert "127.0.0.1" in expanded
    assert "`which`" not in expanded


def test_runs_in_the_foreground_and_exits_with_0_after_stop(drop_in, port):
    drop_in.start(file_only(port))
    assert (drop_in.folder / "a.pid").read_text() == f"{drop_in.process.pid}\n"
    assert drop_in.stop() == 0
    assert not (drop_in.folder / "a.pid").exists()
    assert not (drop_in.folder / "ctl").exists()


def test_goes_into_the_background_without_foreground(drop_in, port):
    drop_in.configure(file_only(port))
    result = drop_in.run(
        *("sbin/syslog-ng", "-fa.conf", "-Ra.persist", "-pa.pid", "-c", "ctl"),
    )
    assert result.returncode == 0
    assert drop_in.ctl("stats").returncode == 0  # at once: it runs already
    assert drop_in.ctl("stop").returncode == 0


def test_the_background_reports_what_cannot_start(drop_in, port):
    drop_in.configure(file_only(port))
    with socket.create_server(("127.0.0.1", port)):
        result = drop_in.run(
            *("sbin/syslog-ng", "-fa.conf", "-Ra.persist", "-pa.pid", "-cctl"),
        )
    assert result.returncode == 2
    assert str(port) in result.stderr


@pytest.mark.parametrize("value", ["joined", "separate"])
def test_takes_all_options_of_the_original(drop_in, port, value):
    drop_in.configure(file_only(port))
    named = {
        "--cfgfile": "a.conf",
        "--persist-file": "a.persist",
        "--pidfile": "a.pid",
        "--control": "ctl",
        "--worker-threads": "4",
    }
    options = []
    for name, argument in named.items():
        options += [f"{name}={argument}"] if value == "joined" else [name, argument]
    result = drop_in.run(
        *("sbin/syslog-ng", *options, "--foreground", "--no-caps", "--enable-core"),
        *("--stderr", "--debug", "--trace", "--verbose", "--startup-debug"),
        "--check-startup",
    )
    assert result.returncode == 0, result.stderr
    short = drop_in.run(
        *("sbin/syslog-ng", "-f", "a.conf", "-R", "a.persist", "-p", "a.pid"),
        *("-c", "ctl", "-Fdtve", "--check-startup"),
    )
    assert short.returncode == 0, short.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may confine itself")
def test_a_chroot_is_entered_before_anything_is_read(drop_in, port):
    with tempfile.TemporaryDirectory(prefix="ferry-", dir="/tmp") as jail:
        text = "@version: 4.27\n" + file_only(port).replace("out.log", "/out.log")
        (Path(jail) / "a.conf").write_text(text)
        result = drop_in.run(
            *("sbin/syslog-ng", "-F", "-C", jail, "-f/a.conf", "-R/a.persist"),
            *("-p/a.pid", "-c/ctl", "--check-startup"),
        )
        assert result.returncode == 0, result.stderr
        assert (Path(jail) / "a.persist").exists()


def test_an_unknown_option_is_an_error(drop_in):
    result = drop_in.run("sbin/syslog-ng", "--nonsense")
    assert result.returncode == 1
    assert "--nonsense" in result.stderr


def test_paths_stay_relative_to_a_directory_that_never_changes(drop_in, port):
    drop_in.start(file_only(port))
    send(port, "hello")
    drop_in.wait((drop_in.folder / "out.log").exists, "the file")
    cwd = f"/proc/{drop_in.process.pid}/cwd"
    assert drop_in.folder.samefile(cwd)
    assert drop_in.stop() == 0


def test_a_stale_control_socket_is_replaced(drop_in, port):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(drop_in.folder / "ctl"))
    drop_in.start(file_only(port))
    assert drop_in.stop() == 0


def test_ports_can_be_had_again_at_once_after_a_stop(drop_in, port):
    for _ in range(3):
        drop_in.start(file_only(port))
        send(port, "hello")
        drop_in.wait_for_log("Syslog connection accepted")
        assert drop_in.stop() == 0


def test_the_option_filterx_jit_is_accepted(drop_in, port):
    drop_in.configure("options { filterx-jit(no); };" + file_only(port))
    result = drop_in.run("sbin/syslog-ng", "--syntax-only", "--cfgfile=a.conf")
    assert result.returncode == 0


def test_two_daemons_never_share_a_persist_file(drop_in, port):
    drop_in.start(file_only(port))
    second = drop_in.run(
        *("sbin/syslog-ng", "-F", "-fa.conf", "-Ra.persist", "-pb.pid", "-cb.ctl"),
    )
    assert second.returncode == 2
    assert str(drop_in.process.pid) in second.stderr
    assert drop_in.stop() == 0


# -- syslog-ng: console log ---------------------------------------------------------


def test_console_lines_have_the_form_of_the_original(drop_in, port):
    drop_in.start(file_only(port))
    send(port, "hello")
    drop_in.wait_for_log("Syslog connection accepted")
    drop_in.stop()
    stamp = r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\] "
    for line in drop_in.log.splitlines():
        assert re.fullmatch(
            stamp + r"[^;]+;( [\w-]+='[^']*'(, [\w-]+='[^']*')*)?", line
        )
    assert "] syslog-ng starting up;" in drop_in.log
    assert "] syslog-ng shutting down;" in drop_in.log
    accepted = re.search("Syslog connection accepted; (.*)", drop_in.log)
    assert accepted is not None
    assert re.fullmatch(
        rf"fd='\d+', client='AF_INET\(127\.0\.0\.1:\d+\)', "
        rf"local='AF_INET\(127\.0\.0\.1:{port}\)'",
        accepted[1],
    )


def test_a_reload_says_so_on_the_console(drop_in, port):
    drop_in.start(file_only(port))
    drop_in.process.send_signal(signal.SIGHUP)
    drop_in.wait_for_log("Configuration reload finished")
    texts = re.findall(r"\] ([^;]+);", drop_in.log)
    first = texts.index(
        "Configuration reload request received, reloading configuration"
    )
    assert texts[first + 1 : first + 3] == [
        "New configuration initialized",
        "Configuration reload finished",
    ]
    assert drop_in.stop() == 0


def test_too_many_clients_are_reported(drop_in, port):
    drop_in.start(file_only(port, " max-connections(1)"))
    with socket.create_connection(("127.0.0.1", port)):
        drop_in.wait_for_log("Syslog connection accepted")
        with socket.create_connection(("127.0.0.1", port)) as second:
            assert second.recv(1) == b""
        drop_in.wait_for_log(
            "Number of allowed concurrent connections reached, rejecting connection"
        )
    assert drop_in.stop() == 0


def test_a_bad_octet_count_is_reported_with_its_first_ten_bytes(drop_in, port):
    text = file_only(port).replace("network(", "syslog(transport(tcp) ")
    drop_in.start(text)
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"INVALID_FRAME_HEADER\n")
        drop_in.wait_for_log("Invalid frame header; header='INVALID_FR'")
    prometheus = drop_in.ctl("stats", "prometheus").stdout
    assert re.search(
        r'syslogng_input_transport_errors_total{[^}]*reason="invalid-frame-header"[^}]*} 1',
        prometheus,
    )
    assert drop_in.stop() == 0


# -- syslog-ng-ctl ------------------------------------------------------------------


@pytest.fixture
def running(drop_in, port):
    drop_in.start(file_only(port))
    yield drop_in
    assert drop_in.stop() == 0


def test_control_may_stand_before_or_after_the_command(running):
    for words in (
        ("--control=ctl", "stats"),
        ("stats", "--control=ctl"),
        ("--control", "ctl", "stats"),
        ("stats", "-c", "ctl"),
    ):
        assert running.run("sbin/syslog-ng-ctl", *words).returncode == 0, words


def test_ctl_fails_when_nobody_listens(drop_in):
    result = drop_in.ctl("stats")
    assert result.returncode != 0
    assert result.stdout == ""
    assert "ctl" in result.stderr


def test_csv_has_the_header_and_rows_of_the_original(running, port):
    assert "dst.file" not in running.ctl("stats").stdout  # no row before a message
    send(port, "x,1", "y,2", "x,3")
    running.wait(
        lambda: "dst.file;d_local#0;out.log;a;written;5" in running.ctl("stats").stdout,
        "five lines in the file",
    )
    rows = running.ctl("stats").stdout.splitlines()
    assert rows[0] == "SourceName;SourceId;SourceInstance;State;Type;Number"
    for row in (
        "dst.file;d_local#0;out.log;a;processed;5",
        "src.network;s#0;tcp,127.0.0.1;a;processed;3",
        "source;s;;a;processed;3",
        "destination;d_local;;a;processed;5",
        "center;;received;a;processed;3",
        "center;;queued;a;processed;5",
    ):
        assert row in rows, rows


def test_reload_answers_when_the_new_configuration_runs(running, port):
    other = free_port("127.0.0.1")
    running.configure(file_only(other))
    result = running.ctl("reload")
    assert (result.returncode, result.stdout) == (0, "Config reload successful\n")
    send(other, "hello")  # listening already


def test_a_failed_reload_keeps_the_old_configuration(running, port):
    running.configure("nonsense")
    result = running.ctl("reload")
    assert result.returncode == 1
    assert result.stdout == "Config reload failed, reverted to previous config\n"
    send(port, "hello")


def test_the_control_socket_is_for_its_owner_only(running):
    mode = (running.folder / "ctl").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("reopen",), "Re-open of log destination files initiated\n"),
        (("log-level",), "syslog-ng log level set to 0\n"),
        (("log-level", "trace"), "syslog-ng log level set to 3\n"),
        (("verbose", "--set=on"), "VERBOSE=1\n"),
        (("config", "--verify"), "Configuration file matches active configuration\n"),
        (("stats", "--reset"), "The statistics of syslog-ng have been reset to 0.\n"),
        (("stats", "--remove-orphans"), "Orphaned statistics have been removed.\n"),
        (("query", "get", "nothing"), ""),
    ],
)
def test_commands_answer_as_the_original(running, words, answer):
    result = running.ctl(*words)
    assert (result.returncode, result.stdout) == (0, answer)


def test_config_prints_what_runs(running):
    assert running.ctl("config").stdout == (running.folder / "a.conf").read_text()
    assert "network" in running.ctl("config", "--preprocessed").stdout
    assert re.fullmatch(r"[0-9a-f]{64}\n", running.ctl("config", "--id").stdout)
    running.configure("# changed\n")
    assert running.ctl("config", "--verify").returncode == 1


def test_query_knows_globs(running, port):
    send(port, "x,1")
    wanted = "parser.p_x.processed=1\n"
    running.configure("options { stats(level(1)); };" + file_only(port))
    running.ctl("reload")
    send(port, "x,1")
    running.wait(
        lambda: (
            "parser.p_x.processed=" in running.ctl("query", "get", "*parser.*").stdout
        ),
        wanted,
    )
    assert "parser.p_x.processed\n" in running.ctl("query", "list", "*").stdout


def test_an_unknown_command_closes_the_connection(running):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(_short(running))
        sock.sendall(b"NONSENSE\n")
        assert sock.recv(10) == b""


def _short(running) -> str:
    """Return a path of the control socket that is short enough for any folder."""
    return f"/proc/{running.process.pid}/cwd/ctl"


def test_healthcheck_prints_metrics(running):
    result = running.ctl("healthcheck")
    assert result.returncode == 0
    assert re.search(
        r"^syslogng_io_worker_latency_seconds \S+$", result.stdout, re.MULTILINE
    )


# -- the tools ----------------------------------------------------------------------


def test_loggen_reports_its_count_in_the_last_line(running, port):
    result = running.run(
        *("bin/loggen", "--inet", "--stream", "--number=50", "--rate=100000"),
        *("--size=200", "127.0.0.1", str(port)),
    )
    assert result.returncode == 0
    assert "count=50," in result.stderr.splitlines()[-1]
    out = running.folder / "out.log"
    running.wait(lambda: out.exists() and out.read_bytes().count(b"\n") == 50, "50")


def test_loggen_sends_files_and_datagrams(running, port):
    (running.folder / "lines").write_text("<13>Nov 21 12:00:00 h app: one\n" * 3)
    result = running.run(
        *("bin/loggen", "-i", "-S", "--dont-parse", "--read-file=lines"),
        *("127.0.0.1", str(port)),
    )
    assert "count=3," in result.stderr.splitlines()[-1]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        result = running.run(
            *("bin/loggen", "--inet", "--dgram", "--number=2", "--syslog-proto"),
            *("--no-framing", '--sdata=[a@1 b="c"]', "127.0.0.1"),
            str(sock.getsockname()[1]),
        )
        assert re.fullmatch(
            rb'<38>1 \S+ localhost prg00000 1234 - \[a@1 b="c"\] .*seq: 0000000000.*\n',
            sock.recv(1000),
            re.DOTALL,
        )
    assert "count=2," in result.stderr.splitlines()[-1]


def test_persist_tool_makes_changes_and_shows_a_persist_file(drop_in):
    assert drop_in.run("bin/persist-tool", "generate", "-o", ".").returncode == 0
    added = drop_in.run(
        *("bin/persist-tool", "add", "-o", ".", "-"),
        stdin='some-key = { "value": "01 AB" }\n',
    )
    assert added.returncode == 0
    shown = drop_in.run("bin/persist-tool", "dump", "syslog-ng.persist")
    assert 'some-key = { "value": "01 AB " }' in shown.stdout
    assert drop_in.run("bin/persist-tool", "dump", "nowhere").returncode == 1


def test_pdbtool_checks_and_tries_a_database(drop_in):
    (drop_in.folder / "db.xml").write_text(
        "<patterndb version='5'><ruleset><pattern>p</pattern><rules><rule id='r'>"
        "<patterns><pattern>n @NUMBER:n@</pattern></patterns></rule></rules></ruleset>"
        "</patterndb>"
    )
    assert drop_in.run("bin/pdbtool", "test", "db.xml").returncode == 0
    match = ("bin/pdbtool", "match", "-p", "db.xml", "-P", "p", "-M")
    assert "n=5\n" in drop_in.run(*match, "n 5").stdout
    assert drop_in.run(*match, "m").returncode == 1


def test_answers_stats_soon_after_it_was_started(drop_in, port):
    # The promise is half a second on an idle machine. What is checked here is that no
    # sleep and no heavy import has crept in, with room for a busy machine.
    drop_in.start(file_only(port))
    drop_in.stop()
    started = time.monotonic()
    drop_in.start(file_only(port))
    assert time.monotonic() - started < 20
    assert drop_in.stop() == 0
