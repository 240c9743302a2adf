"""One line of delivery: what begins, and what does not begin any more."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from logferry.destinations.network import driver
from logferry.destinations.network.line import Alone, Line
from logferry.policy.failover import FailoverPlan


def make_line() -> Line:
    setup: Any = SimpleNamespace(
        options=SimpleNamespace(),
        time_reopen="60",
        is_remembering=False,
        is_kernel_acked=lambda log: False,
    )
    environment: Any = SimpleNamespace(
        log=None, clock=asyncio.get_running_loop().time, state=None
    )
    members: Any = SimpleNamespace(endpoint=lambda name: name)
    nothing: Any = None
    return Line(
        setup,
        environment,
        nothing,
        nothing,
        members=members,
        plan=FailoverPlan(("a", "b")),
        throttle=None,
        owner=Alone(),
    )


async def test_a_line_that_settles_begins_no_connection_any_more(monkeypatch):
    began, ended = asyncio.Event(), asyncio.Event()

    async def open_stream(endpoint: str) -> None:
        assert endpoint == "a"
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(driver, "open_stream", open_stream)
    line = make_line()
    line.start()
    await began.wait()
    await line.settle(0.0)
    assert ended.is_set()
    assert not line.is_started
    await line.stop()
