"""
Macros of a message: ``$HOST``, ``$ISODATE``, ``$LEVEL_NUM`` and the rest.

``macro_function(name, context)`` returns a function from a message to bytes, or
``None`` when the name is a name-value pair. The compiler calls these functions in the
*messages* form and has shortcuts of its own in the *slices* form (``fields.py``).

Source: the reference's list of macros.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from typing import TypeAlias

from logferry.codegen.directory import Directory, EmptyDirectory
from logferry.codegen.lists import join_list
from logferry.config.nodes import Code, FilterStep, TemplateText
from logferry.message.model import Message, Stamp, UnixNanos
from logferry.message.timestamps import MONTHS, StampFormat, Zone, format_offset
from logferry.syslog.encode import encode_sdata
from logferry.syslog.names import SEVERITY_NAMES, facility_name
from logferry.telemetry.counters import Metrics

__all__ = [
    "ALL_MACROS",
    "ATTRIBUTES",
    "STAMP_MACROS",
    "MacroContext",
    "MacroFunction",
    "date_writer",
    "macro_function",
    "short_host",
]

MacroFunction: TypeAlias = Callable[[Message], bytes]

_NS = 1_000_000_000
_MONTH_NAMES = (
    b"January February March April May June July August September October "
    b"November December"
).split()
_DAY_NAMES = b"Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split()

ATTRIBUTES = {
    "FULLHOST": "host",
    "PROGRAM": "program",
    "PID": "pid",
    "MSGID": "msgid",
    "MSG": "message",
    "MESSAGE": "message",
    "MSGONLY": "message",
    "RAWMSG": "raw",
    "LEGACY_MSGHDR": "header",
    "MSGFORMAT": "msgformat",
}
"""Macros that are attributes of a message, as they are."""


@dataclass(frozen=True, slots=True)
class MacroContext:
    """
    What macros need besides the message.

    Attributes:
        format: ``ts-format()``: what DATE and STAMP print.
        zone: zone to convert to, or ``None``.
        host_name: our own name, for ``$LOGHOST``, and ``$HOSTID`` as a digest.
        started_ns: when the program started, for ``$SYSUPTIME``.
        now: the current time, for ``C_`` macros and ``$SYSUPTIME``.
        correlated: the messages of the correlation that is being rendered, if any.
        context_id: its key, for ``$CONTEXT_ID``.
        filters: named filters, for ``filter()`` inside template functions.
        templates: named templates, for ``$(template …)``.
        version: of the configuration; values have types from 4.0 on.
        on_error: what happens when a value cannot be converted to its type.
        has_chains: some source chains the names of relays; ``$HOST`` prints one.
        take_id: gives every message its number, under ``use-rcptid(yes)``.
        run_id: how often the program was started with this state, for ``$RUNID``.
        directory: where names of hosts and users are asked for.
        python: the code of ``python { … }`` blocks, for ``$(python …)``.
        note_failure: is told the place and the reason when an expression of a
            ``filterx`` block fails; ``None`` when nobody wants to know.

    """

    format: str = "bsd"
    frac_digits: int = 0
    zone: Zone | None = None
    host_name: bytes = b"localhost"
    started_ns: int = 0
    now: list[UnixNanos] = field(default_factory=lambda: [UnixNanos(0)])
    sdata_prefix: str = ".SDATA."
    metrics: Metrics = field(default_factory=Metrics)
    correlated: list[Message] = field(default_factory=list)
    context_id: list[bytes] = field(default_factory=lambda: [b""])
    filters: Mapping[str, FilterStep] = field(default_factory=dict)
    templates: Mapping[str, TemplateText] = field(default_factory=dict)
    version: tuple[int, int] = (4, 27)
    on_error: str = "drop-message"
    has_chains: bool = False
    python: tuple[Code, ...] = ()
    note_failure: Callable[[object, str], None] | None = None
    take_id: Callable[[], int] | None = None
    run_id: int = 0
    directory: Directory = field(default_factory=EmptyDirectory)

    @property
    def is_typed(self) -> bool:
        """Whether values have types."""
        return self.version >= (4, 0)


def macro_function(name: str, context: MacroContext) -> MacroFunction | None:
    """Return what computes macro ``name``, or ``None`` when there is no such macro."""
    attribute = ATTRIBUTES.get(name)
    if attribute is not None:
        return _attribute(attribute)
    if name == "HOST" and not context.has_chains:
        return _attribute("host")
    plain = _PLAIN.get(name)
    if plain is not None:
        return plain
    if name == "CONTEXT_ID":
        return lambda _: context.context_id[0]
    if name == "LOGHOST":
        return lambda _: context.host_name
    if name in {"SDATA", "STRUCTURED_DATA"}:
        prefix = context.sdata_prefix
        return lambda m: encode_sdata(m.values, prefix)
    if name == "SYSUPTIME":
        return lambda _: b"%d" % ((context.now[0] - context.started_ns) // 10_000_000)
    if name == "RUNID":
        run_id = b"%d" % context.run_id if context.run_id else b""
        return lambda _: run_id
    if name in {"HOSTID", "RCPTID", "UNIQID"}:
        return _id_function(name, context)
    return _date_function(name, context)


def _id_function(name: str, context: MacroContext) -> MacroFunction:
    """Return what prints the host's or the message's id; nothing without ids."""
    host_id = b"%08x" % zlib.crc32(context.host_name)
    if name == "HOSTID":
        return lambda _: host_id
    if context.take_id is None:
        return lambda _: b""
    if name == "RCPTID":
        return lambda m: b"%d" % m.rcptid
    return lambda m: b"%b@%016x" % (host_id, m.rcptid)


def _attribute(name: str) -> MacroFunction:
    read: MacroFunction = attrgetter(name)
    return read


def short_host(host: bytes) -> bytes:
    """Return the first name of a chain of relays, without what is before an ``@``."""
    if b"/" in host or b"@" in host:
        return host.rpartition(b"@")[2].partition(b"/")[0]
    return host


def _header(message: Message) -> bytes:
    """``$MSGHDR``: the original ``prog[pid]: ``, or one made anew."""
    if message.header:
        return message.header
    if not message.program:
        return b""
    if message.pid:
        return b"%b[%b]: " % (message.program, message.pid)
    return message.program + b": "


def _matches(values: dict[str, bytes]) -> Iterator[bytes]:
    """Yield ``$1``, ``$2`` … as far as there are any."""
    index = 1
    while (value := values.get(str(index))) is not None:
        yield value
        index += 1


_PLAIN: dict[str, MacroFunction] = {
    "HOST": lambda m: short_host(m.host),
    "MSGHDR": _header,
    "PRI": lambda m: b"%d" % m.pri,
    "TAG": lambda m: b"%02x" % m.pri,
    "BSDTAG": lambda m: b"%d%c" % (m.pri & 7, (m.pri >> 3) + 65 & 255),
    "FACILITY": lambda m: facility_name(m.pri >> 3).encode(),
    "FACILITY_NUM": lambda m: b"%d" % (m.pri >> 3),
    "SEVERITY": lambda m: SEVERITY_NAMES[m.pri & 7].encode(),
    "SEVERITY_NUM": lambda m: b"%d" % (m.pri & 7),
    "TAGS": lambda m: join_list(m.tags),
    "SEQNUM": lambda m: m.values.get(".SDATA.meta.sequenceId", b""),
    "SOURCE": lambda m: m.origin.source.partition(b"#")[0],
    "HOST_FROM": lambda m: m.origin.host,
    "FULLHOST_FROM": lambda m: m.origin.host,
    "SOURCEIP": lambda m: m.origin.peer_ip or b"127.0.0.1",
    "SOURCEPORT": lambda m: b"%d" % m.origin.peer_port,
    "PEERIP": lambda m: m.origin.peer_ip,
    "PEERPORT": lambda m: b"%d" % m.origin.peer_port,
    "DESTIP": lambda m: m.origin.local_ip,
    "DESTPORT": lambda m: b"%d" % m.origin.local_port,
    "PROTO": lambda m: b"%d" % m.origin.ip_proto,
    "PROTO_NAME": lambda m: {6: b"tcp", 17: b"udp"}.get(m.origin.ip_proto, b""),
    "IP_PROTO": lambda m: b"6" if b":" in m.origin.peer_ip else b"4",
    "TRANSPORT": lambda m: m.origin.transport,
    "FILE_NAME": lambda m: m.origin.file_name,
    "*": lambda m: join_list(_matches(m.values)),
    "RAWMSG_SIZE": lambda m: b"%d" % len(m.raw),
}
for _alias, _name in (
    ("LEVEL", "SEVERITY"),
    ("PRIORITY", "SEVERITY"),
    ("LEVEL_NUM", "SEVERITY_NUM"),
    ("FULLHOST", "FULLHOST"),
):
    if _name in _PLAIN:
        _PLAIN[_alias] = _PLAIN[_name]


def _date_function(name: str, context: MacroContext) -> MacroFunction | None:
    prefix, rest = "", name
    if name[:2] in {"S_", "R_", "C_", "P_"}:
        prefix, rest = name[0], name[2:]
    formatted = date_writer(rest, context)
    if formatted is None:
        return None
    write = formatted
    if prefix == "R":
        return lambda m: write(m.received)
    if prefix in {"C", "P"}:
        zone = context.zone or Zone()
        return lambda _: write(
            Stamp(context.now[0], zone.offset_s(context.now[0] // _NS))
        )
    return lambda m: write(m.stamp)


def date_writer(name: str, context: MacroContext) -> Callable[[Stamp], bytes] | None:
    """Return what prints a stamp as date macro ``name`` (without its prefix)."""
    formats = {
        "DATE": context.format,
        "STAMP": context.format,
        "ISODATE": "iso",
        "FULLDATE": "full",
        "UNIXTIME": "unix",
    }
    if name in formats:
        return StampFormat(formats[name], context.frac_digits, context.zone).write
    piece = _PIECES.get(name)
    if piece is None:
        return None
    zone = context.zone

    def write(stamp: Stamp) -> bytes:
        unix_s = stamp.unix_ns // _NS
        offset = stamp.offset_s if zone is None else zone.offset_s(unix_s)
        wall = datetime.fromtimestamp(unix_s + offset, UTC)
        return piece(wall, stamp.unix_ns % _NS, offset)

    return write


def _week_of_month(wall: datetime) -> int:
    return (wall.day - 1 + wall.replace(day=1).weekday()) // 7  # weeks from Monday


_Piece: TypeAlias = Callable[[datetime, int, int], bytes]
_PIECES: dict[str, _Piece] = {
    "YEAR": lambda wall, _n, _o: b"%04d" % wall.year,
    "YEAR_DAY": lambda wall, _n, _o: b"%03d" % wall.timetuple().tm_yday,
    "MONTH": lambda wall, _n, _o: b"%02d" % wall.month,
    "MONTH_WEEK": lambda wall, _n, _o: b"%d" % _week_of_month(wall),
    "MONTH_ABBREV": lambda wall, _n, _o: MONTHS[wall.month - 1],
    "MONTH_NAME": lambda wall, _n, _o: _MONTH_NAMES[wall.month - 1],
    "DAY": lambda wall, _n, _o: b"%02d" % wall.day,
    "HOUR": lambda wall, _n, _o: b"%02d" % wall.hour,
    "HOUR12": lambda wall, _n, _o: b"%02d" % (wall.hour % 12 or 12),
    "MIN": lambda wall, _n, _o: b"%02d" % wall.minute,
    "SEC": lambda wall, _n, _o: b"%02d" % wall.second,
    "USEC": lambda _w, ns, _o: b"%06d" % (ns // 1000),
    "MSEC": lambda _w, ns, _o: b"%03d" % (ns // 1_000_000),
    "AMPM": lambda wall, _n, _o: b"PM" if wall.hour >= 12 else b"AM",
    "WEEK_DAY": lambda wall, _n, _o: b"%d" % (wall.isoweekday() % 7 + 1),
    "WEEK_DAY_NAME": lambda wall, _n, _o: _DAY_NAMES[wall.isoweekday() % 7],
    "WEEK_DAY_ABBREV": lambda wall, _n, _o: _DAY_NAMES[wall.isoweekday() % 7][:3],
    "WEEKDAY": lambda wall, _n, _o: _DAY_NAMES[wall.isoweekday() % 7][:3],
    "WEEK": lambda wall, _n, _o: wall.strftime("%W").encode(),
    "ISOWEEK": lambda wall, _n, _o: b"%02d" % wall.isocalendar()[1],
    "TZ": lambda _w, _n, offset: format_offset(offset),
    "TZOFFSET": lambda _w, _n, offset: format_offset(offset),
}
STAMP_MACROS = frozenset({"DATE", "STAMP", "ISODATE", "FULLDATE", "UNIXTIME"})
ALL_MACROS: frozenset[str] = (
    (frozenset(_PLAIN) - {"*"})
    | {"LOGHOST", "SDATA", "SYSUPTIME", "HOSTID", "RCPTID", "RUNID", "UNIQID"}
    | {"MSG", "MESSAGE"}
    | {
        prefix + name
        for prefix in ("", "S_", "R_", "C_", "P_")
        for name in STAMP_MACROS | frozenset(_PIECES)
    }
) - {"FULLHOST", "FULLHOST_FROM", "HOST_FROM", "SOURCE", "TRANSPORT", "FILE_NAME"}
"""What value-pairs calls ``all-macros``: everything that is computed."""
