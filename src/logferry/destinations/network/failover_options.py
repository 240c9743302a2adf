"""
Options of client-side failover: ``failover( … )`` and ``backoff( … )``.

``servers()`` and ``failback()`` with its first two options are the documents' own. The
rest goes further, and its defaults keep the meaning of old configurations.
"""

from __future__ import annotations

from typing import cast

from logferry.config.kinds import (
    Block,
    Enum,
    Integer,
    Port,
    Real,
    Seconds,
    TextKind,
    Words,
    YesNo,
)
from logferry.config.schema import Option, Options, Scope
from logferry.runtime.name_service import split_server
from logferry.runtime.tls_options import TlsOptions

__all__ = [
    "BackoffOptions",
    "FailbackOptions",
    "FailoverOptions",
    "ServerOptions",
    "SpareOptions",
]


class BackoffOptions(Options):
    """Trying the next server at once, and waiting only when all have failed."""

    title = "backoff"

    initial = Option(
        Seconds(minimum=0.001),
        0.5,
        doc="The wait after the first round through the list that was in vain.",
        unit="s",
    )
    max = Option(Seconds(minimum=0.001), 60.0, doc="No wait is longer.", unit="s")
    multiplier = Option(
        Real(minimum=1), 2.0, doc="Each wait is so many times the one before."
    )
    jitter = Option(
        Real(minimum=0, maximum=1),
        0.5,
        doc="The share of each wait that is left to chance, so that many senders do "
        "not come back in the same moment.",
    )

    def check(self, scope: Scope) -> None:
        """Report waits that contradict each other."""
        if self.max < self.initial:
            scope.diagnostics.error(
                f"backoff(max({self.max:g})) is less than initial({self.initial:g})",
                self.given.get("max", self.span),
                "give a max() of at least initial()",
            )


class FailbackOptions(Options):
    """How a better server is given its place back."""

    title = "failback"

    tcp_probe_interval = Option(
        Seconds(minimum=0.001),
        60.0,
        doc="Time from the start of one probe of the primary to the next.",
        unit="s",
        may_be_empty=True,
    )
    successful_probes_required = Option(
        Integer(minimum=1),
        3,
        doc="Successful probes in a row after which the primary is used again.",
        may_be_empty=True,
    )
    to = Option(
        Enum(("primary", "best")),
        "primary",
        doc="Whom to return to: only the primary, or any server that stands before "
        "the current one.",
    )
    probe = Option[str | None](
        Enum(("tcp", "tls")),
        None,
        doc="What a probe is on TLS: a TCP connection, with the handshake only in the "
        "last one, or always the whole handshake with the check of the certificate "
        "(the default).",
    )
    jitter = Option(
        Real(minimum=0, maximum=1),
        0.0,
        doc="The share of each probe interval that is left to chance.",
    )
    hold_time = Option(
        Seconds(),
        0.0,
        doc="How long probes must have been successful before the return; doubled by "
        "each relapse.",
        unit="s",
    )
    hold_time_max = Option(
        Seconds(),
        3600.0,
        doc="Relapses make hold-time() no longer than this.",
        unit="s",
    )

    def check(self, scope: Scope) -> None:
        """Report times that contradict each other."""
        if self.hold_time_max < self.hold_time:
            scope.diagnostics.error(
                f"hold-time-max({self.hold_time_max:g}) is less than "
                f"hold-time({self.hold_time:g})",
                self.given.get("hold_time_max", self.given["hold_time"]),
                "give a hold-time-max() of at least hold-time()",
            )


class ServerOptions(Options):
    """One server of the list, with what is different about it."""

    title = "server"

    host = Option(
        TextKind("an address or a name"),
        "",
        doc="Where it is. The primary's own address says what is special about it.",
        positional=True,
        required=True,
    )
    port = Option[int | str](
        Port(), -1, doc="Its port; the driver's own by default.", aliases=("destport",)
    )
    transport = Option[str | None](
        Enum(("tcp", "tls")), None, doc="Its transport; the driver's own by default."
    )
    tls = Option(
        Block(TlsOptions), None, doc="Its tls() block; the driver's own by default."
    )
    tier = Option(
        Integer(minimum=1),
        1,
        doc="Servers of a higher tier are used when all of the lower ones are gone.",
    )
    weight = Option(Integer(minimum=1), 1, doc="Its share with strategy(weighted).")
    persist = Option(
        TextKind("a name"),
        "",
        doc="The name by which it is shown, drained, counted and remembered; its host "
        "(and port, where needed) by default.",
    )


class FailoverOptions(Options):
    """Servers to go to when the primary is away."""

    title = "failover"

    servers = Option(
        Words("a list of addresses or names"),
        (),
        doc="Failover servers in the order of their use; they share the port and "
        "all options of the primary. 'srv:_syslog._tcp.example.com' stands for the "
        "servers of a service record, 'dns:logs.example.com' for every address of a "
        "name; both are looked up again when their time to live is over.",
    )
    server = Option[tuple[ServerOptions, ...]](
        Block(ServerOptions, is_many=True),
        (),
        doc="One server with a port, transport, tls(), tier() or weight() of its own; "
        "after those of servers().",
        repeatable=True,
    )
    failback = Option(
        Block(FailbackOptions),
        None,
        doc="Go back to the primary when its probes succeed; absent means no return.",
    )
    strategy = Option(
        Enum(("round-robin", "ordered", "random", "weighted")),
        "round-robin",
        doc="Which server comes next: the one after the current, the first that was "
        "not tried yet, or a random one.",
    )
    remember = Option(
        YesNo(),
        default=False,
        doc="Begin with the server that was used last after a restart or reload, not "
        "with the primary.",
    )
    name_servers = Option(
        Words("a list of addresses, with or without port"),
        (),
        doc="Ask these DNS servers for srv: and dns: names, such as '127.0.0.1:8600'; "
        "the system's own by default.",
    )

    def check(self, scope: Scope) -> None:
        """Report a list without servers, and options that change nothing."""
        self._check_list(scope)
        for name in self.name_servers:
            try:
                split_server(name)
            except ValueError:
                scope.diagnostics.error(
                    f"name-servers('{name}') is no address",
                    self.given["name_servers"],
                    "write a numeric address, or address:port",
                )
        self._check_strategy(scope)

    def _check_list(self, scope: Scope) -> None:
        if not self.servers and not self.server:
            scope.diagnostics.error(
                "servers() is missing in failover",
                self.span,
                "expected a list of addresses or names, or server() blocks",
            )

    def _check_strategy(self, scope: Scope) -> None:
        if self.strategy != "weighted":
            for server in self.server:
                if "weight" in server.given:
                    scope.diagnostics.warning(
                        "weight() has no effect without strategy(weighted)",
                        server.given["weight"],
                        "add strategy(weighted) to failover()",
                        rule="no-effect",
                    )
        is_by_chance = self.strategy in {"random", "weighted"}
        failback = cast("FailbackOptions | None", self.failback)
        has_tiers = len({1, *(server.tier for server in self.server)}) > 1
        is_srv = any(name.startswith("srv:") for name in self.servers)
        if is_by_chance and failback is not None and not has_tiers and not is_srv:
            scope.diagnostics.warning(
                f"failback() has no effect: with strategy({self.strategy}) servers of "
                "a tier are as good as each other, and all are in tier 1",
                self.given["failback"],
                "give the servers of last resort a tier(2)",
                rule="no-effect",
            )


class SpareOptions(FailoverOptions):
    """``failover( … )`` of a load balancer: servers for when every target is gone."""

    title = "failover"

    mode = Option(
        Enum(("yes", "no", "off")),
        "yes",
        doc="Understood for compatibility; a target's messages always go to the others "
        "when it is away, because all of them share one queue.",
        positional=True,
    )

    def _check_list(self, scope: Scope) -> None:
        if self.mode != "yes":
            scope.diagnostics.warning(
                f"failover({self.mode}) has no effect: the targets share one queue, "
                "nothing waits for one that is away",
                self.given["mode"],
                rule="no-effect",
            )
        for name in ("failback", "strategy", "remember"):
            if name in self.given:
                scope.diagnostics.warning(
                    f"{name}() has no effect in a load balancer: every target that is "
                    "connected is used",
                    self.given[name],
                    rule="no-effect",
                )

    def _check_strategy(self, scope: Scope) -> None:
        """Weights count without a strategy here."""
