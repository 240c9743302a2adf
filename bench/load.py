"""
Load for the benchmarks: a sender and a sink, each a process of its own.

The sender pushes a prebuilt buffer again and again; with ``--sequence`` every line
carries its number instead, so that the sink can check that all lines arrive in order.
The sink counts lines and, with ``--sequence``, checks them.
"""

from __future__ import annotations

import argparse
import json
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
    if options.sequence:
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


def sink(options: argparse.Namespace) -> None:
    """Count lines until ``count`` arrived or nothing came for ``idle`` seconds."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    listener.bind((options.host, options.port))
    listener.listen(16)
    listener.settimeout(options.idle)
    print("ready", flush=True)
    sock, _ = listener.accept()
    sock.settimeout(options.idle)
    buffer = bytearray(1 << 20)
    view = memoryview(buffer)
    count, expected, rest = 0, 0, b""
    errors = 0
    started = 0.0
    while count < options.count:
        try:
            size = sock.recv_into(buffer)
        except TimeoutError:
            break
        if not size:
            break
        started = started or time.monotonic()
        if options.sequence:
            data = rest + view[:size].tobytes()
            lines = data.split(b"\n")
            rest = lines.pop()
            for text in lines:
                at = text.find(b"seq ") + 4
                errors += int(text[at : at + 10]) != expected
                expected += 1
            count += len(lines)
        else:
            count += view[:size].tobytes().count(b"\n")
    seconds = time.monotonic() - started if started else 0.0
    print(json.dumps({"count": count, "seconds": seconds, "errors": errors}))


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
    parser.add_argument("--sequence", action="store_true")
    options = parser.parse_args()
    if options.role == "send":
        send(options)
    else:
        sink(options)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
