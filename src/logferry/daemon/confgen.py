"""
Runs config generators: programs or Python functions that write configuration.

A program runs in the user's shell with its arguments in the environment, as
``confgen_name``; what it prints is the text. A Python function is named
``module:function`` and gets the arguments by keyword.
"""

from __future__ import annotations

import importlib
import os
import subprocess
from typing import TYPE_CHECKING

from logferry.errors import LogferryError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["generate"]

_PROGRAM_RUN_S_MAX = 30.0
"""A start of the daemon waits for its generators, but not for ever."""

_TEXT_BYTES_MAX = 16 * 1024 * 1024


def generate(kind: str, command: str, arguments: Mapping[str, str]) -> str:
    """
    Return the configuration that ``command`` makes of ``arguments``.

    ``kind`` is ``exec`` or ``python``. Raises ``LogferryError`` with the reason.
    """
    if kind == "python":
        return _call(command, arguments)
    variables = {f"confgen_{name}": value for name, value in arguments.items()}
    try:
        done = subprocess.run(  # noqa: S602 - a shell is what exec() promises
            command,
            shell=True,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROGRAM_RUN_S_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LogferryError(
            f"'{command}' did not end within {_PROGRAM_RUN_S_MAX:g} s"
        ) from error
    except (OSError, ValueError) as error:
        raise LogferryError(f"'{command}' cannot be run: {error}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        reason = f": {said[-1]}" if said else ""
        raise LogferryError(f"'{command}' ended with {done.returncode}{reason}")
    if len(done.stdout) > _TEXT_BYTES_MAX:
        raise LogferryError(f"'{command}' printed more than {_TEXT_BYTES_MAX} bytes")
    return done.stdout.decode(errors="surrogateescape")


def _call(name: str, arguments: Mapping[str, str]) -> str:
    module_name, _, function_name = name.partition(":")
    try:
        function = getattr(importlib.import_module(module_name), function_name)
        text = function(**arguments)
    except Exception as error:  # whatever a user's code raises
        raise LogferryError(f"{type(error).__name__}: {error}") from error
    if not isinstance(text, str):
        raise LogferryError(f"{name} returned no text but {type(text).__name__}")
    return text
