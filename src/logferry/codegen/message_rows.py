"""
Messages made from the rows of canonical lines, for the form that needs messages.

A canonical line reads the same whether the regular expression or the parser takes it
apart (``layout.py``), and the former is many times cheaper. So also this form asks the
parser only about lines that are odd.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from logferry.message.model import Message, Stamp, UnixNanos
from logferry.message.timestamps import StampReader, Zone, scan_stamp
from logferry.syslog.rfc5424 import read_sdata

if TYPE_CHECKING:
    from logferry.codegen.emit import SourceWriter
    from logferry.codegen.fields import LineFields

__all__ = ["MessageRows"]

_NS: Final = 1_000_000_000
_MEMO_MAX: Final = 65_536


class MessageRows:
    """
    Writes what makes the message ``m`` of a row.

    Everything the row has to capture is asked for here, so that the loop over rows
    can be written before its body.
    """

    def __init__(self, fields: LineFields) -> None:
        self._fields = fields
        bind = fields.constants.bind
        zone = Zone(fields.reception.time_zone or fields.local_time_zone)
        self._new = bind(Message, "Message")
        received_at = bind(_ReceivedAt(zone), "received_at")
        fields.setup["received"] = f"{received_at}(now)"
        self._numbers = bind(_Numbers(), "pri_number_of")
        self._attributes = {
            "pri": f"{self._numbers}[{fields.field('pri')}]",
            "host": fields.value("HOST"),
            "program": fields.value("PROGRAM"),
            "pid": fields.value("PID"),
            "message": fields.value("MESSAGE"),
        }
        self._sdata = ""
        if fields.layout.has("sdata"):
            self._attributes["msgid"] = fields.value("MSGID")
            self._sdata = fields.field("sdata")
            parts = (fields.field(name) for name in ("seconds", "fraction", "offset"))
            self._stamp = f"{bind(_IsoStamps(), 'stamp_of')}({', '.join(parts)})"
        else:
            first, last = (fields.layout.index(name) for name in ("program", "colon"))
            self._attributes["header"] = fields.run(first, last + 1)
            stamps = bind(_BsdStamps(StampReader(zone)), "stamp_of")
            fields.setup[f"{stamps}.now"] = "now"
            self._stamp = f"{stamps}[{fields.field('stamp')}]"

    def write(self, out: SourceWriter) -> None:
        """Write the statements."""
        reception = self._fields.reception
        out.line(f"m = {self._new}(origin, {self._stamp}, received)")
        for name, code in self._attributes.items():
            out.line(f"m.{name} = {code}")
        if reception.tags:
            out.line(f"m.tags.extend({self._fields.value_of_tags()})")
        with out.block("if origin.values:"):
            out.line("m.values.update(origin.values)")
        if self._sdata:
            read = self._fields.constants.bind(read_sdata, "read_sdata")
            prefix = self._fields.constants.bind(reception.sdata_prefix, "sdata_prefix")
            with out.block(f'if {self._sdata} != b"-":'):
                out.line(f"{read}(m, {self._sdata}, 0, {prefix})")


class _ReceivedAt:
    """Gives the stamp of reception, one for each chunk."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone

    def __call__(self, now: UnixNanos) -> Stamp:
        return Stamp(now, self._zone.offset_s(now // _NS))


class _Numbers(dict[bytes, int]):
    """Numbers by their text: there are a thousand PRIs."""

    def __missing__(self, text: bytes) -> int:
        number = self[text] = int(text)
        return number


class _BsdStamps(dict[bytes, Stamp]):
    """Stamps without a year, by text, for as long as the guess of the year holds."""

    def __init__(self, reader: StampReader) -> None:
        super().__init__()
        self._reader = reader
        self._now = UnixNanos(0)
        self._day = -1

    @property
    def now(self) -> UnixNanos:
        """The wall clock."""
        return self._now

    @now.setter
    def now(self, now: UnixNanos) -> None:
        self._now = now
        day = now // (86_400 * _NS)
        if day != self._day or len(self) > _MEMO_MAX:
            self.clear()
            self._day = day

    def __missing__(self, text: bytes) -> Stamp:
        match = scan_stamp(text)
        assert match is not None  # the layout's pattern is stricter
        stamp = self._reader.read(match, self._now)
        assert stamp is not None
        self[text] = stamp
        return stamp


class _IsoStamps:
    """Stamps with year and offset: whole seconds are remembered."""

    def __init__(self) -> None:
        self._reader = StampReader(Zone("UTC"))
        self._seconds: dict[tuple[bytes, bytes], Stamp] = {}

    def __call__(self, seconds: bytes, fraction: bytes, offset: bytes) -> Stamp:
        base = self._seconds.get((seconds, offset))
        if base is None:
            base = self._read(seconds, offset)
        if not fraction:
            return base
        nanos = int(fraction[1:].ljust(9, b"0"))
        return Stamp(UnixNanos(base.unix_ns + nanos), base.offset_s)

    def _read(self, seconds: bytes, offset: bytes) -> Stamp:
        match = scan_stamp(seconds + offset)
        assert match is not None  # the layout's pattern is stricter
        stamp = self._reader.read(match, UnixNanos(0))
        assert stamp is not None
        if len(self._seconds) >= _MEMO_MAX:
            self._seconds.clear()
        self._seconds[seconds, offset] = stamp
        return stamp
