"""
One batch from its first attempt to its end: retry elsewhere, wait, split, give up.

The verdict of an answer (which statuses mean which is the driver's knowledge) decides:

========  ===================================  =======================================
verdict   meaning                              what follows
========  ===================================  =======================================
ACCEPTED  delivered                            settled
FAILED    the target is at fault               marked failed; the next target; when
                                               nobody is left: wait, begin anew
BOUNDED   like FAILED, but not for ever        dropped after ``retries`` rounds
REJECTED  the request seems to be at fault     a second opinion, then ``on-reject()``
REFUSED   nobody will ever take it             a second opinion, then dropped
========  ===================================  =======================================

**A bad request is not a bad server, and a second opinion tells them apart.** The first
target that rejects a batch is marked failed like any other, and another one is asked.
If that one accepts, the first was wrong and stays out. If it rejects the batch too, the
request is guilty: both targets are pardoned at once. Where nobody else can be asked (a
single URL, all others down) the request is suspected first; so it is when all others
were asked and failed. ``SPLIT`` then halves the batch until the guilty record stands
alone: at most 2·log2(n) + 1 requests more than without it.

A server that rejects everything must not turn the whole stream into dead letters:
after ``condemned_max`` records in a row without a single success the targets are
suspected again, and only one record in each ``reopen_s`` is condemned.

The parts of a batch are settled from left to right, because a queue's lease is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

from logferry.policy.backoff import Backoff

if TYPE_CHECKING:
    from logferry.policy.backoff import Chance
    from logferry.policy.balancer import Balancer, Choice
    from logferry.policy.pool import Server

__all__ = [
    "Answer",
    "Delivery",
    "Fate",
    "OnReject",
    "RetryPlan",
    "Send",
    "Settle",
    "Step",
    "Verdict",
    "Wait",
]


class Verdict(Enum):
    """What an answer says."""

    ACCEPTED = "accepted"
    FAILED = "failed"
    BOUNDED = "bounded"
    REJECTED = "rejected"
    REFUSED = "refused"


class OnReject(StrEnum):
    """What becomes of a guilty batch."""

    SPLIT = "split"
    DROP = "drop"
    RETRY = "retry"
    DEAD_LETTER = "dead-letter"


class Fate(Enum):
    """The end of records."""

    DELIVERED = "delivered"
    DROPPED = "dropped"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Answer:
    """
    The outcome of one request.

    Attributes:
        verdict: what it means.
        why: for people: status and words, or the error.
        wait_s: for how long the target wants to be left alone, if it said so.
        latency_s: from the request to the answer.
        each: the verdict on each record, from servers that judge them one by one.

    """

    verdict: Verdict
    why: str = ""
    wait_s: float | None = None
    latency_s: float = 0.0
    each: tuple[Verdict, ...] = ()


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """
    How to go on after a failure.

    Attributes:
        on_reject: what becomes of a guilty batch.
        retries: rounds of a batch that only gets BOUNDED answers.
        reopen_s: the wait where nothing else gives a moment.
        pause: the wait when targets are well but did not take this batch.
        trial_count: the most records that a target on trial is given.
        condemned_max: guilty records in a row before the targets are suspected again.

    """

    on_reject: OnReject = OnReject.SPLIT
    retries: int = 3
    reopen_s: float = 60.0
    pause: Backoff = field(default_factory=lambda: Backoff(0.5, 60.0))
    trial_count: int = 100
    condemned_max: int = 10


@dataclass(frozen=True, slots=True)
class Send:
    """
    Send records ``start`` to ``stop`` to the target, then call ``on_answer``.

    ``part`` numbers the parts of the batch: the same part always has the same bytes.
    """

    choice: Choice
    start: int
    stop: int
    part: int
    tries: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask again at ``until``, or as soon as the balancer's version differs."""

    until: float
    version: int


@dataclass(frozen=True, slots=True)
class Settle:
    """The first ``count`` records that are left have come to their end."""

    count: int
    fate: Fate
    why: str = ""
    target: str = ""
    tries: int = 1


Step: TypeAlias = Send | Wait | Settle


@dataclass(slots=True)
class _Part:
    """Consecutive records that travel together."""

    start: int
    stop: int
    number: int
    is_suspect: bool = False  # one rejection is enough to find it guilty
    is_bounded: bool = False  # the last answer was
    tries: int = 0
    rounds: int = 0
    bounded_rounds: int = 0
    tried: set[Server] = field(default_factory=set)
    blames: list[tuple[Server, int]] = field(default_factory=list)
    end: Settle | None = None  # known already; it only waits for its turn

    @property
    def count(self) -> int:
        return self.stop - self.start


class Delivery:
    """The delivery of one batch by one worker."""

    def __init__(
        self,
        balancer: Balancer,
        plan: RetryPlan,
        worker: int,
        count: int,
        key: bytes,
        *,
        chance: Chance,
        is_divided: bool = False,
    ) -> None:
        """
        Begin to deliver ``count`` records.

        ``is_divided``: each record travels alone.
        """
        self._balancer = balancer
        self._plan = plan
        self._worker = worker
        self._key = key
        self._chance = chance
        # The leftmost part is the last.
        self._parts = (
            [_Part(item, item + 1, item) for item in reversed(range(count))]
            if is_divided
            else [_Part(0, count, 0)]
        )
        self._part_count = len(self._parts)
        self._sent: Choice | None = None
        self._settled: Settle | None = None

    @property
    def left_count(self) -> int:
        """Records that have not come to their end."""
        return self._parts[0].stop - self._parts[-1].start if self._parts else 0

    def next_step(self, now: float) -> Step | None:
        """Return what to do next, ``None`` when all records have come to their end."""
        assert self._sent is None, "the last request was not answered"
        if self._settled is not None:
            settled, self._settled = self._settled, None
            return settled
        if not self._parts:
            return None
        part = self._parts[-1]
        if part.end is not None:
            self._parts.pop()
            return part.end
        tried = frozenset(part.tried)
        choice = self._balancer.choose(self._worker, now, self._key, tried)
        if choice is None:
            return self._end_round(part, now)
        if choice.is_trial and not part.tries and part.count > self._plan.trial_count:
            part = self._divide(part, self._plan.trial_count)
        part.tries += 1
        self._sent = choice
        return Send(choice, part.start, part.stop, part.number, part.tries)

    def _end_round(self, part: _Part, now: float) -> Step:
        """Nobody is left to ask."""
        if part.tried:
            part.tried.clear()
            part.rounds += 1
            # Somebody rejected it and nobody took it: no other opinion is to be had.
            part.is_suspect = part.is_suspect or bool(part.blames)
            if part.is_bounded:
                part.bounded_rounds += 1
                if part.bounded_rounds >= self._plan.retries:
                    self._end(part, Fate.DROPPED, "retries", "")
                    assert self._settled is not None
                    settled, self._settled = self._settled, None
                    return settled
        deadline = self._balancer.next_trial(now)
        if self._balancer.usable_count(now):
            pause_s = self._plan.pause.delay_s(max(0, part.rounds - 1), self._chance)
            until = now + min(pause_s, self._plan.reopen_s)
        else:
            until = now + self._plan.reopen_s if deadline is None else deadline
        return Wait(until, self._balancer.version)

    def abandon(self) -> None:
        """The request under way is cancelled; nobody learns its outcome."""
        if self._sent is not None:
            self._balancer.on_answered(self._sent)
            self._sent = None

    def on_answer(self, answer: Answer, now: float) -> None:
        """The request of the last ``Send`` has ended."""
        choice, self._sent = self._sent, None
        assert choice is not None, "nothing was sent"
        part = self._parts[-1]
        part.tried.add(choice.target)
        part.is_bounded = answer.verdict is Verdict.BOUNDED
        verdict = answer.verdict
        if answer.each:
            assert len(answer.each) == part.count
            self._on_each(part, choice, answer, now)
            return
        if verdict is Verdict.REJECTED and self._plan.on_reject is OnReject.RETRY:
            verdict = Verdict.FAILED
        match verdict:
            case Verdict.ACCEPTED:
                self._balancer.on_success(choice, answer.latency_s, now)
                self._end(part, Fate.DELIVERED, "", choice.target.name)
            case Verdict.FAILED | Verdict.BOUNDED:
                self._balancer.on_failed(choice, answer.why, now, answer.wait_s)
            case Verdict.REJECTED | Verdict.REFUSED:
                self._on_rejected(part, choice, answer, now)

    def _on_each(self, part: _Part, choice: Choice, answer: Answer, now: float) -> None:
        """The server has judged each record: end those it has, go on with the rest."""
        fates = [self._fate_of(item, now) for item in answer.each]
        if Verdict.ACCEPTED in answer.each:
            self._balancer.on_success(choice, answer.latency_s, now)
        elif None in fates:
            self._balancer.on_failed(choice, answer.why, now, answer.wait_s)
        else:
            self._balancer.on_answered(choice)
        self._parts.pop()
        runs: list[_Part] = []
        stop = part.start
        for fate, group in groupby(fates):
            start, stop = stop, stop + len(list(group))
            run = replace(part, start=start, stop=stop, number=self._part_count)
            run.tried, run.blames = set(part.tried), []
            self._part_count += 1
            if fate is not None:
                target = choice.target.name
                run.end = Settle(run.count, fate, answer.why, target, part.tries)
            runs.append(run)
        self._parts += reversed(runs)

    def _fate_of(self, verdict: Verdict, now: float) -> Fate | None:
        """Return the end of a record that was judged alone; ``None``: try again."""
        match verdict:
            case Verdict.ACCEPTED:
                return Fate.DELIVERED
            case Verdict.REFUSED:
                return Fate.DROPPED
            case Verdict.REJECTED if self._plan.on_reject is not OnReject.RETRY:
                if not self._may_condemn(now):
                    return None
                self._balancer.on_condemned(now)
                is_dropped = self._plan.on_reject is OnReject.DROP
                return Fate.DROPPED if is_dropped else Fate.DEAD
            case _:
                return None

    def _on_rejected(
        self, part: _Part, choice: Choice, answer: Answer, now: float
    ) -> None:
        is_confirmed = (
            part.is_suspect
            or any(target != choice.target for target, _ in part.blames)
            or not self._balancer.others(now, frozenset(part.tried))
        )
        if not is_confirmed:
            blame = self._balancer.on_blamed(choice, answer.why, now)
            part.blames.append((choice.target, blame))
            return
        is_split = (
            answer.verdict is Verdict.REJECTED
            and self._plan.on_reject is OnReject.SPLIT
            and part.count > 1
        )
        if not is_split and not self._may_condemn(now):
            self._balancer.on_failed(choice, answer.why, now)
            return
        self._balancer.on_answered(choice)
        for target, blame in part.blames:
            self._balancer.pardon(target, blame, now)
        if is_split:
            self._halve(part)
            return
        self._balancer.on_condemned(now)
        is_dropped = (
            answer.verdict is Verdict.REFUSED or self._plan.on_reject is OnReject.DROP
        )
        fate = Fate.DROPPED if is_dropped else Fate.DEAD
        self._end(part, fate, answer.why, choice.target.name)

    def _may_condemn(self, now: float) -> bool:
        balancer, plan = self._balancer, self._plan
        return (
            balancer.condemned_in_a_row < plan.condemned_max
            or now - balancer.condemned_at >= plan.reopen_s
        )

    def _halve(self, part: _Part) -> None:
        middle = part.start + (part.count + 1) // 2
        left = self._divide(part, middle - part.start)
        for half in (left, part):
            half.is_suspect = True
            half.tries = 0
            half.tried.clear()
            half.blames.clear()
        part.number = self._part_count  # its bytes are others now
        self._part_count += 1

    def _divide(self, part: _Part, count: int) -> _Part:
        """Cut the first ``count`` records off ``part``; they come first."""
        left = _Part(part.start, part.start + count, self._part_count)
        self._part_count += 1
        part.start += count
        self._parts.append(left)
        return left

    def _end(self, part: _Part, fate: Fate, why: str, target: str) -> None:
        assert part is self._parts[-1]
        self._parts.pop()
        self._settled = Settle(part.count, fate, why, target, part.tries)
