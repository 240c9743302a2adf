"""What is said about the configurations of ``tests/golden``; run it to bless them."""

from __future__ import annotations

from pathlib import Path

from logferry.config.graph import graph_of, graph_text
from logferry.config.load import load_configuration
from logferry.config.nodes import Configuration
from logferry.config.report import render_diagnostics
from logferry.daemon.queue_store import QueueStore
from logferry.daemon.registry import default_registry
from logferry.daemon.topology import build_topology
from logferry.errors import ConfigError
from logferry.runtime.environment import Environment

FOLDER = Path(__file__).resolve().parents[1] / "golden"


def check_text(path: Path) -> str:
    """Return everything that is wrong with ``path``, as a person sees it."""
    name = Path(path.name)
    text = path.read_text()
    try:
        configuration, diagnostics = load_configuration(
            name, default_registry(), {}, text
        )
        environment = Environment(time_zone="UTC")
        build_topology(configuration, environment, QueueStore(environment))
    except ConfigError as error:
        return render_diagnostics(error.diagnostics, {path.name: text})
    return render_diagnostics(diagnostics.in_order(), {path.name: text})


def graph_of_file(path: Path) -> str:
    """Return the graph of ``path``, which must load without a warning and compile."""
    configuration, diagnostics = load_configuration(
        Path(path.name), default_registry(), {}, path.read_text()
    )
    assert diagnostics.items == []
    environment = Environment(time_zone="UTC")
    build_topology(configuration, environment, QueueStore(environment))
    return graph_text(graph_of(configuration))


def loaded_twice(path: Path) -> tuple[Configuration, Configuration]:
    """Return what ``path`` means, and what its expanded text means."""
    name, registry = Path(path.name), default_registry()
    first, _ = load_configuration(name, registry, {}, path.read_text())
    second, _ = load_configuration(name, registry, {}, first.text)
    return first, second


def bless() -> None:
    """Write what is said now."""
    for path in sorted((FOLDER / "faulty").glob("*.conf")):
        path.with_suffix(".txt").write_text(check_text(path))
    for path in sorted((FOLDER / "good").glob("*.conf")):
        path.with_suffix(".txt").write_text(graph_of_file(path))


if __name__ == "__main__":
    bless()
