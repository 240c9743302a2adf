"""Each sentence of the failover documents, at the level of the policy."""

from __future__ import annotations

import pytest

from helpers.chance import ScriptedChance
from helpers.outage import Stage
from logferry.errors import StateError
from logferry.policy.backoff import Backoff
from logferry.policy.failover import (
    PROBES_MAX,
    Abandon,
    Adopt,
    CancelProbe,
    CloseProbe,
    Connect,
    Drain,
    Failover,
    FailoverPlan,
    Probe,
    Server,
    ServerPlan,
    State,
    Strategy,
)
from logferry.policy.prober import ProbePlan
from logferry.telemetry.events import render

PROBES = ProbePlan(interval_s=10, required=3)
BACKOFF = Backoff(initial_s=1, max_s=8)


# -- the documents: both modes


def test_connects_to_the_primary_first_at_start():
    stage = Stage("p", "f1", "f2", up="p f1 f2")
    assert stage.attempts() == [(0, "p")]
    assert stage.connected_to == "p"


def test_connects_to_the_primary_first_after_every_restart():
    stage = Stage("p", "f1", up="f1")
    stage.run(60)
    assert stage.connected_to == "f1"
    stage.policy.stop()
    stage.policy.start(stage.now)
    assert stage.policy.take_actions() == [Connect(stage.policy.servers[0])]


def test_sends_to_the_second_server_when_the_primary_becomes_inaccessible():
    stage = Stage("p", "f1", "f2", up="p f1 f2")
    stage.kill("p")
    stage.run(60)
    assert stage.connected_to == "f1"


def test_sends_to_the_third_server_when_the_second_is_inaccessible_as_well():
    stage = Stage("p", "f1", "f2", up="p f2")
    stage.kill("p")
    stage.run(120)
    assert stage.attempts()[1:] == [(60, "f1"), (120, "f2")]
    assert stage.connected_to == "f2"


def test_dead_primary_is_not_tried_twice():
    stage = Stage("p", "f1", up="f1", reopen_delay_s=1)
    stage.run(10)
    assert stage.attempts() == [(0, "p"), (1, "f1")]


def test_time_reopen_passes_before_each_step():
    stage = Stage("p", "f1", "f2", reopen_delay_s=7)
    stage.run(30)
    assert [at for at, _ in stage.attempts()] == [0, 7, 14, 21, 28]


def test_time_reopen_is_sixty_seconds_by_default():
    assert FailoverPlan(("p",)).reopen_delay_s == 60


def test_single_server_is_tried_again_after_time_reopen():
    stage = Stage("p", reopen_delay_s=5)
    stage.run(11)
    assert stage.attempts() == [(0, "p"), (5, "p"), (10, "p")]
    assert stage.said() == []


# -- the documents: round-robin mode


def test_returns_to_the_beginning_of_the_list_after_the_last_server():
    stage = Stage("p", "f1", "f2", reopen_delay_s=1)
    stage.run(4)
    assert [name for _, name in stage.attempts()] == ["p", "f1", "f2", "p", "f1"]
    assert stage.said()[2] == "PrimaryAgain"


def test_without_failback_does_not_return_when_the_primary_is_available_again():
    stage = Stage("p", "f1", up="f1")
    stage.run(60)
    stage.revive("p")
    stage.run(1_000_000)
    assert stage.connected_to == "f1"
    assert stage.probes() == []
    assert stage.policy.next_deadline() is None


def test_failed_failover_server_is_followed_by_the_next_in_round_robin_fashion():
    stage = Stage("p", "f1", "f2", up="p f1 f2", reopen_delay_s=1)
    for name in ("p", "f1", "f2"):
        stage.run(stage.now + 10)
        stage.kill(name)
        stage.revive(name)
    stage.run(stage.now + 10)
    assert [name for _, name in stage.attempts()] == ["p", "f1", "f2", "p"]


# -- the documents: failback mode


def failed_over(up: str = "f1", **plan: object) -> Stage:
    """Start with a dead primary; what ``up`` names accepts from second 1 on."""
    stage = Stage("p", "f1", "f2", **{"reopen_delay_s": 1, "probes": PROBES, **plan})
    stage.up = set(up.split())
    stage.run(1)
    return stage


def test_first_probe_is_sent_at_once_when_the_primary_is_left():
    stage = failed_over()
    assert stage.connected_to == "f1"
    assert stage.probes() == [1]


def test_primary_that_is_dead_at_the_first_start_is_probed_like_one_that_is_left():
    stage = failed_over()
    assert stage.said()[:2] == ["PrimaryInaccessible", "ProbeStarted"]


def test_sends_a_probe_every_interval():
    stage = failed_over()
    stage.run(45)
    assert stage.probes() == [1, 11, 21, 31, 41]


def test_probe_interval_is_sixty_seconds_and_three_successes_are_required_by_default():
    assert ProbePlan() == ProbePlan(interval_s=60, required=3, jitter=0)


def test_becomes_primary_with_the_connection_of_the_last_required_probe():
    stage = failed_over()
    stage.revive("p")
    stage.run(30)
    assert stage.connected_to == "f1"
    stage.run(31)
    assert stage.connected_to == "p"
    assert stage.attempts() == [(0, "p"), (1, "f1")]  # no new connect for the return
    server_p, server_f1 = stage.policy.servers[:2]
    assert stage.actions[-2:] == [Drain(server_f1), Adopt(server_p)]


def test_failed_probe_starts_the_count_anew():
    stage = failed_over()
    stage.revive("p")
    stage.run(25)  # good at 11 and 21
    stage.kill("p")
    stage.run(35)  # bad at 31
    stage.revive("p")
    stage.run(60)  # good at 41 and 51
    assert stage.connected_to == "f1"
    stage.run(61)
    assert stage.connected_to == "p"


def test_probes_stop_after_the_return():
    stage = failed_over(up="p f1")
    stage.run(1000)
    assert stage.connected_to == "p"
    assert stage.policy.next_deadline() is None


def test_connection_of_a_probe_that_is_not_the_last_is_closed():
    stage = failed_over(up="p f1")
    assert stage.actions[-1] == CloseProbe(stage.policy.servers[0])


def test_next_probe_waits_for_the_result_of_the_last_one():
    policy = Failover(
        FailoverPlan(("p", "f"), reopen_delay_s=1, probes=PROBES), ScriptedChance()
    )
    policy.start(0)
    policy.on_connect_failed("refused", 0)
    policy.handle_timer(1)
    policy.on_connected(1)
    policy.take_actions()
    policy.handle_timer(500)
    assert policy.take_actions() == []
    assert policy.next_deadline() is None
    policy.on_probe_result(policy.servers[0], is_good=False, error="slow", now=501)
    assert policy.next_deadline() == 501
    policy.handle_timer(501)
    assert policy.take_actions() == [Probe(policy.servers[0])]


def test_list_wraps_to_the_first_failover_never_to_the_primary():
    stage = Stage("p", "f1", "f2", reopen_delay_s=1, probes=PROBES)
    stage.run(6)
    names = [name for _, name in stage.attempts()]
    assert names == ["p", "f1", "f2", "f1", "f2", "f1", "f2"]
    assert "FirstFailoverAgain" in stage.said()


def test_probes_go_on_while_all_failover_servers_are_down():
    stage = Stage("p", "f1", reopen_delay_s=1000, probes=PROBES)
    stage.run(1000)
    stage.revive("p")
    stage.run(1050)
    assert stage.connected_to == "p"


def test_adoption_abandons_an_attempt_that_hangs():
    plan = FailoverPlan(("p", "f"), reopen_delay_s=1, probes=ProbePlan(10, 1))
    policy = Failover(plan, ScriptedChance())
    policy.start(0)
    policy.on_connect_failed("refused", 0)
    policy.handle_timer(1)
    policy.take_actions()
    primary, failover = policy.servers
    policy.on_probe_result(primary, is_good=True, error="", now=2)
    assert policy.take_actions() == [Abandon(failover), Adopt(primary)]
    assert policy.state is State.UP


def test_lost_primary_is_left_for_the_first_failover_again_after_a_return():
    stage = failed_over(up="p f1")
    stage.run(100)
    stage.kill("p")
    stage.run(101)
    assert stage.attempts()[-1] == (101, "f1")
    assert stage.probes()[-1] == 101


# -- log lines


def test_lost_primary_is_followed_by_the_first_failover_whatever_failed_before():
    """The list begins anew after a return: who failed before it does not count."""
    stage = Stage(
        "p", "f1", "f2", reopen_delay_s=5, probes=ProbePlan(interval_s=3, required=1)
    )
    assert stage.attempts() == [(0, "p")]
    stage.run(7)
    assert stage.attempts()[-1] == (5, "f1")  # refused: only f2 is left of this round
    stage.revive("p")
    stage.run(9)
    assert stage.connected_to == "p"
    stage.kill("p")
    stage.run(stage.now + 5)
    assert stage.attempts()[-1][1] == "f1"


def test_probes_of_a_bare_plan_end_with_a_whole_one():
    stage = Stage(
        "p",
        "f",
        up="f",
        reopen_delay_s=1,
        probes=ProbePlan(interval_s=3, required=3, is_bare=True),
    )
    stage.run(1)
    stage.revive("p")
    stage.run(10)
    assert stage.connected_to == "p"
    probes = [item for item in stage.actions if isinstance(item, Probe)]
    assert [item.is_bare for item in probes] == [True, True, True, False]


def test_transitions_speak_the_words_of_the_reference():
    stage = Stage(
        "p", "f1", "f2", reopen_delay_s=1, probes=ProbePlan(10, 2), location="a.conf:1"
    )
    stage.run(2)
    stage.revive("f1")
    stage.revive("p")
    stage.run(21)
    next_server = "sending the messages to the next failover server; "
    probing = "Probing the primary server.; tcp-probe-interval='10'"
    good = "Probing primary server successful; successful-probes-received="
    assert [render(event) for event in stage.events] == [
        (f"Current primary server is inaccessible, {next_server}"
        "next_failover_server='f1', location='a.conf:1'"),
        probing,
        "Connection towards primary server failed; server='p', error='refused'",
        (f"Current failover server is inaccessible, {next_server}"
        "next_failover_server='f2', location='a.conf:1'"),
        ("Last failover server reached, trying the first failover again; "
        "next_failover_server='f1', location='a.conf:1'"),
        probing,
        f"{good}'1', successful-probes-required='2'",
        probing,
        f"{good}'2', successful-probes-required='2'",
        "Primary server seems to be stable, reconnecting to primary server;",
    ]  # fmt: skip


def test_round_robin_says_that_it_begins_the_list_again():
    stage = Stage("p", "f1", reopen_delay_s=1, location="a.conf:1")
    stage.run(2)
    assert [render(event) for event in stage.events] == [
        (
            "Current failover server is inaccessible, sending the messages to the next "
            "failover server; next_failover_server='f1', location='a.conf:1'"
        ),
        (
            "Last failover server reached, trying the original host again; "
            "host='p', location='a.conf:1'"
        ),
    ]


def test_probe_of_another_server_than_the_primary_is_named():
    stage = failed_over(up="f2", returns_to_best=True)
    stage.run(2)
    lines = [render(event) for event in stage.events]
    assert "Probing the primary server.; tcp-probe-interval='10', server='f1'" in lines


# -- backoff


def test_with_backoff_the_next_server_is_tried_at_once():
    stage = Stage("p", "f1", "f2", up="f2", backoff=BACKOFF)
    stage.run(0)
    assert stage.attempts() == [(0, "p"), (0, "f1"), (0, "f2")]


def test_with_backoff_waiting_begins_when_the_whole_list_failed_and_grows():
    stage = Stage("p", "f1", backoff=BACKOFF)
    stage.run(20)
    assert [at for at, _ in stage.attempts()] == [0, 0, 1, 1, 3, 3, 7, 7, 15, 15]


def test_with_backoff_and_failback_every_failover_is_tried_before_waiting():
    stage = Stage("p", "f1", "f2", backoff=BACKOFF, probes=PROBES)
    stage.run(0)
    assert [name for _, name in stage.attempts()] == ["p", "f1", "f2"]


def test_connection_that_held_resets_the_backoff():
    stage = Stage("p", "f1", backoff=BACKOFF)
    stage.run(6)
    stage.revive("p")
    stage.run(10)
    assert stage.connected_to == "p"
    stage.kill("p")
    stage.run(12)
    assert stage.attempts()[-3:] == [(10, "f1"), (11, "p"), (11, "f1")]


def test_server_that_accepts_and_hangs_up_is_not_tried_in_a_tight_loop():
    stage = Stage("p", up="p", backoff=BACKOFF)
    for _ in range(5):
        stage.kill("p")
        stage.revive("p")
        stage.run(stage.policy.next_deadline() or 0)
    assert [at for at, _ in stage.attempts()] == [0, 1, 3, 7, 15, 23]


def test_primary_that_accepts_and_hangs_up_is_not_adopted_in_a_tight_loop():
    stage = failed_over(probes=ProbePlan(10, 1), backoff=BACKOFF)
    stage.revive("p")
    stage.run(10.5)
    assert stage.connected_to == "p"
    stage.kill("p")
    stage.revive("p")
    stage.run(20)
    assert stage.connected_to == "f1"
    assert stage.probes()[-1] == 10
    stage.run(20.5)
    assert stage.connected_to == "p"


# -- returning


def test_hold_time_delays_the_return_until_probes_were_good_for_so_long():
    stage = failed_over(hold_time_s=45)
    stage.revive("p")
    stage.run(55)  # good since 11
    assert stage.connected_to == "f1"
    stage.run(61)
    assert stage.connected_to == "p"


def test_relapse_doubles_the_hold_time():
    stage = failed_over(up="p f1", hold_time_s=20)
    stage.run(21)
    assert stage.connected_to == "p"
    stage.run(30)
    stage.kill("p")
    stage.revive("p")
    stage.run(61)  # left and good at 31, but the hold time is 40 now
    assert stage.connected_to == "f1"
    stage.run(71)
    assert stage.connected_to == "p"


def test_failback_to_best_returns_to_a_better_failover_while_the_primary_is_dead():
    stage = failed_over(up="f2", returns_to_best=True)
    stage.run(2)
    assert stage.connected_to == "f2"
    stage.revive("f1")
    stage.run(40)
    assert stage.connected_to == "f1"
    stage.revive("p")
    stage.run(80)
    assert stage.connected_to == "p"
    assert stage.policy.next_deadline() is None


def test_failback_to_primary_ignores_better_failovers():
    stage = failed_over(up="f2")
    stage.run(2)
    stage.revive("f1")
    stage.run(1000)
    assert stage.connected_to == "f2"


def test_stepping_onto_a_server_that_is_probed_cancels_the_probe():
    plan = FailoverPlan(
        ("p", "f1", "f2"), reopen_delay_s=1, probes=PROBES, returns_to_best=True
    )
    policy = Failover(plan, ScriptedChance())
    policy.start(0)
    for now in (0, 1, 2):
        policy.on_connect_failed("refused", now)
        policy.handle_timer(now + 1)
    _, f1, _ = policy.servers
    actions = policy.take_actions()
    assert actions[-2:] == [CancelProbe(f1), Connect(f1)]
    assert policy.prober(f1) is None


def test_with_backoff_one_good_probe_is_enough_when_all_failovers_are_dead():
    stage = failed_over(up="", backoff=BACKOFF)
    stage.revive("p")
    stage.run(10)
    assert stage.connected_to == "p"


def test_without_backoff_all_probes_are_required_even_when_all_failovers_are_dead():
    stage = failed_over(up="")
    stage.revive("p")
    stage.run(30)
    assert stage.connected_to is None
    stage.run(31)
    assert stage.connected_to == "p"


def test_with_backoff_a_working_failover_is_not_left_before_all_probes():
    stage = failed_over(up="p f1", backoff=BACKOFF)
    stage.run(19)  # good at 0 and 10
    assert stage.connected_to == "f1"


# -- drain, members


def test_drain_moves_to_the_next_server_at_once_and_lets_the_old_connection_finish():
    stage = Stage("p", "f1", up="p f1")
    p, f1 = stage.policy.servers
    stage.policy.drain(p, 5)
    stage.settle()
    assert stage.actions[-2:] == [Drain(p), Connect(f1)]
    assert stage.connected_to == "f1"
    assert stage.said() == ["MovedAway"]


def test_undrain_moves_back_after_one_good_probe():
    stage = Stage("p", "f1", up="p f1")
    p, f1 = stage.policy.servers
    stage.policy.drain(p, 5)
    stage.settle()
    stage.policy.undrain(p, 9)
    stage.run(9)
    assert stage.connected_to == "p"
    assert stage.actions[-2:] == [Drain(f1), Adopt(p)]


def test_drained_server_is_skipped():
    stage = Stage("p", "f1", "f2", up="p f1 f2", reopen_delay_s=1)
    stage.policy.drain(stage.policy.servers[1], 0)
    stage.kill("p")
    stage.run(1)
    assert stage.connected_to == "f2"


def test_server_that_was_drained_before_the_start_is_not_tried_first():
    policy = Failover(FailoverPlan(("p", "f1")), ScriptedChance())
    p, f1 = policy.servers
    policy.drain(p, 0)
    policy.start(1)
    assert policy.take_actions() == [Connect(f1)]
    assert policy.drained == {p}


def test_last_server_cannot_be_drained():
    stage = Stage("p", up="p")
    with pytest.raises(StateError):
        stage.policy.drain(stage.policy.servers[0], 0)
    assert stage.connected_to == "p"


def test_member_that_vanishes_while_in_use_is_left_at_once():
    stage = Stage("a", "b", up="a b")
    old = stage.policy.servers[0]
    stage.policy.set_servers(("b", "c"), 1)
    stage.settle()
    assert Drain(old) in stage.actions
    assert stage.connected_to == "b"


def test_member_that_stays_keeps_its_connection_when_others_come_and_go():
    stage = Stage("a", "b", up="a")
    stage.policy.set_servers(("c", "a"), 1)
    stage.settle()
    assert stage.connected_to == "a"
    assert len(stage.attempts()) == 1


def test_empty_list_of_members_changes_nothing():
    stage = Stage("a", "b", up="a")
    stage.policy.set_servers((), 1)
    assert [server.name for server in stage.policy.servers] == ["a", "b"]


def test_newcomers_never_reuse_a_position():
    stage = Stage("a", "b", up="a")
    stage.policy.set_servers(("a", "c"), 1)
    stage.policy.set_servers(("a", "b"), 2)
    assert [server.position for server in stage.policy.servers] == [0, 3]


def test_drained_server_that_was_the_only_member_left_is_left_for_a_newcomer():
    stage = Stage("a", "b", up="a b c")
    a, _ = stage.policy.servers
    stage.policy.drain(a, 1)
    stage.settle()
    stage.policy.set_servers(("a",), 2)
    stage.settle()
    assert stage.connected_to == "a"
    stage.policy.set_servers(("a", "c"), 3)
    stage.settle()
    assert stage.connected_to == "c"


# -- strategy, tiers, memory


def test_remembered_server_is_tried_first():
    stage = Stage("p", "f1", "f2", up="p f1 f2", first="f1")
    assert stage.attempts() == [(0, "f1")]


def test_remembered_failover_is_left_for_the_primary_in_failback_mode():
    stage = Stage("p", "f1", up="p f1", first="f1", probes=PROBES)
    stage.run(20)
    assert stage.connected_to == "p"


def test_remembered_server_that_is_no_member_any_more_is_forgotten():
    stage = Stage("p", "f1", up="p", first="old")
    assert stage.connected_to == "p"


def test_ordered_begins_each_search_at_the_top():
    stage = Stage("a", "b", "c", up="c", reopen_delay_s=1, strategy=Strategy.ORDERED)
    stage.run(10)
    stage.revive("a")
    stage.kill("c")
    stage.run(11)
    assert stage.connected_to == "a"


def test_second_tier_is_used_only_when_the_first_is_gone():
    stage = Stage(
        ServerPlan("b1", tier=2), ServerPlan("a1"), ServerPlan("a2"),
        up="a2 b1", reopen_delay_s=1,
    )  # fmt: skip
    stage.run(10)
    assert [name for _, name in stage.attempts()] == ["a1", "a2"]
    stage.revive("a1")
    stage.kill("a2")
    stage.run(20)
    assert stage.connected_to == "a1"
    stage.kill("a1")
    stage.run(30)
    assert stage.connected_to == "b1"
    assert stage.attempts()[-2:] == [(21, "a2"), (22, "b1")]


def test_random_strategy_starts_anywhere_and_tries_each_server_once_a_round():
    chance = ScriptedChance([0.5, 0.5, 0.99, 0.0, 0.0])
    stage = Stage("a", "b", "c", chance=chance, strategy=Strategy.RANDOM,
                  backoff=BACKOFF)  # fmt: skip
    stage.run(0)
    names = [name for _, name in stage.attempts()]
    assert names[0] == "b"
    assert sorted(names) == ["a", "b", "c"]


def test_describe_tells_state_since_and_why_of_each_server():
    stage = failed_over()
    stage.run(5)
    p, f1, f2 = stage.policy.describe()
    assert (p.state, p.since, p.why, p.probe_due_at) == ("failed", 0, "refused", 11)
    assert (f1.state, f1.since, f1.is_current) == ("up", 1, True)
    assert (f2.state, f2.since, f2.why) == ("unused", None, "")


# -- every state takes its inputs and refuses the others


def in_state(state: State) -> Failover:
    policy = Failover(FailoverPlan(("p", "f"), probes=PROBES), ScriptedChance())
    if state is State.IDLE:
        return policy
    policy.start(0)
    if state is State.UP:
        policy.on_connected(0)
    elif state is State.WAITING:
        policy.on_connect_failed("refused", 0)
    assert policy.state is state
    return policy


ALLOWED = {
    ("start", State.IDLE): State.CONNECTING,
    ("on_connected", State.CONNECTING): State.UP,
    ("on_connect_failed", State.CONNECTING): State.WAITING,
    ("on_lost", State.UP): State.WAITING,
}
INPUTS = {
    "start": (1.0,),
    "on_connected": (1.0,),
    "on_connect_failed": ("error", 1.0),
    "on_lost": ("error", 1.0),
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("name", INPUTS)
def test_input_is_taken_in_its_state_and_refused_elsewhere(name: str, state: State):
    policy = in_state(state)
    if (name, state) in ALLOWED:
        getattr(policy, name)(*INPUTS[name])
        assert policy.state is ALLOWED[name, state]
    else:
        policy.take_actions()
        with pytest.raises(StateError):
            getattr(policy, name)(*INPUTS[name])
        assert policy.state is state
        assert policy.take_actions() == []


@pytest.mark.parametrize("state", State)
def test_timer_may_come_early_in_every_state(state: State):
    policy = in_state(state)
    policy.take_actions()
    policy.handle_timer(0.5)
    assert policy.state is state
    assert policy.take_actions() == []


@pytest.mark.parametrize("state", State)
def test_stop_is_possible_in_every_state_and_leaves_nothing_to_wait_for(state: State):
    policy = in_state(state)
    policy.stop()
    assert policy.state is State.IDLE
    assert policy.next_deadline() is None


@pytest.mark.parametrize("state", State)
def test_result_of_a_probe_that_nobody_asked_for_is_refused(state: State):
    policy = in_state(state)
    with pytest.raises(StateError):
        policy.on_probe_result(policy.servers[0], is_good=True, error="", now=1)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("name", ["drain", "undrain"])
def test_stranger_can_neither_be_drained_nor_undrained(name: str, state: State):
    with pytest.raises(StateError):
        getattr(in_state(state), name)(Server("stranger", 9), 1)


def test_stop_cancels_attempt_and_probe():
    plan = FailoverPlan(("p", "f"), reopen_delay_s=1, probes=PROBES)
    policy = Failover(plan, ScriptedChance())
    policy.start(0)
    policy.on_connect_failed("refused", 0)
    policy.handle_timer(1)
    policy.take_actions()
    policy.stop()
    p, f = policy.servers
    assert policy.take_actions() == [Abandon(f), CancelProbe(p)]


def test_waiting_for_a_connection_makes_sense_while_the_list_is_not_in_vain():
    stage = Stage("p", "f1", "f2", reopen_delay_s=5, up="f2")
    policy = stage.policy
    assert policy.state is State.WAITING  # p refused; f1 is tried at 5, f2 at 10
    assert policy.may_connect_before(5)
    assert not policy.may_connect_before(4)
    stage.run(10)
    assert stage.connected_to == "f2"
    assert policy.may_connect_before(10)
    policy.stop()
    assert not policy.may_connect_before(99)


def test_waiting_for_a_connection_makes_no_sense_when_the_whole_list_has_failed():
    stage = Stage("p", "f", reopen_delay_s=1)
    stage.run(1.5)
    assert not stage.policy.may_connect_before(99)


def test_a_thousand_better_servers_are_probed_some_at_a_time():
    servers = [f"s{number}" for number in range(1000)]
    policy = Failover(
        FailoverPlan(tuple(servers), probes=ProbePlan(60, 3), returns_to_best=True),
        ScriptedChance(),
        first="s999",
    )
    policy.start(0.0)
    policy.take_actions()
    policy.on_connected(0.0)
    policy.handle_timer(0.0)
    waiting = [action.server for action in policy.take_actions()]
    assert len(waiting) == PROBES_MAX
    assert policy.next_deadline() is None
    seen = 0
    while waiting:
        policy.on_probe_result(waiting.pop(0), is_good=False, error="no", now=0.0)
        seen += 1
        policy.handle_timer(0.0)
        waiting += [action.server for action in policy.take_actions()]
    assert seen == 999
    assert policy.next_deadline() == 60.0
