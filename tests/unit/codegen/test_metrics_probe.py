"""``metrics-probe()``: which series a message counts in."""

from __future__ import annotations

import pytest

from helpers.configs import loaded
from helpers.programs import NOW, ORIGIN
from logferry.daemon.queue_store import QueueStore
from logferry.daemon.topology import build_topology
from logferry.errors import ConfigError
from logferry.runtime.environment import Environment

LINE = b"<13>Nov 21 02:00:00 web app[42]: text\n"


def labels_of(labels: str) -> dict[str, str]:
    """Return the labels of the series that one message makes."""
    configuration, _ = loaded(
        "source s { network(port(0) keep-hostname(yes)); };\n"
        'rewrite r { set("a" value(".my.first")); set("b" value(".my.second")); };\n'
        "log { source(s); rewrite(r); "
        f'parser {{ metrics-probe(key("seen") labels({labels})); }}; '
        'destination { file("/dev/null"); }; };'
    )
    environment = Environment(time_zone="UTC")
    topology = build_topology(configuration, environment, QueueStore(environment))
    topology.programs["s#0"].lines(LINE, ORIGIN, NOW)
    (series,) = [item for item in environment.metrics if item.name == "seen"]
    return dict(series.labels)


def test_labels_are_pairs() -> None:
    assert labels_of('"host" => "$HOST", "pid" "$PID"') == {"host": "web", "pid": "42"}


def test_labels_may_be_selected_by_name_and_renamed() -> None:
    assert labels_of('key(".my.*" rekey(shift-levels(1))) "fixed" => "x"') == {
        "fixed": "x",
        "first": "a",
        "second": "b",
    }
    assert labels_of('key(".my.*") exclude("*second")') == {".my.first": "a"}


def test_what_selects_nothing_is_an_error() -> None:
    with pytest.raises(ConfigError, match="names or patterns of values"):
        labels_of("key()")
