"""Every claim of the drop-in contract has a test; the claims without another home."""

from __future__ import annotations

import ast
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from compat.drop_in_contract import CLAIMS, LOGGEN_OPTIONS, SYSLOG_NG_OPTIONS
from helpers.daemon import free_port
from helpers.drop_in import DropIn

pytestmark = pytest.mark.integration

HOST = "127.0.0.1"
TESTS = Path(__file__).parents[1]


@pytest.fixture
def drop_in(tmp_path):
    (tmp_path / "run").mkdir()
    scene = DropIn(tmp_path / "ferry", tmp_path / "run")
    yield scene
    scene.end()


@pytest.fixture
def port() -> int:
    return free_port(HOST)


def site(port: int) -> str:
    return f"""
options {{ stats(level(1)); }};
source s {{ network(ip({HOST}) port({port})); }};
filter f_x {{ message("yes"); }};
parser p_x {{ csv-parser(columns("a", "b") delimiters(",") flags(drop-invalid)); }};
destination d_local {{ file("out.log" template("$MSG\\n")); }};
log {{ source(s); filter(f_x); parser(p_x); destination(d_local); }};
"""


def functions_in(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text())
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


# -- the contract itself --------------------------------------------------------------


@pytest.mark.parametrize("claim", CLAIMS)
def test_the_claim_has_tests_that_are_there(claim):
    assert CLAIMS[claim]
    for test in CLAIMS[claim]:
        file, _, function = test.partition("::")
        assert function in functions_in(file), test


def test_every_test_of_the_drop_in_belongs_to_a_claim():
    claimed = {test for tests in CLAIMS.values() for test in tests}
    own = {
        "test_the_claim_has_tests_that_are_there",
        "test_every_test_of_the_drop_in_belongs_to_a_claim",
        "test_the_control_socket_is_for_its_owner_only",  # ours, no script's
        "test_two_daemons_never_share_a_persist_file",
    }
    for path in (TESTS / "compat").glob("test_drop_in_*.py"):
        for name in functions_in(f"compat/{path.name}"):
            if name.startswith("test_"):
                is_known = f"compat/{path.name}::{name}" in claimed or name in own
                assert is_known, f"{path.name}::{name} is no claim's"


# -- options -------------------------------------------------------------------------


@pytest.mark.parametrize("option", SYSLOG_NG_OPTIONS)
def test_syslog_ng_takes_the_option_in_all_its_forms(drop_in, port, option):
    short, value = SYSLOG_NG_OPTIONS[option]
    if value == "root" and os.geteuid() != 0:
        pytest.skip("only root may become another user")
    forms = [[option]] + ([[short]] if short else [])
    if value:
        forms = [[f"{option}={value}"], [option, value]]
        forms += [[short, value], [short + value]] if short else []
    drop_in.configure(site(port))
    usual = {
        "--cfgfile": "a.conf",
        "--persist-file": "a.persist",
        "--pidfile": "a.pid",
        "--control": "ctl",
    }
    rest = [f"{name}={path}" for name, path in usual.items() if name != option]
    runs = option in {"--user", "--group", "--worker-threads", "--pidfile", "--control"}
    rest += ["--foreground", "--check-startup"] if runs else ["--syntax-only"]
    for form in forms:
        result = drop_in.run("sbin/syslog-ng", *form, *rest)
        assert result.returncode == 0, (form, result.stderr)
    if option == "--preprocess-into":
        assert "network" in (drop_in.folder / "expanded").read_text()
    if option == "--metrics-registry":
        assert "syslogng_output_events_total\n" in result.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_user_and_group_are_taken_on(tmp_path_factory, port):
    folder = tmp_path_factory.mktemp("open")
    for path in (folder, *folder.parents[:3]):
        path.chmod(0o755)
    (folder / "run").mkdir(mode=0o777)
    (folder / "run").chmod(0o777)
    drop_in = DropIn(folder / "ferry", folder / "run")
    try:
        drop_in.start(site(port), "--user=nobody", "--group=nogroup")
        status = Path(f"/proc/{drop_in.process.pid}/status").read_text()
        assert re.search(r"^Uid:\s+65534\s+65534", status, re.MULTILINE)
        assert re.search(r"^Gid:\s+65534\s+65534", status, re.MULTILINE)
        assert drop_in.stop() == 0
    finally:
        drop_in.end()


def test_interactive_is_refused_with_the_reason(drop_in, port):
    drop_in.configure(site(port))
    for form in ("--interactive", "-i"):
        result = drop_in.run("sbin/syslog-ng", form, "-fa.conf")
        assert result.returncode == 1
        assert "interactive" in result.stderr


@pytest.mark.parametrize("option", LOGGEN_OPTIONS)
def test_loggen_takes_the_option(drop_in, port, option):
    value = LOGGEN_OPTIONS[option]
    drop_in.start(f"""
source s {{ network(ip({HOST}) port({port}) max-connections(100)); }};
destination d {{ file("out.log"); }};
log {{ source(s); destination(d); }};
""")
    given = {"--number": "2", "--rate": "1000"}
    given.pop(option, None)
    rest = [f"{name}={text}" for name, text in given.items()]
    for form in ([f"{option}={value}"], [option, value]) if value else ([option],):
        result = drop_in.run("bin/loggen", *form, *rest, HOST, str(port))
        assert result.returncode == 0, (form, result.stderr)
        assert "count=2," in result.stderr.splitlines()[-1]
    assert drop_in.stop() == 0


def test_loggen_sends_unix_datagrams(drop_in):
    drop_in.start("""
source s { unix-dgram("sock"); };
destination d { file("out.log"); };
log { source(s); destination(d); };
""")
    result = drop_in.run("bin/loggen", "--unix", "--dgram", "--number=3", "sock")
    assert "count=3," in result.stderr.splitlines()[-1]
    out = drop_in.folder / "out.log"
    drop_in.wait(lambda: out.exists() and out.read_text().count("seq:") == 3, "three")
    assert drop_in.stop() == 0


# -- the process ----------------------------------------------------------------------


def test_the_process_that_was_started_lives_as_long_as_the_daemon(drop_in, port):
    drop_in.start(site(port))
    pid = drop_in.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children")
    assert children.read_text() == ""  # nobody stands between it and the daemon
    drop_in.process.send_signal(signal.SIGKILL)
    drop_in.process.wait(20)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port)).close()
    drop_in.start(site(port))
    assert drop_in.stop() == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port)).close()


def test_a_control_socket_may_have_a_long_folder_and_a_short_name(tmp_path, port):
    folder = tmp_path / ("deep" * 20) / ("deeper" * 10)
    folder.mkdir(parents=True)
    assert len(str(folder / "ctl")) > 108  # the bytes of a unix socket's address
    drop_in = DropIn(tmp_path / "ferry", folder)
    try:
        drop_in.start(site(port))
        assert drop_in.ctl("stats").returncode == 0
        assert drop_in.stop() == 0
    finally:
        drop_in.end()


def test_the_console_is_not_buffered(drop_in, port):
    drop_in.configure(site(port))
    process = subprocess.Popen(
        [
            *(str(drop_in._programs / "sbin/syslog-ng"), "-F", "-fa.conf"),
            *("-Ra.persist", "-pa.pid", "-cctl"),
        ],
        cwd=drop_in.folder,
        stderr=subprocess.PIPE,  # no terminal, where programs like to buffer
        text=True,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "syslog-ng starting up;" in line
        drop_in_client = socket.create_connection((HOST, port))
        assert "Syslog connection accepted" in process.stderr.readline()
        drop_in_client.close()
        assert "Syslog connection closed" in process.stderr.readline()
    finally:
        process.terminate()
        process.wait(20)
        assert process.stderr is not None
        process.stderr.close()


# -- rows -----------------------------------------------------------------------------


def test_every_row_of_the_contract_is_in_the_csv(drop_in, port):
    out = free_port(HOST)
    text = (
        site(port)
        + f"""
destination d_net {{ network("{HOST}" port({out})); }};
log {{ source(s); filter(f_x); destination(d_net); }};
"""
    )
    with socket.create_server((HOST, out)) as server:
        drop_in.start(text)
        server.settimeout(20)
        receiver, _ = server.accept()
        with receiver, socket.create_connection((HOST, port)) as sock:
            for message in (b"yes,1", b"no,2", b"yes,3", b"yes,4,5"):
                sock.sendall(b"<13>Nov 21 12:00:00 h app: %b\n" % message)
            wanted = {
                "dst.file;d_local#0;out.log;a;processed;2",
                "dst.file;d_local#0;out.log;a;written;2",
                f"dst.network;d_net#0;tcp,{HOST}:{out};a;written;3",
                f"src.network;s#0;tcp,{HOST};a;processed;4",
                "parser;p_x;;a;processed;2",
                "parser;p_x;;a;discarded;1",
            }

            def rows() -> set[str]:
                return set(drop_in.ctl("stats").stdout.splitlines())

            drop_in.wait(lambda: wanted <= rows(), "all rows")
            matched = {row for row in rows() if row.startswith("filter;f_x;;a;")}
            assert {row.split(";")[4] for row in matched} == {"matched", "not_matched"}
        assert drop_in.stop() == 0
