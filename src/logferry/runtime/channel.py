"""
From a source to the queues: run the program, hand out the batches, keep the receipt.

A channel outlives the program in it: a reload puts the new program and queues into
the channel that a kept connection already holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from logferry.codegen.correlation.correlator import release
from logferry.message.batch import Receipt
from logferry.telemetry.counters import Counter

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.message.batch import RecordBatch
    from logferry.message.model import Message, Origin, UnixNanos
    from logferry.pipeline.program import Outputs, Program
    from logferry.queues.queue import PushResult
    from logferry.telemetry.flows import Flow
    from logferry.telemetry.histograms import Histogram

__all__ = ["Channel", "Route"]


class Push(Protocol):
    """A destination's intake."""

    def __call__(self, batch: RecordBatch) -> PushResult:
        """Take ``batch`` in."""
        ...


@dataclass(frozen=True, slots=True)
class Watch:
    """Measures chunks: all messages of one take as long as it takes."""

    clock: Callable[[], float]
    histogram: Histogram

    def stop(self, started_at: float, count: int) -> None:
        """``count`` messages are through."""
        elapsed_s = self.clock() - started_at
        self.histogram.add(int(elapsed_s * 1000), count)


@dataclass(frozen=True, slots=True)
class Route:
    """
    A program and what stands behind its outputs, in their order.

    ``counters`` hold, for each output, what counts the records handed to it; ``watch``
    measures how long the program and handing out take.
    """

    program: Program
    pushes: tuple[Push, ...]
    counters: tuple[Counter, ...] = ()
    watch: Watch | None = None


def _forget(receipt: Receipt) -> None:
    """Settle without anybody waiting."""
    del receipt


class Channel:
    """
    The intake of one source driver (``sources.base.Intake``).

    Args:
        route: the program and its outputs.
        now: the wall clock.
        processed: counts messages, as do the next two.
        received: those of all sources together.
        driver: those of this driver, where it does not count them by client or file.
        flow: measures what ``driver`` counts.
        queued: counts the records handed to any destination.
        stamp: takes the time of the last message, in seconds.
        size: counts the bytes of what ``driver`` counts.
        is_acknowledged: the source remembers a position and must know when its
            messages were delivered on every path, flow-controlled or not.

    """

    def __init__(
        self,
        route: Route,
        now: Callable[[], UnixNanos],
        processed: Counter,
        *,
        received: Counter | None = None,
        driver: Counter | None = None,
        flow: Flow | None = None,
        queued: Counter | None = None,
        stamp: Counter | None = None,
        size: Counter | None = None,
        is_acknowledged: bool = False,
    ) -> None:
        self._now = now
        self._processed = processed
        self._received = received or Counter()
        self._driver = driver or Counter()
        self._flow = flow
        self._queued = queued or Counter()
        self._stamp = stamp
        self._size = size or Counter()
        self._is_acknowledged = is_acknowledged
        self.replace(route)

    def replace(self, route: Route) -> None:
        """Put another program and other queues in, from the next chunk on."""
        program = route.program
        self._program = program
        self._watch = route.watch
        self._correlators = program.correlators
        counters = route.counters or tuple(Counter() for _ in route.pushes)
        self._outputs = tuple(
            (push, flow_controlled or self._is_acknowledged, flow_controlled, counter)
            for push, flow_controlled, counter in zip(
                route.pushes, program.flow_controlled, counters, strict=True
            )
        )

    @property
    def is_flow_controlled(self) -> bool:
        """Tell whether any output can hold the source back."""
        return any(flow_controlled for _, _, flow_controlled, _ in self._outputs)

    def lines(
        self,
        chunk: bytes,
        origin: Origin,
        on_settled: Callable[[Receipt], None] = _forget,
    ) -> Receipt:
        """Take complete lines; see :class:`logferry.pipeline.program.Program`."""
        started_at = self._watch.clock() if self._watch is not None else 0.0
        count, outputs = self._program.lines(chunk, origin, self._now())
        if self._flow is not None:
            self._flow.note(chunk, count)
            self._size.value += len(chunk)
        return self._hand_out(outputs, Receipt(count, on_settled), started_at)

    def frames(
        self,
        frames: list[bytes],
        origin: Origin,
        on_settled: Callable[[Receipt], None] = _forget,
    ) -> Receipt:
        """Take frames."""
        receipt = Receipt(len(frames), on_settled)
        if self._flow is not None:
            size = sum(map(len, frames))
            self._flow.note_frames(frames, size)
            self._size.value += size
        started_at = self._watch.clock() if self._watch is not None else 0.0
        outputs = self._program.frames(frames, origin, self._now())
        return self._hand_out(outputs, receipt, started_at)

    def messages(
        self,
        messages: list[Message],
        on_settled: Callable[[Receipt], None] = _forget,
    ) -> Receipt:
        """Take messages."""
        receipt = Receipt(len(messages), on_settled)
        if self._flow is not None:
            self._flow.count += len(messages)  # they never were bytes
        started_at = self._watch.clock() if self._watch is not None else 0.0
        outputs = self._program.messages(messages, self._now())
        return self._hand_out(outputs, receipt, started_at)

    def _hand_out(
        self, outputs: Outputs, receipt: Receipt, started_at: float
    ) -> Receipt:
        self._processed.value += receipt.message_count
        self._received.value += receipt.message_count
        self._driver.value += receipt.message_count
        if self._stamp is not None and receipt.message_count:
            self._stamp.value = self._now() // 1_000_000_000
        # What others wait for is tracked whatever this source needs.
        is_awaited = bool(self._correlators) and self._claim(receipt)
        for batches, (push, is_tracked, is_patient, counter) in zip(
            outputs, self._outputs, strict=True
        ):
            for batch in batches:
                counter.value += batch.count
                self._queued.value += batch.count
                if is_tracked or is_awaited:
                    receipt.hold()
                    batch.receipt = receipt
                    batch.is_patient = is_patient
                push(batch)
        if self._watch is not None:
            self._watch.stop(started_at, receipt.message_count)
        receipt.settle()
        return receipt

    def _claim(self, receipt: Receipt) -> bool:
        """Let correlators keep the receipt; tell whether earlier ones wait for it."""
        released: list[Receipt] = []
        for correlator in self._correlators:
            correlator.claim(receipt)
            released += correlator.take_released()
        if not released:
            return False
        # With several that hold messages, what one gave may wait at the next.
        is_chain = sum(correlator.holds for correlator in self._correlators) > 1
        wait = receipt.when_released if is_chain else receipt.when_delivered
        wait(partial(release, released))
        return True
