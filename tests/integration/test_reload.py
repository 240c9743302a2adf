"""
Reloads while messages flow: nothing lost, nothing doubled without a failure.

``LOGFERRY_RELOADS`` and ``LOGFERRY_RELOAD_RATE`` (messages a second) make the long test
as long and as heavy as wanted; ``make test`` runs it short.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import time

import pytest

from helpers.collector import Collector, Sender, numbers
from helpers.daemon import Daemon, free_port
from helpers.flood import Flood, Tally, flood_numbers
from helpers.metrics import parse_prometheus, unbalanced, value_of
from helpers.web import Request, Response, WebServer

pytestmark = pytest.mark.integration

RELOADS = int(os.environ.get("LOGFERRY_RELOADS", "12"))
RATE = int(os.environ.get("LOGFERRY_RELOAD_RATE", "5000"))
PRIMARY, BACKUP, THIRD = "127.0.0.1", "127.0.0.2", "127.0.0.3"


class Plan:
    """One configuration after the other."""

    def __init__(self, port: int, out: int, folder) -> None:
        self.port = port
        self.out = out
        self._folder = folder
        self._extra = free_port(PRIMARY)

    def text(self, number: int, *, is_broken: bool = False) -> str:
        servers = [f'"{BACKUP}"', f'"{THIRD}"'][: 1 + number % 2]
        extra_source = ""
        extra_path = ""
        if number % 3 == 1:
            extra_source = (
                f"source s_more {{ tcp(ip({PRIMARY}) port({self._extra})); }};"
            )
            extra_path = "log { source(s_more); destination(d_net); };"
        if number % 4 == 2:
            extra_path += (
                f'destination d_file {{ file("{self._folder}/copy-{number}.log"); }};'
                "log { source(s); destination(d_file); flags(flow-control); };"
            )
        word = ("number", "app", "umber")[number % 3]
        field = {"app": "program"}.get(word, "message")
        return f"""
options {{ stats(level({number % 3})); }};
source s {{
    network(ip({PRIMARY}) port({self.port}) max-connections({20 + number % 5})
        log-iw-size(20000));
}};
{extra_source}
filter f {{ {field}("{word}"); }};
destination d_net {{
    network("{PRIMARY}" port({self.out}) time-reopen(0.1)
        failover(servers({", ".join(servers)})
            failback(tcp-probe-interval(1) successful-probes-required(1))));
}};
log {{ source(s); filter(f); destination(d_net); flags(flow-control); }};
{extra_path}
{"nonsense(" if is_broken else ""}
"""


async def until(is_done, what: str, timeout_s: float = 60.0) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            while not is_done():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"waited for {what}") from None


async def goes_on(*collectors: Collector) -> None:
    """Wait until more messages have arrived."""
    before = sum(item.line_count for item in collectors)
    names = ", ".join(item.address for item in collectors)
    await until(
        lambda: sum(item.line_count for item in collectors) > before,
        f"more messages at {names}",
    )


async def all_arrive(daemon: Daemon, sent: int, tally: Tally) -> None:
    """Wait until every number arrived; say what is missing if that never happens."""
    progress = -1
    while tally.missing(sent) and tally.count > progress:
        progress = tally.count
        async with asyncio.timeout(120):
            for _ in range(100):
                if not tally.missing(sent):
                    return
                await asyncio.sleep(0.2)
    if missing := tally.missing(sent):
        raise AssertionError(
            f"{len(missing)} of {sent} are missing, such as {missing[:5]}\n"
            + await daemon.ctl("POOL")
            + await daemon.ctl("QUEUES")
            + "\n".join(daemon.events[-30:])
        )


def is_failed_over_after(number: int) -> bool:
    """Tell whether the primary is away from reload ``number`` to the next."""
    return number % 4 in {1, 2}


@pytest.mark.slow
@pytest.mark.timeout(120 + 10 * RELOADS)
async def test_reloads_under_load_and_failed_over_lose_nothing(tmp_path):
    port, out = free_port(PRIMARY), free_port(PRIMARY, BACKUP, THIRD)
    plan, tally = Plan(port, out, tmp_path), Tally()
    primary, backup, third = (
        Collector(address, out, tally=tally) for address in (PRIMARY, BACKUP, THIRD)
    )
    breaks = 0
    async with backup, third:
        await primary.start()
        async with (
            Daemon(plan.text(0), tmp_path) as daemon,
            Flood(PRIMARY, port, RATE) as flood,
        ):
            began = time.monotonic()
            for number in range(1, RELOADS + 1):
                was_away = is_failed_over_after(number - 1)
                if is_failed_over_after(number) and not was_away:
                    await primary.leave()
                    breaks += 1
                    await goes_on(backup, third)
                if was_away and not is_failed_over_after(number):
                    await primary.start()
                    breaks += 1  # the way back
                is_broken = number % 10 == 0
                daemon.config.write_text(
                    "@version: 4.27\n" + plan.text(number, is_broken=is_broken)
                )
                answer = await daemon.ctl("RELOAD")
                assert answer.startswith("FAIL" if is_broken else "OK"), daemon.events
                await goes_on(primary, backup, third)
            sent = await flood.end()
            elapsed_s = time.monotonic() - began
            await all_arrive(daemon, sent, tally)
            ledger = await daemon.ctl("STATS", "PROMETHEUS")
        await primary.stop()
    print(f"{RELOADS} reloads, {sent} messages, {sent / elapsed_s:.0f} a second")
    assert daemon.returncode == 0, daemon.events
    assert not tally.missing(sent)
    assert not tally.invented(sent)
    # What a broken connection had under way may come twice, and nothing else.
    assert tally.count - sent <= breaks * 4 * 1024 * 1024 / 40
    assert unbalanced(parse_prometheus(ledger)) == []
    assert sum("Configuration reload finished" in event for event in daemon.events) == (
        RELOADS - RELOADS // 10
    )


@pytest.mark.slow
@pytest.mark.timeout(120 + 10 * RELOADS)
async def test_a_reset_in_the_moment_of_a_reload_loses_nothing(tmp_path):
    port, out = free_port(PRIMARY), free_port(PRIMARY, BACKUP, THIRD)
    plan, tally = Plan(port, out, tmp_path), Tally()
    primary, backup, third = (
        Collector(address, out, tally=tally) for address in (PRIMARY, BACKUP, THIRD)
    )
    chance = random.Random(7)
    async with backup, third:
        await primary.start()
        async with (
            Daemon(plan.text(0), tmp_path) as daemon,
            Flood(PRIMARY, port, RATE) as flood,
        ):
            for number in range(1, RELOADS + 1):
                await goes_on(primary)
                daemon.config.write_text("@version: 4.27\n" + plan.text(number))
                reload = asyncio.create_task(daemon.ctl("RELOAD"))
                await asyncio.sleep(chance.uniform(0.0, 0.03))
                await primary.reset()
                answer = await reload
                assert answer.startswith("OK"), answer
                await goes_on(backup, third)
                await primary.start()
            sent = await flood.end()
            await all_arrive(daemon, sent, tally)
        await primary.stop()
    assert daemon.returncode == 0, daemon.events
    assert not tally.missing(sent)
    assert not tally.invented(sent)


async def test_without_a_failure_a_reload_doubles_nothing_and_keeps_order(tmp_path):
    port, out = free_port(PRIMARY), free_port(PRIMARY, BACKUP, THIRD)
    plan = Plan(port, out, tmp_path)
    async with (
        Collector(PRIMARY, out) as primary,
        Daemon(plan.text(0), tmp_path) as daemon,
        Flood(PRIMARY, port, RATE) as flood,
    ):
        for number in range(1, 7):
            daemon.config.write_text("@version: 4.27\n" + plan.text(number))
            assert (await daemon.ctl("RELOAD")).startswith("OK")
        sent = await flood.end()
        await primary.wait_for_lines(sent, 30)
        await daemon.stop()
        assert numbers(primary.lines) == flood_numbers(sent)
    assert daemon.returncode == 0


async def test_connections_survive_a_reload_that_changes_their_source(tmp_path):
    port, out = free_port(PRIMARY), free_port(PRIMARY, BACKUP, THIRD)
    plan = Plan(port, out, tmp_path)
    async with (
        Collector(PRIMARY, out) as primary,
        Daemon(plan.text(0), tmp_path) as daemon,
        Sender(PRIMARY, port) as sender,
    ):
        await sender.send(1)
        await primary.wait_for_lines(1)
        daemon.config.write_text("@version: 4.27\n" + plan.text(1))
        assert (await daemon.ctl("RELOAD")).startswith("OK")
        await sender.send(1)
        await primary.wait_for_lines(2)
        closed = [item for item in daemon.events if "Syslog connection closed" in item]
        assert closed == []
        rows = await daemon.ctl("STATS", "CSV")
        assert f"src.network;s#0;tcp,{PRIMARY};a;processed;2" in rows


async def test_connections_without_keep_alive_end_at_a_reload(tmp_path):
    port = free_port(PRIMARY)
    text = f"""
source s {{ network(ip({PRIMARY}) port({port}) keep-alive(no)); }};
destination d {{ file("{tmp_path}/out"); }};
log {{ source(s); destination(d); }};
"""
    async with Daemon(text, tmp_path) as daemon:
        reader, writer = await asyncio.open_connection(PRIMARY, port)
        await daemon.wait_for("connection accepted")
        assert (await daemon.ctl("RELOAD")).startswith("OK")
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


async def test_a_destination_without_keep_alive_connects_anew_at_a_reload(tmp_path):
    port, out = free_port(PRIMARY), free_port(PRIMARY)
    text = f"""
options {{ log-level(debug); }};
source s {{ network(ip({PRIMARY}) port({port})); }};
destination d {{ network("{PRIMARY}" port({out}) keep-alive(no)); }};
log {{ source(s); destination(d); }};
"""
    async with (
        Collector(PRIMARY, out) as collector,
        Daemon(text, tmp_path) as daemon,
        Sender(PRIMARY, port) as sender,
    ):
        await sender.send(1)
        await collector.wait_for_lines(1)
        assert (await daemon.ctl("RELOAD")).startswith("OK")
        await collector.wait_for_connections(2)
        await sender.send(1)
        await collector.wait_for_lines(2)
        assert (await daemon.ctl("LOG", "LEVEL")).strip().endswith("set to 2")


async def test_an_unchanged_destination_keeps_its_connection_and_its_server(tmp_path):
    port, out = free_port(PRIMARY), free_port(PRIMARY, BACKUP, THIRD)
    plan = Plan(port, out, tmp_path)
    text = plan.text(0).replace("tcp-probe-interval(1)", "tcp-probe-interval(60)")
    async with Collector(BACKUP, out) as backup:
        async with Daemon(text, tmp_path) as daemon, Sender(PRIMARY, port) as sender:
            await sender.send(1)
            await backup.wait_for_lines(1)
            changed = text.replace('message("number")', 'message("umber")')
            daemon.config.write_text("@version: 4.27\n" + changed)
            assert (await daemon.ctl("RELOAD")).startswith("OK")
            await sender.send(1)
            await backup.wait_for_lines(2)
            assert backup.connections == 1
        assert daemon.returncode == 0


async def test_a_changed_destination_begins_with_the_server_it_used(tmp_path):
    port, out = free_port(PRIMARY), free_port(PRIMARY, BACKUP, THIRD)
    plan = Plan(port, out, tmp_path)
    text = plan.text(0).replace("tcp-probe-interval(1)", "tcp-probe-interval(60)")
    async with Collector(BACKUP, out) as backup, Collector(THIRD, out) as third:
        async with Daemon(text, tmp_path) as daemon, Sender(PRIMARY, port) as sender:
            await sender.send(1)
            await backup.wait_for_lines(1)
            changed = text.replace(
                f'servers("{BACKUP}")', f'servers("{THIRD}" "{BACKUP}")'
            )
            assert changed != text
            daemon.config.write_text("@version: 4.27\n" + changed)
            assert (await daemon.ctl("RELOAD")).startswith("OK")
            await sender.send(1)
            await backup.wait_for_lines(2)
            assert third.lines == []
        assert daemon.returncode == 0


async def test_a_removed_destination_still_delivers_what_it_has(tmp_path):
    port, out = free_port(PRIMARY), free_port(PRIMARY)
    base = f"source s {{ network(ip({PRIMARY}) port({port})); }};\n"
    keep = f'destination k {{ file("{tmp_path}/out"); }};\n'
    gone = f'destination g {{ network("{PRIMARY}" port({out}) time-reopen(0.1)); }};\n'
    both = base + keep + gone + "log { source(s); destination(k); destination(g); };"
    one = base + keep + "log { source(s); destination(k); };"
    async with Daemon(both, tmp_path) as daemon, Sender(PRIMARY, port) as sender:
        await sender.send(5)
        await daemon.wait_for("connection failed")
        daemon.config.write_text("@version: 4.27\n" + one)
        assert (await daemon.ctl("RELOAD")).startswith("OK")
        async with Collector(PRIMARY, out) as late:
            await late.wait_for_lines(5)
            await daemon.wait_for("Destination removed by a reload has ended")
        assert "destination;g;;o;processed;5" in await daemon.ctl("STATS", "CSV")
        await daemon.ctl("REMOVE_ORPHANED_STATS")
        assert "destination;g;" not in await daemon.ctl("STATS", "CSV")
    assert daemon.returncode == 0


async def test_a_destination_that_comes_back_finds_its_messages(tmp_path):
    port, out = free_port(PRIMARY), free_port(PRIMARY)
    base = f"source s {{ network(ip({PRIMARY}) port({port})); }};\n"
    keep = f'destination k {{ file("{tmp_path}/out"); }};\n'
    gone = f'destination g {{ network("{PRIMARY}" port({out}) time-reopen(0.1)); }};\n'
    both = base + keep + gone + "log { source(s); destination(k); destination(g); };"
    one = base + keep + "log { source(s); destination(k); };"
    async with Daemon(both, tmp_path) as daemon, Sender(PRIMARY, port) as sender:
        await sender.send(5)
        await daemon.wait_for("connection failed")
        for text in (one, both):
            daemon.config.write_text("@version: 4.27\n" + text)
            assert (await daemon.ctl("RELOAD")).startswith("OK")
        await sender.send(5)
        async with Collector(PRIMARY, out) as late:
            await late.wait_for_lines(10)
            assert numbers(late.lines) == list(range(10))
    assert daemon.returncode == 0


async def test_a_configuration_that_cannot_listen_leaves_the_old_one_running(tmp_path):
    port, out, taken = free_port(PRIMARY), free_port(PRIMARY), free_port(PRIMARY)
    text = (
        f"source s {{ network(ip({PRIMARY}) port({port})); }};\n"
        f'destination d {{ network("{PRIMARY}" port({out})); }};\n'
        "log { source(s); destination(d); };\n"
    )
    worse = f"source t {{ network(ip({PRIMARY}) port({taken})); }};\n" + text.replace(
        "source(s)", "source(s); source(t)"
    ).replace(f"port({port})", f"port({port}) max-connections(33)").replace(
        f"port({out})", f"port({out}) time-reopen(7)"
    )
    async with (
        Collector(PRIMARY, out) as collector,
        Daemon(text, tmp_path) as daemon,
        Sender(PRIMARY, port) as sender,
    ):
        await sender.send(1)
        await collector.wait_for_lines(1)
        with socket.create_server((PRIMARY, taken)):
            daemon.config.write_text("@version: 4.27\n" + worse)
            answer = await daemon.ctl("RELOAD")
        assert answer.startswith("FAIL Config reload failed, reverted")
        await daemon.wait_for("falling back to the old one")
        await sender.send(1)  # the same connection: it was handed on and back
        await collector.wait_for_lines(2)
        assert "max-connections(33)" not in await daemon.ctl(
            "CONFIG", "GET", "ORIGINAL"
        )
    assert daemon.returncode == 0


async def test_reloads_follow_each_other_and_a_stop_waits_for_them(tmp_path):
    port, out = free_port(PRIMARY), free_port(PRIMARY, BACKUP, THIRD)
    plan = Plan(port, out, tmp_path)
    async with Collector(PRIMARY, out), Daemon(plan.text(0), tmp_path) as daemon:
        answers = await asyncio.gather(*(daemon.ctl("RELOAD") for _ in range(5)))
        assert {answer[:2] for answer in answers} == {"OK"}
        for _ in range(3):
            daemon.signal(signal.SIGHUP)
        daemon.signal(signal.SIGTERM)
        assert await daemon.stop() == 0


async def test_memory_does_not_grow_with_reloads(tmp_path):
    port, out = free_port(PRIMARY), free_port(PRIMARY, BACKUP, THIRD)
    plan = Plan(port, out, tmp_path)
    async with Collector(PRIMARY, out), Daemon(plan.text(0), tmp_path) as daemon:

        async def reload(count: int) -> int:
            for number in range(count):
                daemon.config.write_text("@version: 4.27\n" + plan.text(number))
                assert (await daemon.ctl("RELOAD")).startswith("OK")
            return daemon.resident_kib()

        settled = await reload(6)
        assert await reload(12) < settled + 6_000


async def test_a_changed_pool_goes_on_with_what_it_knows_of_its_targets(tmp_path):
    port = free_port(PRIMARY)

    def slow(request: Request) -> Response:
        del request
        return Response(200, delay_s=0.05)

    dead = f"http://{PRIMARY}:{free_port(PRIMARY)}/"
    async with WebServer(PRIMARY, slow) as server:
        text = f"""
source s {{ network(ip({PRIMARY}) port({port})); }};
destination d {{
    http(url("{server.url}" "{dead}") persist-name("p") time-reopen(60) batch-lines(5)
        workers(2));
}};
log {{ source(s); destination(d); }};
"""
        async with Daemon(text, tmp_path) as daemon, Sender(PRIMARY, port) as sender:
            await sender.send(20)
            await daemon.wait_for("removing from rotation")
            async with asyncio.timeout(30):
                while json.loads(await daemon.ctl("QUEUES", "--json"))[0]["messages"]:
                    await asyncio.sleep(0.02)

            async def state() -> dict[str, tuple[str, float, float]]:
                (pool,) = json.loads(await daemon.ctl("POOL", "--json"))
                samples = parse_prometheus(await daemon.ctl("STATS", "PROMETHEUS"))
                return {
                    item["name"]: (
                        item["state"],
                        value_of(
                            samples,
                            "output_target_latency_seconds",
                            target=item["name"],
                        ),
                        value_of(
                            samples,
                            "output_target_request_latency_seconds",
                            target=item["name"],
                            quantile="0.5",
                        ),
                    )
                    for item in pool["servers"]
                }

            before = await state()
            assert before[dead][0] != before[server.url][0]
            assert before[server.url][1] > 0.04
            changed = text.replace("batch-lines(5)", "batch-lines(7)")
            daemon.config.write_text("@version: 4.27\n" + changed)
            assert (await daemon.ctl("RELOAD")).startswith("OK")
            assert await state() == before


async def test_a_source_that_cannot_be_made_leaves_the_old_drivers_alone(tmp_path):
    port, out = free_port(PRIMARY), free_port(PRIMARY)
    text = (
        f"source s {{ network(ip({PRIMARY}) port({port})); }};\n"
        f'destination d {{ network("{PRIMARY}" port({out})); }};\n'
        "log { source(s); destination(d); };\n"
    )
    worse = (
        f'source t {{ network(ip({PRIMARY}) port("no-such-service")); }};\n'
        + text.replace("source(s);", "source(s); source(t);").replace(
            f"port({out})", f"port({out}) time-reopen(7)"
        )
    )
    async with (
        Collector(PRIMARY, out) as collector,
        Daemon(text, tmp_path) as daemon,
        Sender(PRIMARY, port) as sender,
    ):
        await sender.send(1)
        await collector.wait_for_lines(1)
        for count in range(2, 5):
            daemon.config.write_text("@version: 4.27\n" + worse)
            assert (await daemon.ctl("RELOAD")).startswith("FAIL")
            await sender.send(1)  # the same connection
            await collector.wait_for_lines(count)
        assert numbers(collector.lines) == list(range(4))
        assert collector.connections == 1  # the destination was never touched
    assert daemon.returncode == 0
