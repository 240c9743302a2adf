"""Histograms: bounds are powers of two, each bucket holds only its own share."""

from __future__ import annotations

import pytest

from logferry.daemon.stats import render_exposition, render_prometheus
from logferry.telemetry.counters import Metrics
from logferry.telemetry.histograms import (
    BATCH_BYTES,
    BATCH_EVENTS,
    EVENT_BYTES,
    EVENT_LATENCY,
    PROCESSING_LATENCY,
    REQUEST_LATENCY,
    Scale,
)


def test_bounds_are_those_of_the_reference():
    assert BATCH_EVENTS.bounds()[:3] == ["1", "2", "4"]
    assert BATCH_EVENTS.bounds()[-2:] == ["16384", "+Inf"]
    assert BATCH_BYTES.bounds()[0] == "512"
    assert EVENT_BYTES.bounds() == [
        *("64", "128", "256", "512", "1024", "2048", "4096"),
        "+Inf",
    ]
    assert REQUEST_LATENCY.bounds()[0] == "0.032000000000000001"
    assert PROCESSING_LATENCY.bounds()[0] == "0.001"
    assert EVENT_LATENCY.bounds()[10] == "1.024"
    assert len(EVENT_LATENCY.bounds()) == 20


@pytest.mark.parametrize(
    ("value", "bucket"),
    [(0, "2"), (2, "2"), (3, "4"), (4, "4"), (5, "8"), (8, "8"), (9, "+Inf")],
)
def test_a_value_counts_in_the_bucket_of_its_bound_alone(value, bucket):
    metrics = Metrics()
    metrics.histogram("size", {"id": "d"}, Scale(1, 4)).add(value, 3)
    text = render_prometheus(metrics)
    assert f'syslogng_size_sum{{id="d"}} {3 * value}\n' in text
    assert 'syslogng_size_count{id="d"} 3\n' in text
    for bound in ("2", "4", "8", "+Inf"):
        count = 3 if bound == bucket else 0
        assert f'syslogng_size_bucket{{id="d",le="{bound}"}} {count}\n' in text


def test_the_metrics_page_has_sums_as_prometheus_wants_them():
    metrics = Metrics()
    for name in ("a", "b"):
        metrics.histogram("size", {"id": name}, Scale(0, 3)).add_all([1, 2, 9])
    lines = render_exposition(metrics).splitlines()
    assert lines[0] == "# TYPE syslogng_size histogram"
    assert len([line for line in lines if line.startswith("#")]) == 1
    for name in ("a", "b"):
        for bound, count in (("1", 1), ("2", 2), ("+Inf", 3)):
            assert f'syslogng_size_bucket{{id="{name}",le="{bound}"}} {count}' in lines


def test_milliseconds_are_shown_as_seconds():
    metrics = Metrics()
    metrics.histogram("took_seconds", {}, REQUEST_LATENCY).add(1500, 2)
    text = render_prometheus(metrics)
    assert "syslogng_took_seconds_sum 3\n" in text
    assert 'syslogng_took_seconds_bucket{le="2.048"} 2\n' in text


def test_a_reset_empties_histograms():
    metrics = Metrics()
    metrics.histogram("size", {}, Scale(0, 3)).add(2)
    for series in metrics:
        series.reset()
    assert {series.value for series in metrics} == {0}
