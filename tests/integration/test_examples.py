"""Every configuration under ``examples`` can be started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from logferry.config.load import load_configuration
from logferry.daemon.queue_store import QueueStore
from logferry.daemon.registry import default_registry
from logferry.daemon.topology import build_topology
from logferry.runtime.environment import Environment

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.conf"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_compiles(path: Path, tmp_path: Path) -> None:
    configuration, _ = load_configuration(path, default_registry(), os.environ)
    environment = Environment(state_dir=tmp_path)
    topology = build_topology(configuration, environment, QueueStore(environment))
    assert topology.programs
