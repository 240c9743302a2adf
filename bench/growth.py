"""
What grows with what: CPU time a message against connections, log paths and sizes.

``python bench/growth.py`` prints a curve for each; ``--curve paths`` only one. The cost
of a message should not depend on paths that it cannot reach, nor on connections that
say nothing.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from run import cpu_seconds, free_port, logferry, start, start_sink, wait_for_port

COUNT = 600_000
SOURCE = (
    'source s_in { network(localip("127.0.0.1") port(@INPUT@) max-connections(20000)'
    " log-iw-size(20000000)); };\n"
)
DESTINATION = 'destination d_out { network("127.0.0.1" port(@OUTPUT@)); };\n'
RELAY = "log { source(s_in); destination(d_out); flags(flow-control); };\n"


def with_paths(count: int) -> str:
    """Return a configuration with ``count`` paths of which the last one matches."""
    others = "".join(
        f'log {{ source(s_in); filter {{ program("^prog-{index}$"); }};'
        f' destination {{ file("/dev/null"); }}; }};\n'.replace(
            "/dev/null", f"/tmp/never-{index}"
        )
        for index in range(count - 1)
    )
    ours = (
        'log { source(s_in); filter { program("sshd"); }; destination(d_out);'
        " flags(flow-control); };\n"
    )
    return SOURCE + DESTINATION + others + ours


def with_targets(count: int) -> str:
    """Return a configuration with a pool of ``count`` targets, all of one server."""
    urls = " ".join(f'"http://127.0.0.1:@OUTPUT@/{index}"' for index in range(count))
    return (
        SOURCE + f"destination d_out {{ http(url({urls}) batch-lines(500) workers(4)"
        ' persist-name("growth")); };\n' + RELAY
    )


def measure(
    text: str, *, idle: int = 0, size: int = 195, is_http: bool = False
) -> float:
    """Return CPU nanoseconds a message."""
    count = max(20_000, COUNT * 195 // size)
    with tempfile.TemporaryDirectory(prefix="growth-") as name:
        folder, ports = Path(name), (free_port(), free_port())
        text = "@version: 4.27\noptions { use-dns(no); };\n" + text
        text = text.replace("@INPUT@", str(ports[0])).replace("@OUTPUT@", str(ports[1]))
        conf = folder / "site.conf"
        conf.write_text(text)
        load: dict[str, object] = {"count": count, "size": size, "idle": 120}
        if is_http:
            load["http"] = True
        sink = start_sink(load, ports[1])
        assert sink is not None
        daemon = subprocess.Popen(
            logferry().command.format(conf=conf, dir=folder).split(),
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for_port(ports[0])
            others = [
                socket.create_connection(("127.0.0.1", ports[0])) for _ in range(idle)
            ]
            before = cpu_seconds(daemon.pid)
            sender = start("send", ports[0], load)
            assert sink.stdout is not None
            report = json.loads(sink.stdout.readline())
            if report["count"] < count:
                raise SystemExit(f"only {report['count']} of {count} arrived")
            spent = cpu_seconds(daemon.pid) - before
            sender.wait()
            for sock in others:
                sock.close()
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait()
            sink.kill()
            sink.wait()
    return spent / count * 1e9


def main() -> None:
    """Print the curves asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curve", choices=["connections", "paths", "sizes", "targets"])
    chosen = parser.parse_args().curve
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
    relay = SOURCE + DESTINATION + RELAY
    if chosen in {None, "connections"}:
        for idle in (0, 10, 100, 1_000, 10_000):
            print(f"connections {idle + 1:>6} {measure(relay, idle=idle):>7.0f} ns")
    if chosen in {None, "paths"}:
        for count in (1, 4, 10, 50, 200):
            print(f"paths       {count:>6} {measure(with_paths(count)):>7.0f} ns")
    if chosen in {None, "sizes"}:
        for size in (64, 256, 1024, 8192, 65_000):
            text = relay.replace("log-iw", "log-msg-size(70000) log-iw")
            print(f"bytes       {size:>6} {measure(text, size=size):>7.0f} ns")
    if chosen in {None, "targets"}:
        for count in (1, 10, 100, 1_000):
            cost = measure(with_targets(count), is_http=True)
            print(f"targets     {count:>6} {cost:>7.0f} ns")


if __name__ == "__main__":
    main()
