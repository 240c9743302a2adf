"""
Dates on rows of lines: every date macro without a ``Message``.

Where a date comes from decides how often it is computed:

=====================  ===========================================================
the stamp of the line  once for each different text: a dictionary from the captured
                       text to what the macro prints
reception, the clock   once for each chunk, at the head of the generated function
=====================  ===========================================================

A BSD stamp (RFC 3164, 4.1.2) printed as a BSD date is copied. The stamp of the syslog
protocol (RFC 5424, 6.2.3) is looked up by its whole seconds and its offset; only what
prints fractions is computed for each row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from logferry.codegen.fields import Piece
from logferry.codegen.macros import STAMP_MACROS, date_writer
from logferry.message.model import Stamp, UnixNanos
from logferry.message.timestamps import StampReader, Zone, scan_stamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.codegen.line_fields import LineFields
    from logferry.codegen.macros import MacroContext

__all__ = [
    "BsdStamps",
    "ChunkDate",
    "IsoStamps",
    "ReceivedAt",
    "bind_bsd_stamps",
    "emit_date",
    "is_date_of_text",
]

_NS: Final = 1_000_000_000
_DAY_NS: Final = 86_400 * _NS
_MEMO_MAX: Final = 65_536
_FRACTION_MACROS = frozenset({"MSEC", "USEC"})


def emit_date(
    name: str, fields: LineFields, context: MacroContext
) -> list[Piece] | None:
    """Return what date macro ``name`` prints, or ``None`` when it is no date."""
    prefix, rest = "", name
    if name[:2] in {"S_", "R_", "C_", "P_"}:
        prefix, rest = name[0], name[2:]
    write = date_writer(rest, context)
    if write is None:
        return None
    if prefix in {"C", "P"}:
        return [_of_chunk(name, fields, write, context.zone or Zone())]
    if prefix == "R" or not fields.has_stamp:
        return [_of_chunk(name, fields, write, fields.zone)]
    is_stamp = rest in STAMP_MACROS
    form = {"ISODATE": "iso", "DATE": context.format, "STAMP": context.format}
    is_plain = context.zone is None and not context.frac_digits
    if fields.layout.has("stamp"):
        if is_plain and form.get(rest) == "bsd":
            return fields.atoms("stamp", "stamp")
        return [_of_bsd(name, fields, write)]
    if is_plain and form.get(rest) == "iso":
        offsets = fields.constants.bind(_IsoOffsets(), "iso_offset_of")
        return [
            *fields.atoms("seconds", "seconds"),
            Piece(code=f"{offsets}[{fields.field('offset')}]"),
        ]
    has_fraction = rest in _FRACTION_MACROS or (is_stamp and context.frac_digits > 0)
    return [_of_iso(name, fields, write, has_fraction=has_fraction)]


def _of_chunk(
    name: str, fields: LineFields, write: Callable[[Stamp], bytes], zone: Zone
) -> Piece:
    """Compute a date at the head of the function, from the time of reception."""
    bound = fields.constants.bind(ChunkDate(write, zone), f"{name.lower()}_of")
    variable = bound.replace("_of", "", 1)
    fields.setup[variable] = f"{bound}(now)"
    return Piece(code=variable)


def _of_bsd(name: str, fields: LineFields, write: Callable[[Stamp], bytes]) -> Piece:
    stamps = BsdStamps(StampReader(fields.zone))
    bound = fields.constants.bind(_BsdDates(stamps, write), f"{name.lower()}_of")
    fields.setup[f"{bound}.now"] = "now"
    return Piece(code=f"{bound}[{fields.field('stamp')}]")


def _of_iso(
    name: str,
    fields: LineFields,
    write: Callable[[Stamp], bytes],
    *,
    has_fraction: bool,
) -> Piece:
    bind = fields.constants.bind
    seconds, offset = fields.field("seconds"), fields.field("offset")
    if not has_fraction:
        bound = bind(_IsoDates(write), f"{name.lower()}_of")
        return Piece(code=f"{bound}[{seconds}, {offset}]")
    stamps, bound = bind(IsoStamps(), "stamp_of"), bind(write, f"write_{name.lower()}")
    fraction = fields.field("fraction")
    return Piece(code=f"{bound}({stamps}({seconds}, {fraction}, {offset}))")


def bind_bsd_stamps(fields: LineFields) -> str:
    """Return the name of what gives stamps by their text."""
    bound = fields.constants.bind(BsdStamps(StampReader(fields.zone)), "stamp_of")
    fields.setup[f"{bound}.now"] = "now"
    return bound


def is_date_of_text(value: object) -> bool:
    """Tell whether ``value`` looks dates up by the text of a stamp."""
    return isinstance(value, _BsdDates | _IsoDates)


class ChunkDate:
    """Prints the time of a chunk."""

    def __init__(self, write: Callable[[Stamp], bytes], zone: Zone) -> None:
        self._write = write
        self._zone = zone

    def __call__(self, now: UnixNanos) -> bytes:
        """Return the date."""
        return self._write(Stamp(now, self._zone.offset_s(now // _NS)))


class ReceivedAt:
    """Gives the stamp of reception, one for each chunk."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone

    def __call__(self, now: UnixNanos) -> Stamp:
        """Return the stamp."""
        return Stamp(now, self._zone.offset_s(now // _NS))


class BsdStamps(dict[bytes, Stamp]):
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
        day = now // _DAY_NS
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


class _BsdDates(dict[bytes, bytes]):
    """BSD stamps as another date; forgets everything when the day changes."""

    def __init__(self, stamps: BsdStamps, write: Callable[[Stamp], bytes]) -> None:
        super().__init__()
        self._stamps = stamps
        self._write = write
        self._day = -1

    @property
    def now(self) -> UnixNanos:
        """The wall clock, for the guess of the year."""
        return self._stamps.now

    @now.setter
    def now(self, now: UnixNanos) -> None:
        self._stamps.now = now
        day = now // _DAY_NS
        if day != self._day or len(self) > _MEMO_MAX:
            self.clear()
            self._day = day

    def __missing__(self, text: bytes) -> bytes:
        value = self[text] = self._write(self._stamps[text])
        return value


class IsoStamps:
    """Stamps with year and offset: whole seconds are remembered."""

    def __init__(self) -> None:
        self._reader = StampReader(Zone("UTC"))
        self._seconds: dict[tuple[bytes, bytes], Stamp] = {}

    def __call__(self, seconds: bytes, fraction: bytes, offset: bytes) -> Stamp:
        """Return the stamp of a row."""
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


class _IsoDates(dict[tuple[bytes, bytes], bytes]):
    """Dates without fractions, by whole seconds and offset."""

    def __init__(self, write: Callable[[Stamp], bytes]) -> None:
        super().__init__()
        self._stamps = IsoStamps()
        self._write = write

    def __missing__(self, key: tuple[bytes, bytes]) -> bytes:
        if len(self) >= _MEMO_MAX:
            self.clear()
        seconds, offset = key
        value = self[key] = self._write(self._stamps(seconds, b"", offset))
        return value


class _IsoOffsets(dict[bytes, bytes]):
    """Offsets as ``$ISODATE`` prints them."""

    def __missing__(self, text: bytes) -> bytes:
        value = self[text] = b"+00:00" if text == b"Z" else text
        return value
