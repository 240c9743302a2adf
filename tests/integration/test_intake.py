"""What goes in and how it comes out: transports, framing, options, flow control."""

from __future__ import annotations

import asyncio
import signal
import socket
import stat
import sys
from pathlib import Path

import pytest

from helpers.collector import Collector, Sender, numbers
from helpers.daemon import Daemon, free_port

pytestmark = pytest.mark.integration

HOME = "127.0.0.1"


async def lines_of(path: Path, count: int) -> list[bytes]:
    """Wait until a file holds ``count`` lines and return them."""
    async with asyncio.timeout(30):
        while True:
            lines = path.read_bytes().splitlines() if path.exists() else []
            if len(lines) >= count:
                return lines
            await asyncio.sleep(0.02)


async def relayed(
    folder: Path, source: str, data: bytes, count: int, kind: str = "tcp"
) -> list[bytes]:
    """Send ``data`` to ``source`` and return the lines of the file it ends in."""
    port = free_port(HOME)
    text = f"""
    source s {{ {source.replace("PORT", str(port))}; }};
    log {{ source(s); destination {{ file("{folder}/out"); }}; }};
    """
    async with Daemon(text, folder) as daemon:
        kinds = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
        with socket.socket(type=kinds[kind]) as sock:
            sock.connect((HOME, port))
            if kind == "udp":
                for line in data.splitlines():
                    sock.send(line)
            else:
                sock.sendall(data)
            lines = await lines_of(folder / "out", count)
    assert daemon.returncode == 0
    return lines


async def test_udp_datagrams_are_messages(tmp_path: Path) -> None:
    lines = await relayed(
        tmp_path,
        f'network(localip("{HOME}") transport("udp") port(PORT) keep-hostname(yes))',
        b"<13>Nov 21 12:00:00 h app: one\n<13>Nov 21 12:00:01 h app: two\n",
        2,
        "udp",
    )
    assert lines == [b"Nov 21 12:00:00 h app: one", b"Nov 21 12:00:01 h app: two"]


async def test_syslog_reads_counted_octets_and_rfc5424(tmp_path: Path) -> None:
    first = b'<13>1 2026-11-21T12:00:00Z h app 7 ID [a b="c"] one\ntwo'
    second = b"<13>1 2026-11-21T12:00:01Z h app - - - three"
    data = b"%d %b%d %b" % (len(first), first, len(second), second)
    lines = await relayed(
        tmp_path,
        f'syslog(ip("{HOME}") transport("tcp") port(PORT) keep-hostname(yes))',
        data,
        3,
    )
    assert lines[0].endswith(b" h app[7]: one")
    assert lines[1:2] == [b"two"]
    assert lines[2].endswith(b" h app: three")


async def test_no_parse_takes_the_line_as_the_message(tmp_path: Path) -> None:
    (line,) = await relayed(
        tmp_path,
        f'network(ip("{HOME}") port(PORT) flags(no-parse))',
        b"<13>Nov 21 12:00:00 h app: one\n",
        1,
    )
    assert line.endswith(b" <13>Nov 21 12:00:00 h app: one")


async def test_keep_hostname_no_replaces_the_host_by_the_senders(
    tmp_path: Path,
) -> None:
    (line,) = await relayed(
        tmp_path,
        f'network(ip("{HOME}") port(PORT) keep-hostname(no) use-dns(no))',
        b"<13>Nov 21 12:00:00 forged app: one\n",
        1,
    )
    assert line == b"Nov 21 12:00:00 127.0.0.1 app: one"


async def test_log_msg_size_cuts_a_message_into_pieces(tmp_path: Path) -> None:
    lines = await relayed(
        tmp_path,
        f'network(ip("{HOME}") port(PORT) keep-hostname(yes) log-msg-size(40))',
        b"<13>Nov 21 12:00:00 h app: " + b"x" * 13 + b"y" * 10 + b"\n",
        2,
    )
    assert lines[0] == b"Nov 21 12:00:00 h app: " + b"x" * 13
    assert lines[1].endswith(b"yyyyyyyyyy")


async def test_flow_control_reaches_the_sender_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    ports = free_port(HOME), free_port(HOME)
    text = f"""
    source s {{ network(ip("{HOME}") port({ports[0]}) log-iw-size(1000)); }};
    destination d {{ network("{HOME}" port({ports[1]}) log-fifo-size(1000)); }};
    log {{ source(s); destination(d); flags(flow-control); }};
    """
    count = 400_000
    async with Collector(HOME, ports[1]) as collector, Daemon(text, tmp_path):
        await collector.wait_for_connections(1)
        collector.freeze()
        async with Sender(HOME, ports[0]) as sender:
            sending = asyncio.create_task(sender.send(count))
            done, _ = await asyncio.wait({sending}, timeout=1.0)
            assert not done, "the sender was not held back"
            collector.reads = True
            collector._changed.set()
            await sending
            await collector.wait_for_lines(count, 30)
    assert numbers(collector.lines) == list(range(count))


async def test_without_flow_control_a_full_queue_drops_the_newest_and_counts(
    tmp_path: Path,
) -> None:
    ports = free_port(HOME), free_port(HOME)
    text = f"""
    source s {{ network(ip("{HOME}") port({ports[0]})); }};
    destination d {{ network("{HOME}" port({ports[1]}) log-fifo-size(1000)); }};
    log {{ source(s); destination(d); }};
    """
    async with Daemon(text, tmp_path) as daemon, Sender(HOME, ports[0]) as sender:
        await sender.send(5000)
        async with asyncio.timeout(30):
            while ";dropped;4000" not in (stats := await daemon.ctl("stats")):
                await asyncio.sleep(0.05)
        assert ";queued;1000" in stats


async def test_internal_messages_go_where_the_configuration_says(
    tmp_path: Path,
) -> None:
    text = f"""
    source s {{ internal(); }};
    log {{ source(s); destination {{ file("{tmp_path}/internal"); }}; }};
    """
    async with Daemon(text, tmp_path):
        lines = await lines_of(tmp_path / "internal", 1)
    assert b" logferry[" in lines[0] or b" syslog-ng[" in lines[0]
    assert b"starting up" in lines[0]


async def test_stdin_is_read_to_its_end_and_ends_the_daemon_when_asked(
    tmp_path: Path,
) -> None:
    config = tmp_path / "conf"
    config.write_text(
        "@version: 4.27\n"
        "log { source { stdin(flags(no-parse exit-on-eof)); };"
        f' destination {{ file("{tmp_path}/out" template("$MSG\\n")); }}; }};'
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "logferry.cli.main", "run", "-f", str(config)),
        *("--state-dir", str(tmp_path / "state")),
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(30):
        await process.communicate(b"one\ntwo\nthree without newline")
    assert process.returncode == 0
    expected = [b"one", b"two", b"three without newline"]
    assert (tmp_path / "out").read_bytes().splitlines() == expected


async def test_file_names_are_templates_and_directories_are_made(
    tmp_path: Path,
) -> None:
    port = free_port(HOME)
    text = f"""
    source s {{ network(ip("{HOME}") port({port}) keep-hostname(yes)); }};
    destination d {{
        file("{tmp_path}/logs/$HOST/$PROGRAM.log"
            create-dirs(yes) perm(0640) dir-perm(0750));
    }};
    log {{ source(s); destination(d); }};
    """
    async with Daemon(text, tmp_path), Sender(HOME, port) as sender:
        await sender.send_raw(
            b"<13>Nov 21 12:00:00 a p: one\n<13>Nov 21 12:00:00 b q: two\n"
            b"<13>Nov 21 12:00:00 c ../../evil: three\n"
        )
        (one,) = await lines_of(tmp_path / "logs/a/p.log", 1)
        (two,) = await lines_of(tmp_path / "logs/b/q.log", 1)
        await asyncio.sleep(0.2)
    assert one.endswith(b"a p: one")
    assert two.endswith(b"b q: two")
    assert stat.S_IMODE((tmp_path / "logs/a/p.log").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "logs/a").stat().st_mode) == 0o750
    evil = list(tmp_path.parent.rglob("*evil*"))
    assert [item.parent for item in evil] == [tmp_path / "logs/c"]


async def test_usr1_reopens_files(tmp_path: Path) -> None:
    port = free_port(HOME)
    text = f"""
    source s {{ network(ip("{HOME}") port({port})); }};
    log {{ source(s); destination {{ file("{tmp_path}/out"); }}; }};
    """
    async with Daemon(text, tmp_path) as daemon, Sender(HOME, port) as sender:
        await sender.send()
        await lines_of(tmp_path / "out", 1)
        (tmp_path / "out").rename(tmp_path / "out.1")
        daemon.signal(signal.SIGUSR1)
        async with asyncio.timeout(30):
            while not (tmp_path / "out").exists():
                await sender.send()
                await asyncio.sleep(0.05)
    both = (tmp_path / "out.1").read_bytes() + (tmp_path / "out").read_bytes()
    assert numbers(both.splitlines()) == list(range(sender.sent))
