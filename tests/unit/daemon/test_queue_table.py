"""What `ctl queues` says of queues that fill."""

from __future__ import annotations

from typing import Any

import pytest

from logferry.daemon.queue_table import describe_queue, render_queues
from logferry.message.batch import RecordBatch
from logferry.queues.disk import DiskLimits, DiskQueue
from logferry.queues.memory import MemoryQueue


def memory(count: int) -> MemoryQueue:
    queue = MemoryQueue(count_limit=100)
    if count:
        queue.push(RecordBatch(b"x\n" * count, count))
    return queue


def disk(*, is_reliable: bool) -> DiskQueue:
    queue = DiskQueue(DiskLimits(capacity_bytes=1000, is_reliable=is_reliable))
    queue.push(RecordBatch(b"123456789\n" * 10, 10))
    return queue


def test_memory_fills_to_its_limit_and_a_restart_loses_it():
    row = describe_queue("q", "d#0", memory(25), 1.5)
    assert row["filled"] == 0.25
    assert row["full_in_s"] == 50
    assert row["restart"] == "lost"


@pytest.mark.parametrize(("is_reliable", "restart"), [(True, "kept"), (False, "saved")])
def test_a_disk_buffer_fills_by_bytes_and_outlives_a_restart(is_reliable, restart):
    row = describe_queue("q", "d#0", disk(is_reliable=is_reliable), 9)
    assert row["filled"] == 0.1
    assert row["full_in_s"] == pytest.approx(10)
    assert row["restart"] == restart


@pytest.mark.parametrize("growth", [None, 0, 0.01, -3])
def test_what_does_not_grow_has_time(growth):
    row = describe_queue("q", "d#0", memory(10), growth)
    assert row["full_in_s"] is None


def test_an_empty_queue_loses_nothing():
    assert describe_queue("q", "d#0", memory(0), 0)["restart"] == "nothing"


def rows() -> list[dict[str, Any]]:
    full = memory(99)
    full.push(RecordBatch(b"x\n" * 5, 5))
    return [
        describe_queue("a", "d#0", memory(0), 0.0),
        describe_queue("b", "q#0", disk(is_reliable=True), 2.0),
        describe_queue("c", "h#0", full, -1.0) | {"state": "down"},
        describe_queue("d", "", memory(7), None),
    ]


def test_the_table_says_what_a_restart_costs():
    text = render_queues(rows())
    lines = text.splitlines()
    assert lines[0].split()[:4] == ["destination", "state", "waiting", "size"]
    assert "steady" in lines[1]
    assert "+2.0/s" in lines[2]
    assert "45.0 s" in lines[2]
    assert "kept" in lines[2]
    assert lines[3].startswith("h#0")
    assert " down " in lines[3]
    assert "4 queue-full" in lines[3]
    assert lines[-1] == (
        "a restart now loses up to 107 messages that wait in memory: h#0 100, d 7"
    )


def test_nothing_is_said_of_a_loss_when_there_is_none():
    assert "restart now" not in render_queues(rows()[:2])
    assert render_queues([]) == "No destination has a queue"
