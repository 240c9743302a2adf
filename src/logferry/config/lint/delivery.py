"""Traps of destinations: messages that are lost or late when a server is away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from logferry.config.lint.rule import Finding, Rule, destinations, option, routes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logferry.config.nodes import Configuration, Span, Spec

__all__ = ["RULES"]

_SLOW_REOPEN_S = 60.0
_MANY_SERVERS = 3


def _uncontrolled_buffer(configuration: Configuration) -> Iterator[Finding]:
    seen: set[str] = set()
    for route in routes(configuration):
        spec = route.destination
        buffer = option(spec.options, "disk_buffer")
        if buffer is None or route.is_flow_controlled or spec.id in seen:
            continue
        seen.add(spec.id)
        yield Finding(
            "a full disk-buffer() drops messages: the log path at "
            f"{route.path.span} has no flow control",
            _given(spec, "disk_buffer"),
            "add flags(flow-control) to the log path: sources wait then",
        )


def _small_buffer(configuration: Configuration) -> Iterator[Finding]:
    for spec in destinations(configuration).values():
        buffer: Any = option(spec.options, "disk_buffer")
        if buffer is not None and "capacity_bytes" not in buffer.given:
            yield Finding(
                "a disk-buffer() without capacity-bytes() holds 1 MiB",
                _given(spec, "disk_buffer"),
                "give it what an outage needs, such as capacity-bytes(1GiB)",
            )


def _unreliable_buffer(configuration: Configuration) -> Iterator[Finding]:
    for spec in destinations(configuration).values():
        buffer: Any = option(spec.options, "disk_buffer")
        if buffer is not None and "reliable" not in buffer.given:
            yield Finding(
                "a crash loses what a disk-buffer() holds in memory",
                _given(spec, "disk_buffer"),
                "add reliable(yes), or reliable(no) if speed matters more",
            )


def _buffer_over_udp(configuration: Configuration) -> Iterator[Finding]:
    for spec in destinations(configuration).values():
        is_udp = spec.kind.startswith("udp") or (
            option(spec.options, "transport", "") == "udp"
        )
        if is_udp and option(spec.options, "disk_buffer") is not None:
            yield Finding(
                "a disk-buffer() does not help over UDP, which never says that a "
                "message was lost",
                _given(spec, "disk_buffer"),
                "use transport(tcp) or transport(tls)",
            )


def _urls(spec: Spec) -> int:
    urls: Any = option(spec.options, "url", ())
    targets: Any = option(spec.options, "target", ()) or ()
    return len(urls) + len(targets)


def _idle_urls(configuration: Configuration) -> Iterator[Finding]:
    for spec in destinations(configuration).values():
        workers = option(spec.options, "workers")
        most = getattr(workers, "most", getattr(workers, "maximum", workers))
        if spec.kind == "http" and isinstance(most, int) and most < _urls(spec):
            yield Finding(
                f"{most} worker{'s' * (most > 1)} cannot keep {_urls(spec)} URLs busy",
                _given(spec, "workers", "url"),
                f"add workers({_urls(spec)}) or more",
            )


def _patient_requests(configuration: Configuration) -> Iterator[Finding]:
    for spec in destinations(configuration).values():
        if spec.kind != "http" or "timeout" in spec.options.given:
            continue
        urls: Any = option(spec.options, "url", ())
        targets: Any = option(spec.options, "target", ())
        if len(urls) + len(targets) < 2:  # several have a timeout by default
            yield Finding(
                "http() without timeout() waits for ever for a server that hangs",
                spec.span,
                "add timeout(10)",
            )


def _templated_urls(configuration: Configuration) -> Iterator[Finding]:
    for spec in destinations(configuration).values():
        urls: Any = option(spec.options, "url", ())
        is_templated = any("$" in getattr(url, "text", str(url)) for url in urls)
        if (
            spec.kind == "http"
            and is_templated
            and "worker_partition_key" not in spec.options.given
        ):
            yield Finding(
                "messages for different URLs share a batch, which goes to the URL of "
                "its first message",
                _given(spec, "url"),
                'add worker-partition-key("…") with the macros of the URL',
            )


def _same_server_twice(configuration: Configuration) -> Iterator[Finding]:
    for spec in destinations(configuration).values():
        failover: Any = option(spec.options, "failover")
        if failover is None:
            continue
        seen = {str(option(spec.options, "host", ""))}
        for server in option(failover, "servers", ()):  # type: ignore[attr-defined] # a tuple
            if str(server) in seen:
                yield Finding(
                    f"'{server}' is in the list twice: when it is away, it is tried "
                    "again at once",
                    _given(spec, "failover"),
                    "name every server once",
                )
            seen.add(str(server))


def _slow_reopen(configuration: Configuration) -> Iterator[Finding]:
    for spec in destinations(configuration).values():
        failover: Any = option(spec.options, "failover")
        wait: Any = option(spec.options, "time_reopen", 0)
        count = 1 + len(option(failover, "servers", ()) or ())  # type: ignore[arg-type] # a tuple
        if option(spec.options, "backoff") is not None or failover is None:
            continue
        if count >= _MANY_SERVERS and wait >= _SLOW_REOPEN_S:
            yield Finding(
                f"with {count} servers and time-reopen({wait:g}) it takes up to "
                f"{count * wait:g} s to find the one that works",
                _given(spec, "time_reopen", "failover"),
                "add backoff(): then the next server is tried at once",
            )


def _no_way_back(configuration: Configuration) -> Iterator[Finding]:
    for spec in destinations(configuration).values():
        failover: Any = option(spec.options, "failover")
        is_group = spec.kind == "network-load-balancer"  # uses whoever is there
        if failover is None or is_group:
            continue
        if option(failover, "failback") is None:
            yield Finding(
                "without failback() messages stay with a failover server until it "
                "fails, too",
                _given(spec, "failover"),
                "add failback() to return to the primary server",
            )


def _unnoticed_death(configuration: Configuration) -> Iterator[Finding]:
    for spec in destinations(configuration).values():
        failover: Any = option(spec.options, "failover")
        timeout: Any = option(spec.options, "delivery_timeout", 1)
        if failover is not None and not timeout:
            yield Finding(
                "a server that freezes, or whose packets are dropped, is left only "
                "when the kernel gives up, after some 15 minutes",
                _given(spec, "failover"),
                "add delivery-timeout(10)",
            )


def _unverified_peer(configuration: Configuration) -> Iterator[Finding]:
    for spec in destinations(configuration).values():
        for holder in (option(spec.options, "tls"), spec.options):
            given: Any = option(holder, "given", {})  # type: ignore[arg-type] # options
            value = str(option(holder, "peer_verify", ""))  # type: ignore[arg-type] # options
            if "peer_verify" in given and ("untrusted" in value or value == "False"):
                yield Finding(
                    "peer-verify(no) encrypts for whoever answers",
                    given["peer_verify"],
                    "name the CA with ca-file(), or the key with trusted-keys()",
                )


def _given(spec: Spec, *names: str) -> Span:
    """Return the place of the first of these options that was given."""
    for name in names:
        if name in spec.options.given:
            return spec.options.given[name]
    return spec.span


RULES = (
    Rule("flow-control", "disk-buffer() without flow control.", _uncontrolled_buffer),
    Rule("disk-buffer-capacity", "disk-buffer() of 1 MiB.", _small_buffer),
    Rule(
        "disk-buffer-reliable",
        "disk-buffer() that a crash empties.",
        _unreliable_buffer,
    ),
    Rule("disk-buffer-udp", "disk-buffer() in front of UDP.", _buffer_over_udp),
    Rule("workers", "Fewer workers than URLs.", _idle_urls),
    Rule("http-timeout", "http() without timeout().", _patient_requests),
    Rule("templated-url", "Macros in url(), no partition key.", _templated_urls),
    Rule("failover-twice", "A server that is its own failover.", _same_server_twice),
    Rule("slow-reopen", "Many servers and a long time-reopen().", _slow_reopen),
    Rule("failback", "failover() without failback().", _no_way_back),
    Rule(
        "delivery-timeout", "failover() without delivery-timeout().", _unnoticed_death
    ),
    Rule("peer-verify", "TLS that trusts everybody.", _unverified_peer),
)
