"""
One connection's deliveries: what is under way, and what the peer's kernel has.

A session leases records from the queue, writes them to its stream and acknowledges
them when the peer's kernel has (``delivery-ack(kernel)``) or when our own has taken
them (``handoff``). When the connection dies it reads the last acknowledgement, acks
exactly the records that it covers and puts the rest back, in order.

Records under way are bounded by ``SEND_WINDOW_BYTES``, which bounds what may be sent
twice. The kernel is asked once per window and by a timer, never per small
write: reading ``TCP_INFO`` costs about a microsecond.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import TYPE_CHECKING, Protocol

from logferry.errors import ConnectionLost, TimedOut, TransportError
from logferry.limits import LEASE_BYTES_MAX, SEND_WINDOW_BYTES
from logferry.telemetry.quantiles import Durations

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from logferry.message.model import Monotonic
    from logferry.policy.throttle import TokenBucket
    from logferry.queues.queue import Lease, Queue
    from logferry.runtime.streams import Stream

__all__ = ["Session", "SessionOwner"]

POLL_INTERVAL_MIN_S = 0.001
POLL_INTERVAL_MAX_S = 0.02
"""
How often the kernel is asked while records are under way: soon after a write, so that
a source with a small window is not held back, then less and less often.
"""

_EARLY_POLL_BYTES = 64 * 1024
"""With so much under way the kernel is asked in the same turn as it was written."""

_COUNT_MAX = 1 << 20


class SessionOwner(Protocol):
    """Who is told what becomes of a session."""

    def on_delivered(self, count: int) -> None:
        """``count`` records were acknowledged."""

    def on_sent(self, byte_count: int) -> None:
        """So many bytes were written in one turn."""

    def on_session_lost(
        self, session: Session, error: TransportError, unacked_count: int
    ) -> None:
        """The connection is dead; ``unacked_count`` records are back in the queue."""

    def on_session_drained(self, session: Session) -> None:
        """A draining session has nothing under way any more."""


class Session:
    """
    The deliveries on one stream.

    Args:
        stream: the connection; the session owns it from now on.
        queue: where records come from.
        owner: who is told.
        loop: for the poll timer.
        clock: monotonic seconds.
        throttle: how many records a second, if there is a limit.
        is_kernel_acked: wait for the peer's kernel, not just for ours.
        delivery_timeout_s: no progress for so long means death; 0 is for ever.
        is_closed_by_input: whatever the peer sends ends the connection.
        may_send: asked before records are taken from the queue.
        latency: told how long acknowledgements take, one write at a time.

    """

    def __init__(
        self,
        stream: Stream,
        queue: Queue,
        owner: SessionOwner,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], Monotonic],
        *,
        throttle: TokenBucket | None,
        is_kernel_acked: bool,
        delivery_timeout_s: float,
        is_closed_by_input: bool,
        may_send: Callable[[], bool] = lambda: True,
        latency: Durations | None = None,
    ) -> None:
        self.stream = stream
        self._queue = queue
        self._owner = owner
        self._loop = loop
        self._clock = clock
        self._throttle = throttle
        self._is_kernel_acked = is_kernel_acked
        self._delivery_timeout_s = delivery_timeout_s
        self._is_closed_by_input = is_closed_by_input
        self._may_send = may_send
        self._latency = latency or Durations()
        self._timed: tuple[int, float] | None = None  # (end offset, sent at)
        self._under_way: deque[tuple[int, Lease]] = deque()  # (end offset, lease)
        self._settled_bytes = 0
        self._seen_progress_bytes = 0
        self._progress_at: float = clock()
        self._timer: asyncio.TimerHandle | None = None
        self._poll_delay_s = POLL_INTERVAL_MIN_S
        self._is_draining = False
        self._is_over = False

    def start(self) -> None:
        """Begin to deliver."""
        self.stream.attach(self)
        self.pump()

    @property
    def under_way_count(self) -> int:
        """Records sent and not yet acknowledged."""
        return sum(lease.batch.count for _, lease in self._under_way)

    @property
    def under_way_bytes(self) -> int:
        """Bytes sent and not yet acknowledged, as far as we know."""
        return self.stream.plain_bytes - self._settled_bytes

    def pump(self) -> None:
        """Send what waits, as far as window and kernel allow."""
        stream = self.stream
        if self._is_draining or self._is_over or not self._may_send():
            return
        if not self._under_way:
            self._progress_at = self._clock()
        first_byte = stream.plain_bytes
        while self._can_send():
            if stream.plain_bytes - self._settled_bytes >= SEND_WINDOW_BYTES:
                self._settle()
                if stream.plain_bytes - self._settled_bytes >= SEND_WINDOW_BYTES:
                    break
            lease = self._lease()
            if lease is None:
                break
            end = stream.plain_bytes + len(lease.batch.data)
            self._under_way.append((end, lease))
            stream.write(lease.batch.data)
        if stream.plain_bytes > first_byte:
            self._owner.on_sent(stream.plain_bytes - first_byte)
            if self._under_way and not self._is_over:
                if self._timed is None:
                    self._timed = (self._under_way[-1][0], self._clock())
                self._poll_early()

    def _poll_early(self) -> None:
        """Ask the kernel at once when a source waits or much is under way."""
        batch = self._under_way[-1][1].batch
        unsettled_bytes = self.stream.plain_bytes - self._settled_bytes
        if batch.is_patient or unsettled_bytes >= _EARLY_POLL_BYTES:
            self._settle()
        if self._under_way and self._timer is None:
            self._poll_delay_s = POLL_INTERVAL_MIN_S
            self._arm()

    def _lease(self) -> Lease | None:
        """Take the next records, as many as the throttle allows."""
        throttle = self._throttle
        if throttle is None:
            return self._queue.peek(_COUNT_MAX, LEASE_BYTES_MAX)
        now = self._clock()
        allowed = throttle.available(now)
        if not allowed:
            if self._queue.waiting_count and self._timer is None:
                self._arm()
            return None
        lease = self._queue.peek(allowed, LEASE_BYTES_MAX)
        if lease is not None:
            throttle.take(lease.batch.count, now)
        return lease

    def _can_send(self) -> bool:
        # Asked anew after every write, which may have ended the connection.
        return not (self._is_over or self.stream.is_blocked)

    def drain(self) -> None:
        """Take no new records; tell the owner when nothing is under way."""
        self._is_draining = True
        self._settle()
        self._end_drain()

    def close(self) -> int:
        """
        Close the connection; return how many records went back to the queue.

        For a connection that is no longer wanted; a lost one has closed itself.
        """
        if self._is_over:
            return 0
        count = self._finish()
        self.stream.close()
        return count

    def on_writable(self) -> None:
        """Go on after the kernel's buffer was full."""
        self.pump()

    def on_input(self, data: bytes) -> None:
        """A syslog server has nothing to say: leave, or throw it away."""
        del data
        if self._is_closed_by_input:
            self.stream.fail(ConnectionLost("Unexpected input, closing"))

    def on_lost(self, error: TransportError) -> None:
        """Settle what can be settled, put the rest back, tell the owner."""
        if self._is_over:
            return
        count = self._finish()
        # What was handed over but is put back must not be delivered behind our back. A
        # server that has everything is left in peace: some systems throw away what
        # their programs have not read yet when a reset comes.
        self.stream.close(is_abort=self._is_kernel_acked and count > 0)
        self._owner.on_session_lost(self, error, count)

    def _finish(self) -> int:
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._settle()
        count = self.under_way_count - self._settle_part()
        for _, lease in reversed(self._under_way):
            self._queue.rewind(lease.token)
        self._under_way.clear()
        return count

    def _acknowledged(self) -> int:
        if self._is_kernel_acked:
            return self.stream.acknowledged()
        return self.stream.handed_over()

    def _settle(self) -> None:
        """Ack every lease that is covered whole."""
        under_way = self._under_way
        if not under_way:
            self._settled_bytes = self.stream.plain_bytes
            return
        covered = self._acknowledged()
        self._settled_bytes = max(self._settled_bytes, covered)
        if self.stream.progress_bytes > self._seen_progress_bytes:
            self._seen_progress_bytes = self.stream.progress_bytes
            self._progress_at = self._clock()
            if self._timed is not None and covered >= self._timed[0]:
                self._latency.add(self._progress_at - self._timed[1])
                self._timed = None
        count = 0
        while under_way and under_way[0][0] <= covered:
            _, lease = under_way.popleft()
            count += lease.batch.count
            self._queue.ack(lease.token)
        if count:
            self._owner.on_delivered(count)

    def _settle_part(self) -> int:
        """Ack the covered records of the first lease and return their number."""
        if not self._under_way:
            return 0
        end, lease = self._under_way[0]
        covered = self._settled_bytes - (end - len(lease.batch.data))
        if covered <= 0:
            return 0
        count = bisect_right(lease.batch.offsets(), covered)
        if count:
            self._queue.ack(lease.token, count)
            self._owner.on_delivered(count)
        return count

    def _arm(self) -> None:
        assert self._timer is None
        self._timer = self._loop.call_later(self._poll_delay_s, self._poll)
        self._poll_delay_s = min(2 * self._poll_delay_s, POLL_INTERVAL_MAX_S)

    def _poll(self) -> None:
        self._timer = None
        self._settle()
        timeout_s = self._delivery_timeout_s
        stalled_s = self._clock() - self._progress_at
        if self._under_way and timeout_s and stalled_s >= timeout_s:
            self.stream.fail(TimedOut(f"nothing was acknowledged for {timeout_s:g} s"))
            return
        if self._is_draining:
            self._end_drain()
            return
        if self._under_way:  # armed before pump(), which would begin with short delays
            self._arm()
        self.pump()

    def _end_drain(self) -> None:
        if self._under_way:
            if self._timer is None:
                self._arm()
        elif not self._is_over:
            self._is_over = True
            self.stream.close()
            self._owner.on_session_drained(self)
