"""The network destinations by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from logferry.config.nodes import NOWHERE, TemplateText
from logferry.destinations.base import Destination, DestinationKind
from logferry.destinations.network.balanced import BalancedDestination
from logferry.destinations.network.datagrams import DatagramDestination
from logferry.destinations.network.destination import StreamDestination
from logferry.destinations.network.options import (
    BalancerDestinationOptions,
    InetDestinationOptions,
    NetworkDestinationOptions,
    SyslogDestinationOptions,
    TcpDestinationOptions,
    UdpDestinationOptions,
)
from logferry.destinations.network.setup import Setup, protocol_of
from logferry.destinations.options import rendering_of

if TYPE_CHECKING:
    from logferry.codegen.rendering import Rendering
    from logferry.config.nodes import Spec
    from logferry.config.schema import Options
    from logferry.queues.queue import Queue
    from logferry.runtime.environment import Environment

__all__ = ["KINDS"]

_SENDER = TemplateText("$PEERIP:$SOURCEPORT", NOWHERE)
"""What records are kept apart by when they are sent as their senders."""


def _rendering(spec: Spec, globals_: Options) -> Rendering:
    options = cast("InetDestinationOptions", spec.options)
    is_syslog = spec.kind == "syslog"
    return rendering_of(
        options,
        "rfc5424" if is_syslog else "rfc3164",
        octet_count=is_syslog and protocol_of(spec) != "udp",
        key=_SENDER if options.spoofs else None,
        default=getattr(globals_, "proto_template", None),
    )


def _queue_name(spec: Spec) -> str:
    return Setup(spec).queue_name


def _create(spec: Spec, environment: Environment, queue: Queue) -> Destination:
    if spec.kind == "network-load-balancer":
        return BalancedDestination(spec, environment, queue)
    if protocol_of(spec) == "udp":
        return DatagramDestination(spec, environment, queue)
    return StreamDestination(spec, environment, queue)


KINDS = {
    name: DestinationKind(options, _rendering, _queue_name, _create)
    for name, options in {
        "network": NetworkDestinationOptions,
        "network-load-balancer": BalancerDestinationOptions,
        "syslog": SyslogDestinationOptions,
        "tcp": TcpDestinationOptions,
        "tcp6": TcpDestinationOptions,
        "udp": UdpDestinationOptions,
        "udp6": UdpDestinationOptions,
    }.items()
}
