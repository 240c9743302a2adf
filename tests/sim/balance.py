"""
Worlds of an ``http()`` destination, each from one seed, on a virtual clock.

``python tests/sim/balance.py --seeds N [--seed FIRST]`` plays many of them.

Balancer, delivery, batching, collector, load and queue are the real ones. What the
simulation stands in for is the network and the servers: a request takes its time, and
what it meets depends on the mode its target is in then. A run has three parts: faults
until ``FAULTS_S``; healing, with a little traffic so that failed targets are tried; and
peace, in which shares are measured.

The laws are at the end. Poison records are rejected by every target that is well.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from heapq import heappop, heappush
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from logferry.destinations.http.collector import Collector
from logferry.destinations.http.load import Load
from logferry.message.batch import RecordBatch
from logferry.policy.backoff import Backoff
from logferry.policy.balancer import Balancer, BalancerPlan, ProbePlan
from logferry.policy.batching import Batching, BatchingPlan
from logferry.policy.health import HealthPlan
from logferry.policy.pool import Server, ServerPlan
from logferry.policy.retry import (
    Answer,
    Delivery,
    Fate,
    RetryPlan,
    Send,
    Settle,
    Verdict,
    Wait,
)
from logferry.policy.share import Balance, sticky
from logferry.queues.memory import MemoryQueue
from logferry.queues.queue import Lease

FAULTS_S = 60.0
REOPEN_MAX_S = 5.0
HEALING_S = 25.0
TIMEOUT_S = 2.0
RECORDS = 200
PEACE_BATCHES = 100
EVENTS_MAX = 60_000


class Mode(Enum):
    """What a target does with requests."""

    WELL = auto()
    DOWN = auto()
    STALLED = auto()  # nothing happens until the timeout
    DEAF = auto()  # takes the batch, but its answer is lost
    PICKY = auto()  # answers 400 to everything
    BUSY = auto()  # 429 with Retry-After


@dataclass
class Target:
    """A server of the world."""

    server: Server
    changes: list[tuple[float, Mode]]
    accepted: list[int] = field(default_factory=list)
    batches: int = 0
    trials: int = 0  # in flight

    def mode(self, now: float) -> Mode:
        """Return what it does at ``now``."""
        found = Mode.WELL
        for since, mode in self.changes:
            if since <= now:
                found = mode
        return found


@dataclass
class Worker:
    """A worker with the batch it carries."""

    number: int
    load: Load | None = None
    delivery: Delivery | None = None
    settled: int = 0
    wait: Wait | None = None
    tries: int = 0


class World:
    """One world."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = Random(seed)
        self.now = 0.0
        self.broken: list[str] = []
        self.history: list[tuple[float, str]] = []
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0
        self._make_plan()
        self._make_records()
        self.pushed: list[int] = []
        self.arrivals: dict[bytes, list[int]] = {}
        self.answers_lost: Counter[int] = Counter()
        self.accepted: Counter[int] = Counter()
        self.dead: list[int] = []
        self.rejected_alone: set[int] = set()
        self._busy: Counter[bytes] = Counter()
        self._shares_before: list[int] = []

    # -- the plan -----------------------------------------------------------------

    def _make_plan(self) -> None:
        chance = self.chance
        count = chance.randint(1, 5)
        has_weights, has_tiers = chance.random() < 0.5, chance.random() < 0.2
        plans = tuple(
            ServerPlan(
                f"t{index}",
                tier=chance.randint(1, 2) if has_tiers else 1,
                weight=chance.randint(1, 4) if has_weights else 1,
            )
            for index in range(count)
        )
        self.worker_count = chance.randint(1, 8)
        self.is_exclusive = chance.random() < 0.4
        reopen_s = chance.uniform(0.5, REOPEN_MAX_S)
        backoff = Backoff(reopen_s, reopen_s)
        if chance.random() < 0.3:
            backoff = Backoff(reopen_s / 4, reopen_s, 2, 0.3)
        probe = ProbePlan(chance.uniform(0.3, 2)) if chance.random() < 0.3 else None
        self.plan = BalancerPlan(
            plans,
            self.worker_count,
            chance.choice(list(Balance)),
            HealthPlan(
                fall=chance.choice((1, 1, 1, 2, 3)),
                rise=1 if probe is None else chance.randint(1, 3),
                backoff=backoff,
            ),
            ejected_share_max=chance.choice((1.0, 1.0, 0.5)),
            slow_start_s=chance.choice((0.0, 0.0, 3.0)),
            probe=probe,
        )
        self.balancer = Balancer(self.plan, chance, 0.0)
        self.retry = RetryPlan(
            reopen_s=reopen_s,
            pause=Backoff(0.1, reopen_s),
            trial_count=chance.choice((2, 5, 100)),
            condemned_max=chance.choice((2, 10)),
        )
        self.targets = {
            server: Target(server, self._changes())
            for server in self.balancer.pool.servers
        }
        if all(self._is_dead(target) for target in self.targets.values()):
            next(iter(self.targets.values())).changes = []
        self.workers = [Worker(number) for number in range(self.worker_count)]
        self.idle = list(self.workers)

    def _changes(self) -> list[tuple[float, Mode]]:
        """Return the faults of one target; few targets stay dead after them."""
        chance = self.chance
        changes: list[tuple[float, Mode]] = []
        now = 0.0
        while chance.random() < 0.9 and now < FAULTS_S:
            now += chance.choice((0.2, 2.0, 10.0)) * chance.random()
            mode = chance.choice((Mode.WELL, *Mode))
            changes.append((min(now, FAULTS_S), mode))
        end = chance.choice((Mode.WELL, Mode.WELL, Mode.WELL, Mode.DOWN))
        return [*changes, (FAULTS_S, end)]

    @staticmethod
    def _is_dead(target: Target) -> bool:
        return target.mode(FAULTS_S) is not Mode.WELL

    def _make_records(self) -> None:
        chance = self.chance
        keys = [b"k%d" % index for index in range(chance.choice((1, 1, 2, 4)))]
        self.keys = {number: chance.choice(keys) for number in range(RECORDS)}
        self.poison = {
            number
            for number in range(RECORDS)
            if chance.random() < chance.choice((0, 0, 0.01))
        }
        self.queue = MemoryQueue(1 << 30)
        count_max = chance.choice((1, 7, 20))
        self.batch_max = count_max
        timeout_s = chance.choice((0.0, 0.0, 0.3))
        batching: Batching[Lease] = Batching(
            BatchingPlan(
                count_max,
                1 << 20,
                timeout_s,
                held_max=50,
                few=chance.choice((1 << 20, self.worker_count)),
            )
        )
        self.batching = batching
        self.collector = Collector(self.queue, batching, lambda key: key)

    # -- time ---------------------------------------------------------------------

    def at(self, moment: float, what: Callable[[], None]) -> None:
        """Let ``what`` happen at ``moment``."""
        self._order += 1
        heappush(self._heap, (max(moment, self.now), self._order, what))

    def note(self, text: str) -> None:
        """Write history."""
        self.history.append((self.now, text))

    def run(self) -> None:
        """Play the world to its end."""
        number = 0
        while number < RECORDS:
            count = min(self.chance.choice((1, 5, 40)), RECORDS - number)
            moment = self.chance.uniform(0, FAULTS_S)
            self.at(moment, self._pusher(list(range(number, number + count))))
            number += count
        number = self._plan_peace(number)
        self.record_count = number
        self.at(0.0, self._tick)
        for _ in range(EVENTS_MAX):
            if not self._heap:
                break
            self.now, _, what = heappop(self._heap)
            what()
        else:
            self.broken.append("livelock: too many events")
            return
        self._audit()

    def _plan_peace(self, number: int) -> int:
        """Trickle while targets are found again, then a flood to measure shares."""
        moment = FAULTS_S
        while moment < FAULTS_S + HEALING_S:
            moment += 1.0
            self.keys.update(dict.fromkeys(range(number, number + 8), b"k0"))
            self.at(moment, self._pusher(list(range(number, number + 8))))
            number += 8
        self.at(moment + 3, self._begin_peace)
        for index in range(PEACE_BATCHES):
            numbers = range(number, number + self.batch_max)
            key = b"p%d" % self.chance.randrange(400)
            self.keys.update(dict.fromkeys(numbers, key))
            self.at(moment + 4 + index / 20, self._pusher(list(numbers)))
            number += self.batch_max
        self.end_at = moment + 4 + 400
        return number

    def _begin_peace(self) -> None:
        self._shares_before = [item.batches for item in self.targets.values()]
        if self.queue.count:
            self.broken.append(f"{self.queue.count} records left after the healing")

    def _tick(self) -> None:
        """Serve timers of batching and probes, as the destination's timer does."""
        for server in self.balancer.handle_timer(self.now):
            self._probe(server)
        self._after_fact()
        if self.now < self.end_at and (self._heap or self.queue.count):
            self.at(self.now + 0.1, self._tick)

    def _probe(self, server: Server) -> None:
        target = self.targets[server]
        ok = target.mode(self.now) in {Mode.WELL, Mode.DEAF, Mode.PICKY}

        def answer() -> None:
            self.balancer.on_probe_result(server, ok=ok, why="probe", now=self.now)
            self._after_fact()

        self.at(self.now + 0.01, answer)

    # -- the destination ------------------------------------------------------------

    def _pusher(self, numbers: list[int]) -> Callable[[], None]:
        def push() -> None:
            self.pushed += numbers
            by_key: dict[bytes, list[bytes]] = {}
            for number in numbers:
                by_key.setdefault(self.keys[number], []).append(b"%d\n" % number)
            for key, records in by_key.items():
                self.queue.push(RecordBatch.of(records, key))
            self._dispatch()

        return push

    def _dispatch(self) -> None:
        while self.idle:
            found = self.collector.next_batch(
                self.now, is_busy=lambda key: self.is_exclusive and self._busy[key] > 0
            )
            if found is None:
                return
            worker = self.idle.pop(0)
            worker.load = Load(found.leases, found.group)
            self._busy[found.group] += 1
            worker.settled = 0
            worker.delivery = Delivery(
                self.balancer,
                self.retry,
                worker.number,
                worker.load.count,
                found.group,
                chance=self.chance,
            )
            self._advance(worker)

    def _advance(self, worker: Worker) -> None:
        """Take the steps of a worker until it has to wait for something."""
        delivery, load = worker.delivery, worker.load
        assert delivery is not None
        assert load is not None
        worker.wait = None
        while (step := delivery.next_step(self.now)) is not None:
            match step:
                case Send():
                    self._send(worker, step)
                    return
                case Settle():
                    self._settle(worker, load, step)
                case Wait():
                    worker.wait = step
                    self.at(step.until, lambda: self._resume(worker, step))
                    return
        self._busy[load.group] -= 1
        worker.load = worker.delivery = None
        self.idle.append(worker)
        self.at(self.now, self._dispatch)

    def _resume(self, worker: Worker, wait: Wait) -> None:
        if worker.wait is wait:
            self._advance(worker)

    def _after_fact(self) -> None:
        """Wake who waits for a target, hand out batches."""
        self.balancer.take_events()
        for worker in self.workers:
            wait = worker.wait
            if wait is not None and wait.version != self.balancer.version:
                self._advance(worker)
        self._dispatch()

    def _settle(self, worker: Worker, load: Load, step: Settle) -> None:
        numbers = self._numbers(load, worker.settled, worker.settled + step.count)
        worker.settled += step.count
        if step.fate is Fate.DEAD:
            self.dead += numbers
        load.settle(self.queue, step.count, step.fate, "rejected")

    @staticmethod
    def _numbers(load: Load, start: int, stop: int) -> list[int]:
        return [int(record) for record in load.records(start, stop)]

    # -- the network ------------------------------------------------------------------

    def _send(self, worker: Worker, step: Send) -> None:
        assert worker.load is not None
        target = self.targets[step.choice.target]
        numbers = self._numbers(worker.load, step.start, step.stop)
        target.trials += step.choice.is_trial
        if target.trials > 1:
            self.broken.append(f"two trials of {target.server.name} at {self.now}")
        mode = target.mode(self.now)
        latency_s = self.chance.uniform(0.005, 0.03)
        if mode is Mode.STALLED:
            latency_s = TIMEOUT_S
        answer = self._meet(target, mode, numbers, latency_s)
        self.note(f"w{worker.number} {target.server.name} {mode.name} {numbers}")

        def arrive() -> None:
            target.trials -= step.choice.is_trial
            assert worker.delivery is not None
            worker.delivery.on_answer(answer, self.now)
            self._advance(worker)
            self._after_fact()

        self.at(self.now + latency_s, arrive)

    def _meet(
        self, target: Target, mode: Mode, numbers: list[int], latency_s: float
    ) -> Answer:
        """Return what a request meets, and let the target take the records."""
        target.batches += 1
        is_guilty = bool(self.poison.intersection(numbers))
        if mode is Mode.PICKY or (is_guilty and mode in {Mode.WELL, Mode.DEAF}):
            if len(numbers) == 1:
                self.rejected_alone.add(numbers[0])
            return Answer(Verdict.REJECTED, "400")
        if mode is Mode.BUSY:
            return Answer(Verdict.FAILED, "429", self.chance.uniform(0.1, 2))
        if mode in {Mode.DOWN, Mode.STALLED}:
            return Answer(Verdict.FAILED, "503")
        target.accepted += numbers
        self.accepted.update(numbers)
        for number in numbers:
            self.arrivals.setdefault(self.keys[number], []).append(number)
        if mode is Mode.DEAF:
            self.answers_lost.update(numbers)
            return Answer(Verdict.FAILED, "reset")
        return Answer(Verdict.ACCEPTED, latency_s=latency_s)

    # -- the laws -----------------------------------------------------------------------

    def _audit(self) -> None:
        self._audit_records()
        if self.is_exclusive:
            self._audit_order()
        self._audit_shares()

    def _audit_records(self) -> None:
        everything = set(range(self.record_count))
        dead = set(self.dead)
        lost = everything - set(self.accepted) - dead
        if lost or self.queue.count:
            self.broken.append(f"lost {sorted(lost)[:5]}, queued {self.queue.count}")
        if len(dead) != len(self.dead):
            self.broken.append("a record died twice")
        if dead - self.rejected_alone:
            self.broken.append("condemned without having been rejected alone")
        if self.poison - dead:
            self.broken.append("poison was delivered")
        innocent = dead - self.poison
        was_picky = any(
            mode is Mode.PICKY
            for target in self.targets.values()
            for _, mode in target.changes
        )
        if innocent and not was_picky:
            self.broken.append("an innocent record was condemned")
        for number, count in self.accepted.items():
            if count - 1 > self.answers_lost[number]:
                self.broken.append(f"record {number} came {count} times for no reason")
                break
        ledger = self.queue.ledger
        if ledger.accepted != ledger.delivered + ledger.dead_lettered:
            self.broken.append("the ledger does not balance")

    def _audit_order(self) -> None:
        pushed: dict[bytes, list[int]] = {}
        for number in self.pushed:
            if number in self.accepted:
                pushed.setdefault(self.keys[number], []).append(number)
        for key, numbers in self.arrivals.items():
            if list(dict.fromkeys(numbers)) != pushed[key]:
                self.broken.append(f"order of {key!r} was not kept")
                return

    def _audit_shares(self) -> None:
        """In peace nobody starves, and weights are shares."""
        well = [target for target in self.targets.values() if not self._is_dead(target)]
        tier = min(target.server.tier for target in well)
        used = [target for target in well if target.server.tier == tier]
        before = dict(zip(self.targets, self._shares_before, strict=True))
        got = {t.server.name: t.batches - before[t.server] for t in used}
        total = sum(got.values())
        is_by_worker = self.plan.balance is Balance.WORKERS
        # A dead target that nobody sends to any more may still count as one.
        believed = self.balancer.usable_count(self.now)
        if is_by_worker and self.worker_count < max(believed, len(used)):
            return
        weights = {target.server.weight for target in used}
        if self.plan.balance is Balance.LEAST_LOADED and len(weights) > 1:
            return  # a light one has its turn when the heavy are busy; they are not
        homes = {target.server for target in used}
        if self.plan.balance is Balance.STICKY:  # a light one may have no key
            shares = {target.server: float(target.server.weight) for target in used}
            homes = {
                sticky(key, list(shares), shares) for key in set(self.keys.values())
            }
        for target in used:
            share = got[target.server.name] / total
            if share == 0 and target.server in homes:
                self.broken.append(f"{target.server.name} starves in peace: {got}")
            weight = target.server.weight / sum(item.server.weight for item in used)
            if self.plan.balance is Balance.WEIGHTED and abs(share - weight) > 0.0501:
                self.broken.append(f"shares {got} are not the weights")


def play(seed: int) -> World:
    """Play one seed; an exception breaks the law that there are none."""
    world = World(seed)
    try:
        world.run()
    except Exception:
        world.broken.append(traceback.format_exc())
    return world


def main() -> int:
    """Run the command line; 1 when a law was broken."""
    parser = argparse.ArgumentParser(description="Play load balancers from seeds.")
    parser.add_argument("--seeds", type=int, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="the first, or the one")
    arguments = parser.parse_args()
    if arguments.seeds is None:
        world = play(arguments.seed)
        print(world.plan)
        for when, text in world.history:
            print(f"{when:10.3f} {text}")
        print("\n".join(world.broken) or "all laws hold")
        return int(bool(world.broken))
    failed = requests = dead = 0
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        world = play(seed)
        requests += sum(target.batches for target in world.targets.values())
        dead += len(world.dead)
        if world.broken:
            failed += 1
            print(f"seed {seed}: {world.broken[0]}")
            if failed >= 20:
                break
    print(
        f"{arguments.seeds} seeds, {requests} requests, {dead} dead letters: "
        f"{failed} seeds broke a law"
    )
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
