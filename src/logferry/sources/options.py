"""Options that several source drivers share, and what they mean to the compiler."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from logferry.config.hook_options import HookOptions
from logferry.config.kinds import (
    Block,
    Flags,
    Integer,
    Permissions,
    Seconds,
    TextKind,
    UseDns,
    Words,
    YesNo,
)
from logferry.config.options import GlobalOptions
from logferry.config.schema import FromGlobal, Option, Options
from logferry.message.timestamps import Zone
from logferry.runtime.resolver import Naming
from logferry.sources.encoding import is_known
from logferry.syslog.names import FACILITIES, SEVERITIES
from logferry.syslog.reception import Reception

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.config.schema import Scope

__all__ = [
    "SOURCE_FLAGS",
    "FileMakerOptions",
    "ReaderOptions",
    "SourceOptions",
    "naming_of",
    "reception_of",
]

SOURCE_FLAGS = (
    "assume-utf8",
    "check-hostname",
    "check-program",
    "dont-store-legacy-msghdr",
    "empty-lines",
    "exit-on-eof",
    "expect-hostname",
    "guess-timezone",
    "ignore-aux-data",
    "kernel",
    "no-header",
    "no-hostname",
    "no-multi-line",
    "no-parse",
    "no-piggyback-errors",
    "no-rfc3164-fallback",
    "piggyback-errors",
    "sanitize-utf8",
    "store-legacy-msghdr",
    "store-raw-message",
    "syslog-protocol",
    "threaded",
    "validate-utf8",
)


class SourceOptions(Options):
    """Options of every source."""

    persist_name = Option(
        TextKind(), "", doc="Names the state of this source, whatever else changes."
    )
    internal = Option(
        YesNo(),
        default=False,
        doc="Marks a driver whose counters are of no interest.",
        no_effect="the counters of all drivers are shown alike",
    )
    hook_commands = Option(
        Block(HookOptions), None, doc="Commands beside the driver's life."
    )
    log_iw_size = Option(
        Integer(minimum=1),
        100,
        doc="How many messages may be unacknowledged before reading stops.",
        unit="messages",
    )
    chain_hostnames = Option(
        YesNo(),
        FromGlobal("chain_hostnames"),
        doc="Keep the names of all relays in the host field.",
        aliases=("long-hostnames",),
    )
    keep_hostname = Option(
        YesNo(),
        FromGlobal("keep_hostname"),
        doc="Trust the host name inside the message.",
    )
    program_override = Option(
        TextKind(), "", doc="Replace the program of every message.", aliases=()
    )
    host_override = Option(TextKind(), "", doc="Replace the host of every message.")
    log_prefix = Option(TextKind(), "", doc="An old form of program-override().")
    keep_timestamp = Option(
        YesNo(),
        FromGlobal("keep_timestamp"),
        doc="Use the time inside the message, not that of its arrival.",
    )
    read_old_records = Option(
        YesNo(),
        default=True,
        doc="Also read what was there before the first start.",
        no_effect="this source keeps no position",
    )
    use_syslogng_pid = Option(
        YesNo(), default=False, doc="Set the PID of messages to our own."
    )
    tags = Option(Words(), (), doc="Tags put on every message.")
    use_fqdn = Option(
        YesNo(), FromGlobal("use_fqdn"), doc="Keep the domain of host names."
    )
    use_dns = Option(
        UseDns(),
        FromGlobal("use_dns"),
        doc="Look up the names of senders.",
    )
    dns_cache = Option(
        YesNo(), FromGlobal("dns_cache"), doc="Remember the names of senders."
    )
    normalize_hostnames = Option(
        YesNo(),
        FromGlobal("normalize_hostnames"),
        doc="Write host names in lower case.",
    )


_READS_ONLY = "a source makes no files"
_NAME = TextKind("a name or number", is_optional=True)


class FileMakerOptions(Options):
    """Owner and mode of files, which one list of options for all drivers may have."""

    owner = Option(_NAME, "", doc="Owner of new files.", no_effect=_READS_ONLY)
    group = Option(_NAME, "", doc="Group of new files.", no_effect=_READS_ONLY)
    perm = Option(Permissions(), 0, doc="Mode of new files.", no_effect=_READS_ONLY)
    dir_owner = Option(_NAME, "", doc="Owner of new folders.", no_effect=_READS_ONLY)
    dir_group = Option(_NAME, "", doc="Group of new folders.", no_effect=_READS_ONLY)
    dir_perm = Option(
        Permissions(), 0, doc="Mode of new folders.", no_effect=_READS_ONLY
    )


class ReaderOptions(SourceOptions):
    """Options of sources that read frames and parse them."""

    check_hostname = Option(
        YesNo(), FromGlobal("check_hostname"), doc="Refuse odd host names."
    )
    check_program = Option(
        YesNo(), FromGlobal("check_program"), doc="Refuse odd program names."
    )
    bad_hostname = Option(
        TextKind("a regular expression"),
        FromGlobal("bad_hostname"),
        doc="Words that stand where a host name should, but are none.",
    )
    flags = Option(Flags(SOURCE_FLAGS), frozenset(), doc="How frames are parsed.")
    log_fetch_limit = Option(
        Integer(minimum=1),
        10,
        doc="How many messages one read takes.",
        unit="messages",
        no_effect="a read takes what is there",
    )
    format = Option(
        TextKind("a message format"), "syslog", doc="The format of messages."
    )
    encoding = Option(
        TextKind("a character set"), "", doc="Convert messages from this encoding."
    )
    log_msg_size = Option(
        Integer(minimum=1),
        FromGlobal("log_msg_size"),
        doc="The longest message; more is cut into pieces or refused.",
        unit="bytes",
    )
    idle_timeout = Option(
        Seconds(),
        0.0,
        doc="Close connections that are silent so long; 0: never.",
        unit="s",
    )
    trim_large_messages = Option(
        YesNo(),
        FromGlobal("trim_large_messages"),
        doc="Cut octet-counted messages that are too long instead of closing.",
    )
    time_zone = Option(
        TextKind("a time zone"),
        FromGlobal("recv_time_zone"),
        doc="The zone of stamps that name none.",
    )
    default_severity = Option(
        TextKind("a severity"),
        "notice",
        doc="The severity of messages that have no PRI.",
        aliases=("default-level", "default-priority"),
    )
    default_facility = Option(
        TextKind("a facility"), "user", doc="The facility of messages without PRI."
    )
    sdata_prefix = Option(
        TextKind(), ".SDATA.", doc="What the names of structured data begin with."
    )

    def check(self, scope: Scope) -> None:
        """Report names that nobody knows: of encodings, formats, zones, severities."""
        super().check(scope)
        _check_name(self, scope, "format", "message format", _is_format)
        _check_name(self, scope, "encoding", "character set", is_known)
        _check_name(self, scope, "time_zone", "time zone", _is_zone)
        _check_name(self, scope, "default_severity", "severity", _is_severity)
        _check_name(self, scope, "default_facility", "facility", _is_facility)
        _check_name(self, scope, "bad_hostname", "kind of pattern", _is_pattern)


def _check_name(
    options: ReaderOptions,
    scope: Scope,
    attribute: str,
    what: str,
    is_right: Callable[[str], bool],
) -> None:
    value = getattr(options, attribute)
    if value and not is_right(value):
        place = options.given.get(attribute, options.span)
        scope.diagnostics.error(f"unknown {what} '{value}'", place)


def _is_format(name: str) -> bool:
    return name == "syslog"


def _is_severity(name: str) -> bool:
    return name.lower() in SEVERITIES


def _is_facility(name: str) -> bool:
    return name.lower() in FACILITIES


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text.encode())
    except re.error:
        return False
    return True


def _is_zone(name: str) -> bool:
    try:
        Zone(name)
    except ValueError:
        return False
    return True


def reception_of(
    options: ReaderOptions, flags: frozenset[str], *, local: bool = False
) -> Reception:
    """
    Return how a reader's frames are parsed.

    ``flags`` are the driver's own defaults; the configuration's are added.
    """
    flags |= options.flags
    if "no-hostname" in flags:
        flags -= {"expect-hostname"}
    if options.check_program:
        flags |= {"check-program"}
    program = options.program_override or options.log_prefix.rstrip(": ")
    return Reception(
        flags=flags,
        keep_hostname=options.keep_hostname,
        keep_timestamp=options.keep_timestamp,
        chain_hostnames=options.chain_hostnames,
        normalize_hostnames=options.normalize_hostnames,
        check_hostname=options.check_hostname,
        bad_hostname=options.bad_hostname,
        use_fqdn=options.use_fqdn,
        host_override=options.host_override,
        program_override=program,
        default_pri=_default_pri(options, flags),
        time_zone=options.time_zone,
        sdata_prefix=options.sdata_prefix,
        encoding=options.encoding,
        tags=options.tags,
        has_own_pid=options.use_syslogng_pid,
        local=local,
    )


def _default_pri(options: ReaderOptions, flags: frozenset[str]) -> int:
    if "kernel" in flags and "default_facility" not in options.given:
        facility = 0
    else:
        facility = FACILITIES[options.default_facility.lower()]
    return facility * 8 + SEVERITIES[options.default_severity.lower()]


def naming_of(options: SourceOptions) -> Naming:
    """Return how the names of senders are found."""
    naming = Naming(
        use_dns=options.use_dns != "no",
        hosts_only=options.use_dns == "persist_only",
        use_fqdn=options.use_fqdn,
        normalize=options.normalize_hostnames,
        cache=options.dns_cache,
    )
    if not isinstance(options.globals, GlobalOptions):
        return naming
    return replace(
        naming,
        custom_domain=options.globals.custom_domain,
        cache_size=options.globals.dns_cache_size,
        expire_s=options.globals.dns_cache_expire,
        expire_failed_s=options.globals.dns_cache_expire_failed,
        hosts_file=options.globals.dns_cache_hosts or naming.hosts_file,
    )
