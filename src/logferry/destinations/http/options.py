"""
Options of the ``http()`` destination.

Names and meanings are the reference's; ``target()``, ``balance()``, ``health-check()``,
``on-reject()``, ``ordered()`` and what belongs to them are our own, with defaults that
keep old configurations what they were.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import cast

from logferry.codegen.template_text import TemplateError
from logferry.config.ciphers import CipherSuite
from logferry.config.kinds import (
    Block,
    Bytes,
    Enum,
    Flags,
    Integer,
    Milliseconds,
    Seconds,
    Template,
    TextKind,
    Words,
    YesNo,
)
from logferry.config.nodes import NOWHERE, TemplateText
from logferry.config.schema import FromGlobal, Option, Options, Scope
from logferry.destinations.http.auth_options import (
    AzureHeaderOptions,
    CloudAuthOptions,
    PythonHeaderOptions,
)
from logferry.destinations.http.url import UrlTemplate, ValueTemplate
from logferry.destinations.http.values import (
    PeerVerify,
    Percent,
    Repeated,
    ResponseActions,
    StatusCodes,
    Urls,
    WorkerCount,
    Workers,
)
from logferry.destinations.options import DestinationOptions, TemplateOptions
from logferry.limits import LEASE_BYTES_MAX

__all__ = [
    "BackoffOptions",
    "HealthCheckOptions",
    "HttpDestinationOptions",
    "HttpTlsOptions",
    "TargetOptions",
]

_PATH = TextKind("a path")
_URL_DEFAULT = "http://localhost/"
LINES_UNLIMITED = 1 << 20
LOT_COUNT_MAX = 64
"""Messages that travel alone and are taken from the queue together."""

TIMEOUT_WITH_FAILOVER_S = 60.0

SOCKS_SCHEMES = frozenset({"socks4", "socks4a", "socks5", "socks5h"})


class HttpTlsOptions(Options):
    """Keys, certificates and what is demanded of the server; in ``tls()`` or bare."""

    title = "tls"

    ca_dir = Option(
        _PATH, "", doc="Trusted CAs: a directory with OpenSSL hashes.", is_read=True
    )
    ca_file = Option(_PATH, "", doc="Trusted CAs: a PEM bundle.", is_read=True)
    cert_file = Option(
        _PATH, "", doc="Our certificate and its chain, PEM.", is_read=True
    )
    key_file = Option(
        _PATH, "", doc="Our private key, PEM, without a passphrase.", is_read=True
    )
    cipher_suite = Option(
        CipherSuite(), "", doc="Ciphers to offer, in OpenSSL's notation."
    )
    ssl_version = Option(
        Enum(
            ("default", "tlsv1_0", "tlsv1_1", "tlsv1_2", "tlsv1_3", "sslv2", "sslv3"),
            (("tlsv1", "tlsv1_0"),),
        ),
        "default",
        doc="The oldest protocol version that is spoken.",
    )
    peer_verify = Option(
        PeerVerify(), default=True, doc="Check the server's certificate and its name."
    )
    use_system_cert_store = Option(
        YesNo(),
        default=False,
        doc="Trust the CAs of the system too; without ca-file() and ca-dir() they "
        "are trusted anyway.",
    )
    ocsp_stapling_verify = Option(
        YesNo(),
        default=False,
        doc="Demand a stapled OCSP answer.",
        no_effect="Python's ssl module cannot read stapled answers",
    )

    def check(self, scope: Scope) -> None:
        """Report protocol versions that no OpenSSL speaks any more."""
        if self.ssl_version in {"sslv2", "sslv3"}:
            scope.diagnostics.error(
                f"ssl-version({self.ssl_version}) is broken and not spoken any more",
                self.given["ssl_version"],
                "write tlsv1_2 or tlsv1_3",
            )


class HealthCheckOptions(Options):
    """How targets are probed while nothing, or nothing good, is heard of them."""

    title = "health-check"

    path = Option(TextKind("a path"), "/", doc="What is asked for, with GET.")
    expect = Option(
        StatusCodes(),
        frozenset(range(200, 300)),
        doc="Status codes of a target that is well.",
    )
    interval = Option(
        Seconds(minimum=0.05), 10.0, doc="Time from one probe to the next.", unit="s"
    )
    timeout = Option(
        Seconds(minimum=0.01), 5.0, doc="A probe that takes longer failed.", unit="s"
    )
    rise = Option(
        Integer(minimum=1), 2, doc="Good probes in a row that bring a target back."
    )
    fall = Option(
        Integer(minimum=1),
        1,
        doc="Failures in a row, of probes or batches, that take a target out; "
        "fail-threshold() is the same.",
    )
    jitter = Option(
        Percent(), 0.1, doc="The share of the interval that is left to chance."
    )


class BackoffOptions(Options):
    """How the wait before a failed target is tried again grows."""

    title = "backoff"

    initial = Option(Seconds(minimum=0.001), 1.0, doc="The first wait.", unit="s")
    max = Option(
        Seconds(minimum=0.001),
        FromGlobal("time_reopen"),
        doc="No wait is longer; the default is time-reopen().",
        unit="s",
    )
    multiplier = Option(
        Integer(minimum=1), 2, doc="Each wait is so many times the one before."
    )
    jitter = Option(Percent(), 0.2, doc="The share of a wait that is left to chance.")


class TargetOptions(Options):
    """One target with a weight, a tier and settings of its own."""

    title = "target"

    url = Option(Urls("a URL"), (), doc="Its URL.", positional=True, required=True)
    weight = Option(
        Integer(minimum=1, maximum=1000), 1, doc="Its share, beside the others'."
    )
    tier = Option(
        Integer(minimum=1, maximum=100),
        1,
        doc="Targets of a higher tier are used when the lower ones are gone.",
    )
    timeout = Option(
        Seconds(), -1.0, doc="For one request; the default is the destination's."
    )
    headers = Option(
        Words("headers"), (), doc="Headers in addition to the destination's."
    )
    tls = Option(Block(HttpTlsOptions), None, doc="The default is the destination's.")

    def check(self, scope: Scope) -> None:
        """Report what is not one target."""
        if len(self.url) > 1:
            scope.diagnostics.error(
                "a target() has one URL", self.given["url"], "write one target() each"
            )
        check_headers(self, self.headers, scope)


class BatchOptions(Options):
    """Which messages travel in one request."""

    batch_lines = Option(
        Integer(minimum=0),
        0,
        doc="Messages in a request; 0 means one message for each request.",
        unit="messages",
        obsolete=("flush-lines",),
    )
    batch_bytes = Option(
        Bytes(minimum=0),
        0,
        doc="The largest body before compression, prefix and suffix included; only a "
        "single message may be larger.",
        unit="bytes",
        obsolete=("flush-bytes",),
    )
    batch_timeout = Option(
        Milliseconds(),
        0.0,
        doc="How long an incomplete batch waits for more; without it goes what is "
        "there.",
        unit="ms",
        obsolete=("flush-timeout",),
    )
    batch_idle_timeout = Option(
        Milliseconds(),
        0.0,
        doc="An incomplete batch goes when nothing was added for so long.",
        unit="ms",
    )
    workers = Option(
        Workers(),
        WorkerCount(1, 1),
        doc="Requests under way at the same time, each on a connection of its own. "
        "auto(1..16) follows the load: more while requests stay quick, fewer at "
        "429, 503 and growing latency.",
    )
    worker_partition_key = Option(
        Template(),
        None,
        doc="Messages with the same value are delivered one batch after the other.",
        aliases=("partition-key",),
    )
    partitions = Option(
        Integer(minimum=1),
        1,
        doc="Into how many groups keys are divided.",
        no_effect="a key is not bound to a worker here, any idle one takes it",
    )
    flags = Option(
        Flags(("seqnum", "no-seqnum", "seqnum-all", "no-seqnum-all")),
        frozenset(),
        doc="Which messages have a sequence number.",
        no_effect="requests carry none",
    )
    worker_partition_buckets = Option(
        Template(),
        None,
        doc="So many workers may deliver a key at the same time: a number, or a "
        "template that becomes one. The order of a key is lost by that.",
        aliases=("partition-buckets",),
    )
    worker_partition_autoscaling = Option(
        YesNo(),
        default=False,
        doc="Busy keys may be delivered by several workers at the same time, as many "
        "as their batches need. Their order is lost by that.",
    )
    worker_partition_autoscaling_wfo = Option(
        Integer(minimum=1),
        1,
        doc="With worker-partition-autoscaling(): so many workers are left for other "
        "keys by each key.",
    )
    flush_on_worker_key_change = Option(
        YesNo(), default=True, doc="Batches never mix partition keys."
    )
    ordered = Option(
        YesNo(),
        default=False,
        doc="Keep the order, also across failures: of each partition key, or of all "
        "messages when there is no worker-partition-key().",
    )


class RequestOptions(Options):
    """What a request looks like."""

    method = Option(TextKind("POST or PUT"), "POST", doc="The HTTP method.")
    headers = Option(
        Words("headers"),
        (),
        doc='Strings such as "Name: value"; values are templates, and a header whose '
        "value is empty is left out.",
    )
    user = Option(TextKind(), "", doc="User name (basic authentication).")
    password = Option(TextKind(), "", doc="Password (basic authentication).")
    user_agent = Option(TextKind(), "", doc="The default is logferry and its version.")
    body = Option(
        Template(), TemplateText("$MESSAGE", NOWHERE), doc="The form of one message."
    )
    body_prefix = Option(
        Template(), TemplateText("", NOWHERE), doc="Comes before the messages."
    )
    body_suffix = Option(TextKind(), "", doc="Comes after the messages.")
    delimiter = Option(TextKind(), "\n", doc="Comes between two messages.")
    accept_redirects = Option(
        YesNo(), default=False, doc="Follow redirects, three at most, with the body."
    )
    accept_encoding = Option(
        Enum(("identity", "gzip", "deflate", "all")),
        "all",
        doc="Compression that the server may use in its answer.",
    )
    content_compression = Option(
        Enum(("identity", "gzip", "deflate", "zstd")),
        "identity",
        doc="Compress bodies; a body that would grow is sent as it is.",
    )
    force_content_compression = Option(
        YesNo(), default=False, doc="Compress even bodies that grow by it."
    )
    timeout = Option(
        Seconds(),
        0.0,
        doc="For one request as a whole, 0 is no limit. With several targets the "
        f"default is {TIMEOUT_WITH_FAILOVER_S:g}, because nothing fails over from a "
        "server that is waited for.",
        unit="s",
    )
    connect_timeout = Option(
        Seconds(minimum=0.001),
        10.0,
        doc="For name resolution, TCP connect and TLS handshake.",
        unit="s",
    )
    connection_age = Option(
        Seconds(),
        0.0,
        doc="A kept connection is not used longer than this, so that balancers before "
        "the servers see new ones; 0 is no limit.",
        unit="s",
    )
    proxy = Option(
        TextKind("a URL"),
        "",
        doc="A proxy: http, https, socks4, socks4a, socks5 or socks5h, "
        "with host and port; without it http_proxy, https_proxy, all_proxy and "
        "no_proxy of the environment count. SOCKS needs the package aiohttp-socks.",
    )
    batch_id_header = Option(
        TextKind("a header's name"),
        "",
        doc="Send this header with an id that stays the same when the same body is "
        "sent again, so that a receiver can drop duplicates.",
    )


class FailureOptions(Options):
    """What happens when a request fails."""

    time_reopen = Option(
        Seconds(minimum=0.001),
        FromGlobal("time_reopen"),
        doc="The recovery timeout: after it a failed target is tried again.",
        unit="s",
    )
    retries = Option(
        Integer(minimum=1),
        3,
        doc="How often a batch is tried that gets an answer of the bounded kind "
        "(504, 428, 304).",
    )
    response_action = Option[dict[int, str]](
        ResponseActions(),
        {},
        doc="What a status code means: success, drop, retry (bounded) or disconnect "
        "(for ever).",
    )
    on_reject = Option(
        Enum(("split", "drop", "retry", "dead-letter")),
        "split",
        doc="What becomes of a batch that two targets reject with a status of "
        "reject-status(): split it until the guilty message stands alone, which then "
        "becomes a dead letter; or drop, retry or dead-letter it whole.",
    )
    reject_status = Option(
        StatusCodes(),
        frozenset({400, 413, 422, 431}),
        doc="Status codes that blame the request, not the server.",
    )
    balance = Option(
        Enum(("workers", "round-robin", "least-loaded", "weighted", "sticky")),
        "workers",
        doc="How load is spread over the targets.",
    )
    health_check = Option(
        Block(HealthCheckOptions), None, doc="Probe idle and failed targets."
    )
    fail_threshold = Option(
        Integer(minimum=1), 1, doc="Failures in a row that take a target out."
    )
    backoff = Option(
        Block(BackoffOptions),
        None,
        doc="Let the wait for a failed target grow; without it it is time-reopen().",
    )
    max_ejected = Option(
        Percent(),
        1.0,
        doc="When a larger share of the targets has failed, all are used.",
    )
    slow_start = Option(
        Seconds(),
        0.0,
        doc="For so long the share of a recovered target grows to its weight.",
        unit="s",
    )


class HttpDestinationOptions(
    DestinationOptions,
    TemplateOptions,
    HttpTlsOptions,
    BatchOptions,
    RequestOptions,
    FailureOptions,
):
    """
    ``http()``: batches to web servers.

    https://axoflow.com/docs/axosyslog-core/chapter-destinations/configuring-destinations-http-nonjava/
    """

    title = "destination http"

    url = Option[tuple[UrlTemplate, ...]](
        Urls(), (), doc="The targets; the default is http://localhost/."
    )
    target = Option[tuple[Options, ...]](
        Repeated(TargetOptions),
        (),
        doc="A target with a weight, a tier and settings of its own.",
        repeatable=True,
    )
    tls = Option(Block(HttpTlsOptions), None, doc="Keys and certificates.")
    cloud_auth = Option(
        Block(CloudAuthOptions), None, doc="Where requests get tokens from."
    )
    azure_auth_header = Option(
        Block(AzureHeaderOptions), None, doc="Sign requests to Azure Monitor."
    )
    python_http_header = Option(
        Block(PythonHeaderOptions), None, doc="A class that makes headers."
    )
    response_adapter = Option(
        Enum(("elasticsearch", "openobserve", "splunk")),
        "",
        doc="Read the answers of this kind of server, which say what became of each "
        "message: a rejected one becomes a dead letter alone, the others are not sent "
        "again.",
    )

    # -- what the options come to -------------------------------------------------

    def targets(self) -> tuple[TargetOptions, ...]:
        """Return all targets, those of ``url()`` first."""
        urls = self.url
        if not urls and not self.target:
            urls = (UrlTemplate(_URL_DEFAULT),)
        plain = tuple(TargetOptions({"url": (url,)}) for url in urls)
        return plain + cast("tuple[TargetOptions, ...]", self.target)

    def tls_options(self) -> HttpTlsOptions:
        """Return what was written in ``tls()``, else what was written bare."""
        return cast("HttpTlsOptions", self.tls) if self.tls is not None else self

    @property
    def is_batched(self) -> bool:
        """Requests carry several messages and no ``X-Syslog-*`` headers."""
        return self.batch_lines > 0 or self.batch_bytes > 0

    def count_max(self) -> int:
        """Return how many messages a worker takes at a time."""
        if not self.is_batched:
            return LOT_COUNT_MAX
        return self.batch_lines or LINES_UNLIMITED

    def bytes_max(self) -> int:
        """Return how many bytes of messages a request may carry."""
        if not self.batch_bytes:
            return LEASE_BYTES_MAX
        frame = len(self.body_prefix.text.encode()) + len(self.body_suffix.encode())
        return max(1, self.batch_bytes - frame + len(self.delimiter.encode()))

    def timeout_s(self, target: TargetOptions) -> float:
        """Return the limit of one request; 0 is none."""
        if target.timeout >= 0:
            return target.timeout
        # Counted, not made: this is asked for each of a thousand targets.
        count = len(self.url) + len(cast("tuple[TargetOptions, ...]", self.target))
        if "timeout" not in self.given and count > 1:
            return TIMEOUT_WITH_FAILOVER_S
        return self.timeout

    # -- checks -------------------------------------------------------------------

    def check(self, scope: Scope) -> None:
        """Report what cannot work together."""
        HttpTlsOptions.check(self, scope)
        check_headers(self, self.headers, scope)
        self._check_targets(scope)
        self._check_partition(scope)
        if self.method.upper() not in {"POST", "PUT"}:
            scope.diagnostics.warning(
                f"method '{self.method}' is not supported, using POST",
                self.given.get("method", self.span),
                "write POST or PUT",
                rule="http-method",
            )
        if self.proxy:
            _check_proxy(self, scope)
        if self.content_compression == "zstd":
            _check_zstd(self, scope)

    def _check_targets(self, scope: Scope) -> None:
        targets = self.targets()
        if len(targets) > 1 and not self.persist_name:
            scope.diagnostics.warning(
                "your http() driver instance uses multiple urls without "
                "persist-name(); the first URL names its queue, and that might change",
                self.span,
                "set persist-name()",
                rule="http-persist-name",
            )
        if len(targets) > self.workers.most:
            scope.diagnostics.warning(
                "your http() driver instance uses less workers than urls, not all "
                f"urls will be used; urls={len(targets)}, workers={self.workers.most}",
                self.given.get("workers", self.span),
                f"write workers({len(targets)}) or more",
                rule="workers",
            )

    def _check_partition(self, scope: Scope) -> None:
        key = self.worker_partition_key
        if key is not None:
            try:
                is_literal = ValueTemplate(key.text).is_static
            except TemplateError:
                return  # the compiler reports it with the other templates
            if is_literal:
                scope.diagnostics.error(
                    "worker-partition-key() should not be literal",
                    self.given["worker_partition_key"],
                    'write a template such as "${HOST}"',
                )
        self._check_buckets(scope)
        given = self.given.get("flush_on_worker_key_change")
        if given is not None and not self.flush_on_worker_key_change:
            scope.diagnostics.warning(
                "flush-on-worker-key-change(no) has no effect: batches never mix "
                "partition keys",
                given,
                rule="no-effect",
            )

    def _check_buckets(self, scope: Scope) -> None:
        buckets = self.given.get("worker_partition_buckets")
        scaling = self.given.get("worker_partition_autoscaling")
        if not self.worker_partition_autoscaling:
            scaling = None
        if buckets is not None and scaling is not None:
            scope.diagnostics.error(
                "worker-partition-buckets() and worker-partition-autoscaling() exclude "
                "each other",
                scaling,
            )
        span = buckets or scaling
        if span is None:
            return
        name = f"worker-partition-{'buckets' if buckets else 'autoscaling'}()"
        if self.worker_partition_key is None:
            scope.diagnostics.warning(
                f"{name} divides keys, and there is no worker-partition-key()",
                span,
                rule="no-effect",
            )
        elif self.ordered:
            scope.diagnostics.warning(
                f"{name} is void with ordered(yes): a key has one worker at a time",
                span,
                rule="no-effect",
            )


def check_headers(options: Options, headers: tuple[str, ...], scope: Scope) -> None:
    """Report headers that are none."""
    for header in headers:
        name, colon, _ = header.partition(":")
        if not colon or not name.strip() or "\n" in header or "\r" in header:
            scope.diagnostics.error(
                f"'{header}' is no header",
                options.given.get("headers", options.span),
                'write "Name: value"',
            )


def _check_proxy(options: HttpDestinationOptions, scope: Scope) -> None:
    proxy, span = options.proxy, options.given["proxy"]
    scheme = proxy.partition("://")[0] if "://" in proxy else "http"
    if scheme not in {"http", "https", *SOCKS_SCHEMES}:
        scope.diagnostics.error(
            f"proxy '{proxy}' cannot be used",
            span,
            "write http://host:port or socks5://host:port",
        )
    elif scheme in SOCKS_SCHEMES and find_spec("aiohttp_socks") is None:
        scope.diagnostics.error(
            f"proxy '{proxy}' needs the package aiohttp-socks",
            span,
            "install logferry[socks]",
        )


def _check_zstd(options: HttpDestinationOptions, scope: Scope) -> None:
    try:
        import zstandard  # noqa: F401 - an extra; only asked whether it is there
    except ImportError:
        scope.diagnostics.error(
            "content-compression(zstd) needs the package zstandard",
            options.given["content_compression"],
            "install logferry[zstd]",
        )
