"""
A long run at a steady rate: is memory flat, and does everything arrive?

``python bench/soak.py --seconds 1800 --rate 300000`` prints the resident memory of the
daemon and what has arrived ten times on the way, and ends with what was lost.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

from run import (
    HERE,
    cpu_seconds,
    free_port,
    logferry,
    start,
    wait_for_port,
)

REPORTS = 10


def resident_now_mib(pid: int) -> float:
    """Return the resident memory of a process at this moment."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def soak(seconds: int, rate: int) -> None:
    """Run and print."""
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder, ports = Path(name), (free_port(), free_port())
        conf = folder / "site.conf"
        program = logferry()
        text = program.version + (HERE / "cases/relay/site.conf").read_text()
        text = text.replace("@INPUT@", str(ports[0])).replace("@OUTPUT@", str(ports[1]))
        # The default is a MARK after 1,200 s without a message of this machine.
        conf.write_text(text + "options { mark-freq(0); };\n")
        count = seconds * rate
        sink = start("sink", ports[1], {"count": count, "idle": 60})
        assert sink.stdout is not None
        sink.stdout.readline()
        daemon = subprocess.Popen(program.command.format(conf=conf, dir=folder).split())
        wait_for_port(ports[0])
        sender = start("send", ports[0], {"count": count, "rate": rate})
        try:
            watch(daemon.pid, seconds)
            report = json.loads(sink.stdout.readline())
        finally:
            sender.kill()
            daemon.terminate()
            daemon.wait()
    lost = count - int(report["count"])
    print(f"sent {count}, arrived {report['count']}, lost {lost}")


def watch(pid: int, seconds: int) -> None:
    """Print memory and CPU time now and then."""
    for part in range(1, REPORTS + 1):
        before = cpu_seconds(pid)
        time.sleep(seconds / REPORTS)
        share = (cpu_seconds(pid) - before) / (seconds / REPORTS)
        elapsed = seconds * part // REPORTS
        print(
            f"{elapsed:>6} s  {resident_now_mib(pid):6.1f} MiB  {share:6.1%} of a core",
            flush=True,
        )


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=1800)
    parser.add_argument("--rate", type=int, default=300_000, help="messages a second")
    options = parser.parse_args()
    soak(options.seconds, options.rate)


if __name__ == "__main__":
    main()
