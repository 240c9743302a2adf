"""How long records take from push to delivery."""

from __future__ import annotations

from logferry.message.batch import RecordBatch
from logferry.queues.memory import MemoryQueue
from logferry.telemetry.counters import Metrics
from logferry.telemetry.delays import Delays
from logferry.telemetry.histograms import EVENT_LATENCY


class Scene:
    def __init__(self, unknown_count: int = 0) -> None:
        self.now = 100.0
        self.metrics = Metrics()
        self.delays = Delays(lambda: self.now, unknown_count)
        self.delays.show(self.metrics.histogram("d", {}, EVENT_LATENCY))

    def value(self, name: str, **labels: str) -> float:
        items = tuple(labels.items())
        return next(
            series.value
            for series in self.metrics
            if series.name == name and series.labels == items
        )


def test_a_delivery_takes_what_passed_since_its_push():
    scene = Scene()
    scene.delays.on_pushed(10)
    scene.now += 3
    scene.delays.on_left(4, is_delivered=True)
    scene.now += 2
    scene.delays.on_left(6, is_delivered=True)
    assert scene.value("d_count") == 10
    assert scene.value("d_sum") == 4 * 3 + 6 * 5
    assert scene.delays.sample_s == 5
    assert scene.delays.sampled_at == 105


def test_what_was_dropped_took_no_time_but_leaves():
    scene = Scene()
    scene.delays.on_pushed(5)
    scene.now += 1
    scene.delays.on_pushed(5)
    scene.now += 1
    scene.delays.on_left(5, is_delivered=False)
    scene.delays.on_left(5, is_delivered=True)
    assert (scene.value("d_count"), scene.value("d_sum")) == (5, 5)


def test_what_was_there_before_is_of_unknown_age():
    scene = Scene(unknown_count=3)
    scene.delays.on_found(2)
    scene.delays.on_pushed(1)
    scene.now += 1
    scene.delays.on_left(6, is_delivered=True)
    assert (scene.value("d_count"), scene.value("d_sum")) == (1, 1)


def test_a_long_outage_costs_bounded_memory_and_little_truth():
    scene = Scene()
    for _ in range(100_000):
        scene.delays.on_pushed(1)
        scene.now += 0.01
    assert len(scene.delays._pushed) <= 4096
    scene.delays.on_left(100_000, is_delivered=True)
    assert scene.value("d_count") == 100_000
    assert 0.98 < scene.value("d_sum") / (100_000 * 500) < 1.02


def test_a_queue_tells_of_all_ends():
    scene = Scene()
    queue = MemoryQueue()
    queue.ledger.delays = scene.delays
    queue.push(RecordBatch(b"a\nb\nc\n", 3))
    scene.now += 1
    lease = queue.peek(10, 100)
    assert lease is not None
    queue.dead_letter(lease.token, 1)
    queue.drop(lease.token, "why", 1)
    queue.ack(lease.token)
    assert (scene.value("d_count"), scene.value("d_sum")) == (1, 1)
    assert queue.ledger.delivered_bytes == 2
