"""
A long outage: fill a reliable disk buffer while the server is away, then drain it.

Prints how fast it fills and drains, for each gigabyte (it must not get slower as it
grows), what a message costs in CPU, how many commits (each an ``fsync``)
a second there were, and the peak of resident memory::

    python bench/backlog.py --gigabytes 20 [--durability os] [--dir FOLDER]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from logferry.cli.ctl import ask
from run import BenchError, cpu_seconds, free_port, resident_mib, wait_for_port

SIZE = 195
CONFIG = """@version: 4.27
options {{ use-dns(no); stats(level(1)); }};
source s {{ network(ip("127.0.0.1") port({input}) log-iw-size(100000)); }};
destination d {{ network("127.0.0.1" port({output}) time-reopen(0.5)
    disk-buffer(reliable(yes) durability({durability}) capacity-bytes(100G)
        dir("{dir}"))); }};
log {{ source(s); destination(d); flags(flow-control); }};
"""


class Sampler:
    """Asks the daemon how much waits, and when."""

    def __init__(self, control: str, pid: int) -> None:
        self._control = control
        self._pid = pid
        self.samples: list[tuple[float, int]] = []
        self._gigabyte_began = 0
        self.cpu_s = cpu_seconds(pid)
        self.commits = self.read("disk_queue_commits_total")
        self.started = time.monotonic()

    def read(self, name: str) -> int:
        """Return the value of a series of the queue."""
        for line in ask(self._control, ["STATS", "PROMETHEUS"]).splitlines():
            if line.startswith(f"syslogng_{name}{{"):
                return int(float(line.rpartition(" ")[2]))
        return 0

    def until(self, waiting: int, name: str) -> None:
        """Wait until so many messages wait, and print what it took."""
        while True:
            now = self.read("disk_queue_events")
            self.samples.append((time.monotonic(), now))
            self.report_gigabytes(name)
            is_there = now >= waiting if waiting else now == 0
            if is_there:
                break
            time.sleep(0.5)
        self.report(name)

    def report_gigabytes(self, name: str) -> None:
        """Print the speed of each gigabyte: it must not change with the size."""
        end, last = self.samples[-1]
        begin, first = self.samples[self._gigabyte_began]
        count = abs(last - first)
        if count * SIZE < 1e9:
            return
        self._gigabyte_began = len(self.samples) - 1
        print(
            f"  {name:<6}{abs(last - self.samples[0][1]) * SIZE / 1e9:>7.2f} GB"
            f"{count / (end - begin) / 1000:>8.0f} k/s"
            f"{resident_mib(self._pid):>6.0f} MiB at most",
            flush=True,
        )

    def report(self, name: str) -> None:
        """Print rates at the beginning, at the end and over all."""
        (begin, first), (end, last) = self.samples[0], self.samples[-1]
        count = abs(last - first)
        seconds = max(end - begin, 0.001)
        quarter = max(1, len(self.samples) // 4)
        rates = [
            abs(part[-1][1] - part[0][1]) / max(part[-1][0] - part[0][0], 0.001)
            for part in (self.samples[: quarter + 1], self.samples[-quarter - 1 :])
        ]
        cpu_ns = (cpu_seconds(self._pid) - self.cpu_s) / max(count, 1) * 1e9
        commits = self.read("disk_queue_commits_total") - self.commits
        print(
            f"{name:<6}{count:>12} messages{count / seconds / 1000:>8.0f} k/s"
            f" (first quarter {rates[0] / 1000:.0f}, last {rates[1] / 1000:.0f})"
            f"{cpu_ns:>7.0f} ns/message{commits / seconds:>7.0f} commits/s"
            f"{resident_mib(self._pid):>6.0f} MiB",
            flush=True,
        )


def main() -> None:
    """Fill and drain."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--durability", choices=["fsync", "os"], default="fsync")
    parser.add_argument("--dir", type=Path, help="where the backlog is kept")
    options = parser.parse_args()
    count = int(options.gigabytes * 1e9 / SIZE)
    needed = int(options.gigabytes * 1.1e9) + (1 << 30)
    where = options.dir or Path(tempfile.gettempdir())
    if shutil.disk_usage(where).free < needed:
        parser.error(f"{where} has less than {needed / 1e9:.0f} GB free")
    folder = Path(tempfile.mkdtemp(prefix="backlog-", dir=options.dir))
    ports = free_port(), free_port()
    conf = folder / "site.conf"
    conf.write_text(
        CONFIG.format(
            input=ports[0],
            output=ports[1],
            durability=options.durability,
            dir=folder,
        )
    )
    control = str(folder / "ctl")
    command = [sys.executable, "-m", "logferry.cli.main", "run", "-f", str(conf)]
    command += ["--state-dir", str(folder / "state"), "--control", control]
    load = [sys.executable, str(Path(__file__).with_name("load.py"))]
    shape = [f"--count={count}", f"--size={SIZE}"]
    processes = [subprocess.Popen(command, stderr=(folder / "daemon.log").open("w"))]
    try:
        wait_for_port(ports[0])
        pid = processes[0].pid
        fill = Sampler(control, pid)
        processes.append(
            subprocess.Popen(
                [*load, "send", f"--port={ports[0]}", *shape],
                stdout=subprocess.DEVNULL,
            )
        )
        fill.until(count, "fill")
        size = sum(item.stat().st_size for item in folder.glob("*.rqf*"))
        print(f"file   {size / 1e9:.2f} GB for {count * SIZE / 1e9:.2f} GB")
        drain = Sampler(control, pid)
        processes.append(
            subprocess.Popen(
                [*load, "sink", f"--port={ports[1]}", *shape, "--idle=60"],
                stdout=subprocess.DEVNULL,
            )
        )
        drain.until(0, "drain")
    except BenchError:
        print((folder / "daemon.log").read_text(), file=sys.stderr)
        raise
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
