"""
The drop-in ``loggen``: numbered messages at a given rate, over any transport.

Each active connection has a thread that sends what is due since its start, joined
into few writes. Progress goes to standard error every half second; its last line
reports ``count=N,`` whatever happened, as the original's does.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import random
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["main"]

_PRI = 38
_PADDING = "PADD"
_BATCH_MAX = 500
_PAUSE_S = 0.005
_REPORT_INTERVAL_S = 0.5
_PROXY_V2_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"  # PROXY protocol specification, 2.2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("loggen", allow_abbrev=False)
    add = parser.add_argument
    for short, name, text in (
        ("-i", "--inet", "IPv4 or IPv6 (default)"),
        ("-x", "--unix", "unix socket"),
        ("-S", "--stream", "stream socket: TCP (default)"),
        ("-D", "--dgram", "datagram socket: UDP"),
        ("-U", "--use-ssl", "TLS"),
        ("-6", "--ipv6", "only IPv6"),
        ("-d", "--dont-parse", "send the lines of the file as they are"),
        ("-l", "--loop-reading", "begin the file again at its end"),
        ("-T", "--permanent", "never stop"),
        ("-P", "--syslog-proto", "RFC 5424, octet-counted"),
        ("-F", "--no-framing", "no octet count"),
        ("-Q", "--quiet", "no progress"),
        ("-c", "--csv", "numbers as comma separated values on standard output"),
    ):
        add(short, name, action="store_true", help=text)
    for name, text in (
        ("--perf", "as fast as it goes"),
        ("--reconnect", "connect again when the connection breaks"),
        ("--proxied-tls-passthrough", "the PROXY header goes before TLS"),
        ("--debug", "say more"),
    ):
        add(name, action="store_true", help=text)
    add("-R", "--read-file", default="", help="take messages from here; - is stdin")
    add("--skip-tokens", type=int, default=3, help="words before the program's name")
    add("-r", "--rate", type=_count, default=1000, help="messages per second")
    add("-n", "--number", type=_count, default=0, help="messages per connection")
    add("-s", "--size", type=_count, default=256, help="bytes of a message")
    add("-I", "--interval", type=float, default=10.0, help="seconds to run")
    add("-p", "--sdata", default="", help="structured data of each message")
    add("--client-port", type=int, default=0, help="local port")
    add("--active-connections", type=int, default=1, help="connections that send")
    add("--idle-connections", type=int, default=0, help="connections that do not")
    add("--proxied", nargs="?", type=int, const=1, choices=(1, 2), help="PROXY header")
    for end in ("src", "dst"):
        add(f"--proxy-{end}-ip", default="", help=f"{end} address in the PROXY header")
        add(f"--proxy-{end}-port", default="", help=f"{end} port in the PROXY header")
    add("-V", "--version", action="version", version="loggen 4.27 (logferry)")
    add("target", help="host, address or path")
    add("port", nargs="?", default="514")
    return parser


def _count(text: str) -> int:
    """Read a number with an optional k or M."""
    factor = {"k": 1000, "m": 1000_000}.get(text[-1:].lower(), 1)
    return int(text[:-1] if factor > 1 else text) * factor


@dataclass(slots=True)
class _Total:
    """What all connections did together."""

    count: int = 0
    byte_count: int = 0
    failures: int = 0


class _Messages:
    """The messages of one connection."""

    def __init__(self, options: argparse.Namespace, thread: int, run_id: int) -> None:
        self._options = options
        self._thread = thread
        self._run_id = run_id
        self._is_framed = options.syslog_proto and not options.no_framing

    def __iter__(self) -> Iterator[bytes]:
        texts = self._lines() if self._options.read_file else self._numbered()
        ending = b"" if self._is_framed else b"\n"
        for text in texts:
            data = text.encode("utf-8", "surrogateescape")
            yield b"%d %s" % (len(data), data) if self._is_framed else data + ending

    def _numbered(self) -> Iterator[str]:
        options = self._options
        room = options.size - (0 if self._is_framed else 1)
        for number in itertools.count():
            head = self._head("localhost", f"prg{self._thread:05}", "1234")
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S")
            text = (
                f"{head}seq: {number:010}, thread: {self._thread:04}, "
                f"runid: {self._run_id:<10}, stamp: {stamp:<19} "
            )
            missing = max(0, room - len(text.encode()))
            yield text + (_PADDING * (missing // 4 + 1))[:missing]

    def _head(self, host: str, program: str, pid: str) -> str:
        if self._options.syslog_proto:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
            sdata = self._options.sdata or "-"
            return f"<{_PRI}>1 {stamp} {host} {program} {pid or '-'} - {sdata} \ufeff"
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S")
        tag = f"{program}[{pid}]" if pid else program
        return f"<{_PRI}>{stamp} {host} {tag}: "

    def _lines(self) -> Iterator[str]:
        options = self._options
        while True:
            name = "/dev/stdin" if options.read_file == "-" else options.read_file
            with Path(name).open(encoding="utf-8", errors="surrogateescape") as lines:
                for line in lines:
                    text = line.rstrip("\n")
                    if text:
                        yield text if options.dont_parse else self._parse(text)
            if not options.loop_reading or options.read_file == "-":
                return

    def _parse(self, line: str) -> str:
        """Give a line from a log file a new head."""
        words = line.split(" ", self._options.skip_tokens)
        program, colon, message = words[-1].partition(":")
        if not colon:
            return self._head("localhost", "prg", "") + line
        name, _, pid = program.partition("[")
        return self._head("localhost", name, pid.rstrip("]")) + message.lstrip()


def _connect(options: argparse.Namespace) -> socket.socket:
    """Return a connected socket. Raises ``OSError``."""
    kind = socket.SOCK_DGRAM if options.dgram else socket.SOCK_STREAM
    if options.unix:
        sock = socket.socket(socket.AF_UNIX, kind)
        sock.connect(options.target)
        return sock
    family = socket.AF_INET6 if options.ipv6 else socket.AF_UNSPEC
    found = socket.getaddrinfo(options.target, options.port, family, kind)
    family, _, _, _, address = found[0]
    sock = socket.socket(family, kind)
    try:
        if options.client_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("", options.client_port))
        sock.connect(address)
        if options.proxied_tls_passthrough:
            sock.sendall(_proxy_header(options, sock))
        if options.use_ssl:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            sock = context.wrap_socket(sock, server_hostname=options.target)
        if options.proxied and not options.proxied_tls_passthrough:
            sock.sendall(_proxy_header(options, sock))
    except BaseException:
        sock.close()
        raise
    return sock


def _proxy_header(options: argparse.Namespace, sock: socket.socket) -> bytes:
    """Return the PROXY header: given addresses, else the connection's own."""
    own, peer = sock.getsockname(), sock.getpeername()
    source = (options.proxy_src_ip or own[0], int(options.proxy_src_port or own[1]))
    target = (options.proxy_dst_ip or peer[0], int(options.proxy_dst_port or peer[1]))
    is_v6 = ":" in source[0]
    if options.proxied != 2:
        family = "TCP6" if is_v6 else "TCP4"
        text = f"PROXY {family} {source[0]} {target[0]} {source[1]} {target[1]}\r\n"
        return text.encode()
    version = socket.AF_INET6 if is_v6 else socket.AF_INET
    body = b"".join(socket.inet_pton(version, host) for host, _ in (source, target))
    body += struct.pack("!HH", source[1], target[1])
    head = struct.pack("!BBH", 0x21, 0x21 if is_v6 else 0x11, len(body))
    return _PROXY_V2_SIGNATURE + head + body


class _Sender(threading.Thread):
    """One active connection."""

    def __init__(
        self, options: argparse.Namespace, messages: _Messages, sock: socket.socket
    ) -> None:
        super().__init__(daemon=True)
        self._options = options
        self._messages = iter(messages)
        self._sock = sock
        self.total = _Total()
        self.stop_requested = threading.Event()

    def run(self) -> None:
        """Send until the number is reached, the time is over, or the file ends."""
        options = self._options
        started = time.monotonic()
        while not self.stop_requested.is_set():
            elapsed_s = time.monotonic() - started
            is_endless = options.permanent or options.number or options.read_file
            if not is_endless and elapsed_s >= options.interval:
                break
            due = _BATCH_MAX
            if not options.perf:
                due = int(options.rate * elapsed_s) + 1 - self.total.count
            if options.number:
                due = min(due, options.number - self.total.count)
                if self.total.count >= options.number:
                    break
            batch = list(itertools.islice(self._messages, max(0, min(due, _BATCH_MAX))))
            if not batch and due > 0:
                break
            if batch and not self._send(batch):
                break
            if due < _BATCH_MAX:
                time.sleep(_PAUSE_S)
        with contextlib.suppress(OSError):
            if self._options.use_ssl:
                self._sock.unwrap()  # type: ignore[attr-defined] # an SSLSocket here
        self._sock.close()

    def _send(self, batch: list[bytes]) -> bool:
        """Send ``batch``; tell whether to go on."""
        try:
            if self._options.dgram:
                for message in batch:
                    self._sock.send(message)
            else:
                self._sock.sendall(b"".join(batch))
        except OSError as error:
            if self._options.reconnect and self._reconnect():
                return True
            sys.stderr.write(f"error sending: {error.strerror or error}\n")
            self.total.failures += 1
            return False
        self.total.count += len(batch)
        self.total.byte_count += sum(map(len, batch))
        return True

    def _reconnect(self) -> bool:
        self._sock.close()
        while not self.stop_requested.wait(_REPORT_INTERVAL_S):
            with contextlib.suppress(OSError):
                self._sock = _connect(self._options)
                return True
        return False


def main(arguments: list[str] | None = None) -> int:
    """Send; return 0, or 1 for a command line that makes no sense."""
    options = _parser().parse_args(arguments)
    if options.read_file not in {"", "-"} and not Path(options.read_file).is_file():
        sys.stderr.write(f"cannot read {options.read_file}\n")
        return 1
    run_id = random.randrange(1 << 31)  # noqa: S311

    idle: list[socket.socket] = []
    senders: list[_Sender] = []
    try:
        for number in range(options.active_connections):
            messages = _Messages(options, number, run_id)
            senders.append(_Sender(options, messages, _connect(options)))
        idle.extend(_connect(options) for _ in range(options.idle_connections))
    except OSError as error:
        sys.stderr.write(
            f"error connecting to {options.target}:{options.port}: "
            f"{error.strerror or error}\n"
        )
        _report(options, senders, 0.0)
        return 0  # the original says nothing of failures in its exit status
    started = time.monotonic()
    for sender in senders:
        sender.start()
    try:
        _watch(options, senders, started)
    except KeyboardInterrupt:
        for sender in senders:
            sender.stop_requested.set()
        for sender in senders:
            sender.join()
    for sock in idle:
        sock.close()
    _report(options, senders, time.monotonic() - started)
    return 0  # the original says nothing of failures in its exit status


def _watch(options: argparse.Namespace, senders: list[_Sender], started: float) -> None:
    """Report progress until all have finished."""
    last_count, last_at = 0, started
    while any(sender.is_alive() for sender in senders):
        deadline = time.monotonic() + _REPORT_INTERVAL_S
        for sender in senders:
            sender.join(max(0.0, deadline - time.monotonic()))
        now = time.monotonic()
        if options.quiet or now - last_at < _REPORT_INTERVAL_S:
            continue
        count = sum(sender.total.count for sender in senders)
        rate = (count - last_count) / (now - last_at)
        average = count / (now - started)
        sys.stderr.write(
            f"count={count}, rate={rate:.2f} msg/s, avg_rate={average:.2f} msg/s\n"
        )
        if options.csv:
            print(f"{0};{now - started:.6f};{rate:.2f};{count}")
        last_count, last_at = count, now


def _report(
    options: argparse.Namespace, senders: list[_Sender], elapsed_s: float
) -> None:
    """Write the last line."""
    count = sum(sender.total.count for sender in senders)
    byte_count = sum(sender.total.byte_count for sender in senders)
    rate = count / elapsed_s if elapsed_s else 0.0
    size = byte_count / count if count else float(options.size)
    kib = byte_count / elapsed_s / 1024 if elapsed_s else 0.0
    sys.stderr.write(
        f"avg_rate={rate:.2f} msg/s, stdev_rate=0.00%, count={count}, "
        f"time={elapsed_s:.3f}, avg_msg_size={size:.0f}, bandwidth={kib:.2f} KiB/s\n"
    )


if __name__ == "__main__":
    sys.exit(main())
