"""
The failover policy against a naive model, under any order of facts.

The model is the documents' text turned into a few ``if``; it knows no option that the
documents do not have. A second machine feeds facts to policies with every option and
checks only that a driver could carry out what they want.
"""

from __future__ import annotations

from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from helpers.chance import ScriptedChance
from logferry.policy.backoff import Backoff
from logferry.policy.failover import (
    Abandon,
    Adopt,
    CancelProbe,
    CloseProbe,
    Connect,
    Drain,
    Failover,
    FailoverPlan,
    Probe,
    ServerPlan,
    State,
    Strategy,
)
from logferry.policy.prober import ProbePlan

REOPEN_S = 7
INTERVAL_S = 10


class DocumentsMachine(RuleBasedStateMachine):
    """What the documents say, said twice."""

    @initialize(count=st.integers(1, 4), required=st.integers(0, 3))
    def begin(self, count: int, required: int) -> None:
        self.count = count
        self.required = required  # 0: no failback()
        self.now = 0.0
        self.policy = Failover(
            FailoverPlan(
                tuple(f"s{index}" for index in range(count)),
                REOPEN_S,
                ProbePlan(INTERVAL_S, required) if required else None,
            ),
            ScriptedChance(),
        )
        self.place = 0
        self.mode = "connecting"
        self.retry_at = 0.0
        self.is_left = False  # the primary was left and is probed
        self.probe_at: float | None = None  # None while a probe is under way
        self.probe_began_at = 0.0
        self.good_count = 0
        self.policy.start(0.0)
        self.expect("Connect 0")

    def expect(self, *actions: str) -> None:
        taken = [
            f"{type(action).__name__} {action.server.position}"
            for action in self.policy.take_actions()
        ]
        assert taken == list(actions)

    @precondition(lambda self: self.mode == "connecting")
    @rule()
    def attempt_succeeds(self) -> None:
        self.policy.on_connected(self.now)
        self.mode = "up"
        self.expect()

    @precondition(lambda self: self.mode == "connecting")
    @rule()
    def attempt_fails(self) -> None:
        self.policy.on_connect_failed("refused", self.now)
        self.fail()

    @precondition(lambda self: self.mode == "up")
    @rule()
    def connection_is_lost(self) -> None:
        self.policy.on_lost("EOF occurred", self.now)
        self.fail()

    def fail(self) -> None:
        self.mode, self.retry_at = "waiting", self.now + REOPEN_S
        self.expect()

    @precondition(lambda self: self.is_left and self.probe_at is None)
    @rule(is_good=st.booleans())
    def probe_is_answered(self, is_good: bool) -> None:
        primary = self.policy.servers[0]
        self.policy.on_probe_result(primary, is_good=is_good, error="", now=self.now)
        self.probe_at = max(self.now, self.probe_began_at + INTERVAL_S)
        self.good_count = self.good_count + 1 if is_good else 0
        if self.good_count == self.required:
            before = {"connecting": "Abandon", "up": "Drain"}.get(self.mode)
            ended = [f"{before} {self.place}"] if before else []
            self.expect(*ended, "Adopt 0")
            self.mode, self.place = "up", 0
            self.is_left, self.good_count = False, 0
        elif is_good:
            self.expect("CloseProbe 0")
        else:
            self.expect()

    @rule(
        seconds=st.sampled_from((0.0, 0.5, 1.0, 3.0, 6.5, 10.0, 25.0)),
    )
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.policy.handle_timer(self.now)
        expected = []
        if self.mode == "waiting" and self.now >= self.retry_at:
            if self.required and self.count > 1 and self.place == 0:
                self.is_left, self.probe_at = True, self.now
            self.place += 1
            if self.place >= self.count:
                self.place = 1 if self.required and self.count > 1 else 0
            self.mode = "connecting"
            expected.append(f"Connect {self.place}")
        if self.is_left and self.probe_at is not None and self.now >= self.probe_at:
            expected.append("Probe 0")
            self.probe_at, self.probe_began_at = None, self.now
        self.expect(*expected)

    @invariant()
    def deadline_is_the_next_thing_to_do(self) -> None:
        if not hasattr(self, "policy"):
            return
        deadlines = []
        if self.mode == "waiting":
            deadlines.append(self.retry_at)
        if self.is_left and self.probe_at is not None:
            deadlines.append(self.probe_at)
        assert self.policy.next_deadline() == min(deadlines, default=None)
        assert self.policy.current.position == self.place


@st.composite
def plans(draw: st.DrawFn) -> FailoverPlan:
    """Draw a plan with any options."""
    servers = draw(
        st.lists(
            st.builds(
                ServerPlan,
                st.sampled_from("abcd"),
                tier=st.integers(1, 2),
                weight=st.integers(1, 3),
                priority=st.integers(0, 1),
            ),
            min_size=1,
            max_size=5,
        )
    )
    return FailoverPlan(
        tuple(servers),
        REOPEN_S,
        draw(
            st.sampled_from(
                (
                    None,
                    ProbePlan(5, 1),
                    ProbePlan(5, 2, 0.5),
                    ProbePlan(5, 3, is_bare=True),
                )
            )
        ),
        returns_to_best=draw(st.booleans()),
        backoff=draw(st.sampled_from((None, Backoff(1, 8, 2, 0.5)))),
        hold_time_s=draw(st.sampled_from((0, 12))),
        strategy=draw(st.sampled_from(Strategy)),
    )


class AnyPlanMachine(RuleBasedStateMachine):
    """A driver that refuses nonsense, and facts in any order."""

    @initialize(plan=plans(), seed=st.integers(0, 1000))
    def begin(self, plan: FailoverPlan, seed: int) -> None:
        self.plan = plan
        self.now = 0.0
        self.policy = Failover(plan, Random(seed))
        self.attempt = None
        self.session = None
        self.probes = set()
        self.bare = set()
        self.answered = set()
        self.policy.start(0.0)
        self.carry_out()

    def carry_out(self) -> None:
        for action in self.policy.take_actions():
            server = action.server
            match action:
                case Connect():
                    assert self.attempt is None
                    assert self.session is None
                    assert server in self.policy.pool.usable()
                    self.attempt = server
                case Abandon():
                    assert self.attempt == server
                    self.attempt = None
                case Drain():
                    assert self.session == server
                    self.session = None
                case Probe():
                    assert server not in self.probes | self.answered
                    assert server != self.session
                    assert server in self.policy.pool.usable()
                    self.probes.add(server)
                    self.bare.discard(server)
                    if action.is_bare:
                        self.bare.add(server)
                case CancelProbe():
                    self.probes.remove(server)
                case CloseProbe():
                    self.answered.remove(server)
                case Adopt():
                    self.answered.remove(server)
                    assert server not in self.bare, "nothing there to adopt"
                    assert self.attempt is None
                    assert self.session is None
                    self.session = server
        assert not self.answered, "a probe's connection leaks"
        events = self.policy.take_events()
        assert all(event.text for event in events)

    @precondition(lambda self: self.attempt is not None)
    @rule(is_good=st.booleans())
    def attempt_ends(self, is_good: bool) -> None:
        server, self.attempt = self.attempt, None
        if is_good:
            self.session = server
            self.policy.on_connected(self.now)
        else:
            self.policy.on_connect_failed("refused", self.now)
        self.carry_out()

    @precondition(lambda self: self.session is not None)
    @rule()
    def connection_is_lost(self) -> None:
        self.session = None
        self.policy.on_lost("EOF occurred", self.now)
        self.carry_out()

    @precondition(lambda self: self.probes)
    @rule(is_good=st.booleans(), data=st.data())
    def probe_ends(self, is_good: bool, data: st.DataObject) -> None:
        ordered = sorted(self.probes, key=lambda server: server.position)
        server = data.draw(st.sampled_from(ordered))
        self.probes.remove(server)
        if is_good:
            self.answered.add(server)
        self.policy.on_probe_result(server, is_good=is_good, error="", now=self.now)
        self.carry_out()

    @rule(seconds=st.floats(0, 30))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.policy.handle_timer(self.now)
        self.carry_out()

    @rule(data=st.data())
    def server_is_drained(self, data: st.DataObject) -> None:
        server = data.draw(st.sampled_from(self.policy.servers))
        if len(self.policy.drained | {server}) < len(self.policy.servers):
            self.policy.drain(server, self.now)
            self.carry_out()

    @rule(data=st.data())
    def server_is_undrained(self, data: st.DataObject) -> None:
        self.policy.undrain(data.draw(st.sampled_from(self.policy.servers)), self.now)
        self.carry_out()

    @rule(data=st.data())
    def members_change(self, data: st.DataObject) -> None:
        kept = data.draw(st.lists(st.sampled_from(self.plan.servers), max_size=4))
        self.policy.set_servers(kept, self.now)
        self.carry_out()

    @rule()
    def machine_is_restarted(self) -> None:
        self.policy.stop()
        self.carry_out()
        assert self.attempt is None
        assert not self.probes
        assert self.policy.next_deadline() is None
        self.session = None
        self.policy.start(self.now)
        self.carry_out()

    @invariant()
    def driver_and_policy_agree(self) -> None:
        if not hasattr(self, "policy"):
            return
        policy = self.policy
        assert (self.attempt is not None) == (policy.state is State.CONNECTING)
        assert (self.session is not None) == (policy.state is State.UP)
        used = self.attempt or self.session
        assert used is None or used == policy.current
        assert policy.current in policy.pool.usable()
        is_waiting = policy.state is State.WAITING
        assert (policy.retry_at is not None) == is_waiting
        assert sum(report.is_current for report in policy.describe()) == 1


TestDocuments = DocumentsMachine.TestCase
TestDocuments.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None
)
TestAnyPlan = AnyPlanMachine.TestCase
TestAnyPlan.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
