"""
Run benchmark cases on logferry and on the peers that are there, in turn.

A case is a folder in ``cases/``: ``site.conf`` (and, where rsyslog takes part,
``rsyslog.conf``) with ``@INPUT@``, ``@OUTPUT@`` and
``@FILE@`` for ports and file, and ``load.toml``. The same configuration and the same
load go to every program. Sender and sink are processes of their own (``load.py``);
CPU time is that of the daemon alone, user and system, from /proc. Rounds alternate
between the programs, because these machines are noisy: compare ratios of one run.

Peers: Debian's syslog-ng (``make peers``) and whatever ``$LOGFERRY_BENCH_PEER`` names
(the path of a syslog-ng compatible binary).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PEERS = (
    Path(os.environ.get("LOGFERRY_PEERS") or Path.home() / ".cache/logferry-peers")
    / "root"
)
LIBRARIES = {
    "LD_LIBRARY_PATH": ":".join(
        str(PEERS / folder)
        for folder in (
            "usr/lib/x86_64-linux-gnu",
            "lib/x86_64-linux-gnu",
            "usr/lib/syslog-ng",
        )
    )
}
TICKS = os.sysconf("SC_CLK_TCK")


Load = dict[str, Any]
"""
The content of ``load.toml``: options of load.py, and of this program: ``sink`` (where
records arrive), ``rounds``, ``logferry`` (words for its command line alone).
"""


class BenchError(Exception):
    """A round could not be measured."""


@dataclass
class Program:
    """Something that can run a configuration."""

    name: str
    version: str
    command: str
    config: str = "site.conf"  # the file of a case that it reads
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Result:
    """What one round measured."""

    rate: float  # messages/s
    cpu_ns: float  # CPU nanoseconds a message
    rss_mib: float
    count: int
    p50_us: float = 0.0  # latency, where the case sends at a rate
    p99_us: float = 0.0


def free_port() -> int:
    """Return a free TCP port."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def logferry() -> Program:
    """Return the program of this checkout."""
    command = f"{sys.executable} -m logferry.cli.main run -f {{conf}}"
    return Program(
        "logferry", "@version: 4.27\n", f"{command} --state-dir {{dir}}/state"
    )


def syslog_ng(name: str, version: str, binary: Path, more: str = "") -> Program:
    """Return a peer that is started like syslog-ng."""
    files = "-f {conf} -R {dir}/persist -p {dir}/pid -c {dir}/ctl"
    return Program(name, version, f"{binary} -F --no-caps {files} {more}")


def programs() -> list[Program]:
    """Return logferry and the peers found."""
    found = [logferry()]
    binary = PEERS / "usr/sbin/syslog-ng"
    if binary.exists():
        modules = f"--module-path={PEERS}/usr/lib/syslog-ng/3.38"
        peer = syslog_ng("syslog-ng", "@version: 3.38\n", binary, modules)
        peer.environment.update(LIBRARIES)
        found.append(peer)
    binary = PEERS / "usr/sbin/rsyslogd"
    if binary.exists():
        modules = f"-M {PEERS}/usr/lib/x86_64-linux-gnu/rsyslog"
        command = f"{binary} -n -f {{conf}} -i {{dir}}/pid {modules}"
        found.append(Program("rsyslog", "", command, "rsyslog.conf", LIBRARIES))
    other = os.environ.get("LOGFERRY_BENCH_PEER")
    if other:
        peer = syslog_ng("peer", "@version: current\n", Path(other))
        # As it calls itself: "axosyslog 4.27.0".
        peer.name = (version_of(peer).split() or ["peer"])[0]
        found.append(peer)
    return found


def version_of(program: Program) -> str:
    """Return what a peer says of itself."""
    flag = "-v" if program.name == "rsyslog" else "-V"
    answer = subprocess.run(
        [program.command.split()[0], flag],
        env={**os.environ, **program.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.partition("\n")[0].partition(" (aka")[0].strip()


def family(pid: int) -> list[int]:
    """Return a process and its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(item for child in children for item in family(int(child)))]


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process and its descendants."""
    ticks = 0
    for member in family(pid):
        stat = Path(f"/proc/{member}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def resident_mib(pid: int) -> float:
    """Return the peak resident memory of a process and its descendants."""
    return sum(
        int(line.split()[1]) / 1024
        for member in family(pid)
        for line in Path(f"/proc/{member}/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )


def wait_for_port(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(400):
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.025)
    raise BenchError(f"nobody listens on port {port}")


def start(role: str, port: int, load: Load) -> subprocess.Popen[str]:
    """Start a sender or sink."""
    arguments = [
        f"--{key}" if value is True else f"--{key}={value}"
        for key, value in load.items()
        if key not in {"sink", "rounds", "logferry"}
    ]
    command = [sys.executable, str(HERE / "load.py"), role, f"--port={port}"]
    return subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)


def start_sink(load: Load, port: int) -> subprocess.Popen[str] | None:
    """Start the sink process, if the case has one, and wait until it listens."""
    if load.get("sink") == "file":
        return None
    sink = start("sink", port, load)
    assert sink.stdout is not None
    sink.stdout.readline()
    return sink


def wait_for_file(path: Path, count: int) -> float:
    """Wait until ``path`` holds ``count`` lines; return when it did."""
    size = -1
    while True:
        now = path.stat().st_size if path.exists() else 0
        if now == size and now:
            lines = int(subprocess.check_output(["wc", "-l", str(path)]).split()[0])
            if lines >= count:
                return time.monotonic()
        size = now
        time.sleep(0.05)


def run_round(program: Program, case: Path, load: Load) -> Result:
    """Run one case once on one program."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        ports = free_port(), free_port()
        output = folder / "out.log"
        text = program.version + (case / program.config).read_text()
        text = text.replace("@INPUT@", str(ports[0])).replace("@OUTPUT@", str(ports[1]))
        conf = folder / "site.conf"
        text = text.replace("@FILE@", str(output)).replace("@DIR@", name)
        conf.write_text(text)
        sink = start_sink(load, ports[1])
        command = program.command
        if program.name == "logferry":
            command += " " + load.get("logferry", "")
        log = folder / "daemon.log"
        with log.open("w") as stderr:
            daemon = subprocess.Popen(
                command.format(conf=conf, dir=folder).split(),
                env={**os.environ, **program.environment},
                stdout=stderr,
                stderr=stderr,
            )
        try:
            wait_for_port(ports[0])
            return measure(daemon.pid, load, ports[0], sink, output)
        except BenchError:
            print(f"{program.name} said:\n{log.read_text()[-2000:]}", file=sys.stderr)
            raise
        finally:
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
            if sink is not None:
                sink.kill()
                sink.wait()


def measure(
    pid: int,
    load: Load,
    port: int,
    sink: subprocess.Popen[str] | None,
    output: Path,
) -> Result:
    """Send the load and take the figures."""
    time.sleep(0.3)
    before = cpu_seconds(pid)
    started = time.monotonic()
    sender = start("send", port, load)
    count = load["count"]
    report = {}
    if sink is not None:
        assert sink.stdout is not None
        report = json.loads(sink.stdout.readline())
        seconds = report["seconds"]
        if report["count"] < count or report["errors"]:
            raise BenchError(
                f"{report['count']} of {count} arrived, {report['errors']} in disorder"
            )
    else:
        seconds = wait_for_file(output, count) - started
    result = Result(
        count / seconds,
        (cpu_seconds(pid) - before) / count * 1e9,
        resident_mib(pid),
        count,
        report.get("p50_us", 0.0),
        report.get("p99_us", 0.0),
    )
    sender.kill()
    sender.wait()
    return result


def describe(results: list[Result]) -> dict[str, float]:
    """Return medians."""
    return {
        "rate": statistics.median(item.rate for item in results),
        "cpu_ns": statistics.median(item.cpu_ns for item in results),
        "cpu_ns_min": min(item.cpu_ns for item in results),
        "rss_mib": max(item.rss_mib for item in results),
        "count": results[0].count,
        "p50_us": statistics.median(item.p50_us for item in results),
        "p99_us": statistics.median(item.p99_us for item in results),
    }


def run_case(case: Path, rounds: int, size: int | None) -> dict[str, dict[str, float]]:
    """Run one case on all programs, in turn, and print its rows."""
    load = tomllib.loads((case / "load.toml").read_text())
    name = case.name
    if size is not None:
        # The same bytes for every size, lest the small ones be over in a moment.
        load["count"] = max(20_000, load["count"] * load.get("size", 195) // size)
        load["size"] = size
        name += f"/{size}"
    results: dict[str, list[Result]] = {}
    for _ in range(load.get("rounds", rounds)):
        for program in programs():
            if not (case / program.config).exists():
                continue
            result = run_round(program, case, load)
            results.setdefault(program.name, []).append(result)
    rows = {name: describe(items) for name, items in results.items()}
    ours = rows["logferry"]["cpu_ns"]
    for program_name, row in rows.items():
        latency = f"  p50 {row['p50_us']:.0f} us, p99 {row['p99_us']:.0f} us"
        print(
            f"{name:<18}{program_name:<12}{row['rate'] / 1000:>9.0f} k/s"
            f"{row['cpu_ns']:>9.0f} ns{row['rss_mib']:>7.0f} MiB"
            f"{row['cpu_ns'] / ours:>8.2f} x{latency if row['p50_us'] else ''}",
            flush=True,
        )
    return rows


def main() -> None:
    """Run the cases asked for and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", action="append", help="a case, or 'all'")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, action="append", help="bytes a message")
    parser.add_argument("--output", type=Path, help="write JSON here")
    options = parser.parse_args()
    names = options.case or ["relay"]
    if names == ["all"]:
        names = sorted(path.name for path in (HERE / "cases").iterdir())
    print(
        f"{'case':<18}{'program':<12}{'messages':>13}{'CPU/msg':>12}"
        f"{'RSS':>11}{'CPU ratio':>10}"
    )
    figures = {
        name if size is None else f"{name}/{size}": run_case(
            HERE / "cases" / name, options.rounds, size
        )
        for name in names
        for size in options.size or [None]
    }
    if options.output:
        machine = {
            "cpu": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.release(),
        }
        report = {
            "date": time.strftime("%Y-%m-%d"),
            "machine": machine,
            "peers": {item.name: version_of(item) for item in programs()[1:]},
            "cases": figures,
        }
        text = json.dumps(report, indent=2)
        options.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
