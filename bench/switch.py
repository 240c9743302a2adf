"""
How long is nobody served when a server dies? And what is lost in that moment?

The first server of three dies under load, in one of several ways. Measured is the time
from its death to the first byte at the next living server, and, when all is quiet
again, how many messages arrived nowhere and how many arrived twice. The servers are
threads of this program; logferry and the peers that are there run one after the other,
each a fresh process, with the same load.

``reset``    the connection is reset, the next server listens
``fin``      the server closes in an orderly way
``refused``  reset, and the second server of the list is dead too
``frozen``   the server reads no more; nothing says that it is gone

Each program has the configuration that its own documentation offers for the purpose:
logferry the recommended one (``backoff()``, ``delivery-timeout(1)``), syslog-ng
``failover()`` with the shortest ``time-reopen()`` it takes, rsyslog actions that are
executed only when the previous is suspended.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import multiprocessing
import os
import signal
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from run import PEERS, Program, logferry, programs, wait_for_port

ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
FAULTS = ("reset", "fin", "refused", "frozen")
RESET = struct.pack("ii", 1, 0)
LINE = b"<13>Nov 21 12:00:00 host app: number %08d %s\n"
PADDING = b"x" * 140

OURS = """
source s {{ network(localip("127.0.0.1") port({input}) keep-hostname(yes)); }};
destination d {{
    network("127.0.0.1" port({port}) {tls} {options}
            failover(servers("127.0.0.2" "127.0.0.3")));
}};
log {{ source(s); destination(d); flags(flow-control); }};
"""
RECOMMENDED = "backoff(initial(0.1) max(30)) delivery-timeout(1) connect-timeout(2)"

RSYSLOG = """
{tls_global}
module(load="imtcp")
input(type="imtcp" port="{input}" address="127.0.0.1")
template(name="raw" type="string" string="%rawmsg%\\n")
action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp" template="raw"
       {tls} action.resumeInterval="1")
action(type="omfwd" target="127.0.0.2" port="{port}" protocol="tcp" template="raw"
       {tls} action.resumeInterval="1" action.execOnlyWhenPreviousIsSuspended="on")
action(type="omfwd" target="127.0.0.3" port="{port}" protocol="tcp" template="raw"
       {tls} action.resumeInterval="1" action.execOnlyWhenPreviousIsSuspended="on")
"""


class Server:
    """A log server that can die in several ways."""

    def __init__(
        self,
        address: str,
        port: int,
        heard: threading.Event,
        *,
        is_small: bool,
        context: ssl.SSLContext | None,
    ) -> None:
        self._heard = heard
        self._context = context
        self.received: list[bytes] = []
        self.first_at = 0.0
        self._connections: list[socket.socket] = []
        self._is_frozen = threading.Event()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_small:  # a frozen server is full soon
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        self._listener.bind((address, port))
        self._listener.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        chunks: list[bytes] = []
        if self._context is not None:
            self._connections.remove(connection)
            try:
                connection = self._context.wrap_socket(connection, server_side=True)
            except OSError:
                return
            self._connections.append(connection)
        self.received.append(b"")
        place = len(self.received) - 1
        while not self._is_frozen.is_set():
            try:
                data = connection.recv(1 << 16)
            except OSError:
                break
            if not data:
                break
            if not self.first_at:
                self.first_at = time.monotonic()
                self._heard.set()
            chunks.append(data)
        self.received[place] = b"".join(chunks)

    def die(self, fault: str) -> None:
        """Stop serving in the way that ``fault`` says."""
        if fault == "frozen":
            self._is_frozen.set()
            return
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept()
        self._listener.close()
        for connection in self._connections:
            if fault != "fin":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            else:
                connection.shutdown(socket.SHUT_WR)
            connection.close()

    def close(self) -> None:
        """End everything."""
        self._is_frozen.set()
        for sock in (self._listener, *self._connections):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


@dataclass
class Round:
    """What one death cost; the time is ``None`` when nobody noticed it."""

    seconds: float | None
    lost: int
    twice: int


def send(port: int, rate: int, is_over: Any, sent: Any) -> None:
    """Send numbered messages at a steady rate until ``is_over`` (a process)."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        # Without it a small write may wait 40 ms for the ACK of the one before.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began_at = time.monotonic()
        while not is_over.is_set():
            due = int((time.monotonic() - began_at) * rate)
            numbers = range(sent.value, due)
            try:
                sock.sendall(b"".join(LINE % (n, PADDING) for n in numbers))
            except OSError:
                return
            sent.value = max(sent.value, due)
            time.sleep(0.001)
        time.sleep(10)  # until we are killed: hanging up is not part of the play


class Sender:
    """The process that sends."""

    def __init__(self, port: int, rate: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._is_over = context.Event()
        self._sent = context.Value("q", 0)
        arguments = (port, rate, self._is_over, self._sent)
        self._process = context.Process(target=send, args=arguments, daemon=True)
        self._process.start()

    def stop(self) -> int:
        """Stop; return how many were sent."""
        self._is_over.set()
        time.sleep(0.2)
        return int(self._sent.value)

    def close(self) -> None:
        """Hang up."""
        self._process.kill()
        self._process.join()


def write_config(
    program: Program, folder: Path, input_port: int, port: int, ca: Path | None
) -> list[str]:
    """Write a program's configuration; return the command that runs it."""
    conf = folder / "site.conf"
    ports = {"input": input_port, "port": port}
    if program.name == "rsyslog":
        tls = tls_global = ""
        if ca is not None:
            tls_global = f'global(DefaultNetstreamDriverCAFile="{ca}")'
            tls = (
                'StreamDriver="gtls" StreamDriverMode="1" '
                'StreamDriverAuthMode="x509/certvalid"'
            )
        conf.write_text(RSYSLOG.format(**ports, tls=tls, tls_global=tls_global))
    else:
        options = RECOMMENDED if program.name == "logferry" else "time-reopen(1)"
        tls = f'transport(tls) tls(ca-file("{ca}"))' if ca is not None else ""
        text = OURS.format(**ports, options=options, tls=tls)
        conf.write_text(program.version + text)
    return program.command.format(conf=conf, dir=folder).split()


def certificates(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a CA and one certificate for all servers."""
    import trustme  # a development dependency

    authority = trustme.CA()
    path = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*ADDRESSES).configure_cert(context)
    return path, context


def free_port() -> int:
    """Return a port that is free on all addresses."""
    while True:
        with socket.create_server((ADDRESSES[0], 0)) as first:
            port = int(first.getsockname()[1])
            try:
                for address in ADDRESSES[1:]:
                    socket.create_server((address, port)).close()
            except OSError:
                continue
            return port


def play(
    program: Program, fault: str, rate: int, patience_s: float, *, is_tls: bool
) -> Round:
    """Let the first server die once."""
    with tempfile.TemporaryDirectory(prefix="switch-") as name:
        folder, input_port, port = Path(name), free_port(), free_port()
        heard = threading.Event()
        ca, context = certificates(folder) if is_tls else (None, None)
        command = write_config(program, folder, input_port, port, ca)
        is_small = fault == "frozen"
        servers = [
            Server(address, port, heard, is_small=is_small, context=context)
            for address in ADDRESSES
        ]
        with (folder / "log").open("wb") as log:
            daemon = subprocess.Popen(
                command,
                env={**os.environ, **program.environment},
                stdout=log,
                stderr=log,
            )
        try:
            wait_for_port(input_port)
            return _measure(servers, heard, Sender(input_port, rate), fault, patience_s)
        finally:
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
            for server in servers:
                server.close()


def _measure(
    servers: list[Server],
    heard: threading.Event,
    sender: Sender,
    fault: str,
    patience_s: float,
) -> Round:
    heard.wait(10)
    time.sleep(1.2)  # long enough for a connection to count as one that held
    if fault == "refused":
        servers[1].die("reset")
    heard.clear()
    died_at = time.monotonic()
    servers[0].die("reset" if fault == "refused" else fault)
    heard.wait(patience_s)
    heirs = servers[1:]
    found = [server.first_at for server in heirs if server.first_at]
    time.sleep(0.5)
    sent = sender.stop()
    time.sleep(1.5)
    for server in servers:
        server.close()
    time.sleep(0.1)
    sender.close()
    counts = collections.Counter(
        int(line.split()[6])
        for server in servers
        for data in server.received
        for line in data.split(b"\n")[:-1]
        if line.count(b" ") == 7
    )
    lost = sum(number not in counts for number in range(sent))
    twice = sum(count - 1 for count in counts.values())
    return Round(min(found) - died_at if found else None, lost, twice)


def candidates() -> list[Program]:
    """Return logferry and the peers that are unpacked."""
    found = [logferry()]
    found += [program for program in programs() if program.name == "syslog-ng"]
    binary = PEERS / "usr/sbin/rsyslogd"
    if binary.exists():
        libraries = [PEERS / "usr/lib/x86_64-linux-gnu", PEERS / "lib/x86_64-linux-gnu"]
        rsyslog = Program(
            "rsyslog",
            "",
            f"{binary} -n -f {{conf}} -i {{dir}}/pid -M {libraries[0]}/rsyslog",
        )
        rsyslog.environment["LD_LIBRARY_PATH"] = ":".join(map(str, libraries))
        found.append(rsyslog)
    return found


def report(fault: str, name: str, rounds: list[Round], patience_s: float) -> None:
    """Print one row."""
    times = [item.seconds for item in rounds if item.seconds is not None]
    if len(times) == len(rounds):
        middle = f"{statistics.median(times) * 1000:.1f} ms"
        worst = f"{max(times) * 1000:.1f} ms"
    else:
        middle = worst = f"> {patience_s:g} s"
    lost = statistics.median(item.lost for item in rounds)
    twice = statistics.median(item.twice for item in rounds)
    print(f"{fault:<10}{name:<12}{middle:>12}{worst:>12}{lost:>9.0f}{twice:>9.0f}")


def main() -> None:
    """Let servers die and print the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fault", action="append", choices=FAULTS)
    parser.add_argument("--program", action="append", help="logferry, syslog-ng …")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=int, default=5000, help="messages a second")
    parser.add_argument("--patience", type=float, default=10.0, help="seconds")
    parser.add_argument("--tls", action="store_true", help="TLS to the servers")
    options = parser.parse_args()
    sys.setswitchinterval(0.0002)  # servers are threads: none may wait for another
    print(
        f"{'death':<10}{'program':<12}{'median':>12}{'worst':>12}"
        f"{'lost':>9}{'twice':>9}"
    )
    for fault in options.fault or FAULTS:
        for program in candidates():
            if options.program and program.name not in options.program:
                continue
            rounds = [
                play(program, fault, options.rate, options.patience, is_tls=options.tls)
                for _ in range(options.rounds)
            ]
            report(fault, program.name, rounds, options.patience)
            sys.stdout.flush()


if __name__ == "__main__":
    main()
