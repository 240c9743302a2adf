"""
Every driver, parser, rewrite and filter by its name in the configuration.

The only list of what exists: the configuration reader, the topology, the option pages
and the compatibility report all start here.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from logferry.config.options import GlobalOptions
from logferry.config.schema import Registry

if TYPE_CHECKING:
    from logferry.destinations.base import DestinationKind
    from logferry.sources.base import SourceKind

__all__ = ["default_registry", "destination_kinds", "source_kinds"]


@cache
def source_kinds() -> dict[str, SourceKind]:
    """Return the source drivers by name."""
    from logferry.sources.file import source as file
    from logferry.sources.generator import source as generator
    from logferry.sources.internal import source as internal
    from logferry.sources.network import source as network
    from logferry.sources.pipe import source as pipe
    from logferry.sources.program import source as program
    from logferry.sources.python import source as python
    from logferry.sources.stdin import source as stdin
    from logferry.sources.unix import source as unix
    from logferry.sources.wildcard_file import source as wildcard_file

    modules = (
        *(network, file, wildcard_file, unix, pipe, program),
        *(internal, stdin, generator, python),
    )
    return {name: kind for module in modules for name, kind in module.KINDS.items()}


@cache
def destination_kinds() -> dict[str, DestinationKind]:
    """Return the destination drivers by name."""
    from logferry.destinations.file import kinds as file
    from logferry.destinations.http import kinds as http
    from logferry.destinations.local import kinds as local
    from logferry.destinations.network import kinds as network
    from logferry.destinations.python import destination as python

    return {**network.KINDS, **file.KINDS, **local.KINDS, **http.KINDS, **python.KINDS}


@cache
def default_registry() -> Registry:
    """Return the options classes of everything a configuration may name."""
    from logferry.codegen.registry import filters, parsers, rewrites
    from logferry.daemon.confgen import generate

    return Registry(
        globals=GlobalOptions,
        sources={name: kind.options for name, kind in source_kinds().items()},
        destinations={name: kind.options for name, kind in destination_kinds().items()},
        parsers=parsers(),
        rewrites=rewrites(),
        filters=filters(),
        generate=generate,
    )
