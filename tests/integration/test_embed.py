"""logferry inside a Python program: pipelines and the logging handler."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from pathlib import Path

import pytest

import logferry
from helpers.collector import Collector
from helpers.daemon import free_port
from logferry.errors import ConfigError, StateError

pytestmark = pytest.mark.integration

HOME, OTHER = "127.0.0.1", "127.0.0.2"


async def test_a_sent_message_was_acknowledged(tmp_path: Path) -> None:
    port = free_port(HOME)
    async with (
        Collector(HOME, port) as collector,
        logferry.Pipeline.to(
            f'network("{HOME}" port({port}))', state_dir=tmp_path
        ) as pipeline,
    ):
        await pipeline.send("hello", program="demo", pid=7, severity="err")
        assert pipeline.pending == 0
        assert pipeline.counts()["delivered"] == 1
        await collector.wait_for_lines(1)  # the kernel has it; the reader may be behind
        [line] = collector.lines
        assert line.startswith(b"<11>")
        assert line.endswith(b" demo[7]: hello")


async def test_messages_reach_the_failover_server(tmp_path: Path) -> None:
    port = free_port(HOME, OTHER)
    async with (
        Collector(OTHER, port) as backup,
        logferry.Pipeline.to(
            f'network("{HOME}" port({port}) time-reopen(0.1)'
            f' failover(servers("{OTHER}")))',
            state_dir=tmp_path,
        ) as pipeline,
    ):
        waiting = [pipeline.push(f"number {number}") for number in range(100)]
        await asyncio.wait_for(asyncio.gather(*waiting), 10)
        await backup.wait_for_lines(100)
        assert len(backup.lines) == 100


async def test_a_full_window_is_an_error_of_push(tmp_path: Path) -> None:
    port = free_port(HOME)
    async with logferry.Pipeline.to(
        f'network("{HOME}" port({port}) time-reopen(60))', state_dir=tmp_path, window=3
    ) as pipeline:
        for number in range(3):
            pipeline.push(f"{number}")
        with pytest.raises(BufferError):
            pipeline.push("one more")
        assert pipeline.pending == 3
        await pipeline.stop(grace_s=0)


async def test_values_and_filters_work(tmp_path: Path) -> None:
    async with logferry.Pipeline(
        f"""
        source s {{ application(tags("t")); }};
        log {{ source(s); filter {{ level(err..emerg) and tags("t"); }};
            destination {{ file("{tmp_path}/out"
                template("$(format-json m=$MSG n=$n s=$s)\\n")); }}; }};
        """
    ) as pipeline:
        await pipeline.send("low", severity="info")
        await pipeline.send("high", severity="crit", values={"n": 5, "s": ["a", "b"]})
    rows = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert rows == [{"m": "high", "n": 5, "s": ["a", "b"]}]


async def test_a_bad_configuration_is_told_whole() -> None:
    with pytest.raises(ConfigError) as failure:
        logferry.Pipeline.to("nosuch(); file()")
    assert "nosuch" in str(failure.value)


async def test_a_pipeline_that_does_not_run_takes_nothing() -> None:
    pipeline = logferry.Pipeline.to('file("/dev/null")')
    with pytest.raises(StateError):
        pipeline.push("x")


def test_a_handler_delivers_from_any_thread(tmp_path: Path) -> None:
    handler = logferry.Handler(
        f'file("{tmp_path}/out" template("$LEVEL|$PROGRAM|$MSG|${{.python.user}}\\n"))',
        program="shop",
    )
    logger = logging.getLogger("shop.orders")
    logger.addHandler(handler)

    def work(number: int) -> None:
        logger.warning("order %d", number, extra={"user": f"u{number}"})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logger.error("last", extra={"user": ""})
    logger.removeHandler(handler)
    handler.close()
    lines = (tmp_path / "out").read_text().splitlines()
    assert sorted(lines[:20]) == sorted(
        f"warning|shop|order {number}|u{number}" for number in range(20)
    )
    assert lines[20] == "err|shop|last|"
    assert handler.dropped == 0


def test_a_full_handler_drops_and_counts(tmp_path: Path) -> None:
    port = free_port(HOME)
    handler = logferry.Handler(
        f'network("{HOME}" port({port}) time-reopen(60))',
        capacity=5,
        state_dir=tmp_path,
    )
    logger = logging.getLogger("shop.full")
    logger.addHandler(handler)
    for number in range(8):
        logger.error("%d", number)
    assert handler.dropped == 3
    handler.flush(timeout_s=0)
    logger.removeHandler(handler)
    handler.close()
