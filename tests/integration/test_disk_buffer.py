"""The disk buffer in the real daemon: outages, stops and changes of configuration."""

from __future__ import annotations

import asyncio
import signal

import pytest

from helpers.collector import Collector, Sender, numbers
from helpers.daemon import Daemon, free_port
from logferry.cli import dqtool, queue

pytestmark = [pytest.mark.integration, pytest.mark.slow]

WAITING = "disk_queue_events"
MEMORY = "memory_queue_events"
CAPACITY = "disk_queue_capacity_bytes"
ACCEPTED = "disk_queue_processed_events_total"

RELAY = """
options {{ use-dns(no); stats(level(1)); }};
source s {{ network(ip("127.0.0.1") port({input}) log-iw-size(10000)); }};
destination d {{ network("127.0.0.1" port({output}) time-reopen(0.2)
    disk-buffer({buffer}) {more}); }};
log {{ source(s); destination(d); flags(flow-control); }};
"""


def relay(ports, buffer: str, more: str = "") -> str:
    return RELAY.format(input=ports[0], output=ports[1], buffer=buffer, more=more)


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_port("127.0.0.1"), free_port("127.0.0.1")


@pytest.mark.parametrize("reliable", ["yes", "no"])
async def test_what_waits_survives_a_stop(tmp_path, ports, reliable) -> None:
    buffer = f"reliable({reliable}) capacity-bytes(50M)"
    daemon = Daemon(relay(ports, buffer), tmp_path)
    async with daemon, Sender("127.0.0.1", ports[0]) as sender:
        await sender.send(5000)
        await gauge(daemon, WAITING, 5000)
    assert daemon.returncode == 0
    async with (
        Collector("127.0.0.1", ports[1]) as collector,
        Daemon(relay(ports, buffer), tmp_path) as daemon,
    ):
        await collector.wait_for_lines(5000)
        assert numbers(collector.lines) == list(range(5000))
        await daemon.wait_for("number_of_messages='5000'")
    assert not [event for event in daemon.events if "Internal error" in event]


@pytest.mark.parametrize("reliable", ["yes", "no"])
async def test_a_full_buffer_holds_the_source_back(tmp_path, ports, reliable) -> None:
    """More than the capacity, no message is lost, and the order is kept."""
    text = relay(ports, f"reliable({reliable}) capacity-bytes(1M)")
    async with (
        Daemon(text, tmp_path, "-d") as daemon,
        Sender("127.0.0.1", ports[0]) as sender,
    ):
        await sender.send(100)
        await daemon.wait_for("connection failed")
        for _ in range(30):
            await sender.send(1000)
        await daemon.wait_for("Source has been suspended")
        await gauge(daemon, WAITING, 20_000, 26_000)
        async with Collector("127.0.0.1", ports[1]) as collector:
            for _ in range(30):
                await sender.send(1000)
            await collector.wait_for_lines(60_100, 30)
            assert numbers(collector.lines) == list(range(60_100))


async def test_an_abandoned_queue_is_reported_and_adopted(tmp_path, ports) -> None:
    buffer = "reliable(yes) capacity-bytes(50M)"
    other = relay(ports, buffer, "persist-name(old)")
    async with (
        Daemon(other, tmp_path) as daemon,
        Sender("127.0.0.1", ports[0]) as sender,
    ):
        await sender.send(3000)
        await gauge(daemon, ACCEPTED, 3000)
    text = (
        relay(ports, buffer, "persist-name(new)")
        + """
destination f { file("/dev/null"); };
log { source(s); filter { message("never") }; destination(f); };
"""
    )
    foreign = tmp_path / "state" / "syslog-ng-00007.rqf"
    foreign.write_bytes(b"SLRQ" * 1000)
    async with (
        Daemon(text, tmp_path) as daemon,
        Collector("127.0.0.1", ports[1]) as collector,
    ):
        event = await daemon.wait_for("no destination uses it")
        assert str(foreign) in event
        event = await daemon.wait_for("Abandoned disk-buffer file found")
        assert "number_of_messages='3000'" in event
        path = tmp_path / "state" / "syslog-ng-00000.rqf"
        assert str(path) in event
        answer = await daemon.ctl("QUEUE", "ADOPT", str(path), "f")
        assert "another kind of destination" in answer, "a file needs other records"
        answer = await daemon.ctl("QUEUE", "ADOPT", str(path), "d")
        assert answer == "OK 3000 messages go to d#0\n"
        await collector.wait_for_lines(3000)
        assert numbers(collector.lines) == list(range(3000))
        await daemon.wait_for("adopted and deleted")
        assert not path.exists()


async def test_the_queue_follows_its_persist_name(tmp_path, ports) -> None:
    """Another address, another folder, another statement: the same messages."""
    text = relay(ports, "reliable(yes) capacity-bytes(50M)", "persist-name(mine)")
    async with (
        Daemon(text, tmp_path) as daemon,
        Sender("127.0.0.1", ports[0]) as sender,
    ):
        await sender.send(3000)
        await gauge(daemon, ACCEPTED, 3000)
    moved = (ports[0], free_port("127.0.0.1"))
    buffer = f'reliable(no) capacity-bytes(50M) dir("{tmp_path / "elsewhere"}")'
    text = relay(moved, buffer, "persist-name(mine)").replace("(d)", "(other)")
    text = text.replace("destination d ", "destination other ")
    async with (
        Collector("127.0.0.1", moved[1]) as collector,
        Daemon(text, tmp_path) as daemon,
    ):
        await daemon.wait_for("in another folder than configured")
        await collector.wait_for_lines(3000)
        assert numbers(collector.lines) == list(range(3000))
    async with Daemon(text, tmp_path) as daemon:  # empty by now, so it moves
        await daemon.wait_for("elsewhere/syslog-ng-00000.qf")


async def test_without_the_persist_store_files_find_their_owners(
    tmp_path, ports
) -> None:
    text = relay(ports, "reliable(yes) capacity-bytes(50M)")
    async with (
        Daemon(text, tmp_path) as daemon,
        Sender("127.0.0.1", ports[0]) as sender,
    ):
        await sender.send(1000)
        await gauge(daemon, ACCEPTED, 1000)
    for path in (tmp_path / "state").glob("logferry.persist*"):
        path.unlink()
    async with (
        Collector("127.0.0.1", ports[1]) as collector,
        Daemon(text, tmp_path),
    ):
        await collector.wait_for_lines(1000)


@pytest.mark.parametrize("reliable", ["yes", "no"])
async def test_a_stop_delivers_for_a_while_and_saves_the_rest(
    tmp_path, ports, reliable
) -> None:
    text = relay(
        ports, f"reliable({reliable}) capacity-bytes(90M)", "throttle(2000)"
    ).replace("options {", "options { shutdown-grace(1);")
    collector = Collector("127.0.0.1", ports[1])
    async with collector:
        async with (
            Daemon(text, tmp_path) as daemon,
            Sender("127.0.0.1", ports[0]) as sender,
        ):
            await sender.send(20_000)
            await collector.wait_for_lines(1000)
            await gauge(daemon, ACCEPTED, 20_000)
            before = len(collector.lines)
        assert daemon.returncode == 0
        assert not [event for event in daemon.events if "could not be saved" in event]
        assert len(collector.lines) > before + 1000
        assert len(collector.lines) < 12_000
        text = text.replace("throttle(2000)", "")
        async with Daemon(text, tmp_path):
            await collector.wait_for_lines(20_000)
        assert numbers(collector.lines) == list(range(20_000))


async def test_asked_twice_it_ends_at_once_and_loses_nothing(tmp_path, ports) -> None:
    text = relay(ports, "reliable(yes) capacity-bytes(90M)", "throttle(500)").replace(
        "options {", "options { shutdown-grace(60);"
    )
    async with Collector("127.0.0.1", ports[1]) as collector:
        daemon = Daemon(text, tmp_path)
        async with daemon, Sender("127.0.0.1", ports[0]) as sender:
            await sender.send(20_000)
            await gauge(daemon, ACCEPTED, 20_000)
            daemon.signal(signal.SIGTERM)
            await daemon.wait_for("shutting down")
            daemon.signal(signal.SIGTERM)
            await daemon.wait_for("Asked twice to stop")
            await daemon.wait_for("operation='save'")
        assert daemon.returncode == 0
        async with Daemon(text.replace("throttle(500)", ""), tmp_path):
            await collector.wait_for_lines(20_000)
        assert sorted(set(numbers(collector.lines))) == list(range(20_000))


async def gauge(daemon: Daemon, name: str, least: int, most: int = 0) -> None:
    """Wait until a series of the queue has this value, or one in the range."""
    answer = ""
    for _ in range(200):
        answer = await daemon.ctl("STATS", "PROMETHEUS")
        for line in answer.splitlines():
            if line.startswith(f"syslogng_{name}{{") and (
                least <= int(float(line.rpartition(" ")[2])) <= (most or least)
            ):
                return
        await asyncio.sleep(0.05)
    raise AssertionError(answer + "\n".join(daemon.events))


async def test_a_clean_stop_repeats_nothing_of_a_file(tmp_path, ports) -> None:
    """Position and queue are saved together: neither gap nor repetition."""
    log = tmp_path / "input.log"
    text = relay(ports, "reliable(yes) capacity-bytes(50M)").replace(
        "source(s);", f'source {{ file("{log}" follow-freq(0.02) flags(no-parse)); }};'
    )
    written = 0
    with log.open("ab") as file:
        for _ in range(3):
            async with Daemon(text, tmp_path):
                for _ in range(20):
                    lines = range(written, written + 100)
                    file.write(b"".join(b"number %06d\n" % n for n in lines))
                    file.flush()
                    written += 100
                    await asyncio.sleep(0.005)
    async with (
        Collector("127.0.0.1", ports[1]) as collector,
        Daemon(text, tmp_path),
    ):
        await collector.wait_for_lines(written, 30)
        assert numbers(collector.lines) == list(range(written))


async def test_limits_and_durability_change_with_a_reload(tmp_path, ports) -> None:
    def write(daemon: Daemon, buffer: str) -> None:
        daemon.config.write_text("@version: 4.27\n" + relay(ports, buffer))

    daemon = Daemon(relay(ports, "reliable(yes) capacity-bytes(1M)"), tmp_path)
    async with daemon, Sender("127.0.0.1", ports[0]) as sender:
        await gauge(daemon, CAPACITY, 1_000_000, 1_048_576)
        await sender.send(1000)
        await gauge(daemon, WAITING, 1000)
        write(daemon, "reliable(yes) durability(os) capacity-bytes(5M)")
        assert (await daemon.ctl("RELOAD")).startswith("OK")
        await gauge(daemon, CAPACITY, 5_000_000, 5_242_880)
        await sender.send(1000)
        await gauge(daemon, WAITING, 2000)
        write(daemon, "reliable(no) capacity-bytes(5M)")
        assert (await daemon.ctl("RELOAD")).startswith("OK")
        async with Collector("127.0.0.1", ports[1]) as collector:
            await sender.send(1000)
            await collector.wait_for_lines(3000)
            assert numbers(collector.lines) == list(range(3000))


async def reload(daemon: Daemon, text: str) -> None:
    daemon.config.write_text("@version: 4.27\n" + text)
    assert (await daemon.ctl("RELOAD")).startswith("OK")


@pytest.mark.parametrize("reliable", ["yes", "no"])
@pytest.mark.parametrize("flags", ["flags(flow-control);", ""])
async def test_what_waits_in_memory_moves_to_an_added_disk_buffer(
    tmp_path, ports, reliable, flags
) -> None:
    """In order, also while messages come in; then no crash can take it."""
    buffer = f"disk-buffer(reliable({reliable}) capacity-bytes(50M))"
    with_buffer = relay(ports, buffer[12:-1]).replace("flags(flow-control);", flags)
    with_buffer = with_buffer.replace("log-iw-size(10000)", "log-iw-size(200000)")
    without = with_buffer.replace(buffer, "log-fifo-size(100000)")
    assert without != with_buffer
    daemon = Daemon(without, tmp_path)
    async with daemon, Sender("127.0.0.1", ports[0]) as sender:
        await sender.send(5000)
        await gauge(daemon, MEMORY, 5000)
        stream = asyncio.create_task(trickle(sender, 5000))
        await reload(daemon, with_buffer)
        await daemon.wait_for("Messages moved to the new queue")
        await stream
        await gauge(daemon, WAITING, 10_000)
        if reliable == "yes":
            await gauge(daemon, "disk_queue_disk_usage_bytes", 490_000)
            await daemon.kill()
            await daemon.start()
        async with Collector("127.0.0.1", ports[1]) as collector:
            await collector.wait_for_lines(10_000)
            assert numbers(collector.lines) == list(range(10_000))


async def trickle(sender: Sender, count: int) -> None:
    for _ in range(count // 50):
        await sender.send(50)
        await asyncio.sleep(0.002)


async def test_a_removed_disk_buffer_is_used_until_it_is_empty(tmp_path, ports) -> None:
    """Over reloads, a crash and starts; then the file is gone."""
    with_buffer = relay(ports, "reliable(yes) capacity-bytes(50M)")
    without = with_buffer.replace("disk-buffer(reliable(yes) capacity-bytes(50M))", "")
    path = tmp_path / "state" / "syslog-ng-00000.rqf"
    daemon = Daemon(with_buffer, tmp_path)
    async with daemon:
        async with Sender("127.0.0.1", ports[0]) as sender:
            await sender.send(3000)
            await gauge(daemon, WAITING, 3000)
            await reload(daemon, without)
            await daemon.wait_for("disk-buffer() is not configured any more")
            await sender.send(3000)
            await gauge(daemon, WAITING, 6000)
        await asyncio.sleep(0.3)  # on disk
        await daemon.kill()
        await daemon.start()
        async with (
            Sender("127.0.0.1", ports[0]) as sender,
            Collector("127.0.0.1", ports[1]) as collector,
        ):
            await collector.wait_for_lines(6000)
            assert numbers(collector.lines) == list(range(6000))
            await gauge(daemon, WAITING, 0)
            stream = asyncio.create_task(trickle(sender, 3000))
            await reload(daemon, without.replace("reopen(0.2)", "reopen(0.3)"))
            await stream
            await collector.wait_for_lines(9000)
            assert numbers(collector.lines[6000:]) == list(range(3000))
            async with asyncio.timeout(30):
                while path.exists():
                    await asyncio.sleep(0.05)
            await reload(daemon, with_buffer)
            await sender.send(100)
            await collector.wait_for_lines(9100)
    assert path.exists()


async def test_a_buffer_that_cannot_be_made_leaves_all_queues_as_they_were(
    tmp_path, ports
) -> None:
    """Of two destinations that change, the second has an impossible folder."""
    other = free_port("127.0.0.1")
    text = relay(ports, "reliable(yes) capacity-bytes(5M)").replace(
        "log {",
        f"""destination e {{ network("127.0.0.1" port({other}) time-reopen(0.2)); }};
log {{ source(s); destination(e); }};
log {{""",
    )
    without = text.replace("disk-buffer(reliable(yes) capacity-bytes(5M))", "")
    (tmp_path / "file").write_text("no folder")
    bad = text.replace(
        f"port({other})",
        f'port({other}) disk-buffer(reliable(yes) dir("{tmp_path}/file/x")'
        " capacity-bytes(5M))",
    )
    async with (
        Daemon(without, tmp_path) as daemon,
        Sender("127.0.0.1", ports[0]) as sender,
    ):
        await sender.send(100)
        await gauge(daemon, MEMORY, 100)
        daemon.config.write_text("@version: 4.27\n" + bad)
        assert not (await daemon.ctl("RELOAD")).startswith("OK")
        await sender.send(100)
        async with (
            Collector("127.0.0.1", ports[1]) as collector,
            Collector("127.0.0.1", other) as second,
        ):
            for item in (collector, second):
                await item.wait_for_lines(200)
                assert numbers(item.lines) == list(range(200))


async def test_a_damaged_file_is_reported_and_the_rest_delivered(
    tmp_path, ports
) -> None:
    text = relay(ports, "reliable(yes) capacity-bytes(50M)")
    async with (
        Daemon(text, tmp_path) as daemon,
        Sender("127.0.0.1", ports[0]) as sender,
    ):
        for step in range(1, 6):  # some rows
            await sender.send(1000)
            await gauge(daemon, ACCEPTED, 1000 * step)
    path = tmp_path / "state" / "syslog-ng-00000.rqf"
    content = bytearray(path.read_bytes())
    place = content.index(b"number 002500")
    content[place : place + 4] = b"wrong"[:4]  # in one row
    content[:100] = bytes(100)  # and no header
    path.write_bytes(content)
    async with (
        Collector("127.0.0.1", ports[1]) as collector,
        Daemon(text, tmp_path) as daemon,
    ):
        event = await daemon.wait_for("Disk-buffer file is damaged")
        counts = {
            key: int(event.partition(f"{key}='")[2].partition("'")[0])
            for key in ("recovered", "lost")
        }
        assert "exact='yes'" in event
        assert counts["recovered"] + counts["lost"] == 5000
        assert 0 < counts["lost"] < 5000
        await collector.wait_for_lines(counts["recovered"])
        found = numbers(collector.lines)
        assert found == sorted(set(found))
        assert 2500 not in found
        answer = await daemon.ctl("STATS", "PROMETHEUS")
        dropped = [line for line in answer.splitlines() if 'reason="damaged"' in line]
        assert dropped
        assert dropped[0].endswith(f" {counts['lost']}")


async def test_tools_look_into_the_queue_of_a_running_daemon(
    tmp_path, ports, capfd
) -> None:
    text = relay(ports, "reliable(yes) capacity-bytes(50M)")
    async with (
        Daemon(text, tmp_path) as daemon,
        Sender("127.0.0.1", ports[0]) as sender,
    ):
        await sender.send(2000)
        await gauge(daemon, WAITING, 2000)
        await asyncio.sleep(0.2)  # stored
        file = str(tmp_path / "state" / "syslog-ng-00000.rqf")

        async def run(main, *words: str) -> tuple[int, str, str]:
            status = await asyncio.to_thread(main, list(words))
            return status, *capfd.readouterr()

        status, _, err = await run(dqtool.main, "info", file)
        assert status == 0
        assert "number_of_messages='2000'" in err
        status, out, _ = await run(queue.main, "verify", file)
        assert (status, out[:20]) == (0, "2000 of 2000 message")
        status, out, _ = await run(queue.main, "export", file)
        assert numbers(out.encode().splitlines()) == list(range(2000))
        _, out, _ = await run(queue.main, "list", "--dir", str(tmp_path / "state"))
        assert "in use, 2000 messages" in out
        status, _, err = await run(queue.main, "purge", file, "--yes")
        assert (status, "stop that first" in err) == (1, True)
        async with Collector("127.0.0.1", ports[1]) as collector:
            await collector.wait_for_lines(2000)
