"""
Runs config generators: programs or Python functions that write configuration.

A program runs in the user's shell with its arguments in the environment, as
``confgen_name``; what it prints is the text. A Python function is named
``module:function`` and gets the arguments by keyword.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import selectors
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from logferry.config.diagnostics import did_you_mean
from logferry.errors import LogferryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["generate"]

_PROGRAM_RUN_S_MAX = 30.0
"""A start of the daemon waits for its generators, but not for ever."""

_TEXT_BYTES_MAX = 16 * 1024 * 1024


def generate(
    kind: str,
    command: str,
    arguments: Mapping[str, str],
    run_s_max: float = _PROGRAM_RUN_S_MAX,
) -> str:
    """
    Return the configuration that ``command`` makes of ``arguments``.

    ``kind`` is ``exec`` or ``python``; a program may take ``run_s_max`` seconds. Raises
    ``LogferryError`` with the reason.
    """
    if kind == "python":
        return _call(command, arguments)
    variables = {f"confgen_{name}": value for name, value in arguments.items()}
    try:
        process = subprocess.Popen(  # noqa: S602 - a shell is what exec() promises
            command,
            shell=True,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # so that its children end with it
        )
    except (OSError, ValueError) as error:
        raise LogferryError(f"'{command}' cannot be run: {error}") from error
    with process:
        try:
            printed, said = _read(process, command, run_s_max)
        except LogferryError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode:
        lines = said.decode(errors="replace").strip().splitlines()
        reason = f": {lines[-1]}" if lines else ""
        raise LogferryError(f"'{command}' ended with {process.returncode}{reason}")
    return printed.decode(errors="surrogateescape")


def _read(
    process: subprocess.Popen[bytes], command: str, run_s_max: float
) -> tuple[bytes, bytes]:
    """Return what a program prints until it ends: on both its channels."""
    assert process.stdout is not None
    assert process.stderr is not None
    texts = {process.stdout: bytearray(), process.stderr: bytearray()}
    ends_at = time.monotonic() + run_s_max
    with selectors.DefaultSelector() as selector:
        for channel in texts:
            selector.register(channel, selectors.EVENT_READ)
        while selector.get_map():
            left = ends_at - time.monotonic()
            ready = selector.select(left) if left > 0 else []
            if not ready:
                raise LogferryError(f"'{command}' did not end within {run_s_max:g} s")
            for key, _ in ready:
                piece = os.read(key.fd, 65_536)
                if not piece:
                    selector.unregister(key.fileobj)
                text = texts[key.fileobj]  # type: ignore[index] # one of the two
                text += piece
                if len(text) > _TEXT_BYTES_MAX:
                    raise LogferryError(
                        f"'{command}' printed more than {_TEXT_BYTES_MAX} bytes"
                    )
    try:
        process.wait(max(0.0, ends_at - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise LogferryError(
            f"'{command}' did not end within {run_s_max:g} s"
        ) from error
    return bytes(texts[process.stdout]), bytes(texts[process.stderr])


def _call(name: str, arguments: Mapping[str, str]) -> str:
    module_name, _, function_name = name.partition(":")
    try:
        function = getattr(importlib.import_module(module_name), function_name)
        _check_arguments(function, arguments)
        text = function(**arguments)
    except LogferryError:
        raise
    except Exception as error:  # whatever a user's code raises
        raise LogferryError(f"{type(error).__name__}: {error}") from error
    if not isinstance(text, str):
        raise LogferryError(f"{name} returned no text but {type(text).__name__}")
    return text


def _check_arguments(
    function: Callable[..., object], arguments: Mapping[str, str]
) -> None:
    """Say in the words of the configuration what ``function`` misses or refuses."""
    parameters = inspect.signature(function).parameters
    for name, parameter in parameters.items():
        is_named = parameter.kind in {
            parameter.POSITIONAL_OR_KEYWORD,
            parameter.KEYWORD_ONLY,
        }
        if is_named and parameter.default is parameter.empty and name not in arguments:
            raise LogferryError(f"it needs {name.replace('_', '-')}()")
    takes_all = any(item.kind is item.VAR_KEYWORD for item in parameters.values())
    for name in arguments:
        if name not in parameters and not takes_all:
            known = [each.replace("_", "-") for each in parameters]
            written = name.replace("_", "-")
            hint = did_you_mean(written, known)
            raise LogferryError(
                f"it has no {written}()" + (f", {hint}" if hint else "")
            )
