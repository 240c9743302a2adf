"""The files that a configuration names: itself, its includes, keys, certificates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from logferry.config.nodes import Configuration, Spec
from logferry.config.schema import Options

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["named_files"]

_ENDINGS = ("_file", "_dir")


def named_files(
    configuration: Configuration, specs: Iterable[Spec]
) -> list[tuple[str, str]]:
    """Return kind (``config``, or the option's name) and path, each pair once."""
    found = [("config", name) for name in configuration.files]
    for spec in specs:
        found.extend(_of_options(spec.options))
    return list(dict.fromkeys(found))


def _of_options(options: Options) -> Iterator[tuple[str, str]]:
    for attribute, option in options.table().items():
        value = getattr(options, attribute)
        if isinstance(value, Options):
            yield from _of_options(value)
        elif attribute.endswith(_ENDINGS) and isinstance(value, str) and value:
            yield option.name, value
