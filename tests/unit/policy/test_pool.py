"""Members of a pool, their order and their standings."""

from __future__ import annotations

import pytest

from logferry.errors import StateError
from logferry.policy.pool import Pool, ServerPlan, ServerState


def pool(*names: str) -> Pool:
    return Pool([ServerPlan(name) for name in names])


def test_order_is_by_tier_and_then_as_configured():
    members = Pool([ServerPlan("x", tier=2), ServerPlan("b"), ServerPlan("a")])
    assert [server.name for server in members.servers] == ["b", "a", "x"]
    assert [server.position for server in members.servers] == [1, 2, 0]


def test_same_name_twice_is_two_servers():
    first, second = pool("a", "a").servers
    assert first != second


def test_who_stays_keeps_standing_and_drain_mark():
    members = pool("a", "b", "c")
    b = members.servers[1]
    members.drain(b)
    members.note(b, ServerState.FAILED, 7, "refused")
    gone = members.replace([ServerPlan("new"), ServerPlan("b")])
    assert [server.name for server in gone] == ["a", "c"]
    assert members.servers[1] is b
    assert members.drained == {b}
    assert members.standing(b).why == "refused"


def test_changed_weight_makes_a_new_member():
    members = pool("a")
    (old,) = members.servers
    assert members.replace([ServerPlan("a", weight=2)]) == (old,)
    assert members.rank(old) == -1


def test_all_are_usable_when_only_drained_members_are_left():
    members = pool("a", "b")
    a = members.servers[0]
    members.drain(a)
    members.replace([ServerPlan("a")])
    assert members.usable() == (a,)


def test_last_undrained_server_cannot_be_drained():
    members = pool("a", "b")
    members.drain(members.servers[0])
    with pytest.raises(StateError):
        members.drain(members.servers[1])


def test_since_is_when_the_state_began_not_when_it_was_heard_again():
    members = pool("a")
    (a,) = members.servers
    members.note(a, ServerState.FAILED, 1, "refused")
    members.note(a, ServerState.FAILED, 5, "timed out")
    standing = members.standing(a)
    assert (standing.since, standing.why) == (1, "timed out")


def test_news_of_a_server_that_is_gone_is_forgotten():
    members = pool("a")
    (a,) = members.servers
    members.replace([ServerPlan("b")])
    members.note(a, ServerState.UP, 1, "")
    assert members.find("a") is None


def test_priority_divides_a_tier():
    pool = Pool(
        [
            ServerPlan("later", tier=1, priority=20),
            ServerPlan("second", tier=2),
            ServerPlan("first", tier=1, priority=10),
        ]
    )
    assert [server.name for server in pool.servers] == ["first", "later", "second"]
