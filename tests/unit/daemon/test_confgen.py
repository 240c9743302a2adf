"""Programs and functions that write configuration, and those that fail to."""

from __future__ import annotations

import os
import sys
import types
from typing import TYPE_CHECKING

import pytest

from logferry.daemon.confgen import generate
from logferry.errors import LogferryError

if TYPE_CHECKING:
    from pathlib import Path


def failure(kind: str, command: str, run_s_max: float = 30.0, **arguments: str) -> str:
    with pytest.raises(LogferryError) as caught:
        generate(kind, command, arguments, run_s_max)
    return str(caught.value)


def test_a_program_gets_its_arguments_in_the_environment() -> None:
    assert (
        generate("exec", "echo $confgen_a-$confgen_b", {"a": "1", "b": "2"}) == "1-2\n"
    )


def test_a_program_that_hangs_ends_with_its_children(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    command = f"sh -c 'echo alive > {pipe}; exec sleep 600' > {pipe}; true"
    assert "did not end within 0.5 s" in failure("exec", command, 0.5)
    assert os.read(reader, 100) == b"alive\n"
    assert os.read(reader, 100) == b""  # nobody is left who could write
    os.close(reader)


def test_a_program_that_closed_its_output_and_hangs_ends() -> None:
    command = "exec >&- 2>&-; sleep 600"
    assert "did not end within 0.3 s" in failure("exec", command, 0.3)


def test_a_program_that_prints_for_ever_is_stopped() -> None:
    assert "printed more than 16777216 bytes" in failure("exec", "yes")


def test_a_program_that_fails_is_quoted() -> None:
    assert failure("exec", "echo oh no >&2; exit 3").endswith("ended with 3: oh no")


@pytest.fixture
def makers(monkeypatch: pytest.MonkeyPatch) -> None:
    def peers(*, hosts: str, port: str = "514") -> str:
        return f"{hosts}:{port}"

    module = types.ModuleType("makers")
    module.peers = peers  # type: ignore[attr-defined]
    module.number = lambda: 7  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "makers", module)


@pytest.mark.usefixtures("makers")
def test_a_function_names_arguments_as_the_configuration_does() -> None:
    assert generate("python", "makers:peers", {"hosts": "a"}) == "a:514"
    assert failure("python", "makers:peers") == "it needs hosts()"
    said = failure("python", "makers:peers", hosts="a", prot="1")
    assert said == "it has no prot(), did you mean 'port'?"


@pytest.mark.usefixtures("makers")
def test_a_function_must_return_text() -> None:
    assert "returned no text but int" in failure("python", "makers:number")
    assert "AttributeError" in failure("python", "makers:nobody")
