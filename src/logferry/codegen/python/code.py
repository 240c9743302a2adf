"""
The code of ``python { … }`` blocks: run once, and looked into by name.

All blocks of a configuration share one module. The same code is not run twice in a
process, so drivers that a reload keeps see what they saw before; changed code is a new
module. A name with dots is imported (``mypackage.MyParser``).
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import textwrap
from functools import lru_cache, partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from logferry.codegen.emit import compile_source
from logferry.codegen.python.classes import install

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from logferry.config.nodes import Code

__all__ = [
    "PythonFailed",
    "find_name",
    "load_module",
    "make_component",
    "take_components",
]


_components: Final[list[Any]] = []
"""Objects whose ``deinit`` is still to come."""


class PythonFailed(Exception):
    """Code of the configuration cannot be used; the text says why."""


def find_name(code: Sequence[Code], name: str) -> Any:
    """Return the class or function called ``name``. Raises ``PythonFailed``."""
    module = _module(tuple((str(item.span), item.text) for item in code))
    found = getattr(module, name, None)
    if found is not None:
        return found
    place, dot, last = name.rpartition(".")
    if not dot:
        raise PythonFailed(f"no python {{ … }} block defines {name}")
    try:
        return getattr(load_module(place), last)
    except AttributeError as error:
        raise PythonFailed(f"cannot import {name}: {error}") from error


def load_module(name: str) -> ModuleType:
    """Import a module of the user's. Raises ``PythonFailed``."""
    install()
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise PythonFailed(f"cannot import {name}: {error}") from error


@lru_cache(maxsize=8)
def _module(blocks: tuple[tuple[str, str], ...]) -> ModuleType:
    install()
    module = ModuleType("_syslogng_main", "The python blocks of a configuration.")
    for place, text in blocks:
        source = textwrap.dedent(text.strip().removeprefix("{").removesuffix("}"))
        try:
            exec(compile_source(source, f"<python at {place}>"), module.__dict__)  # noqa: S102 - the user's own code
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise PythonFailed(
                f"the python block at {place} fails: {reason}"
            ) from error
    return module


def make_component(
    code: Sequence[Code], name: str, options: dict[str, Any], method: str
) -> Any:
    """
    Return an object of class ``name`` after its ``init``; ``deinit`` comes at exit.

    Raises ``PythonFailed`` when there is no such class, it has no ``method``, or it
    says that it cannot run.
    """
    factory: Callable[[], Any] = find_name(code, name)
    if not callable(getattr(factory, method, None)):
        raise PythonFailed(f"{name} has no method {method}()")
    try:
        component = factory()
        init = getattr(component, "init", None)
        is_fit = True if init is None else init(_copied(options))
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise PythonFailed(f"{name} cannot be made: {reason}") from error
    if is_fit is False:
        raise PythonFailed(f"{name}.init() returned False")
    _components.append(component)
    return component


def _copied(options: dict[str, Any]) -> dict[str, Any]:
    """Return options that the class may change."""
    return {
        key: list(value) if isinstance(value, list) else value
        for key, value in options.items()
    }


def take_components() -> list[Callable[[], None]]:
    """
    Return the ``deinit`` of every object, which never raises, and forget them.

    For a program that does not want to wait for ever at its end.
    """
    taken: list[Callable[[], None]] = []
    taken += [partial(_deinit, component) for component in _components]
    _components.clear()
    return taken


def _deinit(component: Any) -> None:
    deinit = getattr(component, "deinit", None)
    if deinit is not None:
        with contextlib.suppress(Exception):
            deinit()


@atexit.register
def _deinit_all() -> None:
    for deinit in take_components():
        deinit()
