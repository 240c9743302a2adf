"""Traps of sources: messages that are lost before we have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.config.lint.rule import Finding, Rule, option, routes, sources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logferry.config.nodes import Configuration, Spec

__all__ = ["RULES"]

_NETWORK = frozenset({"network", "syslog", "tcp", "tcp6", "udp", "udp6"})
_REMOTE = frozenset({*_NETWORK, "http"})


def _transport(spec: Spec) -> str:
    if spec.kind.startswith(("tcp", "udp")):
        return spec.kind[:3]
    return str(option(spec.options, "transport", ""))


def _few_connections(configuration: Configuration) -> Iterator[Finding]:
    for spec in sources(configuration).values():
        is_stream = spec.kind in _NETWORK and not _transport(spec).endswith("udp")
        if is_stream and "max_connections" not in spec.options.given:
            yield Finding(
                f"{spec.kind}() takes 10 connections at a time and closes the others",
                spec.span,
                "say with max-connections() how many senders there are",
            )


def _small_receive_buffer(configuration: Configuration) -> Iterator[Finding]:
    for spec in sources(configuration).values():
        is_datagram = spec.kind in _NETWORK and _transport(spec).endswith("udp")
        if is_datagram and "so_rcvbuf" not in spec.options.given:
            yield Finding(
                "bursts of UDP messages are lost when the kernel's small receive "
                "buffer is full",
                spec.span,
                "add so-rcvbuf(16MiB), and raise net.core.rmem_max to it",
            )


def _same_address(configuration: Configuration) -> Iterator[Finding]:
    seen: dict[tuple[object, ...], Spec] = {}
    for spec in sources(configuration).values():
        port = option(spec.options, "port", 0)
        if spec.kind not in _NETWORK or port in {0, -1}:
            continue
        protocol = "udp" if _transport(spec).endswith("udp") else "tcp"
        version = (
            "6" if spec.kind.endswith("6") else option(spec.options, "ip_protocol")
        )
        key = (protocol, version, option(spec.options, "localip", ""), port)
        if key in seen and not option(spec.options, "so_reuseport"):
            yield Finding(
                f"{protocol} port {port} is also that of the source at "
                f"{seen[key].span}",
                spec.span,
                "use one source in several log paths, or give each its own port",
            )
        seen.setdefault(key, spec)


def _lost_host_names(configuration: Configuration) -> Iterator[Finding]:
    seen: set[str] = set()
    for route in routes(configuration):
        if route.destination.kind not in _REMOTE:
            continue
        for spec in route.sources:
            if spec.kind not in _NETWORK or spec.id in seen:
                continue
            seen.add(spec.id)
            is_kept = option(spec.options, "keep_hostname") or option(
                spec.options, "chain_hostnames"
            )
            flags = option(spec.options, "flags", frozenset())
            if is_kept or "no-parse" in flags:  # type: ignore[operator] # a set of words
                continue
            yield Finding(
                "messages are handed on with the name of the machine that sent them,"
                " not the one in them",
                spec.span,
                "add keep-hostname(yes) where relays send to",
            )


RULES = (
    Rule("max-connections", "Stream sources with ten connections.", _few_connections),
    Rule(
        "udp-receive-buffer", "UDP sources without so-rcvbuf().", _small_receive_buffer
    ),
    Rule("port-clash", "Two sources on one port.", _same_address),
    Rule("keep-hostname", "Relays that replace host names.", _lost_host_names),
)
