"""The drop-in executables at work: state over restarts, TLS keys, queues, windows."""

from __future__ import annotations

import os
import re
import socket
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from helpers.certificates import Certificates
from helpers.daemon import free_port
from helpers.drop_in import DropIn
from helpers.metrics import parse_prometheus, value_of

pytestmark = pytest.mark.integration

HOST = "127.0.0.1"


@pytest.fixture
def drop_in(tmp_path):
    (tmp_path / "run").mkdir()
    programs = DropIn(tmp_path / "programs", tmp_path / "run")
    yield programs
    programs.end()


@pytest.fixture
def port() -> int:
    return free_port(HOST)


def send(port: int, *messages: str) -> None:
    with socket.create_connection((HOST, port)) as sock:
        for message in messages:
            sock.sendall(f"<13>Nov 21 12:00:00 h app: {message}\n".encode())


def server_tls(certificates: Certificates) -> str:
    cert, key = certificates.files(HOST)
    return f'cert-file("{cert}") key-file("{key}") peer-verify(optional-untrusted)'


def lines_of(drop_in: DropIn, name: str) -> list[str]:
    path = drop_in.folder / name
    return path.read_text().splitlines() if path.exists() else []


def test_file_positions_survive_stop_and_start(drop_in):
    text = """
source s { file("in.log" follow-freq(0.1)); };
destination d { file("out.log" template("$MSG\\n")); };
log { source(s); destination(d); };
"""
    source = drop_in.folder / "in.log"
    source.write_text("app: one\n")
    drop_in.start(text)
    with source.open("a") as lines:
        lines.write("app: two\n")
    drop_in.wait(lambda: "two" in lines_of(drop_in, "out.log"), "the second line")
    assert drop_in.stop() == 0
    with source.open("a") as lines:
        lines.write("app: three\n")
    drop_in.start(text)
    drop_in.wait(lambda: "three" in lines_of(drop_in, "out.log"), "the third line")
    assert drop_in.stop() == 0
    assert lines_of(drop_in, "out.log").count("two") == 1


def test_a_disk_queue_is_found_again_and_shown_by_dqtool(drop_in, port):
    out = free_port(HOST)
    (drop_in.folder / "queues").mkdir()
    text = f"""
source s {{ network(ip({HOST}) port({port})); }};
destination d {{
    network("{HOST}" port({out}) time-reopen(0.2)
        disk-buffer(reliable(no) capacity-bytes(10MiB) dir("queues")));
}};
log {{ source(s); destination(d); flags(flow-control); }};
"""
    drop_in.start(text)
    send(port, *(f"number {number}" for number in range(10)))
    drop_in.wait(
        lambda: (
            value_of(
                parse_prometheus(drop_in.ctl("stats", "prometheus").stdout),
                "disk_queue_events",
            )
            == 10
        ),
        "ten messages in the queue",
    )
    queue = "queues/syslog-ng-00000.qf"
    live = drop_in.run("bin/dqtool", "info", queue)  # while the daemon runs
    assert live.returncode == 0
    assert "number_of_messages='" in live.stderr
    samples = parse_prometheus(drop_in.ctl("stats", "prometheus").stdout)
    names = {
        item.name for item in samples if item.labels.get("path", "").endswith("qf")
    }
    assert names >= {
        "disk_queue_events",
        "disk_queue_processed_events_total",
        "disk_queue_memory_usage_bytes",
        "disk_queue_disk_usage_bytes",
        "disk_queue_disk_allocated_bytes",
        "disk_queue_capacity_bytes",
    }
    assert drop_in.stop() == 0
    for operation in ("load", "save"):
        line = f"Non-reliable disk-buffer state; operation='{operation}'"
        assert drop_in.log.count(line) == 1, drop_in.log
    stopped = drop_in.run("bin/dqtool", "info", queue)
    assert "number_of_messages='10'" in stopped.stderr
    assert drop_in.run("bin/dqtool", "cat", queue).stdout.count("number ") == 10
    drop_in.start(text)
    with socket.create_server((HOST, out)) as server:
        connection, _ = server.accept()
        connection.settimeout(20)
        data = b""
        while data.count(b"\n") < 10:
            data += connection.recv(65536)
        connection.close()
    assert re.findall(rb"number (\d)", data) == [b"%d" % number for number in range(10)]
    assert drop_in.stop() == 0


def test_a_source_is_suspended_only_when_its_window_is_full(drop_in, port):
    out = free_port(HOST)
    text = f"""
source s {{ network(ip({HOST}) port({port}) log-iw-size(1000)); }};
destination d {{ network("{HOST}" port({out}) time-reopen(60)); }};
log {{ source(s); destination(d); flags(flow-control); }};
"""
    drop_in.start(text, "--debug")
    with socket.create_connection((HOST, port)) as sock:
        sock.sendall(b"<13>Nov 21 12:00:00 h app: x\n" * 99)
        drop_in.wait(
            lambda: "source;s;;a;processed;99" in drop_in.ctl("stats").stdout, "99"
        )
        assert "Source has been suspended" not in drop_in.log
        sock.sendall(b"<13>Nov 21 12:00:00 h app: x\n")  # 1000 / 10 connections = 100
        drop_in.wait_for_log("Source has been suspended")
    assert drop_in.stop() == 0


def test_tls_trouble_is_on_the_console_and_counted(drop_in, port, tmp_path):
    certificates = Certificates(tmp_path)
    text = f"""
source s {{
    network(ip({HOST}) port({port}) transport(tls)
        tls({server_tls(certificates)}));
}};
destination d {{ file("out.log"); }};
log {{ source(s); destination(d); }};
"""
    drop_in.start(text)
    with socket.create_connection((HOST, port)) as sock:
        sock.sendall(b"this is no handshake\n" * 10)
        drop_in.wait_for_log("SSL error while reading stream")
    samples = parse_prometheus(drop_in.ctl("stats", "prometheus").stdout)
    (found,) = [item for item in samples if item.name == "input_transport_errors_total"]
    assert found.labels["reason"] == "tls-handshake"
    assert found.labels["tls_error_string"]
    assert found.labels["tls_error"]
    assert found.value == 1
    assert drop_in.stop() == 0


@pytest.mark.parametrize("form", ["PKCS8", "TraditionalOpenSSL"])
def test_a_source_with_a_locked_key_opens_when_the_passphrase_comes(
    drop_in, port, tmp_path, form
):
    certificates = Certificates(tmp_path)
    settings = server_tls(certificates)
    key_file = re.search(r'key-file\("([^"]+)"\)', settings)
    assert key_file is not None
    key = serialization.load_pem_private_key(Path(key_file[1]).read_bytes(), None)
    locked = drop_in.folder / "locked.pem"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            getattr(serialization.PrivateFormat, form),
            serialization.BestAvailableEncryption(b"open sesame"),
        )
    )
    settings = settings.replace(key_file[1], "locked.pem")
    text = f"""
source s {{
    network(ip({HOST}) port({port}) transport(tls)
        tls({settings}));
}};
destination d {{ file("out.log"); }};
log {{ source(s); destination(d); }};
"""
    drop_in.start(text)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port)).close()
    assert drop_in.ctl("credentials", "status").stdout.endswith("locked.pem\tPENDING\n")
    assert drop_in.ctl("credentials", "add", "locked.pem", "wrong").returncode == 0
    drop_in.wait(
        lambda: "locked.pem\tFAILED" in drop_in.ctl("credentials", "status").stdout,
        "the wrong passphrase to be tried",
    )
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port)).close()
    added = drop_in.ctl("credentials", "add", "locked.pem", "open sesame")
    assert added.stdout == "Credentials stored successfully\n"
    drop_in.wait(
        lambda: "locked.pem\tSUCCESS" in drop_in.ctl("credentials", "status").stdout,
        "the key to open",
    )
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((HOST, port)) as sock,
        context.wrap_socket(sock) as tls,
    ):
        tls.sendall(b"<13>Nov 21 12:00:00 h app: opened\n")
        tls.unwrap()  # close_notify is answered promptly
    drop_in.wait(lambda: lines_of(drop_in, "out.log"), "the message")
    assert "open sesame" not in drop_in.log
    assert drop_in.stop() == 0


def test_a_generator_has_delivered_before_the_first_control_answer(drop_in):
    drop_in.start(
        """
options { stats(level(1)); };
source s { example-msg-generator(num(1) template("hello")); };
destination d { file("out.log" template("$MSG\\n")); };
log { source(s); destination(d); };
"""
    )
    rows = drop_in.ctl("stats").stdout
    assert "source;s;;a;processed;1" in rows
    drop_in.wait(lambda: lines_of(drop_in, "out.log") == ["hello"], "the message")
    assert drop_in.stop() == 0


@pytest.mark.parametrize("version", ["1", "2"])
def test_loggen_can_speak_for_a_proxy(drop_in, port, version):
    drop_in.start(
        f"""
source s {{ network(ip({HOST}) port({port}) transport(proxied-tcp)); }};
destination d {{ file("out.log" template("$SOURCEIP $SOURCEPORT $DESTIP $DESTPORT\\n")); }};
log {{ source(s); destination(d); }};
"""
    )
    result = drop_in.run(
        *("bin/loggen", "--inet", "--stream", "--number=1", f"--proxied={version}"),
        *("--proxy-src-ip=1.2.3.4", "--proxy-dst-ip=5.6.7.8"),
        *("--proxy-src-port=1111", "--proxy-dst-port=2222", HOST, str(port)),
    )
    assert "count=1," in result.stderr.splitlines()[-1]
    drop_in.wait(
        lambda: lines_of(drop_in, "out.log") == ["1.2.3.4 1111 5.6.7.8 2222"],
        "the addresses of the header",
    )
    assert drop_in.stop() == 0


def test_loggen_uses_tls_unix_sockets_and_several_connections(drop_in, port, tmp_path):
    certificates = Certificates(tmp_path)
    drop_in.start(
        f"""
source s {{
    network(ip({HOST}) port({port}) transport(tls) max-connections(50)
        tls({server_tls(certificates)}));
    unix-stream("sock");
}};
destination d {{ file("out.log"); }};
log {{ source(s); destination(d); }};
"""
    )
    result = drop_in.run(
        *("bin/loggen", "--inet", "--use-ssl", "--number=5", "--active-connections=3"),
        *("--idle-connections=2", HOST, str(port)),
    )
    assert "count=15," in result.stderr.splitlines()[-1]  # for each connection
    result = drop_in.run("bin/loggen", "--unix", "--stream", "--number=4", "sock")
    assert "count=4," in result.stderr.splitlines()[-1]
    drop_in.wait(lambda: len(lines_of(drop_in, "out.log")) == 19, "19 lines")
    assert drop_in.stop() == 0


@pytest.mark.parametrize(
    "text",
    [
        'source s { file("in" follow-freq(-1)); };',
        "source s { network(port(1) log-iw-size(0)); };",
        "source s { network(port(1) max-connections(0)); };",
        'filter f { message("(" ); };',
    ],
)
def test_impossible_values_are_configuration_errors(drop_in, text):
    name = re.match(r"(\w+) (\w)", text)
    assert name is not None
    use = f"{name[1]}({name[2]});"
    source = "" if name[1] == "source" else "source(i);"
    drop_in.configure(
        f"source i {{ internal(); }};\n{text}\n"
        f'destination d {{ file("out"); }};\nlog {{ {source} {use} destination(d); }};\n'
    )
    result = drop_in.run("sbin/syslog-ng", "--syntax-only", "--cfgfile=a.conf")
    assert result.returncode == 1, result.stderr


def test_follow_freq_accepts_nought_and_fractions(drop_in):
    for value in ("0", "0.05", "2.5"):
        drop_in.configure(
            f'source s {{ file("in" follow-freq({value})); }};\n'
            'destination d { file("out"); };\nlog { source(s); destination(d); };\n'
        )
        result = drop_in.run("sbin/syslog-ng", "--syntax-only", "--cfgfile=a.conf")
        assert result.returncode == 0, result.stderr


def test_rows_of_unix_datagrams_exist(drop_in, port):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(os.path.relpath(drop_in.folder / "dgram"))
        drop_in.start(
            f"""
source s {{ network(ip({HOST}) port({port})); }};
destination d {{ unix-dgram("dgram"); }};
log {{ source(s); destination(d); }};
"""
        )
        send(port, "x")
        sock.settimeout(20)
        assert b"app: x" in sock.recv(1000)
        drop_in.wait(
            lambda: re.search(
                r"^dst\.unix-dgram;d#0;[^;]*;a;written;1$",
                drop_in.ctl("stats").stdout,
                re.MULTILINE,
            ),
            "the row",
        )
        assert drop_in.stop() == 0
