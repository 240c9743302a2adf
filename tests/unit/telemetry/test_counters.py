"""Series: one counter a key, resets without loss, bounds on what data can make."""

from __future__ import annotations

from logferry.telemetry.counters import Kind, Legacy, Metrics, Series

ROW = Legacy("source", "s", "", "processed")


def only(metrics: Metrics, name: str) -> Series:
    (found,) = [series for series in metrics if series.name == name]
    return found


def test_the_same_name_and_labels_give_the_same_counter():
    metrics = Metrics()
    first = metrics.counter("x", {"a": "1", "b": "2"})
    assert metrics.counter("x", {"b": "2", "a": "1"}) is first
    assert metrics.counter("x", {"a": "1"}) is not first


def test_a_reset_hides_what_was_counted_and_keeps_it():
    metrics = Metrics()
    counter = metrics.counter("x")
    counter.add(5)
    only(metrics, "x").reset()
    counter.add(2)
    assert only(metrics, "x").value == 2
    assert counter.value == 7


def test_a_gauge_has_no_zero_to_go_back_to():
    metrics = Metrics()
    metrics.gauge("x").value = 5
    only(metrics, "x").reset()
    assert only(metrics, "x").value == 5


def test_a_ledger_is_never_set_back():
    metrics = Metrics()
    metrics.counter("x", is_kept=True).add(5)
    only(metrics, "x").reset()
    assert only(metrics, "x").value == 5


def test_values_kept_elsewhere_are_fetched_when_somebody_reads():
    metrics = Metrics()
    gauge = metrics.gauge("x")

    def refresh() -> None:
        gauge.value += 1

    metrics.on_read(refresh)
    assert only(metrics, "x").value == 1
    assert only(metrics, "x").value == 2
    metrics.forget(refresh)
    assert only(metrics, "x").value == 2


def test_dynamic_series_are_bounded():
    metrics = Metrics()
    metrics.dynamics_max = 2
    for number in range(5):
        metrics.counter("probe", {"n": str(number)}, dynamic=True).add(1)
    metrics.counter("fixed").add(1)
    assert [series.labels for series in metrics if series.name == "probe"] == [
        (("n", "0"),),
        (("n", "1"),),
    ]
    assert only(metrics, "fixed").value == 1


def test_dynamic_series_that_no_longer_move_are_forgotten():
    metrics = Metrics()
    metrics.dynamics_max = 2
    busy = metrics.counter("probe", {"n": "busy"}, dynamic=True)
    metrics.counter("probe", {"n": "idle"}, dynamic=True)
    metrics.counter("fixed")
    metrics.expire(now=100.0, lifetime_s=10)
    busy.add(1)
    metrics.expire(now=105.0, lifetime_s=10)
    metrics.expire(now=110.0, lifetime_s=10)
    assert {series.name for series in metrics} == {"probe", "fixed"}
    assert only(metrics, "probe").labels == (("n", "busy"),)
    metrics.expire(now=115.0, lifetime_s=10)
    assert {series.name for series in metrics} == {"fixed"}
    metrics.counter("probe", {"n": "new"}, dynamic=True)
    metrics.counter("probe", {"n": "newer"}, dynamic=True)
    assert len([series for series in metrics if series.name == "probe"]) == 2


def test_a_discarded_series_makes_room_for_another():
    metrics = Metrics()
    metrics.dynamics_max = 1
    metrics.counter("probe", {"n": "1"}, dynamic=True)
    metrics.discard("probe", {"n": "1"})
    metrics.discard("probe", {"n": "1"})  # already gone: nothing happens
    metrics.counter("probe", {"n": "2"}, dynamic=True)
    assert only(metrics, "probe").labels == (("n", "2"),)


def test_orphans_are_marked_come_back_and_can_be_removed():
    metrics = Metrics()
    metrics.counter("x", {"id": "gone"})
    metrics.counter("x", {"id": "here"})
    metrics.mark_orphans(lambda series: dict(series.labels)["id"] != "gone")
    assert [series.orphaned for series in metrics] == [True, False]
    metrics.counter("x", {"id": "gone"})  # configured again
    assert not any(series.orphaned for series in metrics)
    metrics.mark_orphans(lambda series: dict(series.labels)["id"] != "gone")
    metrics.remove_orphans()
    assert [dict(series.labels)["id"] for series in metrics] == ["here"]


def test_a_row_may_have_a_level_of_its_own():
    metrics = Metrics()
    metrics.counter("x", level=1, legacy=ROW, legacy_level=0)
    metrics.counter("y", level=2, legacy=ROW)
    x, y = metrics
    assert (x.level, x.legacy_level) == (1, 0)
    assert (y.level, y.legacy_level) == (2, 2)
    assert x.kind is Kind.COUNTER
