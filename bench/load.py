"""
Load for the benchmarks: a sender and a sink, each a process of its own.

The sender pushes a prebuilt buffer again and again; with ``--sequence`` every line
carries its number instead, so that the sink can check that all lines arrive in order.
With ``--rate`` it sends so many a second, and the sink measures how long each took.
The sink counts lines and, with ``--sequence``, checks them; with ``--http`` it is a web
server that counts the lines of the bodies it is sent.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import sys
import time

STAMP = "Nov 21 01:02:03"
CHUNK_LINES = 1300


def line(number: int, size: int, form: str) -> bytes:
    """Return one message of ``size`` bytes with its newline."""
    if form == "rfc5424":
        head = (
            f"<{13 + number % 100}>1 2026-11-21T01:02:03.{number % 1_000_000:06}+00:00 "
            f"host{number % 50} sshd {number % 30_000} ID{number % 40} "
            f'[meta sequenceId="{number % 99_999}" user="u{number % 100}"] '
        )
    else:
        head = (
            f"<{13 + number % 100}>{STAMP} host{number % 50} "
            f"sshd[{number % 30_000}]: Accepted publickey for user{number % 1000} "
        )
    text = head + f"seq {number:010} "
    return (text + "x" * max(0, size - 1 - len(text)) + "\n").encode()


def frame(text: bytes, framing: str) -> bytes:
    """Put the length before ``text`` for octet counting."""
    if framing == "octet":
        return b"%d %b" % (len(text), text)
    return text


def send(options: argparse.Namespace) -> None:
    """Send ``count`` lines over ``connections`` connections as fast as possible."""
    socks = []
    for _ in range(options.connections):
        sock = socket.create_connection((options.host, options.port))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        socks.append(sock)
    started = time.monotonic()
    if options.rate:
        sent = _send_paced(socks[0], options)
    elif options.sequence:
        sent = _send_sequence(socks[0], options)
    else:
        sent = _send_repeated(socks, options)
    seconds = time.monotonic() - started
    for sock in socks:
        sock.shutdown(socket.SHUT_WR)
    for sock in socks:
        sock.settimeout(60)
        while sock.recv(65536):
            pass
    print(json.dumps({"sent": sent, "seconds": seconds}))


def _send_repeated(socks: list[socket.socket], options: argparse.Namespace) -> int:
    lines = [
        frame(line(number, options.size, options.form), options.framing)
        for number in range(CHUNK_LINES)
    ]
    chunk = b"".join(lines)
    sent = 0
    while sent < options.count:
        for sock in socks:
            sock.sendall(chunk)
            sent += CHUNK_LINES
    return sent


def _send_sequence(sock: socket.socket, options: argparse.Namespace) -> int:
    for first in range(0, options.count, CHUNK_LINES):
        last = min(first + CHUNK_LINES, options.count)
        sock.sendall(
            b"".join(
                frame(line(number, options.size, options.form), options.framing)
                for number in range(first, last)
            )
        )
    return options.count


def _send_paced(sock: socket.socket, options: argparse.Namespace) -> int:
    """Send ``rate`` lines a second in a hundred bursts, each with its time."""
    burst = max(1, options.rate // 100)
    started = time.monotonic()
    for first in range(0, options.count, burst):
        delay = started + first / options.rate - time.monotonic()
        if delay > 0:
            time.sleep(delay)
        now = time.monotonic_ns()
        head = f"<13>{STAMP} host sshd[7]: at {now} "
        text = head + "x" * max(0, options.size - 1 - len(head)) + "\n"
        sock.sendall(text.encode() * min(burst, options.count - first))
    return options.count


class WebTally:
    """What has arrived in requests on one connection; each is answered with 200."""

    def __init__(self, sock: socket.socket) -> None:
        self.count = 0
        self.errors = 0
        self.latencies_ns: list[int] = []
        self._sock = sock
        self._head = b""
        self._left = 0

    def take(self, data: bytes) -> None:
        """Count the lines of ``data``; the last of a body has no newline."""
        while data:
            if not self._left:
                self._head += data
                head, end, data = self._head.partition(b"\r\n\r\n")
                if not end:
                    return
                self._head = b""
                lower = head.lower()
                at = lower.index(b"content-length:") + 15
                self._left = int(lower[at:].split(b"\r\n", 1)[0])
            body, data = data[: self._left], data[self._left :]
            self._left -= len(body)
            self.count += body.count(b"\n")
            if not self._left:
                self.count += not body.endswith(b"\n")
                self._sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


class Tally:
    """What has arrived on one connection."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.count = 0
        self.errors = 0
        self.latencies_ns: list[int] = []
        self._options = options
        self._rest = b""

    def take(self, data: bytes) -> None:
        """Count the lines of ``data``, and look into them if asked to."""
        if not (self._options.sequence or self._options.rate):
            self.count += data.count(b"\n")
            return
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        now = time.monotonic_ns()
        for text in lines:
            if self._options.rate:
                at = text.find(b" at ") + 4
                self.latencies_ns.append(now - int(text[at : text.find(b" ", at)]))
            else:
                at = text.find(b"seq ") + 4
                self.errors += int(text[at : at + 10]) != self.count
            self.count += 1


def sink(options: argparse.Namespace) -> None:
    """Count lines until ``count`` arrived or nothing came for ``idle`` seconds."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    listener.bind((options.host, options.port))
    listener.listen(64)
    poll = selectors.DefaultSelector()
    poll.register(listener, selectors.EVENT_READ, None)
    print("ready", flush=True)
    buffer = bytearray(1 << 20)
    view = memoryview(buffer)
    tallies: list[Tally | WebTally] = []
    total, started, now = 0, 0.0, 0.0
    while total < options.count and (ready := poll.select(options.idle)):
        for key, _ in ready:
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            if key.data is None:
                peer = listener.accept()[0]
                tallies.append(WebTally(peer) if options.http else Tally(options))
                poll.register(peer, selectors.EVENT_READ, tallies[-1])
                continue
            size = sock.recv_into(buffer)
            if not size:
                poll.unregister(sock)
                continue
            now = time.monotonic()
            started = started or now
            key.data.take(view[:size].tobytes())
        total = sum(item.count for item in tallies)
    latencies = sorted(item for tally in tallies for item in tally.latencies_ns)
    report: dict[str, float] = {
        "count": total,
        "seconds": time.monotonic() - started if started else 0.0,
        "errors": sum(item.errors for item in tallies),
    }
    if latencies:
        report["p50_us"] = latencies[len(latencies) // 2] / 1e3
        report["p99_us"] = latencies[len(latencies) * 99 // 100] / 1e3
    print(json.dumps(report))


def main() -> None:
    """Run one role."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["send", "sink"])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=195)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--form", default="rfc3164")
    parser.add_argument("--framing", default="line")
    parser.add_argument("--idle", type=float, default=10.0)
    parser.add_argument("--rate", type=int, default=0, help="lines a second")
    parser.add_argument("--sequence", action="store_true")
    parser.add_argument("--http", action="store_true", help="the sink is a web server")
    options = parser.parse_args()
    if options.role == "send":
        send(options)
    else:
        sink(options)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
