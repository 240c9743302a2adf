"""The configuration that Debian's syslog-ng package ships, unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.golden import check_text
from logferry.config.graph import graph_of, graph_text
from logferry.config.load import load_configuration
from logferry.daemon.registry import default_registry

SHIPPED = Path.home() / ".cache/logferry-peers/root/etc/syslog-ng/syslog-ng.conf"

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not SHIPPED.exists(), reason="run `make peers` first"),
]


def test_it_loads_without_an_error() -> None:
    assert ": error:" not in check_text(SHIPPED)


def test_it_warns_of_nothing_but_what_has_no_effect() -> None:
    _, diagnostics = load_configuration(SHIPPED, default_registry(), {})
    messages = {item.message.partition("(")[0] for item in diagnostics.items}
    assert messages <= {"stats-freq"}


def test_its_log_paths_are_all_there() -> None:
    configuration, _ = load_configuration(SHIPPED, default_registry(), {})
    graph = graph_text(graph_of(configuration))
    assert len(configuration.log_paths) == SHIPPED.read_text().count("\nlog {")
    assert graph.count("source s_src: ") == len(configuration.log_paths)
    assert "destination d_auth: file(/var/log/auth.log)" in graph
    assert "destination d_xconsole: pipe(/dev/xconsole)" in graph
    assert "destination d_console_all: file(/dev/tty10)" in graph
    assert "destination d_console: usertty" in graph


def test_its_filters_are_what_they_say() -> None:
    configuration, _ = load_configuration(SHIPPED, default_registry(), {})
    assert len(configuration.filters) == SHIPPED.read_text().count("\nfilter f_")
