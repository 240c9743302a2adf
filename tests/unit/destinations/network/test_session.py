"""A session on a stream and a loop of paper: what is asked when, what is put back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from logferry.destinations.network.session import POLL_INTERVAL_MAX_S, Session
from logferry.errors import ConnectionLost, TimedOut, TransportError
from logferry.message.batch import RecordBatch
from logferry.policy.throttle import TokenBucket
from logferry.queues.memory import MemoryQueue


class Handle:
    def __init__(self, at: float, call: Callable[[], None]) -> None:
        self.at, self.call, self.is_cancelled = at, call, False

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    """Timers and a clock; ``run`` lets time pass."""

    def __init__(self) -> None:
        self.now = 0.0
        self.handles: list[Handle] = []

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Handle:
        self.handles.append(Handle(self.now + delay_s, call))
        return self.handles[-1]

    def armed(self) -> list[Handle]:
        self.handles = [item for item in self.handles if not item.is_cancelled]
        return sorted(self.handles, key=lambda item: item.at)

    def run(self, until: float) -> None:
        while (armed := self.armed()) and armed[0].at <= until:
            self.now = armed[0].at
            self.handles.remove(armed[0])
            armed[0].call()
        self.now = until


class Stream:
    """Takes everything at once; the test says what the peer's kernel acknowledged."""

    descriptor, peer = 7, "AF_INET(192.0.2.1:514)"

    def __init__(self) -> None:
        self.sent = b""
        self.acked = 0
        self.wire_acked = 0  # with TLS, ahead of whole records
        self.progress_bytes = 0
        self.questions = 0
        self.is_blocked = False
        self.closed: str | None = None
        self.owner: Session | None = None

    def attach(self, owner: Session) -> None:
        self.owner = owner

    @property
    def plain_bytes(self) -> int:
        return len(self.sent)

    def write(self, data: bytes) -> None:
        self.sent += data

    def acknowledged(self) -> int:
        self.questions += 1
        self.progress_bytes = max(self.wire_acked, self.acked)
        return self.acked

    def handed_over(self) -> int:
        return len(self.sent)

    def fail(self, error: TransportError) -> None:
        assert self.owner is not None
        self.owner.on_lost(error)

    def close(self, *, is_abort: bool = False) -> None:
        self.closed = "abort" if is_abort else "close"


class Stage:
    """A session with its queue, and what its owner was told."""

    def __init__(
        self,
        *,
        delivery_timeout_s: float = 0.0,
        throttle: int = 0,
        is_kernel_acked: bool = True,
    ) -> None:
        self.loop, self.stream = Loop(), Stream()
        self.queue = MemoryQueue(1000)
        self.delivered = 0
        self.lost: tuple[str, int] | None = None
        self.is_drained = False
        self.session = Session(
            self.stream,  # type: ignore[arg-type]
            self.queue,
            self,
            self.loop,  # type: ignore[arg-type]
            lambda: self.loop.now,  # type: ignore[arg-type,return-value]
            throttle=TokenBucket(throttle, 0.0) if throttle else None,
            is_kernel_acked=is_kernel_acked,
            delivery_timeout_s=delivery_timeout_s,
            is_closed_by_input=True,
        )
        self.session.start()

    def push(self, *records: bytes) -> None:
        self.queue.push(RecordBatch.of(list(records)))
        self.session.pump()

    def on_delivered(self, count: int) -> None:
        self.delivered += count

    def on_sent(self, byte_count: int) -> None:
        """Shares do not matter here."""

    def on_session_lost(
        self, session: Session, error: TransportError, unacked_count: int
    ) -> None:
        self.lost = (str(error), unacked_count)

    def on_session_drained(self, session: Session) -> None:
        self.is_drained = True


def test_records_leave_the_queue_when_the_peers_kernel_has_them():
    stage = Stage()
    stage.push(b"one\n", b"two\n")
    stage.loop.run(0.1)
    assert (stage.delivered, stage.queue.count) == (0, 2)
    stage.stream.acked = 8
    stage.loop.run(0.2)
    assert (stage.delivered, stage.queue.count) == (2, 0)


def test_handed_over_is_enough_with_handoff():
    stage = Stage(is_kernel_acked=False)
    stage.push(b"one\n")
    stage.loop.run(0.1)
    assert stage.delivered == 1


def test_there_is_never_more_than_one_timer_and_the_kernel_is_asked_rarely():
    stage = Stage()
    stage.push(b"one\n")
    for step in range(1, 100):
        stage.loop.run(step / 100)
        assert len(stage.loop.armed()) == 1
    assert stage.stream.questions <= 1 / POLL_INTERVAL_MAX_S + 10


def test_nothing_is_asked_while_nothing_is_under_way():
    stage = Stage()
    stage.push(b"one\n")
    stage.stream.acked = 4
    stage.loop.run(1)
    assert stage.loop.armed() == []


def test_server_that_acknowledges_nothing_is_dead_after_delivery_timeout():
    stage = Stage(delivery_timeout_s=2)
    stage.push(b"one\n", b"two\n")
    stage.loop.run(1.9)
    assert stage.lost is None
    stage.loop.run(2.1)
    assert stage.lost == ("nothing was acknowledged for 2 s", 2)
    assert stage.stream.closed == "abort"
    assert stage.queue.waiting_count == 2


def test_progress_postpones_delivery_timeout():
    stage = Stage(delivery_timeout_s=2)
    stage.push(b"one\n")
    stage.push(b"two\n")
    stage.loop.run(1.5)
    stage.stream.acked = 4
    stage.loop.run(3.4)
    assert stage.lost is None
    stage.loop.run(3.6)
    assert stage.lost is not None


def test_part_of_a_tls_record_is_progress_too():
    stage = Stage(delivery_timeout_s=2)
    stage.push(b"a long record\n")
    for second in range(1, 6):
        stage.loop.run(second)
        stage.stream.wire_acked += 1
    assert stage.lost is None
    stage.loop.run(8)
    assert stage.lost is not None


def test_a_server_that_has_everything_is_not_reset():
    stage = Stage()
    stage.push(b"one\n")
    stage.stream.acked = 4
    stage.session.on_lost(ConnectionLost("EOF occurred"))
    assert stage.stream.closed == "close"


def test_idle_time_does_not_count_towards_delivery_timeout():
    stage = Stage(delivery_timeout_s=2)
    stage.loop.run(10)
    stage.push(b"one\n")
    stage.loop.run(11.9)
    assert stage.lost is None


@pytest.mark.parametrize(
    ("acked", "again"), [(0, b"one\ntwo\n"), (4, b"two\n"), (7, b"two\n"), (8, b"")]
)
def test_lost_connection_puts_back_exactly_the_uncovered_records(
    acked: int, again: bytes
):
    stage = Stage()
    stage.push(b"one\n", b"two\n")
    stage.stream.acked = acked
    stage.session.on_lost(ConnectionLost("reset"))
    lease = stage.queue.peek(10, 1000)
    assert (lease.batch.data if lease else b"") == again
    assert stage.lost == ("reset", again.count(b"\n"))
    assert stage.delivered + again.count(b"\n") == 2


def test_connection_is_cut_only_when_what_it_held_is_sent_again():
    kernel, handoff = Stage(), Stage(is_kernel_acked=False)
    for stage in (kernel, handoff):
        stage.push(b"one\n")
        stage.session.on_lost(ConnectionLost("reset"))
    assert (kernel.stream.closed, handoff.stream.closed) == ("abort", "close")


def test_draining_session_takes_nothing_new_and_ends_when_all_is_acknowledged():
    stage = Stage()
    stage.push(b"one\n")
    stage.session.drain()
    stage.push(b"two\n")
    stage.loop.run(1)
    assert (stage.stream.sent, stage.is_drained) == (b"one\n", False)
    stage.stream.acked = 4
    stage.loop.run(2)
    assert stage.is_drained
    assert stage.stream.closed == "close"
    assert stage.queue.waiting_count == 1


def test_draining_session_on_a_dead_server_ends_after_delivery_timeout():
    stage = Stage(delivery_timeout_s=2)
    stage.push(b"one\n")
    stage.session.drain()
    stage.loop.run(2.1)
    assert stage.lost == ("nothing was acknowledged for 2 s", 1)


def test_throttle_lets_so_many_records_pass_in_a_second():
    stage = Stage(throttle=2)
    stage.push(*[b"%d\n" % number for number in range(6)])
    counts = []
    for second in range(3):
        stage.loop.run(second + 0.05)
        stage.stream.acked = len(stage.stream.sent)
        counts.append(stage.stream.sent.count(b"\n"))
    assert counts == [2, 4, 6]


def test_input_ends_a_connection_that_is_closed_by_input():
    stage = Stage()
    stage.session.on_input(b"hello")
    assert stage.lost == ("Unexpected input, closing", 0)


def test_error_is_reported_once():
    stage = Stage()
    stage.session.on_lost(TimedOut("first"))
    stage.session.on_lost(ConnectionLost("second"))
    assert stage.lost == ("first", 0)
