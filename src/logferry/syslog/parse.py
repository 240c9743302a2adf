"""
From a frame to a message: the slow, complete way.

The compiled program takes canonical lines apart by itself; whatever is odd comes
here, alone. ``Parser.parse`` never raises for anything that stands in a frame.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from logferry.errors import ParseError
from logferry.message.model import Message, Origin, Stamp, UnixNanos
from logferry.message.timestamps import StampReader, Zone
from logferry.syslog import rfc3164, rfc5424
from logferry.syslog.names import MALFORMED, RAW, RFC3164, RFC5424

if TYPE_CHECKING:
    from logferry.syslog.reception import Reception

__all__ = ["Parser"]

_NS = 1_000_000_000
_pri = re.compile(rb"<(\d{0,9})(?:>|\Z)")
_framing = re.compile(rb"\d{1,10}(?= )")
_line_breaks = re.compile(rb"[\r\n\0]")
_PRI_PARSE_ERROR = 43  # syslog.err


class Parser:
    """
    Parses the frames of one source.

    Args:
        reception: the source's options.
        host_name: our own short name.
        pid: our own process id, for the messages that report bad input.

    """

    def __init__(
        self,
        reception: Reception,
        host_name: str = "localhost",
        pid: int = 0,
        local_time_zone: str = "",
    ) -> None:
        flags = reception.flags
        self._reception = reception
        self._host_name = host_name.encode()
        self._pid = b"%d" % pid
        self._zone = Zone(reception.time_zone or local_time_zone)
        self._stamps = StampReader(self._zone, guesses="guess-timezone" in flags)
        self._is_raw = "no-parse" in flags
        self._has_header = "no-header" not in flags
        self._is_rfc5424 = "syslog-protocol" in flags
        self._falls_back = "no-rfc3164-fallback" not in flags
        self._reports_errors = "no-piggyback-errors" not in flags
        self._joins_lines = "no-multi-line" in flags
        self._keeps_raw = "store-raw-message" in flags
        self._prefix = reception.sdata_prefix
        bad = reception.bad_hostname.encode()
        self._rules = rfc3164.HeaderRules(
            expect_hostname="expect-hostname" in flags,
            check_hostname=reception.check_hostname or "check-hostname" in flags,
            check_program="check-program" in flags,
            store_header="dont-store-legacy-msghdr" not in flags,
            bad_hostname=re.compile(bad) if bad else None,
        )
        self._tags = [tag.encode() for tag in reception.tags]

    def parse(self, frame: bytes, origin: Origin, now: UnixNanos) -> Message:
        """Return the message that ``frame`` is."""
        received = Stamp(now, self._zone.offset_s(now // _NS))
        message = Message(origin, received, received)
        message.tags.extend(self._tags)
        message.pri = self._reception.default_pri
        if origin.values:
            message.values.update(origin.values)
        if self._keeps_raw:
            message.raw = frame
        frame = self._decode(message, frame)
        if self._is_raw:
            message.message, message.msgformat = frame, RAW
        else:
            try:
                self._parse_header(message, frame, now)
            except ParseError as error:
                self._note_error(message, frame, error)
        if not self._reception.keep_timestamp:
            message.stamp = received
        self._set_host(message, message.host)
        if self._reception.program_override:
            message.program = self._reception.program_override.encode()
            message.header = b""
        if self._reception.has_own_pid:
            message.pid = self._pid
            message.header = b""
        if self._joins_lines:
            message.message = _line_breaks.sub(b" ", message.message)
        return message

    def _decode(self, message: Message, frame: bytes) -> bytes:
        """Apply the encoding and UTF-8 flags."""
        reception = self._reception
        if reception.encoding and reception.encoding.lower() not in {"utf-8", "utf8"}:
            frame = frame.decode(reception.encoding, "replace").encode()
            message.utf8 = True
        flags = reception.flags
        if "assume-utf8" in flags:
            message.utf8 = True
        elif "validate-utf8" in flags or "sanitize-utf8" in flags:
            try:
                frame.decode()
                message.utf8 = True
            except UnicodeDecodeError:
                if "sanitize-utf8" in flags:
                    text = frame.decode("utf-8", "backslashreplace")
                    frame = text.encode()
                    message.utf8 = True
                    message.tags.append(b"message.utf8_sanitized")
        return frame

    def _parse_header(self, message: Message, frame: bytes, now: UnixNanos) -> None:
        """Read PRI and header. Raises ``ParseError``."""
        framing = _framing.match(frame)
        start = 0
        if framing is not None:
            message.tags.append(b"syslog.unexpected_framing")
            start = framing.end()
        match = _pri.match(frame, start)
        is_broken = match is None and frame[start : start + 1] == b"<"
        if match is not None:
            message.pri, start = int(match[1] or 0), match.end()
        elif not is_broken:
            message.tags.append(b"syslog.missing_pri")
        if self._is_rfc5424 and self._has_header:
            version = None if is_broken else rfc5424.VERSION.match(frame, start)
            if version is not None:
                message.msgformat = RFC5424
                end = version.end()
                rfc5424.fill(message, frame, end, self._prefix, self._stamps, now)
                return
            if not self._falls_back:
                raise ParseError("expected the version, 1")
        message.msgformat = RFC3164
        if is_broken:
            message.tags.append(b"syslog.invalid_pri")
        if is_broken or not self._has_header:
            message.message = frame[start:]
            return
        text = frame[start:]
        message.host = rfc3164.fill(message, text, self._rules, self._stamps, now)

    def _note_error(self, message: Message, frame: bytes, error: ParseError) -> None:
        """Turn a frame that cannot be read into a message that says so."""
        message.msgformat = MALFORMED
        if not self._reports_errors:
            # What was read before the error stays.
            tag = error.tag or "message.parse_error"
            message.tags.append(tag.encode())
            message.message = frame
            return
        message.tags[len(self._tags) :] = []
        message.values.clear()
        message.msgid = message.header = b""
        message.stamp = message.received
        message.pri = _PRI_PARSE_ERROR
        message.program = b"syslog-ng"
        message.pid = self._pid
        message.host = self._host_name
        if error.offset:
            before = error.offset - 1
            frame = b"%b>@<%b" % (frame[:before], frame[before:])
        message.message = b"Error processing log message: " + frame

    def _set_host(self, message: Message, header_host: bytes) -> None:
        """Decide on HOST (reference: host name handling)."""
        reception = self._reception
        if reception.host_override:
            message.host = reception.host_override.encode()
            return
        sender = self._host_name if message.origin.local else message.origin.host
        if reception.keep_hostname and header_host:
            host = header_host
        elif not reception.chain_hostnames:
            host = sender
        elif message.origin.local:
            host = message.origin.source.partition(b"#")[0] + b"@" + sender
        else:
            host = (header_host or sender) + b"/" + sender
        message.host = host.lower() if reception.normalize_hostnames else host
