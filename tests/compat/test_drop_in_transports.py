"""The drop-in contract, continued: transports, windows, loggen, answers on the wire."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import socket
import ssl
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from helpers.daemon import free_port
from helpers.drop_in import DropIn
from helpers.metrics import parse_prometheus, value_of

pytestmark = pytest.mark.integration

HOST = "127.0.0.1"
V1 = b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n"
LINE = b"<13>Nov 21 12:00:00 h app: %b\n"


@pytest.fixture
def drop_in(tmp_path):
    (tmp_path / "run").mkdir()
    programs = DropIn(tmp_path / "programs", tmp_path / "run")
    yield programs
    programs.end()


@pytest.fixture
def port() -> int:
    return free_port(HOST)


def site(port: int, options: str, template: str = "$MSG") -> str:
    return f"""
options {{ stats(level(4)); }};
source s_net {{ network(ip({HOST}) port({port}) {options}); }};
destination d_local {{ file("out.log" template("{template}\\n")); }};
log main {{ source(s_net); destination(d_local); }};
"""


def lines_of(drop_in: DropIn, name: str = "out.log") -> list[str]:
    path = drop_in.folder / name
    return path.read_text().splitlines() if path.exists() else []


def on_the_wire(drop_in: DropIn, command: str) -> str:
    """Send one line to the control socket and return what it answers."""
    path = f"/proc/{drop_in.process.pid}/cwd/ctl"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(path)
        sock.sendall(command.encode() + b"\n")
        answer = b""
        while not (answer == b".\n" or answer.endswith(b"\n.\n")):
            data = sock.recv(65536)
            assert data, answer
            answer += data
    return answer.decode()


def certificate(folder, *, common_name: str) -> str:
    """Write a self-signed certificate without SAN; return the server's tls() text."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = dt.datetime.now(dt.UTC)
    issued = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(issued.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return 'tls(cert-file("cert.pem") key-file("key.pem") peer-verify(no))'


# -- transports -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "transport", ["proxied-tcp", "proxied-tls", "proxied-tls-passthrough"]
)
def test_proxied_connections_give_their_macros_and_survive_a_reload(
    drop_in, port, transport
):
    tls = certificate(drop_in.folder, common_name="x")
    options = f"transport({transport}) use-dns(no) "
    if "tls" in transport:
        options += tls
    text = site(port, options, "$SOURCEIP $SOURCEPORT $DESTIP $DESTPORT $IP_PROTO $MSG")
    drop_in.start(text)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    sock = socket.create_connection((HOST, port))
    if transport == "proxied-tls-passthrough":
        sock.sendall(V1)
    if "tls" in transport:
        sock = context.wrap_socket(sock)
    if transport != "proxied-tls-passthrough":
        sock.sendall(V1)
    with sock:
        sock.sendall(LINE % b"one")
        drop_in.wait(lambda: len(lines_of(drop_in)) == 1, "the first line")
        for options_now in (options, options + " max-connections(11)"):
            drop_in.configure(
                site(
                    port,
                    options_now,
                    "$SOURCEIP $SOURCEPORT $DESTIP $DESTPORT $IP_PROTO $MSG",
                )
            )
            assert drop_in.ctl("reload").returncode == 0
        sock.sendall(LINE % b"two")
        drop_in.wait(lambda: len(lines_of(drop_in)) == 2, "the second line")
        if "tls" in transport:
            sock.unwrap()  # close_notify is answered promptly
    ends = "1.2.3.4 1111 5.6.7.8 2222 4"
    assert lines_of(drop_in) == [f"{ends} one", f"{ends} two"]
    assert drop_in.log.count("Syslog connection accepted") == 1
    assert drop_in.stop() == 0


@pytest.mark.parametrize(
    "header",
    [
        b"PROXY TCP4 1.2.3.4\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 99999 1\r\n",
        b"PROXY TCP6 1.2.3.4 5.6.7.8 1 1\r\n",
        b"PROXY " + b"x" * 200 + b"\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c" + b"\0" * 12,
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04" + b"\0" * 4,
        b"\r\n\r\n\0\r\nQUIX",
    ],
)
def test_a_malformed_proxy_header_lets_nothing_through(drop_in, port, header):
    drop_in.start(site(port, "transport(proxied-tcp)"))
    with socket.create_connection((HOST, port)) as sock:
        sock.sendall(header + LINE % b"evil")
        drop_in.wait_for_log("Error parsing PROXY protocol header")
        sock.settimeout(20)
        with contextlib.suppress(ConnectionResetError):  # with our line unread
            assert sock.recv(1) == b""
    with socket.create_connection((HOST, port)) as sock:
        sock.sendall(V1 + LINE % b"good")
        drop_in.wait(lambda: lines_of(drop_in) == ["good"], "the good one")
    assert drop_in.stop() == 0


def test_nul_ends_a_record_with_nul_terminated(drop_in, port):
    drop_in.start(site(port, "transport(nul-terminated)"))
    with socket.create_connection((HOST, port)) as sock:
        sock.sendall(LINE[:-1] % b"one" + b"\0" + LINE[:-1] % b"two\nlines" + b"\0")
        drop_in.wait(lambda: len(lines_of(drop_in)) == 3, "three lines")
    assert lines_of(drop_in) == ["one", "two", "lines"]
    assert drop_in.stop() == 0


def test_auto_finds_counted_octets_on_the_connection(drop_in, port):
    drop_in.start(site(port, "transport(auto)"))
    frame = LINE[:-1] % b"counted"
    for data in (b"%d %b" % (len(frame), frame), LINE % b"line"):
        with socket.create_connection((HOST, port)) as sock:
            sock.sendall(data)
    drop_in.wait(lambda: sorted(lines_of(drop_in)) == ["counted", "line"], "both")
    assert drop_in.stop() == 0


def test_two_sources_share_a_port_with_so_reuseport(drop_in, port):
    drop_in.start(
        f"""
source s_a {{ network(ip({HOST}) port({port}) so-reuseport(yes) max-connections(50)); }};
source s_b {{ network(ip({HOST}) port({port}) so-reuseport(yes) max-connections(50)); }};
destination d_local {{ file("out.log" template("$SOURCE\\n")); }};
log {{ source(s_a); source(s_b); destination(d_local); }};
"""
    )
    for _ in range(40):
        with socket.create_connection((HOST, port)) as sock:
            sock.sendall(LINE % b"x")
    drop_in.wait(lambda: len(lines_of(drop_in)) == 40, "40 lines")
    assert {line.partition("#")[0] for line in lines_of(drop_in)} == {"s_a", "s_b"}
    assert drop_in.stop() == 0


def test_a_name_that_is_only_the_common_name_is_accepted(drop_in, port):
    certificate(drop_in.folder, common_name="localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(drop_in.folder / "cert.pem", drop_in.folder / "key.pem")
    with socket.create_server((HOST, 0)) as server:
        out = server.getsockname()[1]
        drop_in.start(
            f"""
source s {{ network(ip({HOST}) port({port})); }};
destination d {{
    network("localhost" port({out}) transport(tls)
        tls(ca-file("cert.pem") peer-verify(yes)));
}};
log {{ source(s); destination(d); }};
"""
        )
        with socket.create_connection((HOST, port)) as sock:
            sock.sendall(LINE % b"hello")
            server.settimeout(20)
            connection, _ = server.accept()
            connection.settimeout(20)
            with context.wrap_socket(connection, server_side=True) as tls:
                assert b"app: hello" in tls.recv(1000)
        assert drop_in.stop() == 0


# -- windows --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "window", "is_warned"),
    [
        ("", 100, False),  # 1000 / 10
        ("log-iw-size(5000) max-connections(10)", 500, False),
        ("log-iw-size(1000) max-connections(100)", 100, True),
        ("log-iw-size(20) max-connections(10) dynamic-window-size(10)", 2, False),
        ("log-iw-size(5) max-connections(10) dynamic-window-size(10)", 1, True),
    ],
)
def test_a_connection_s_window_is_its_share(drop_in, port, options, window, is_warned):
    drop_in.start(site(port, options + " dynamic-window-realloc-ticks(1000)"))
    with socket.create_connection((HOST, port)) as sock:
        sock.sendall(LINE % b"x")
        drop_in.wait(lambda: lines_of(drop_in), "a line")
        samples = parse_prometheus(drop_in.ctl("stats", "prometheus").stdout)
        assert value_of(samples, "input_window_capacity", id="s_net#0") == window
        assert value_of(samples, "input_window_available", id="s_net#0") == window
    assert ("too small" in drop_in.log) == is_warned
    assert drop_in.stop() == 0


# -- the wire -------------------------------------------------------------------------


def test_requests_have_the_words_of_the_original(drop_in, port):
    drop_in.start(site(port, ""))
    with socket.create_connection((HOST, port)) as sock:
        sock.sendall(LINE % b"x")
        drop_in.wait(lambda: lines_of(drop_in), "a line")
    csv = on_the_wire(drop_in, "STATS CSV")
    assert csv.startswith("SourceName;SourceId;SourceInstance;State;Type;Number\n")
    assert on_the_wire(drop_in, "STATS").startswith("SourceName;")
    assert on_the_wire(drop_in, "STATS PROMETHEUS").startswith("syslogng_")
    assert on_the_wire(drop_in, "QUERY LIST source.*") == "source.s_net.processed\n.\n"
    assert on_the_wire(drop_in, "QUERY GET source.*") == "source.s_net.processed=1\n.\n"
    assert on_the_wire(drop_in, "QUERY GET_SUM source.*") == "1\n.\n"
    reset = "\nThe selected counters of syslog-ng have been reset to 0.\n.\n"
    assert on_the_wire(drop_in, "QUERY GET_SUM_RESET source.*") == f"1\n{reset[1:]}"
    assert on_the_wire(drop_in, "QUERY GET_RESET source.*") == (
        f"source.s_net.processed=0{reset}"
    )
    assert on_the_wire(drop_in, "RESET_STATS").endswith("reset to 0.\n.\n")
    assert on_the_wire(drop_in, "REMOVE_ORPHANED_STATS").endswith("removed.\n.\n")
    for number, level in enumerate(("DEFAULT", "VERBOSE", "DEBUG", "TRACE")):
        answer = f"OK syslog-ng log level set to {number}\n.\n"
        assert on_the_wire(drop_in, f"LOG LEVEL {level}") == answer
    on_the_wire(drop_in, "LOG LEVEL DEFAULT")
    assert re.fullmatch(r"[0-9a-f]{64}\n\.\n", on_the_wire(drop_in, "CONFIG ID"))
    assert "s_net" in on_the_wire(drop_in, "CONFIG GET ORIGINAL")
    assert "s_net" in on_the_wire(drop_in, "CONFIG GET PREPROCESSED")
    assert on_the_wire(drop_in, "CONFIG VERIFY").startswith("OK ")
    assert "a.conf" in on_the_wire(drop_in, "LISTFILES")
    assert "syslogng_io_worker" in on_the_wire(drop_in, "HEALTHCHECK")
    assert on_the_wire(drop_in, "PWD add a.key open sesame").startswith("OK ")
    assert "a.key\tPENDING" in on_the_wire(drop_in, "PWD status")
    assert "digraph" in on_the_wire(drop_in, "EXPORT_CONFIG_GRAPH")
    assert len(on_the_wire(drop_in, "LICENSE")) > 10
    assert on_the_wire(drop_in, "REOPEN").startswith("OK ")
    assert on_the_wire(drop_in, "RELOAD") == "OK Config reload successful\n.\n"
    drop_in.configure("nonsense")
    assert on_the_wire(drop_in, "RELOAD") == (
        "FAIL Config reload failed, reverted to previous config\n.\n"
    )
    assert on_the_wire(drop_in, "STOP") == "OK Shutdown initiated\n.\n"
    assert drop_in.process.wait(20) == 0


def test_stats_fails_until_the_daemon_is_ready(drop_in, port):
    answers = []
    drop_in.configure(site(port, ""))
    assert drop_in.ctl("stats").returncode != 0
    drop_in.start(site(port, ""))
    answers.append(drop_in.ctl("stats").returncode)
    with socket.create_connection((HOST, port)):
        pass  # it listened before it answered
    assert answers == [0]
    assert drop_in.stop() == 0


def test_series_have_the_names_of_the_original(drop_in, port):
    drop_in.start(site(port, ""))
    before = parse_prometheus(drop_in.ctl("stats", "prometheus").stdout)
    for name in ("route_ingress_total", "route_egress_total"):
        assert value_of(before, name, id="main") == 0  # from the start
    with socket.create_connection((HOST, port)) as sock:
        sock.sendall(LINE % b"x")
        drop_in.wait(lambda: lines_of(drop_in), "a line")
        samples = parse_prometheus(drop_in.ctl("stats", "prometheus").stdout)
        names = {item.name for item in samples}
        assert names >= {
            "input_events_total",
            "output_events_total",
            "input_window_available",
            "input_window_capacity",
        }
        assert value_of(samples, "route_ingress_total", id="main") == 1
        assert value_of(samples, "route_egress_total", id="main") == 1
    assert drop_in.stop() == 0


def test_labels_are_escaped(drop_in, port):
    drop_in.start(
        f"""
source s {{ network(ip({HOST}) port({port})); }};
parser p {{ metrics-probe(key("said") labels("what" => "$MSG")); }};
destination d {{ file("out.log"); }};
log {{ source(s); parser(p); destination(d); }};
"""
    )
    with socket.create_connection((HOST, port)) as sock:
        sock.sendall(LINE % rb'a "quoted" \ thing')
        drop_in.wait(lambda: lines_of(drop_in), "a line")
    row = r'syslogng_said{what="a \"quoted\" \\ thing"} 1'
    drop_in.wait(lambda: row in drop_in.ctl("stats", "prometheus").stdout, "the row")
    assert drop_in.stop() == 0


def test_abandoned_queue_files_are_named(drop_in, port):
    def text(number: int) -> str:
        return f"""
source s {{ network(ip({HOST}) port({port})); }};
destination d {{
    network("{HOST}" port({number}) time-reopen(60)
        disk-buffer(reliable(yes) capacity-bytes(10MiB)));
}};
log {{ source(s); destination(d); }};
"""

    first, second = free_port(HOST), free_port(HOST)
    drop_in.start(text(first))
    with socket.create_connection((HOST, port)) as sock:
        sock.sendall(LINE % b"x")
        drop_in.wait(
            lambda: "d;;a;processed;1" in drop_in.ctl("stats").stdout, "the message"
        )
    assert drop_in.stop() == 0
    drop_in.start(text(second))
    samples = parse_prometheus(drop_in.ctl("stats", "prometheus").stdout)
    assert value_of(samples, "disk_queue_events", abandoned="true") == 1
    (path,) = {
        item.labels["path"]
        for item in samples
        if item.labels.get("abandoned") == "true"
    }
    assert path.endswith("syslog-ng-00000.rqf")
    assert (drop_in.folder / "syslog-ng-00001.rqf").exists()  # the next free number
    assert drop_in.stop() == 0


# -- templates ------------------------------------------------------------------------


def test_json_and_welf_and_pri_are_as_scripts_know_them(drop_in, port):
    drop_in.start(
        f"""
source s {{ network(ip({HOST}) port({port})); }};
rewrite r_pri {{ set-pri("$MSG"); }};
destination d {{ file("out.log" template(
    "$(format-json b=2 a=int(1) c=x) $(format-welf b=2 a=1) $PRI\\n")); }};
log {{ source(s); rewrite(r_pri); destination(d); }};
"""
    )
    with socket.create_connection((HOST, port)) as sock:
        for value in (b"nonsense", b"1024", b"1023", b"0"):
            sock.sendall(b"<38>" + (LINE % value).removeprefix(b"<13>"))
        drop_in.wait(lambda: len(lines_of(drop_in)) == 4, "four lines")
    head = '{"c":"x","b":"2","a":1} a=1 b=2'
    # What is no priority leaves that of the message, which is 38 as a rule.
    assert lines_of(drop_in) == [f"{head} {pri}" for pri in (38, 38, 1023, 0)]
    assert drop_in.stop() == 0


# -- loggen ---------------------------------------------------------------------------


def test_loggen_keeps_rate_interval_port_and_never_ends_when_told_so(drop_in, port):
    drop_in.start(site(port, "max-connections(100)", "$SOURCEPORT"))
    client_port = free_port(HOST)
    started = time.monotonic()
    result = drop_in.run(
        *("bin/loggen", "--inet", "--stream", "--rate=50", "--interval=1"),
        *(f"--client-port={client_port}", "--size=100", HOST, str(port)),
    )
    assert 0.9 < time.monotonic() - started < 20
    found = re.search(r"count=(\d+),", result.stderr.splitlines()[-1])
    assert found is not None
    assert 10 <= int(found[1]) <= 60
    count = int(found[1])
    drop_in.wait(lambda: len(lines_of(drop_in)) == count, f"{count} lines")
    assert set(lines_of(drop_in)) == {str(client_port)}
    endless = subprocess.Popen(
        [
            *(str(drop_in._programs / "bin/loggen"), "--inet", "--stream"),
            *("--permanent", "--rate=200", "--interval=1", HOST, str(port)),
        ],
        stderr=subprocess.DEVNULL,
    )
    drop_in.wait(lambda: len(lines_of(drop_in)) > count + 300, "more than a second")
    assert endless.poll() is None
    endless.terminate()
    endless.wait()
    assert drop_in.stop() == 0


def test_loggen_connects_again_when_told_so(drop_in):
    with socket.create_server((HOST, 0)) as server:
        server.settimeout(20)
        process = subprocess.Popen(
            [
                *(str(drop_in._programs / "bin/loggen"), "--inet", "--stream"),
                *("--reconnect", "--permanent", "--rate=200", HOST),
                str(server.getsockname()[1]),
            ],
            stderr=subprocess.DEVNULL,
        )
        for _ in range(2):
            connection, _ = server.accept()
            connection.settimeout(20)
            assert b"seq:" in connection.recv(1000)
            connection.close()
        process.terminate()
        process.wait()
