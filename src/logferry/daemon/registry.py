"""
Every driver, parser, rewrite and filter by its name in the configuration.

The only list of what exists: the configuration reader, the topology, the option pages
and the compatibility report all start here. A driver's module is loaded when somebody
asks for the driver: loading all of them takes longer than everything else that a
start does, and a configuration names three or four.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Generic, TypeVar

from logferry.config.options import GlobalOptions
from logferry.config.schema import Registry

if TYPE_CHECKING:
    from logferry.destinations.base import DestinationKind
    from logferry.sources.base import SourceKind

__all__ = [
    "DESTINATION_MODULES",
    "SOURCE_MODULES",
    "default_registry",
    "destination_kinds",
    "source_kinds",
]

V = TypeVar("V")
W = TypeVar("W")

_INET = ("network", "syslog", "tcp", "tcp6", "udp", "udp6")

SOURCE_MODULES: dict[str, tuple[str, ...]] = {
    "network.source": _INET,
    "file.source": ("file",),
    "wildcard_file.source": ("wildcard-file",),
    "unix.source": ("unix-stream", "unix-dgram", "systemd-syslog"),
    "pipe.source": ("pipe",),
    "program.source": ("program",),
    "internal.source": ("internal",),
    "stdin.source": ("stdin",),
    "generator.source": ("example-msg-generator",),
    "python.source": ("python", "python-fetcher"),
    "application.source": ("application",),
}
"""The drivers in each module below ``logferry.sources``, whose ``KINDS`` has them."""

DESTINATION_MODULES: dict[str, tuple[str, ...]] = {
    "network.kinds": (*_INET, "network-load-balancer"),
    "file.kinds": ("file", "example-destination"),
    "local.kinds": (
        "pipe",
        "program",
        "stdout",
        "unix-dgram",
        "unix-stream",
        "usertty",
    ),
    "http.kinds": ("http",),
    "python.destination": ("python",),
}
"""Likewise below ``logferry.destinations``."""


class _OnDemand(Mapping[str, V], Generic[V]):
    """A mapping whose values are made when they are asked for."""

    def __init__(self, names: list[str], make: Callable[[str], V]) -> None:
        self._names = dict.fromkeys(names)
        self._make = make

    def __getitem__(self, name: str) -> V:
        """Return the value of ``name``."""
        if name not in self._names:
            raise KeyError(name)
        return self._make(name)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._names)

    def __len__(self) -> int:
        """Return how many names there are."""
        return len(self._names)


def _load(package: str, modules: Mapping[str, tuple[str, ...]]) -> _OnDemand[object]:
    """Return the kinds of all ``modules`` by name."""
    homes = {name: module for module, names in modules.items() for name in names}

    def load(name: str) -> object:
        module = import_module(f"{package}.{homes[name]}")
        kind: object = module.KINDS[name]
        return kind

    return _OnDemand(list(homes), load)


@cache
def source_kinds() -> Mapping[str, SourceKind]:
    """Return the source drivers by name."""
    return _load("logferry.sources", SOURCE_MODULES)  # type: ignore[return-value]


@cache
def destination_kinds() -> Mapping[str, DestinationKind]:
    """Return the destination drivers by name."""
    return _load("logferry.destinations", DESTINATION_MODULES)  # type: ignore[return-value]


@cache
def default_registry() -> Registry:
    """Return the options classes of everything a configuration may name."""
    from logferry.codegen.filterx import check_filterx
    from logferry.codegen.registry import filters, parsers, rewrites
    from logferry.daemon.confgen import generate

    sources, destinations = source_kinds(), destination_kinds()
    return Registry(
        globals=GlobalOptions,
        sources=_OnDemand(list(sources), lambda name: sources[name].options),
        destinations=_OnDemand(
            list(destinations), lambda name: destinations[name].options
        ),
        parsers=parsers(),
        rewrites=rewrites(),
        filters=filters(),
        generate=generate,
        check_filterx=check_filterx,
    )
