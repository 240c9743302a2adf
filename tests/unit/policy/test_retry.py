"""One batch from its first attempt to its end, and the second opinion."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from logferry.policy.backoff import Backoff
from logferry.policy.balancer import Balancer, BalancerPlan
from logferry.policy.health import Fitness, HealthPlan
from logferry.policy.pool import ServerPlan
from logferry.policy.retry import (
    Answer,
    Delivery,
    Fate,
    OnReject,
    RetryPlan,
    Send,
    Settle,
    Verdict,
    Wait,
)

OK = Answer(Verdict.ACCEPTED)
DOWN = Answer(Verdict.FAILED, "503")
BAD = Answer(Verdict.REJECTED, "400 Bad Request")
GONE = Answer(Verdict.REFUSED, "410 Gone")
LATER = Answer(Verdict.BOUNDED, "504")

Server = Callable[[str, range], Answer]


class Scene:
    """Targets that answer by a function, and a clock that jumps over waits."""

    def __init__(self, names: str, answer: Server, plan: RetryPlan | None = None):
        health = HealthPlan(fall=1, rise=1, backoff=Backoff(60, 60))
        targets = tuple(ServerPlan(name) for name in names)
        chance = random.Random(1)
        self.balancer = Balancer(BalancerPlan(targets, 1, health=health), chance, 0.0)
        self.plan = plan or RetryPlan()
        self.answer = answer
        self.now = 0.0
        self.sent: list[tuple[str, range]] = []
        self.parts: dict[int, range] = {}
        self.waits: list[float] = []

    def deliver(self, count: int, waits_max: int = 0) -> list[Settle]:
        delivery = Delivery(
            self.balancer, self.plan, 0, count, b"", chance=random.Random(1)
        )
        settled = []
        waits = 0
        self.parts.clear()
        while (step := delivery.next_step(self.now)) is not None:
            match step:
                case Send():
                    records = range(step.start, step.stop)
                    assert self.parts.setdefault(step.part, records) == records
                    name = step.choice.target.name
                    self.sent.append((name, records))
                    delivery.on_answer(self.answer(name, records), self.now)
                case Settle():
                    settled.append(step)
                case Wait():
                    waits += 1
                    if waits > waits_max:
                        delivery.abandon()
                        break
                    self.waits.append(step.until - self.now)
                    self.now = step.until
        if waits <= waits_max:
            assert sum(item.count for item in settled) == count
        return settled

    def fitness(self) -> dict[str, Fitness]:
        return {item.target.name: item.fitness for item in self.balancer.report(0)}


def poison(*guilty: int) -> Server:
    return lambda _, records: BAD if set(guilty) & set(records) else OK


def test_a_failed_batch_is_retried_elsewhere_at_once():
    scene = Scene("ab", lambda name, _: DOWN if name == "a" else OK)
    (settled,) = scene.deliver(10)
    assert [name for name, _ in scene.sent] == ["a", "b"]
    assert (settled.fate, settled.count, settled.tries) == (Fate.DELIVERED, 10, 2)


def test_all_down_waits_for_time_reopen_and_delivers_when_one_is_back():
    scene = Scene("ab", lambda *_: DOWN)
    scene.answer = lambda name, _: OK if scene.now >= 60 and name == "b" else DOWN
    (settled,) = scene.deliver(10, waits_max=1)
    assert scene.waits == [60]
    assert settled.fate is Fate.DELIVERED


def test_retry_after_is_the_wait():
    scene = Scene("a", lambda *_: OK)
    busy = Answer(Verdict.FAILED, "429", wait_s=3.0)
    scene.answer = lambda *_: OK if scene.now >= 3 else busy
    scene.deliver(1, waits_max=1)
    assert scene.waits == [3]


def test_a_target_on_trial_gets_a_small_part_first():
    scene = Scene("a", lambda *_: OK, RetryPlan(trial_count=10))
    scene.answer = lambda *_: OK if scene.now >= 60 else DOWN
    scene.deliver(5, waits_max=1)  # was sent before: keeps its shape
    assert scene.sent[-1] == ("a", range(5))
    scene.balancer.remember("a", scene.now, "500", scene.now)
    scene.deliver(100)
    assert [records for _, records in scene.sent[-2:]] == [range(10), range(10, 100)]


def test_bounded_failures_are_given_up_after_retries_rounds():
    scene = Scene("ab", lambda *_: LATER)
    (settled,) = scene.deliver(4, waits_max=2)
    assert (settled.fate, settled.why) == (Fate.DROPPED, "retries")
    assert len(scene.sent) == 6
    assert len(scene.waits) == 2


def test_unbounded_failures_are_never_given_up():
    scene = Scene("a", lambda *_: DOWN)
    assert scene.deliver(4, waits_max=50) == []
    assert len(scene.sent) == 51


# -- the second opinion


@pytest.mark.parametrize("count", [1, 2, 7, 100, 500, 4096])
def test_a_poison_message_is_found_with_few_requests_and_nobody_stays_out(count: int):
    guilty = count * 2 // 3
    scene = Scene("ab", poison(guilty))
    settled = scene.deliver(count)
    dead = [item for item in settled if item.fate is Fate.DEAD]
    assert [(item.count, item.why) for item in dead] == [(1, "400 Bad Request")]
    delivered = sum(item.count for item in settled if item.fate is Fate.DELIVERED)
    assert delivered == count - 1
    assert len(scene.sent) - 1 <= 2 * math.ceil(math.log2(count)) + 1
    assert set(scene.fitness().values()) == {Fitness.HEALTHY}


def test_several_poison_messages_are_found_one_by_one():
    scene = Scene("abc", poison(3, 40, 99))
    settled = scene.deliver(100)
    assert [item.count for item in settled if item.fate is Fate.DEAD] == [1, 1, 1]
    assert sum(i.count for i in settled if i.fate is Fate.DELIVERED) == 97


def test_an_endpoint_that_alone_rejects_everything_stays_failed():
    scene = Scene("ab", lambda name, _: BAD if name == "a" else OK)
    (settled,) = scene.deliver(10)
    assert settled.fate is Fate.DELIVERED
    assert scene.fitness() == {"a": Fitness.EJECTED, "b": Fitness.HEALTHY}


def test_with_a_single_url_the_request_is_suspected_first():
    scene = Scene("a", poison(0))
    (settled,) = scene.deliver(1)
    assert settled.fate is Fate.DEAD
    assert len(scene.sent) == 1
    assert scene.fitness() == {"a": Fitness.HEALTHY}


def test_a_second_opinion_from_a_dead_target_is_none():
    def answer(name: str, records: range) -> Answer:
        return {"a": BAD, "b": DOWN, "c": OK}[name]

    scene = Scene("abc", answer)
    (settled,) = scene.deliver(8)
    assert settled.fate is Fate.DELIVERED
    assert scene.fitness() == {
        "a": Fitness.EJECTED,
        "b": Fitness.EJECTED,
        "c": Fitness.HEALTHY,
    }


def test_poison_does_not_wait_for_the_opinion_of_targets_that_stay_dead():
    def answer(name: str, records: range) -> Answer:
        return {"a": DOWN, "b": BAD, "c": DOWN}[name] if 3 in records else OK

    health = HealthPlan(fall=3, rise=1, backoff=Backoff(60, 60))
    scene = Scene("abc", answer)
    scene.balancer = Balancer(
        BalancerPlan(tuple(ServerPlan(name) for name in "abc"), 1, health=health),
        random.Random(1),
        0.0,
    )
    settled = scene.deliver(8, waits_max=3)
    assert [item.count for item in settled if item.fate is Fate.DEAD] == [1]


def test_too_large_a_batch_is_delivered_in_halves():
    too_large = Answer(Verdict.REJECTED, "413 Content Too Large")
    scene = Scene("ab", lambda _, records: too_large if len(records) > 30 else OK)
    settled = scene.deliver(100)
    assert {item.fate for item in settled} == {Fate.DELIVERED}


def test_on_reject_retry_empties_the_pool_as_the_reference_does():
    scene = Scene("ab", poison(0), RetryPlan(on_reject=OnReject.RETRY))
    assert scene.deliver(4, waits_max=3) == []
    assert set(scene.fitness().values()) == {Fitness.EJECTED}


@pytest.mark.parametrize(
    ("on_reject", "fate"),
    [(OnReject.DROP, Fate.DROPPED), (OnReject.DEAD_LETTER, Fate.DEAD)],
)
def test_on_reject_drop_and_dead_letter_take_the_whole_batch(
    on_reject: OnReject, fate: Fate
):
    scene = Scene("ab", poison(0), RetryPlan(on_reject=on_reject))
    (settled,) = scene.deliver(4)
    assert (settled.fate, settled.count) == (fate, 4)
    assert len(scene.sent) == 2


def test_what_nobody_will_ever_take_is_dropped_and_nobody_stays_out():
    scene = Scene("ab", lambda *_: GONE)
    (settled,) = scene.deliver(4)
    assert (settled.fate, settled.count) == (Fate.DROPPED, 4)
    assert set(scene.fitness().values()) == {Fitness.HEALTHY}


def test_servers_that_reject_everything_do_not_get_the_whole_stream_condemned():
    scene = Scene("ab", lambda *_: BAD, RetryPlan(condemned_max=5))
    settled = scene.deliver(100)
    assert [item.fate for item in settled] == [Fate.DEAD] * 5
    assert Fitness.EJECTED in scene.fitness().values()


def test_then_one_message_is_condemned_for_each_time_reopen():
    scene = Scene("ab", lambda *_: BAD, RetryPlan(condemned_max=5))
    settled = scene.deliver(100, waits_max=10)
    assert 5 < len(settled) <= 5 + scene.now / 60


def test_any_success_makes_condemning_possible_again():
    scene = Scene("ab", poison(*range(0, 60, 2)), RetryPlan(condemned_max=5))
    settled = scene.deliver(60)
    assert sum(item.count for item in settled if item.fate is Fate.DEAD) == 30


def test_a_failure_during_the_split_goes_elsewhere_and_the_split_goes_on():
    calls = []

    def answer(name: str, records: range) -> Answer:
        calls.append(name)
        if len(calls) == 4:
            return DOWN
        return BAD if 5 in records else OK

    scene = Scene("ab", answer)
    settled = scene.deliver(8)
    assert sum(i.count for i in settled if i.fate is Fate.DELIVERED) == 7
    assert sum(i.count for i in settled if i.fate is Fate.DEAD) == 1


def judge(*guilty: int, busy: tuple[int, ...] = ()) -> Server:
    """Answer as servers do that judge each record."""
    seen: set[int] = set()

    def answer(_: str, records: range) -> Answer:
        each = []
        for number in records:
            if number in guilty:
                each.append(Verdict.REJECTED)
            elif number in busy and number not in seen:
                each.append(Verdict.FAILED)
            else:
                each.append(Verdict.ACCEPTED)
        seen.update(records)
        return Answer(Verdict.ACCEPTED, "200", each=tuple(each))

    return answer


def test_records_that_were_judged_one_by_one_are_not_sent_again():
    scene = Scene("ab", judge(3, 7, 8))
    settled = scene.deliver(10)
    assert len(scene.sent) == 1
    assert [(item.count, item.fate) for item in settled] == [
        (3, Fate.DELIVERED),
        (1, Fate.DEAD),
        (3, Fate.DELIVERED),
        (2, Fate.DEAD),
        (1, Fate.DELIVERED),
    ]
    assert set(scene.fitness().values()) == {Fitness.HEALTHY}


def test_only_what_the_server_was_too_busy_for_is_sent_again():
    scene = Scene("ab", judge(busy=(4, 5)))
    settled = scene.deliver(10)
    assert [records for _, records in scene.sent] == [range(10), range(4, 6)]
    assert {item.fate for item in settled} == {Fate.DELIVERED}


def test_a_server_that_condemns_each_record_is_suspected_too():
    def answer(_: str, records: range) -> Answer:
        return Answer(Verdict.ACCEPTED, "200", each=(Verdict.REJECTED,) * len(records))

    scene = Scene("a", answer, RetryPlan(condemned_max=5))
    settled = scene.deliver(100)
    assert sum(item.count for item in settled) == 5
    assert scene.fitness() == {"a": Fitness.EJECTED}


def test_an_abandoned_request_leaves_no_trace():
    scene = Scene("a", lambda *_: OK)
    delivery = Delivery(scene.balancer, scene.plan, 0, 5, b"", chance=random.Random(1))
    assert isinstance(delivery.next_step(0), Send)
    delivery.abandon()
    assert [item.in_flight for item in scene.balancer.report(0)] == [0]
