"""The list of drivers against the modules that have them."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest

import logferry.destinations
import logferry.sources
from logferry.daemon.registry import (
    DESTINATION_MODULES,
    SOURCE_MODULES,
    default_registry,
    destination_kinds,
    source_kinds,
)


@pytest.mark.parametrize(
    ("package", "table"),
    [(logferry.sources, SOURCE_MODULES), (logferry.destinations, DESTINATION_MODULES)],
)
def test_every_driver_that_a_module_has_is_listed(package, table):
    found = {}
    for item in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        kinds = getattr(import_module(item.name), "KINDS", None)
        if kinds is not None:
            found[item.name.removeprefix(package.__name__ + ".")] = tuple(kinds)
    listed = {module: set(names) for module, names in table.items()}
    assert {module: set(names) for module, names in found.items()} == listed


def test_a_driver_is_found_by_its_name():
    assert source_kinds()["tcp"].options is default_registry().sources["tcp"]
    assert (
        destination_kinds()["file"].options is default_registry().destinations["file"]
    )
    assert "nonsense" not in source_kinds()
    with pytest.raises(KeyError):
        destination_kinds()["nonsense"]


@pytest.mark.slow
def test_what_a_configuration_does_not_name_is_not_loaded(tmp_path):
    config = tmp_path / "a.conf"
    config.write_text(
        "@version: 4.27\nsource s { network(port(1)); };\n"
        'destination d { file("/dev/null"); };\nlog { source(s); destination(d); };\n'
    )
    script = (
        "import sys\n"
        "from logferry.cli.check import main\n"
        f"status = main(['-f', {str(config)!r}])\n"
        "heavy = ('aiohttp', 'typer', 'rich', 'lark', 'uvloop', 'multiprocessing')\n"
        "print([name for name in heavy if name in sys.modules])\n"
        "sys.exit(status)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, "[]\n"), result.stderr
