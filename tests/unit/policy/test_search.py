"""Rounds through the candidates."""

from __future__ import annotations

from helpers.chance import ScriptedChance
from logferry.policy.backoff import Backoff
from logferry.policy.pool import Server
from logferry.policy.search import Search

A, B, C = (Server(name, place) for place, name in enumerate("abc"))


def test_without_backoff_every_failure_costs_the_reopen_delay():
    search = Search(60, None, ScriptedChance())
    assert [search.fail(server, [A, B]) for server in (A, B, A)] == [60, 60, 60]


def test_with_backoff_only_rounds_cost_and_each_more_than_the_one_before():
    search = Search(60, Backoff(1, 100), ScriptedChance())
    servers = (A, B, C, A, B, C)
    waits = [search.fail(server, [A, B, C]) for server in servers]
    assert waits == [0, 0, 1, 0, 0, 2]


def test_connection_that_held_begins_anew():
    search = Search(60, Backoff(1, 100), ScriptedChance())
    search.fail(A, [A])
    search.fail(A, [A])
    search.succeed()
    assert search.fail(A, [A]) == 1


def test_untried_are_those_that_have_not_failed_in_this_round():
    search = Search(60, None, ScriptedChance())
    search.fail(B, [A, B, C])
    assert search.untried([A, B, C]) == [A, C]


def test_all_are_untried_when_none_is_left():
    search = Search(60, None, ScriptedChance())
    search.fail(A, [A, B])
    assert search.untried([A]) == [A]
