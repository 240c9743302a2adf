from __future__ import annotations

from logferry.policy.pool import ServerPlan
from logferry.policy.sharing import Move, Partner, Sharing


class Stage:
    """A group whose partners are all connected, unless they are said to be away."""

    def __init__(self, *plans: ServerPlan, spares: str = "", away: str = "") -> None:
        self.sharing = Sharing()
        self.by_name = {
            plan.name: Partner(plan, is_spare=plan.name in spares.split())
            for plan in plans
        }
        self.sharing.set_partners(list(self.by_name.values()), 0.0)
        for name, partner in self.by_name.items():
            if name not in away.split():
                self.sharing.on_connected(partner, 0.0)
        self.sharing.take_moves(0.0)

    def eligible(self) -> str:
        partners = self.sharing.partners
        return " ".join(p.name for p in partners if self.sharing.is_eligible(p))

    def order(self, **under_way: int) -> str:
        found = self.sharing.order(lambda partner: under_way.get(partner.name, 0))
        return " ".join(partner.name for partner in found)

    def lose(self, name: str, now: float = 1.0, resent: int = 0) -> None:
        self.sharing.on_lost(self.by_name[name], "EOF occurred", now, resent)

    def gain(self, name: str, now: float = 1.0) -> None:
        self.sharing.on_connected(self.by_name[name], now)


A, B, C = ServerPlan("a"), ServerPlan("b"), ServerPlan("c")


def test_the_one_with_the_least_under_way_is_served_first():
    assert Stage(A, B, C).order(a=300, b=100, c=200) == "b c a"


def test_weight_makes_a_load_lighter():
    assert Stage(A, ServerPlan("b", weight=4)).order(a=100, b=300) == "b a"


def test_equals_take_turns_by_what_they_got_for_their_weight():
    stage = Stage(A, ServerPlan("b", weight=3))
    served = {"a": 0, "b": 0}
    for _ in range(400):
        first = stage.order().split()[0]
        stage.sharing.on_sent(stage.by_name[first], 100)
        served[first] += 1
    assert served == {"a": 100, "b": 300}


def test_who_comes_back_does_not_get_all_that_it_missed():
    stage = Stage(A, B)
    stage.lose("b")
    for _ in range(1000):
        stage.sharing.on_sent(stage.by_name["a"], 100)
    stage.gain("b")
    turns = ""
    while not turns.endswith("a"):
        turns += stage.order().split()[0]
        stage.sharing.on_sent(stage.by_name[turns[-1]], 100)
    assert turns == "b" * 4 + "a"


def test_who_was_fast_in_busy_times_is_not_starved_in_quiet_ones():
    stage = Stage(A, B)
    for _ in range(1000):  # b's window is full, a takes everything
        stage.sharing.on_sent(stage.by_name["a"], 100)
    turns = ""
    while not turns.endswith("a"):
        turns += stage.order().split()[0]
        stage.sharing.on_sent(stage.by_name[turns[-1]], 100)
    assert turns == "b" * 4 + "a"


def test_spares_are_used_only_while_no_target_is_ready():
    stage = Stage(A, B, C, spares="c")
    assert stage.eligible() == "a b"
    stage.lose("a")
    assert stage.eligible() == "b"
    stage.lose("b")
    assert stage.eligible() == "c"
    stage.gain("a")
    assert stage.eligible() == "a"


def test_a_higher_tier_waits_until_the_lower_one_is_gone():
    stage = Stage(A, ServerPlan("b", tier=2), ServerPlan("c", priority=7))
    assert stage.eligible() == "a"
    stage.lose("a")
    assert stage.eligible() == "c"
    stage.lose("c")
    assert stage.eligible() == "b"


def test_drained_partners_get_nothing():
    stage = Stage(A, B)
    stage.sharing.keep_out({"a"}, 1.0)
    assert stage.order() == "b"
    stage.sharing.keep_out(set(), 1.0)
    assert stage.eligible() == "a b"


def test_with_everybody_drained_the_first_is_used_until_another_may_be():
    stage = Stage(A, B)
    stage.sharing.keep_out({"a", "b"}, 1.0)
    assert stage.eligible() == "a"
    stage.sharing.keep_out({"a"}, 2.0)
    assert stage.eligible() == "b"


def test_a_loss_is_a_switch_to_the_others():
    stage = Stage(A, B, C)
    stage.lose("b", 5.0, resent=7)
    expected = [Move("b", "a, c", "EOF occurred", 0.0, 7)]
    assert stage.sharing.take_moves(5.0) == expected
    assert stage.sharing.take_moves(5.0) == []


def test_with_nobody_left_the_switch_is_complete_when_another_one_comes():
    stage = Stage(A, B, away="b")
    stage.lose("a", 5.0, resent=3)
    assert stage.sharing.take_moves(6.0) == []
    stage.gain("b", 7.5)
    expected = [Move("a", "b", "EOF occurred", 2.5, 3)]
    assert stage.sharing.take_moves(7.5) == expected


def test_who_comes_back_before_the_others_was_never_left():
    stage = Stage(A, B, away="b")
    stage.lose("a")
    stage.gain("a")
    assert stage.sharing.take_moves(2.0) == []
    stage.gain("b")
    assert stage.sharing.take_moves(2.0) == []


def test_a_spare_is_left_when_a_target_is_back():
    stage = Stage(A, B, spares="b", away="a")
    stage.gain("a", 3.0)
    moves = stage.sharing.take_moves(3.0)
    assert moves == [Move("b", "a", "a better server is back", 0.0, 0)]


def test_drain_and_the_end_of_a_membership_are_switches():
    stage = Stage(A, B, C)
    stage.sharing.keep_out({"a"}, 1.0)
    stage.sharing.set_partners([stage.by_name[name] for name in ("a", "c")], 2.0)
    moves = stage.sharing.take_moves(2.0)
    assert [(move.from_, move.to, move.reason) for move in moves] == [
        ("a", "c", "drained"),
        ("b", "c", "no member any more"),
    ]


def test_a_name_that_comes_back_as_a_new_partner_was_never_left():
    stage = Stage(A)
    stage.sharing.set_partners([Partner(A)], 1.0)
    stage.sharing.on_connected(stage.sharing.partners[0], 2.0)
    assert stage.sharing.take_moves(2.0) == []


def test_many_names_are_cut_short():
    stage = Stage(*(ServerPlan(f"s{number}") for number in range(1000)))
    stage.lose("s0")
    assert stage.sharing.take_moves(1.0)[0].to == "s1, s2, s3, s4, s5, 994 more"
