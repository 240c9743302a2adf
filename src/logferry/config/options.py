"""The global options: ``options { … };`` (reference: global options)."""

from __future__ import annotations

from logferry.config.kinds import (
    Block,
    Bytes,
    Enum,
    Integer,
    Permissions,
    Real,
    Seconds,
    Template,
    TextKind,
    UseDns,
    YesNo,
)
from logferry.config.schema import Option, Options

__all__ = ["DeadLetterOptions", "GlobalOptions", "StatsOptions"]

_ONE_LOOP = "logferry runs one event loop; use --processes for more cores"
_TEXT = TextKind()
_NAME = TextKind("a name or number", is_optional=True)


class StatsOptions(Options):
    """``stats( … )``."""

    title = "stats"

    level = Option(Integer(minimum=0, maximum=4), 0, doc="Which counters are shown.")
    freq = Option(Seconds(), 0.0, doc="Time between statistics messages; 0: none.")
    lifetime = Option(
        Integer(minimum=1), 600, doc="How long unused dynamic counters are kept."
    )
    max_dynamics = Option(
        Integer(minimum=0), -1, doc="How many dynamic counters there may be."
    )
    syslog_stats = Option(
        Enum(("yes", "no", "auto")), "auto", doc="Counters by host and program."
    )
    healthcheck_freq = Option(
        Seconds(), 0.0, doc="Time between health measurements; 0: none.", unit="s"
    )


class DeadLetterOptions(Options):
    """``dead-letters( … )``: how much is kept of what no server takes."""

    title = "dead-letters"

    capacity_bytes = Option(
        Bytes(minimum=0),
        100 * 1024 * 1024,
        doc="The oldest letters are dropped beyond this.",
        unit="bytes",
    )
    max_age = Option(
        Seconds(),
        30 * 86_400.0,
        doc="Letters that were last tried longer ago are dropped.",
        unit="s",
    )


class MetricsPageOptions(Options):
    """``metrics-page( … )``: the counters over HTTP, for Prometheus."""

    title = "metrics-page"

    ip = Option(TextKind("an address"), "127.0.0.1", doc="The address it listens on.")
    port = Option(
        Integer(minimum=0, maximum=65_535), 9577, doc="The port; 0 takes a free one."
    )


class BufferStatsOptions(Options):
    """``disk-buffer(stats( … ))``."""

    title = "stats"

    freq = Option(
        Seconds(),
        300.0,
        doc="Time between looks at the sizes of abandoned files.",
        unit="s",
        no_effect="sizes are measured when somebody asks for them",
    )


class GlobalDiskBufferOptions(Options):
    """``disk-buffer( … )`` among the global options."""

    title = "disk-buffer"

    truncate_size_ratio = Option(
        Real(0.0, 1.0),
        1.0,
        doc="The default of every disk buffer.",
    )
    prealloc = Option(
        YesNo(),
        default=False,
        doc="The default of every disk buffer.",
        no_effect="the file grows in large steps and free room in it is used again",
    )
    stats = Option(Block(BufferStatsOptions), None, doc="Sizes of abandoned files.")


class GlobalOptions(Options):
    """What all drivers take as default."""

    title = "options"

    bad_hostname = Option(
        TextKind("a regular expression"), "", doc="Words that are no host names."
    )
    chain_hostnames = Option(
        YesNo(),
        default=False,
        doc="Keep the names of all relays in the host field.",
        aliases=("long-hostnames",),
    )
    check_hostname = Option(YesNo(), default=False, doc="Refuse odd host names.")
    check_program = Option(YesNo(), default=False, doc="Refuse odd program names.")
    create_dirs = Option(YesNo(), default=False, doc="Make missing folders.")
    custom_domain = Option(_TEXT, "", doc="Domain put after short host names.")
    dead_letters = Option(
        Block(DeadLetterOptions),
        None,
        doc="How much is kept of what no server takes.",
    )
    dir_group = Option(_NAME, "", doc="Group of new folders.")
    dir_owner = Option(_NAME, "", doc="Owner of new folders.")
    dir_perm = Option(Permissions(), 0o700, doc="Mode of new folders.")
    dns_cache = Option(YesNo(), default=True, doc="Remember the names of senders.")
    dns_cache_expire = Option(
        Integer(minimum=1), 3600, doc="How long a name is remembered.", unit="s"
    )
    dns_cache_expire_failed = Option(
        Integer(minimum=1), 60, doc="How long a failed look-up is.", unit="s"
    )
    dns_cache_hosts = Option(
        TextKind("a path"), "", doc="A file in the form of /etc/hosts to look in first."
    )
    dns_cache_size = Option(
        Integer(minimum=1), 1007, doc="How many names are remembered."
    )
    file_template = Option(
        Template(), None, doc="Template of file destinations that have none."
    )
    disk_buffer = Option(
        Block(GlobalDiskBufferOptions),
        None,
        doc="Of all disk buffers.",
    )
    filterx_jit = Option(
        YesNo(),
        default=False,
        doc="Compile FilterX.",
        no_effect="blocks are always compiled",
    )
    filterx_jit_debug_info = Option(
        _TEXT,
        "",
        doc="How FilterX is compiled.",
        no_effect="blocks are always compiled",
    )
    jvm_options = Option(
        _TEXT, "", doc="Options of the Java machine.", no_effect="no Java here"
    )
    flush_lines = Option(
        Integer(minimum=0), 100, doc="How many records one write may join."
    )
    flush_timeout = Option(
        Integer(minimum=0), 0, doc="Old.", no_effect="writes never wait"
    )
    frac_digits = Option(
        Integer(minimum=0), 0, doc="Digits of the fraction of a second."
    )
    group = Option(_NAME, "", doc="Group of new files.")
    keep_hostname = Option(
        YesNo(), default=False, doc="Trust the host name inside the message."
    )
    keep_timestamp = Option(
        YesNo(), default=True, doc="Use the time inside the message."
    )
    local_time_zone = Option(
        TextKind("a time zone"), "", doc="The zone of macros in file names."
    )
    log_fetch_limit = Option(
        Integer(minimum=1), 10, doc="Old.", no_effect="it is an option of sources now"
    )
    log_fifo_size = Option(
        Integer(minimum=1),
        10_000,
        doc="How many messages a memory queue holds.",
        unit="messages",
    )
    log_fifo_bytes = Option(
        Bytes(minimum=0),
        0,
        doc="How many bytes of messages a memory queue holds; 0 is 1 GiB, or 1 KiB for"
        " each message of log-fifo-size() when that is more.",
        unit="bytes",
    )
    log_flow_control = Option(
        YesNo(), default=False, doc="flags(flow-control) for every log path."
    )
    log_iw_size = Option(
        Integer(minimum=1), 100, doc="Old.", no_effect="it is an option of sources now"
    )
    log_level = Option(
        Enum(("default", "verbose", "debug", "trace")),
        "default",
        doc="How much the program says of itself.",
    )
    log_msg_size = Option(
        Integer(minimum=1), 65_536, doc="The longest message.", unit="bytes"
    )
    mark_freq = Option(
        Integer(minimum=0), 1200, doc="Time between MARKs.", aliases=("mark",), unit="s"
    )
    mark_mode = Option(
        Enum(("internal", "dst-idle", "host-idle", "periodical", "none")),
        "host-idle",
        doc="When MARK messages are written.",
    )
    metrics_page = Option(
        Block(MetricsPageOptions),
        None,
        doc="Serve the counters to Prometheus at /metrics.",
    )
    min_iw_size_per_reader = Option(
        Integer(minimum=1), 100, doc="The least window of a connection."
    )
    normalize_hostnames = Option(
        YesNo(), default=False, doc="Write host names in lower case."
    )
    on_error = Option(
        Enum(
            (
                "drop-message",
                "drop-property",
                "fallback-to-string",
                "silently-drop-message",
                "silently-drop-property",
                "silently-fallback-to-string",
            )
        ),
        "drop-message",
        doc="What happens when a value cannot be converted to its type.",
    )
    owner = Option(_NAME, "", doc="Owner of new files.")
    pass_unix_credentials = Option(
        YesNo(), default=True, doc="Take PID and user of local senders."
    )
    perm = Option(Permissions(), 0o600, doc="Mode of new files.")
    proto_template = Option(
        Template(), None, doc="Template of network destinations that have none."
    )
    recv_time_zone = Option(
        TextKind("a time zone"), "", doc="The zone of stamps that name none."
    )
    send_time_zone = Option(
        TextKind("a time zone"),
        "",
        doc="Convert stamps to this zone.",
        aliases=("time-zone",),
    )
    workers = Option(
        Integer(minimum=1, maximum=64),
        1,
        doc="Worker processes that share the listening ports.",
    )
    shutdown_grace = Option(
        Seconds(),
        5.0,
        doc="How long a stop goes on delivering what waits, before it saves the rest.",
        unit="s",
    )
    stats = Option(Block(StatsOptions), None, doc="Counters: which and how often.")
    stats_freq = Option(Seconds(), 0.0, doc="Old form of stats(freq()).")
    stats_level = Option(Integer(minimum=0), 0, doc="Old form of stats(level()).")
    stats_lifetime = Option(Integer(minimum=1), 600, doc="Old stats(lifetime()).")
    stats_max_dynamics = Option(
        Integer(minimum=0), -1, doc="Old form of stats(max-dynamics())."
    )
    suppress = Option(
        Seconds(), 0.0, doc="Hold back repeated messages for so long.", unit="s"
    )
    sync = Option(
        Integer(minimum=0),
        0,
        doc="Old.",
        no_effect="writes never wait",
        aliases=("sync-freq",),
    )
    template_escape = Option(
        YesNo(), default=False, doc="Escape quotes in macro values."
    )
    threaded = Option(YesNo(), default=True, doc="Threads.", no_effect=_ONE_LOOP)
    time_reap = Option(
        Integer(minimum=0), 60, doc="Close files unused for so long.", unit="s"
    )
    time_reopen = Option(
        Seconds(minimum=0.001),
        60.0,
        doc="How long to wait before a failed destination is tried again.",
        unit="s",
    )
    time_sleep = Option(
        Integer(minimum=0), 0, doc="Old.", no_effect="reads take what is there"
    )
    trim_large_messages = Option(
        YesNo(), default=False, doc="Cut frames that are too long."
    )
    ts_format = Option(
        Enum(
            ("bsd", "iso", "full", "unix"),
            (("rfc3164", "bsd"), ("rfc3339", "iso"), ("utc", "unix")),
        ),
        "bsd",
        doc="The form of time stamps.",
    )
    use_dns = Option(UseDns(), "yes", doc="Look up names of senders.")
    use_fqdn = Option(YesNo(), default=False, doc="Keep the domain of host names.")
    use_uniqid = Option(
        YesNo(), default=False, doc="Give every message an id.", aliases=("use-rcptid",)
    )
    use_time_recvd = Option(
        YesNo(), default=False, doc="Old.", no_effect="use $R_ macros instead"
    )
