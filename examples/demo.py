"""
Play an outage: a forwarder, two collectors, one of which dies under load.

Every message carries a number. At the end the numbers that each collector received
are compared with those that were sent. Exit status 0 means that nothing was lost.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
INPUT = ("127.0.0.1", 5515)
SERVERS = {"A": "127.0.0.1", "B": "127.0.0.2"}
PORT = 5611
RATE = 5000  # messages a second
SECONDS = 8.0
KILL_AT, REVIVE_AT = 2.0, 4.0

# What the daemon says that belongs on the timeline.
SHOWN = (
    "Syslog connection",
    "Current primary",
    "Current failover",
    "Primary server seems",
    "Destination switched",
    "Probing primary server successful",
)

started_at = time.monotonic()


def say(who: str, text: str) -> None:
    """Put one line on the timeline."""
    print(f"{time.monotonic() - started_at:6.2f} s  {who:<9} {text}", flush=True)


def collector(address: str, path: str) -> None:
    """Receive lines and append their numbers to a file: a process of its own."""
    listener = socket.create_server((address, PORT))
    with Path(path).open("ab", buffering=0) as output:
        while True:
            connection, _ = listener.accept()
            while data := connection.recv(1 << 16):
                output.write(data)


def start_collector(name: str, folder: Path) -> multiprocessing.Process:
    """Start collector ``name``."""
    process = multiprocessing.get_context("spawn").Process(
        target=collector, args=(SERVERS[name], str(folder / name)), daemon=True
    )
    process.start()
    return process


async def follow(stream: asyncio.StreamReader) -> None:
    """Show the daemon's events as they come."""
    while line := await stream.readline():
        text = line.decode().partition("] ")[2].strip()
        if text.startswith(SHOWN) and "5515" not in text:
            say("logferry", text)


async def send_all() -> int:
    """Send numbered messages at a steady rate; return how many."""
    _, writer = await asyncio.open_connection(*INPUT)
    sent = 0
    begin = time.monotonic()
    while (elapsed := time.monotonic() - begin) < SECONDS:
        due = int(elapsed * RATE)
        writer.write(
            b"".join(
                b"<13>Nov 21 12:00:00 demo app: number %d\n" % number
                for number in range(sent, due)
            )
        )
        await writer.drain()
        sent = max(sent, due)
        await asyncio.sleep(0.01)
    writer.close()
    await writer.wait_closed()
    return sent


async def wait_for_port(address: tuple[str, int]) -> None:
    """Wait until somebody listens."""
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection(*address)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise SystemExit(f"nobody listens on {address}")


async def play(folder: Path) -> int:
    """Play the outage and return the exit status."""
    collectors = {name: start_collector(name, folder) for name in SERVERS}
    for address in SERVERS.values():
        await wait_for_port((address, PORT))
    daemon = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "logferry.cli.main", "run"),
        *("-f", str(HERE / "demo.conf"), "--state-dir", str(folder / "state")),
        stderr=asyncio.subprocess.PIPE,
    )
    assert daemon.stderr is not None
    following = asyncio.create_task(follow(daemon.stderr))
    await wait_for_port(INPUT)
    say("sender", f"sends {RATE} messages a second for {SECONDS:g} s")
    sending = asyncio.create_task(send_all())
    await asyncio.sleep(KILL_AT)
    say("demo", "kills collector A (SIGKILL)")
    collectors["A"].kill()
    await asyncio.sleep(REVIVE_AT - KILL_AT)
    say("demo", "starts collector A again")
    collectors["A"] = start_collector("A", folder)
    sent = await sending
    say("sender", f"is done: {sent} messages")
    await asyncio.sleep(0.5)
    daemon.terminate()
    await daemon.wait()
    await following
    await asyncio.sleep(0.2)
    for process in collectors.values():
        process.kill()
    return report(sent, folder)


def report(sent: int, folder: Path) -> int:
    """Compare what was sent with what arrived."""
    total: Counter[int] = Counter()
    print()
    print(f"{'sent':<24}{sent:>8}")
    for name, address in SERVERS.items():
        path = folder / name
        data = path.read_bytes() if path.exists() else b""
        # A killed collector may have torn its last line.
        numbers = [
            int(line.rpartition(b" ")[2])
            for line in data.split(b"\n")[:-1]
            if b"number" in line
        ]
        total.update(numbers)
        print(f"{f'delivered by {name} ({address})':<24}{len(numbers):>8}")
    missing = [number for number in range(sent) if number not in total]
    duplicates = total.total() - len(total)
    print(f"{'sent twice':<24}{duplicates:>8}")
    print(f"{'lost':<24}{len(missing):>8}")
    if missing:
        print(
            "Lost messages were acknowledged by the kernel of the killed collector, "
            f"which never read them: {missing[0]} … {missing[-1]}"
        )
    return 1 if missing else 0


def main() -> None:
    """Play the demo in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="logferry-demo-") as name:
        raise SystemExit(asyncio.run(play(Path(name))))


if __name__ == "__main__":
    main()
