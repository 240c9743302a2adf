"""
The ``http()`` destination: one queue, many workers, many targets.

Records wait in one queue for all workers. They are collected to batches
(``policy/batching.py``), each batch is carried to its end by one worker
(``worker.py``), and which target it goes to is decided by the balancer
(``policy/balancer.py``). Here they meet: batches are handed to idle workers, the one
timer is armed, and who waits for a target is woken when one comes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import secrets
from collections import Counter, deque
from typing import TYPE_CHECKING

from logferry.destinations.drain_marks import DrainMarks
from logferry.destinations.http.accounts import Accounts
from logferry.destinations.http.adapters import ADAPTERS
from logferry.destinations.http.auth import credentials_of
from logferry.destinations.http.collector import Collector
from logferry.destinations.http.load import Load
from logferry.destinations.http.partition import Partition
from logferry.destinations.http.probes import Probes
from logferry.destinations.http.report import describe_target
from logferry.destinations.http.request import Requests
from logferry.destinations.http.response import StatusTable
from logferry.destinations.http.session import (
    BODY_JUDGED_BYTES,
    BODY_KEPT_BYTES,
    Session,
)
from logferry.destinations.http.setup import Setup, persist_name
from logferry.destinations.http.worker import Shared, Worker
from logferry.errors import StateError
from logferry.policy.balancer import Balancer
from logferry.policy.batching import Batching
from logferry.policy.concurrency import Concurrency
from logferry.policy.health import Fitness
from logferry.policy.throttle import TokenBucket
from logferry.runtime.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from logferry.config.nodes import Spec
    from logferry.destinations.base import Destination
    from logferry.message.batch import RecordBatch
    from logferry.policy.retry import Wait
    from logferry.queues.queue import Lease, PushResult, Queue
    from logferry.runtime.environment import Environment
    from logferry.telemetry.flows import Flow

__all__ = ["HttpDestination"]

_SETTLE_GRACE_S = 2.0
"""At a reload, requests under way may be answered for so long."""

_STOP_SETTLE_S = 0.5
"""At a stop too, when all of ``shutdown-grace()`` is used up."""

_WAIT_STEP_S = 0.005

_CRASH_PAUSE_S = 1.0

_THROTTLE_STEP_S = 0.01


class HttpDestination:
    """One running ``http()`` driver. Raises ``TlsFailed`` for unusable TLS files."""

    def __init__(self, spec: Spec, environment: Environment, queue: Queue) -> None:
        self.id = spec.id
        self._setup = setup = Setup(spec)
        self._options = options = setup.options
        self._environment = environment
        self._queue = queue
        chance = random.SystemRandom()
        self.balancer = Balancer(setup.balancer(), chance, environment.clock())
        self._accounts = Accounts(
            spec, setup.names[0], environment, queue, self.balancer
        )
        self._shared = Shared(
            id=spec.id,
            persist_name=persist_name(options),
            environment=environment,
            queue=queue,
            balancer=self.balancer,
            plan=setup.retry(),
            requests=Requests(options),
            statuses=StatusTable(options.response_action, options.reject_status),
            credentials=credentials_of(options, environment, setup.token_context()),
            adapter=ADAPTERS.get(options.response_adapter),
            accounts=self._accounts,
            contexts=setup.contexts(),
            timeouts_s=[options.timeout_s(target) for target in setup.targets],
            is_batched=options.is_batched,
            batch_id_header=options.batch_id_header,
            batch_id_prefix=secrets.token_hex(8),
            chance=chance,
        )
        self._batching: Batching[Lease] = Batching(setup.batching())
        self._concurrency = Concurrency(options.workers.least, options.workers.most)
        self._worker_count = options.workers.least
        self._workers = [self._make_worker(item) for item in range(self._worker_count)]
        self._idle = deque(self._workers)
        self._busy: set[Worker] = set()
        self._partition = Partition(options, spec.id, environment.log.emit)
        self._groups: Counter[bytes] = Counter()
        self._throttle = (
            TokenBucket(options.throttle, environment.clock())
            if options.throttle
            else None
        )
        self._collector = Collector(
            queue,
            self._batching,
            self._partition.group_of,
            self._throttle,
            None if options.is_batched else lambda: self._worker_count,
        )
        self._tasks = Tasks(environment.log)
        self._probes = Probes(setup, self._shared, self._tasks, self._on_probed)
        self._waiting: set[asyncio.Future[None]] = set()
        self._seen_version = self.balancer.version
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._looked_at = environment.clock()  # for batches that are ready
        self._is_due = False
        self._is_flushing = False
        self._is_stopping = False
        self._drains = DrainMarks(environment.state, self._shared.persist_name)
        self._recall()

    def _make_worker(self, number: int) -> Worker:
        options = self._options
        session = Session(
            self._environment.clock,
            connect_timeout_s=options.connect_timeout,
            connection_age_s=options.connection_age,
            proxy=options.proxy,
            accepts_redirects=options.accept_redirects,
            kept_bytes=(
                BODY_JUDGED_BYTES if options.response_adapter else BODY_KEPT_BYTES
            ),
        )
        return Worker(number, self._shared, session, self)

    # -- the destination contract ------------------------------------------------

    def inherit(self, old: Destination) -> None:
        """Go on with what ``old`` measured; failures and drains are kept anyway."""
        if isinstance(old, HttpDestination):
            self.balancer.inherit(old.balancer)
            self._accounts.inherit(old._accounts)

    async def start(self) -> None:
        """Begin to deliver."""
        self._loop = asyncio.get_running_loop()
        self._queue.on_ready = self._schedule
        self._accounts.on_workers(self._worker_count)
        self._schedule()
        self._arm_timer()

    @property
    def metric_labels(self) -> Mapping[str, str]:
        """The labels of all our series."""
        return self._accounts.labels

    @property
    def flow(self) -> Flow:
        """What measures our messages."""
        return self._accounts.flow

    def push(self, batch: RecordBatch) -> PushResult:
        """Take records in."""
        self._accounts.flow.note(batch.data, batch.count, batch.ends)
        result = self._queue.push(batch)
        self._schedule()
        return result

    def revive(self, payload: bytes, key: str) -> RecordBatch:
        """Return the record of a dead letter."""
        return self._shared.requests.revive(payload, key)

    def reopen(self) -> None:
        """Nothing to reopen: a connection is no file."""

    async def stop(self, grace_s: float) -> None:
        """Deliver for at most ``grace_s``, then put back what is not answered."""
        self._is_flushing = True
        self._run()
        clock = self._environment.clock
        deadline = clock() + grace_s
        await self._wait(
            grace_s, lambda: not self._has_work() or not self._can_deliver(clock())
        )
        self._is_stopping = True
        self._wake_all()  # who waits for a target gives up
        # A reload waits for answers under way; a stop has done so already.
        least_s = _STOP_SETTLE_S if grace_s else _SETTLE_GRACE_S
        settle_s = max(deadline - clock(), least_s)
        await self._wait(settle_s, lambda: not self._groups)
        if self._timer is not None:
            self._timer.cancel()
        self._loop = None
        await self._tasks.cancel()
        self._collector.put_back()
        for worker in self._workers:
            await worker.close()
        await self._probes.close()
        for item in self._shared.credentials:
            await item.close()
        self._accounts.close()

    def _has_work(self) -> bool:
        return bool(
            self._groups or self._queue.waiting_count or self._batching.held_count
        )

    def _can_deliver(self, now: float) -> bool:
        return self.balancer.usable_count(now) > 0

    async def _wait(self, limit_s: float, is_done: Callable[[], bool]) -> None:
        deadline = self._environment.clock() + limit_s
        while not is_done() and self._environment.clock() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_WAIT_STEP_S)

    # -- batches to workers ------------------------------------------------------

    def _schedule(self) -> None:
        if not self._is_due and self._loop is not None and not self._is_stopping:
            self._is_due = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        """Hand batches that are ready to workers that are idle."""
        self._is_due = False
        now = self._looked_at = self._environment.clock()
        while self._idle and not self._is_stopping:
            found = self._collector.next_batch(
                now, is_busy=self._is_busy, is_flushing=self._is_flushing
            )
            if found is None:
                break
            worker = self._idle.popleft()
            self._busy.add(worker)
            load = Load(found.leases, found.group)
            if found.is_overdue:
                self._accounts.on_timed_out()
            self._groups[load.group] += 1
            self._tasks.start(self._deliver(worker, load), f"{self.id} {worker.number}")
        self._arm_timer()

    def _is_busy(self, group: bytes) -> bool:
        return self._partition.is_full(group, self._groups[group])

    async def _deliver(self, worker: Worker, load: Load) -> None:
        pause_s = 0.0
        try:
            await worker.deliver(load)
        except Exception:
            pause_s = _CRASH_PAUSE_S  # a bug of ours must not become a busy loop
            raise
        finally:
            self._groups[load.group] -= 1
            if not self._groups[load.group]:
                del self._groups[load.group]
            if pause_s and self._loop is not None:
                self._loop.call_later(pause_s, self._release, worker)
            else:
                self._release(worker)

    def _release(self, worker: Worker) -> None:
        """Take a worker back that has no batch any more."""
        self._busy.discard(worker)
        self._rest(worker)
        self._schedule()

    def _rest(self, worker: Worker) -> None:
        """Let an idle worker wait for work, unless there are too many now."""
        if worker.number < self._worker_count:
            self._idle.append(worker)

    # -- workers tell ------------------------------------------------------------

    def on_balanced(self) -> None:
        """Log what the balancer has to say and wake those who wait for a target."""
        for event in self.balancer.take_events():
            self._environment.log.emit(event)
        if self.balancer.version != self._seen_version:
            self._seen_version = self.balancer.version
            self._wake_all()
            self._remember()
            self._arm_timer()

    def _on_probed(self) -> None:
        self.on_balanced()
        self._arm_timer()  # for the next probe of this target

    def on_latency(self, latency_s: float, *, is_overload: bool) -> None:
        """Let the number of workers follow, where it may."""
        if not self._options.workers.is_auto:
            return
        self._concurrency.on_answer(
            latency_s,
            self._environment.clock(),
            is_overload=is_overload,
            is_backlogged=self._queue.waiting_count > 0,
        )
        limit = self._concurrency.limit
        if limit == self._worker_count:
            return
        while len(self._workers) < limit:
            self._workers.append(self._make_worker(len(self._workers)))
        self._worker_count = limit
        idle = [item for item in self._workers if item not in self._busy]
        self._idle.clear()
        for worker in idle:
            self._rest(worker)
        self.balancer.set_workers(limit)
        self._accounts.on_workers(limit)
        self._schedule()

    async def wait(self, step: Wait) -> bool:
        """Wait for the step's moment, or until targets have changed."""
        clock = self._environment.clock
        while self.balancer.version == step.version and not self._is_stopping:
            left_s = step.until - clock()
            if left_s <= 0:
                break
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.add(waiter)
            try:
                async with asyncio.timeout(left_s):
                    await waiter
            except TimeoutError:
                break
            finally:
                self._waiting.discard(waiter)
        return not self._is_stopping

    def _wake_all(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    # -- time --------------------------------------------------------------------

    def _arm_timer(self) -> None:
        """Arm the one timer for the next thing that time brings."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._loop is None or self._is_stopping:
            return
        now = self._environment.clock()
        moments = [self.balancer.next_deadline()]
        if self._idle:
            # Since then, not since now: what became due in between was not looked at.
            moments.append(self._batching.next_deadline(self._looked_at))
        if self._throttle is not None and self._queue.waiting_count and self._idle:
            moments.append(now + max(_THROTTLE_STEP_S, 1 / self._options.throttle))
        due = [moment for moment in moments if moment is not None]
        if due:
            delay_s = max(0.0, min(due) - now)
            self._timer = self._loop.call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        for target in self.balancer.handle_timer(self._environment.clock()):
            self._probes.start(target)
        self.on_balanced()
        self._run()

    # -- what outlives us --------------------------------------------------------

    def _remember(self) -> None:
        """Keep which targets have failed, for after a reload or restart."""
        now = self._environment.clock()
        wall_s = self._environment.now() / 1e9
        failed = {
            report.target.name: {
                "retry_at": wall_s + ((report.retry_at or now) - now),
                "why": report.why,
            }
            for report in self.balancer.report(now)
            if report.fitness is not Fitness.HEALTHY
        }
        state, key = self._environment.state, f"{self._shared.persist_name}.targets"
        if failed:
            state.put(key, json.dumps(failed).encode())
        else:
            state.delete(key)

    def _recall(self) -> None:
        """Go on with the failures and the drained targets of an earlier run."""
        for name in self._drains.names:
            target = self.balancer.pool.find(name)
            if target is not None:
                with contextlib.suppress(StateError):  # the last one is needed
                    self.balancer.drain(target)
        stored = self._environment.state.get(f"{self._shared.persist_name}.targets")
        if not stored:
            return
        now = self._environment.clock()
        wall_s = self._environment.now() / 1e9
        for name, item in json.loads(stored).items():
            wait_s = min(float(item["retry_at"]) - wall_s, self._options.time_reopen)
            self.balancer.remember(name, now + max(0.0, wait_s), item["why"], now)

    # -- for ctl -----------------------------------------------------------------

    def server_names(self) -> tuple[str, ...]:
        """Return the targets' names: their URLs."""
        return tuple(target.name for target in self.balancer.pool.servers)

    def drain(self, name: str) -> None:
        """Send nothing new to a target. Raises ``StateError`` for the last one."""
        self._move(name, is_drain=True)

    def undrain(self, name: str) -> None:
        """Let a target be used again."""
        self._move(name, is_drain=False)

    def _move(self, name: str, *, is_drain: bool) -> None:
        target = self.balancer.pool.find(name)
        if target is None:
            raise StateError(f"no target '{name}'")
        if is_drain:
            self.balancer.drain(target)
            self._drains.add(name)
        else:
            self.balancer.undrain(target)
            self._drains.discard(name)
        self.on_balanced()

    def describe(self, now: float) -> dict[str, object]:
        """Return state and targets for ``ctl pool``; durations in seconds."""
        reports = self.balancer.report(now)
        up = [item for item in reports if item.fitness is Fitness.HEALTHY]
        return {
            "state": "up" if up else "down",
            "reason": f"{len(up)} of {len(reports)} targets are well",
            "queued": self._queue.count,
            "servers": [describe_target(item, now) for item in reports],
        }
