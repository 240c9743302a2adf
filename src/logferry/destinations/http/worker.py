"""
One worker: carries a batch to its end.

What to do next is decided in ``policy/retry.py`` (and there by the balancer); here each
step is taken: a request is sent, records are settled, time passes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from logferry.destinations.http import events
from logferry.destinations.http.response import (
    OVERLOAD_CODES,
    retry_after_s,
    status_event,
)
from logferry.destinations.http.session import Outgoing, Reply, Session
from logferry.errors import TransportError
from logferry.policy.retry import Answer, Delivery, Fate, Send, Settle, Verdict, Wait
from logferry.runtime.stores import DeadLetter

if TYPE_CHECKING:
    import ssl

    from logferry.destinations.http.accounts import Accounts
    from logferry.destinations.http.adapters import Adapter
    from logferry.destinations.http.auth import Credentials
    from logferry.destinations.http.load import Load
    from logferry.destinations.http.request import Requests
    from logferry.destinations.http.response import StatusTable
    from logferry.policy.backoff import Chance
    from logferry.policy.balancer import Balancer
    from logferry.policy.pool import Server
    from logferry.policy.retry import RetryPlan
    from logferry.queues.queue import Queue
    from logferry.runtime.environment import Environment

__all__ = ["Shared", "Worker", "WorkerOwner"]

_DEAD_RESPONSE_CHARS = 1024

_ACK_INTERVAL_S = 0.05
"""Records that travel alone are acknowledged together, but not later than this."""


@dataclass(slots=True)
class Shared:
    """What all workers of a destination have in common."""

    id: str
    persist_name: str
    environment: Environment
    queue: Queue
    balancer: Balancer
    plan: RetryPlan
    requests: Requests
    statuses: StatusTable
    adapter: Adapter | None
    credentials: list[Credentials]
    accounts: Accounts
    contexts: list[ssl.SSLContext | None]
    timeouts_s: list[float]
    is_batched: bool
    batch_id_header: str
    batch_id_prefix: str
    chance: Chance


class WorkerOwner(Protocol):
    """Who gives work to workers."""

    def on_balanced(self) -> None:
        """Facts were told to the balancer: events and deadlines may have changed."""

    def on_latency(self, latency_s: float, *, is_overload: bool) -> None:
        """A request was answered."""

    async def wait(self, step: Wait) -> bool:
        """
        Wait for the step's moment, or until the balancer's version differs.

        Returns false when the destination stops: the batch is to be given back.
        """


class Worker:
    """
    Delivers one batch at a time.

    Args:
        number: from 0; the worker's name for the balancer.
        shared: the destination's common things.
        session: its connections.
        owner: the destination.

    """

    def __init__(
        self, number: int, shared: Shared, session: Session, owner: WorkerOwner
    ) -> None:
        self.number = number
        self._shared = shared
        self._session = session
        self._owner = owner
        self._batch_count = 0
        self._taken_count = 0  # delivered, and the queue does not know it yet
        self._acked_at = 0.0
        self._last_text = ""

    async def deliver(self, load: Load) -> None:
        """Deliver ``load``; when cancelled, put back what has not come to its end."""
        shared = self._shared
        self._batch_count += 1
        delivery = Delivery(
            shared.balancer,
            shared.plan,
            self.number,
            load.count,
            load.group or load.key,
            chance=shared.chance,
            is_divided=not shared.is_batched,
        )
        clock = shared.environment.clock
        settled_count = 0
        sent: Server | None = None
        try:
            while (step := delivery.next_step(clock())) is not None:
                match step:
                    case Send():
                        self._note_alternative(sent, step)
                        sent = step.choice.target
                        answer = await self._send(load, step)
                        delivery.on_answer(answer, clock())
                    case Settle():
                        self._settle(load, step, settled_count)
                        settled_count += step.count
                    case Wait():
                        sent = None
                        self._acknowledge(load)
                        self._note_wait(step, load.count - settled_count)
                        if not await self._owner.wait(step):
                            return
                self._owner.on_balanced()
        finally:
            delivery.abandon()
            self._acknowledge(load)
            load.put_back(shared.queue)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    # -- sending --------------------------------------------------------------------

    async def _send(self, load: Load, step: Send) -> Answer:
        """Send a part of ``load`` and say what came of it."""
        shared = self._shared
        target = step.choice.target
        clock = shared.environment.clock
        outgoing = self._outgoing(load, step)
        url = str(outgoing.url)
        started_at = clock()
        try:
            reply = await self._exchange(outgoing)
        except TransportError as error:
            self._last_text = ""
            shared.accounts.on_request(target, 0, is_retry=step.tries > 1)
            shared.environment.log.emit(
                events.RequestFailed(url, str(error), self.number, shared.id)
            )
            return Answer(Verdict.FAILED, str(error))
        latency_s = clock() - started_at
        code = reply.status
        shared.accounts.on_request(target, code, is_retry=step.tries > 1)
        shared.accounts.on_latency(target, latency_s)
        self._owner.on_latency(latency_s, is_overload=code in OVERLOAD_CODES)
        verdict = shared.statuses.verdict(code)
        self._last_text = reply.text
        each: tuple[Verdict, ...] = ()
        if shared.adapter is not None:
            count = step.stop - step.start
            each = shared.adapter(code, reply.text, count, shared.statuses)
        if verdict is not Verdict.ACCEPTED or code in shared.statuses.actions:
            self._log_status(code, url, step.stop - step.start)
        wait_s = None
        if code in OVERLOAD_CODES and "Retry-After" in reply.headers:
            now_s = shared.environment.now() / 1e9
            wait_s = retry_after_s(reply.headers["Retry-After"], now_s)
        why = f"{code} {reply.reason}".rstrip()
        return Answer(verdict, why, wait_s, latency_s, each)

    async def _exchange(self, outgoing: Outgoing) -> Reply:
        """Send a request with fresh credentials, twice when they were refused."""
        credentials = self._shared.credentials
        if not credentials:
            return await self._session.send(outgoing)
        while True:
            headers = outgoing.headers.copy()
            for item in credentials:
                headers.update(await item.headers(outgoing.body, headers))
            reply = await self._session.send(
                replace(outgoing, headers=headers, head=b"")
            )
            answers = [item.on_status(reply.status) for item in credentials]
            if not any(answers):
                return reply

    def _outgoing(self, load: Load, step: Send) -> Outgoing:
        shared = self._shared
        position = step.choice.target.position
        key, records = load.key, load.part(step.start, step.stop)
        if shared.is_batched:
            records = shared.requests.without_delimiter(records)
        else:
            key, records = shared.requests.split_head(records)
        prepared = shared.requests.prepared(position, key)
        body, encoding = shared.requests.body(prepared, records)
        headers, head = prepared.headers, prepared.head
        if encoding or shared.batch_id_header:
            headers, head = headers.copy(), b""
            if encoding:
                headers["Content-Encoding"] = encoding
            if shared.batch_id_header:
                headers[shared.batch_id_header] = (
                    f"{shared.batch_id_prefix}-{self.number}-"
                    f"{self._batch_count}-{step.part}"
                )
        return Outgoing(
            shared.requests.method,
            prepared.url,
            headers,
            body,
            shared.timeouts_s[position],
            shared.contexts[position],
            head,
        )

    # -- the end of records -----------------------------------------------------------

    def _settle(self, load: Load, step: Settle, start: int) -> None:
        shared = self._shared
        stop = start + step.count
        log = shared.environment.log
        match step.fate:
            case Fate.DELIVERED:
                size = load.size(start, stop)
                shared.accounts.on_delivered(step.target, step.count, size)
                if shared.accounts.wants_sizes:
                    shared.accounts.on_sizes(load.sizes(start, stop))
                self._taken_count += step.count
                now = shared.environment.clock()
                if shared.is_batched or now - self._acked_at >= _ACK_INTERVAL_S:
                    self._acked_at = now
                    self._acknowledge(load)
                return
            case Fate.DEAD:
                self._bury(load, step, start)
                log.emit(
                    events.MessageCondemned(
                        step.target, step.why, step.count, shared.id
                    )
                )
            case Fate.DROPPED if step.why == "retries":
                log.emit(
                    events.RetriesExhausted(
                        shared.id, self.number, shared.plan.retries, step.count
                    )
                )
            case Fate.DROPPED:
                log.emit(
                    events.BatchDropped(shared.id, self.number, step.why, step.count)
                )
        self._acknowledge(load)
        why = "retries" if step.why == "retries" else "rejected"
        load.settle(shared.queue, step.count, step.fate, why)

    def _acknowledge(self, load: Load) -> None:
        """Tell the queue of what was taken since the last time."""
        count, self._taken_count = self._taken_count, 0
        load.settle(self._shared.queue, count, Fate.DELIVERED, "")

    def _bury(self, load: Load, step: Settle, start: int) -> None:
        """Make dead letters of records that are rejected for good."""
        shared = self._shared
        letters = []
        for record in load.records(start, start + step.count):
            key, payload = load.key, record
            if shared.is_batched:
                payload = shared.requests.without_delimiter(record)
            else:
                key, payload = shared.requests.split_head(record)
            letters.append(
                DeadLetter(
                    destination=shared.persist_name,
                    payload=payload,
                    key=key.decode("ascii", "replace"),
                    reason="rejected",
                    response=f"{step.why}: {self._last_text}"[:_DEAD_RESPONSE_CHARS],
                    target=step.target,
                    at=shared.environment.now(),
                    tries=step.tries,
                )
            )
        shared.environment.dead_letters.put(letters)

    # -- words ------------------------------------------------------------------------

    def _note_alternative(self, sent: Server | None, step: Send) -> None:
        target = step.choice.target
        if sent is not None and sent != target and step.tries > 1:
            self._shared.environment.log.emit(
                events.AlternativeTarget(
                    sent.name, target.name, self.number, self._shared.id
                )
            )

    def _note_wait(self, step: Wait, count: int) -> None:
        wait_s = max(0.0, step.until - self._shared.environment.clock())
        self._shared.environment.log.emit(
            events.WaitingForTarget(
                self._shared.id, self.number, f"{wait_s:.3g}", count
            )
        )

    def _log_status(self, code: int, url: str, count: int) -> None:
        shared = self._shared
        action = shared.statuses.actions.get(code)
        if action is not None:
            shared.environment.log.emit(
                events.HandledByResponseAction(action, url, code, shared.id)
            )
        else:
            shared.environment.log.emit(
                status_event(code, url, self._last_text[:200], count, shared.id)
            )
