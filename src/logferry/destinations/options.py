"""Options that several destinations share, and what the compiler sees of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from logferry.codegen.rendering import Rendering, TimeFormat
from logferry.config.hook_options import HookOptions
from logferry.config.kinds import (
    Block,
    Bytes,
    Enum,
    Flags,
    Integer,
    Real,
    Seconds,
    Template,
    TextKind,
    YesNo,
)
from logferry.config.schema import ByVersion, FromGlobal, Option, Options
from logferry.runtime.file_permissions import FilePermissionOptions

if TYPE_CHECKING:
    from logferry.config.nodes import TemplateText
    from logferry.config.schema import Scope

__all__ = [
    "MARK_MODES",
    "DestinationOptions",
    "DiskBufferOptions",
    "FilePermissionOptions",
    "TemplateOptions",
    "WriterOptions",
    "rendering_of",
]

CAPACITY_BYTES_MIN = 1024 * 1024
"""The least that ``capacity-bytes()`` can be (reference)."""

_TS_FORMATS = Enum(
    ("bsd", "iso", "full", "unix"),
    (("rfc3164", "bsd"), ("rfc3339", "iso"), ("utc", "unix")),
)
_NAME = TextKind("a name or number", is_optional=True)
_ON_ERROR = Enum(
    (
        "drop-message",
        "drop-property",
        "fallback-to-string",
        "silently-drop-message",
        "silently-drop-property",
        "silently-fallback-to-string",
    )
)


class DiskBufferOptions(Options):
    """``disk-buffer( … )``: where messages wait when they cannot be delivered."""

    title = "disk-buffer"

    capacity_bytes = Option(
        Bytes(minimum=0),
        CAPACITY_BYTES_MIN,
        doc="How much may wait; less than 1 MiB counts as 1 MiB.",
        unit="bytes",
        obsolete=("disk-buf-size",),
    )
    reliable = Option(
        YesNo(),
        default=False,
        doc="Accept a message when it is on disk, not when it is in memory.",
    )
    durability = Option(
        Enum(("fsync", "os")),
        "fsync",
        doc="What being on disk means under reliable(yes): written through (fsync),"
        " or handed to the operating system, which survives a crash of logferry but"
        " not of the machine (os).",
    )
    dir = Option(
        TextKind("a path"), "", doc="The folder of the file; the state directory."
    )
    front_cache_size = Option(
        Integer(minimum=0),
        1000,
        doc="How many messages are kept in memory only, under reliable(no).",
        unit="messages",
        obsolete=("qout-size",),
    )
    flow_control_window_bytes = Option(
        Bytes(minimum=0),
        10_000 * 16 * 1024,
        doc="How much may wait in memory for a disk that does not keep up.",
        unit="bytes",
        obsolete=("mem-buf-size",),
    )
    flow_control_window_size = Option(
        Integer(minimum=0),
        10_000,
        doc="Accepted for old configurations.",
        unit="messages",
        obsolete=("mem-buf-length",),
        no_effect="memory is bounded by flow-control-window-bytes()",
    )
    truncate_size_ratio = Option(
        Real(minimum=0, maximum=1),
        ByVersion(1.0, (((3, 33), 0.0), ((4, 0), 0.1))),
        doc="Cut the file of an empty queue when more than this part of it is free;"
        " 1 keeps its size for the next outage.",
    )
    prealloc = Option(
        YesNo(),
        default=False,
        doc="Accepted for old configurations.",
        no_effect="the file grows in large steps and free room in it is used again",
    )
    compaction = Option(
        YesNo(),
        default=False,
        doc="Accepted for old configurations.",
        no_effect="messages are stored as they go on the wire, without unused fields",
    )

    def check(self, scope: Scope) -> None:
        """Warn of buffers that are too small to be meant; take the global default."""
        shared: Any = getattr(scope.globals, "disk_buffer", None)
        name = "truncate_size_ratio"
        if shared is not None and name in shared.given and name not in self.given:
            self._values[name] = shared.truncate_size_ratio
        if self.capacity_bytes < CAPACITY_BYTES_MIN or (
            "capacity_bytes" not in self.given
        ):
            scope.diagnostics.warning(
                "disk-buffer() holds 1 MiB, which is its least",
                self.given.get("capacity_bytes", self.span),
                "say with capacity-bytes() how much may wait",
                rule="disk-buffer-capacity",
            )
        if self.durability == "os" and not self.reliable:
            scope.diagnostics.warning(
                "durability() has no effect without reliable(yes)",
                self.given.get("durability", self.span),
                rule="no-effect",
            )


_FLAGS_WITHOUT_EFFECT = {
    "ignore-errors": "records wait until the destination works again",
    "threaded": "logferry runs one event loop; use --processes for more cores",
}

MARK_MODES = Enum(("internal", "dst-idle", "host-idle", "periodical", "none", "global"))


class DestinationOptions(Options):
    """Options of every destination."""

    persist_name = Option(
        TextKind(),
        "",
        doc="Names the queue and state of this destination, whatever else changes.",
    )
    log_fifo_size = Option(
        Integer(minimum=1),
        FromGlobal("log_fifo_size"),
        doc="How many messages the memory queue holds.",
        unit="messages",
    )
    log_fifo_bytes = Option(
        Bytes(minimum=0),
        FromGlobal("log_fifo_bytes"),
        doc="How many bytes of messages the memory queue holds; 0 is 1 GiB, or 1 KiB"
        " for each message of log-fifo-size() when that is more.",
        unit="bytes",
    )
    disk_buffer = Option(
        Block(DiskBufferOptions),
        None,
        doc="Keep what waits on disk, over stops, crashes and long outages.",
    )
    throttle = Option(
        Integer(minimum=0),
        0,
        doc="The most messages delivered in a second; 0 is no limit.",
        unit="messages/s",
    )
    response_adapter = Option(
        TextKind("a name"),
        "",
        doc="What decides about answers.",
        no_effect="response-action() decides about answers",
    )
    hook_commands = Option(
        Block(HookOptions), None, doc="Commands beside the driver's life."
    )
    internal = Option(
        YesNo(),
        default=False,
        doc="Marks a driver whose counters are of no interest.",
        no_effect="the counters of all drivers are shown alike",
    )


class TemplateOptions(Options):
    """How macros are written."""

    ts_format = Option(
        _TS_FORMATS, FromGlobal("ts_format"), doc="The form of time stamps."
    )
    frac_digits = Option(
        Integer(minimum=0, maximum=9),
        FromGlobal("frac_digits"),
        doc="Digits of the fraction of a second; cut, not rounded.",
    )
    time_zone = Option(
        TextKind("a time zone"),
        FromGlobal("send_time_zone"),
        doc="Convert stamps to this zone; empty keeps the zone they came with.",
        aliases=("send-time-zone",),
    )
    local_time_zone = Option(
        TextKind("a time zone"),
        FromGlobal("local_time_zone"),
        doc="The zone of macros in file names.",
    )
    template_escape = Option(
        YesNo(),
        FromGlobal("template_escape"),
        doc="Escape quotes and backslashes in macro values.",
    )
    on_error = Option(
        _ON_ERROR,
        FromGlobal("on_error"),
        doc="What happens when a value cannot be converted to its type.",
    )


class WriterOptions(DestinationOptions, TemplateOptions):
    """Options of destinations that write records to a stream, socket or file."""

    template = Option(
        Template(), None, doc="The form of a record; the default is the driver's own."
    )
    flags = Option(
        Flags(
            (
                "syslog-protocol",
                "no-multi-line",
                "threaded",
                "ignore-errors",
                "seqnum-all",
                "no-seqnum-all",
                "seqnum",
                "no-seqnum",
            )
        ),
        frozenset(),
        doc="Changes of the record's form.",
    )
    flush_lines = Option(
        Integer(minimum=0),
        FromGlobal("flush_lines"),
        doc="How many records one write may join.",
        no_effect="a write joins whatever waits",
        obsolete=("sync", "sync-freq"),
    )
    flush_timeout = Option(
        Integer(minimum=0),
        0,
        doc="Accepted for old configurations.",
        no_effect="records are written as soon as the destination takes them",
    )
    suppress = Option(
        Seconds(),
        FromGlobal("suppress"),
        doc="Hold back repeated messages for so long and write their number.",
        unit="s",
    )
    pad_size = Option(
        Integer(minimum=0), 0, doc="Pad or cut each record to this size.", unit="bytes"
    )
    truncate_size = Option(
        Integer(minimum=-1), -1, doc="Cut records to this size.", unit="bytes"
    )
    mark_freq = Option(
        Integer(minimum=0),
        FromGlobal("mark_freq"),
        doc="Time between MARK messages.",
        unit="s",
        aliases=("mark",),
    )
    mark_mode = Option(
        MARK_MODES,
        "global",
        doc="When MARK messages are written: after mark-freq() without any message, "
        "without one of this machine, or anyhow.",
    )
    time_reopen = Option(
        Seconds(minimum=0.001),
        FromGlobal("time_reopen"),
        doc="How long to wait before a failed destination is tried again.",
        unit="s",
    )

    def check(self, scope: Scope) -> None:
        """Warn of marks that nobody makes, and of flags without effect."""
        super().check(scope)
        for flag in sorted(self.flags & set(_FLAGS_WITHOUT_EFFECT)):
            scope.diagnostics.warning(
                f"flags({flag}) has no effect: {_FLAGS_WITHOUT_EFFECT[flag]}",
                self.given.get("flags", self.span),
                rule="no-effect",
            )
        if self.mark_mode == "internal" and "mark_mode" in self.given:
            scope.diagnostics.warning(
                "mark-mode(internal) has no effect: internal() makes no marks",
                self.given["mark_mode"],
                "dst-idle, host-idle and periodical do",
                rule="no-effect",
            )


def rendering_of(
    options: WriterOptions,
    form: str,
    *,
    octet_count: bool = False,
    key: TemplateText | None = None,
    key_escape: str = "",
    default: TemplateText | None = None,
) -> Rendering:
    """
    Return what the compiler needs to know of a writer.

    ``default`` is the global template (``proto-template()``, ``file-template()``)
    that stands in for a missing ``template()``.
    """
    if "syslog-protocol" in options.flags:
        form = "rfc5424"
    template = options.template or default
    if template is not None and form != "rfc5424":
        form = "template"
    return Rendering(
        form=form,
        template=template,
        octet_count=octet_count,
        key=key,
        key_escape=key_escape,
        time=TimeFormat(options.ts_format, options.frac_digits, options.time_zone),
        template_escape=options.template_escape,
        on_error=options.on_error,
        truncate_size=options.truncate_size,
        pad_size=options.pad_size,
        suppress_s=options.suppress,
        flags=options.flags,
    )
