"""
Stamps: read from text, written as text, in zones.

Messages of one second repeat the same stamp, so reading and writing are memoised: by
text for reading, by second and offset for writing.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from logferry.message.model import Stamp, UnixNanos

__all__ = [
    "MONTHS",
    "StampFormat",
    "StampReader",
    "Zone",
    "local_offset",
    "scan_stamp",
]

MONTHS = (
    b"Jan",
    b"Feb",
    b"Mar",
    b"Apr",
    b"May",
    b"Jun",
    b"Jul",
    b"Aug",
    b"Sep",
    b"Oct",
    b"Nov",
    b"Dec",
)
_MONTH_NUMBERS = {name: number for number, name in enumerate(MONTHS, 1)}
_MEMO_MAX = 4096
_NS = 1_000_000_000
_DAY_S = 86_400
_OFFSET_STEP_S = 900  # zone offsets change on quarters of an hour

_fixed_offset = re.compile(r"([+-])(\d\d):?(\d\d)")

# BSD (RFC 3164, 4.1.2), with the variants of real devices: a year before or after the
# time, a fraction. Anything may follow.
_bsd = re.compile(
    rb"(?P<month>[A-Z][a-z]{2}) {1,2}(?P<day>\d{1,2})(?: (?P<year>\d{4}))? "
    rb"(?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2})"
    rb"(?:[.,](?P<fraction>\d*))?(?: (?P<year_after>\d{4})(?=[ :]|$))?"
)
# RFC 3339, T or space, point or comma, zone optional.
_iso = re.compile(
    rb"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)[T ]"
    rb"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
    rb"(?:[.,](?P<fraction>\d*))?"
    rb"(?P<zone>Z|[+-]\d\d:\d\d(?!\d)|[+-]\d{4}(?= |$))?"
)


class Zone:
    """
    A time zone by name.

    Args:
        name: ``Europe/Budapest``, ``+02:00``, ``UTC``, or empty for the local zone.

    Raises ``ValueError`` for an unknown name.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._info = _zone_info(name)
        self._offsets: dict[int, int] = {}

    def offset_s(self, unix_s: int) -> int:
        """Return the offset at that moment, in seconds east of UTC."""
        step = unix_s // _OFFSET_STEP_S
        offset = self._offsets.get(step)
        if offset is None:
            if len(self._offsets) >= _MEMO_MAX:
                self._offsets.clear()
            moment = datetime.fromtimestamp(unix_s, UTC).astimezone(self._info)
            delta = moment.utcoffset() or timedelta()
            offset = self._offsets[step] = int(delta.total_seconds())
        return offset

    def to_unix_s(self, wall: datetime) -> tuple[int, int]:
        """Return the moment of a wall-clock time here, and the offset then."""
        naive = int(wall.replace(tzinfo=UTC).timestamp())
        offset = self.offset_s(naive)
        # Once more with the first guess applied: right but for the hour that a
        # change of the clocks skips or repeats.
        offset = self.offset_s(naive - offset)
        return naive - offset, offset


def _zone_info(name: str) -> tzinfo | None:
    if not name:
        return None  # datetime.astimezone(None) is the system's zone
    match = _fixed_offset.fullmatch(name)
    if match:
        minutes = int(match[2]) * 60 + int(match[3])
        return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"unknown time zone '{name}'") from error


_LOCAL = Zone()


def local_offset(now: UnixNanos) -> int:
    """Return the system zone's offset at ``now``, in seconds east of UTC."""
    return _LOCAL.offset_s(now // _NS)


def scan_stamp(text: bytes, start: int = 0) -> re.Match[bytes] | None:
    """Return the match of a stamp that begins at ``start``, or ``None``."""
    first = text[start : start + 1]
    if first.isdigit():
        return _iso.match(text, start)
    return _bsd.match(text, start)


class StampReader:
    """
    Turns matches of :func:`scan_stamp` into stamps.

    Args:
        zone: the zone of stamps that name none.
        guesses: take the zone instead that brings such a stamp nearest to our clock
            (``flags(guess-timezone)``), when it is less than a day away.

    """

    def __init__(self, zone: Zone, *, guesses: bool = False) -> None:
        self._zone = zone
        self._guesses = guesses
        self._memo: dict[bytes, Stamp] = {}
        self._memo_day = -1

    def read(self, match: re.Match[bytes], now: UnixNanos) -> Stamp | None:
        """Return the stamp, or ``None`` when it is no date at all."""
        text = match.group()
        day = now // (86_400 * _NS)
        if day != self._memo_day or len(self._memo) >= _MEMO_MAX:
            # The guess of the year depends on today's date.
            self._memo.clear()
            self._memo_day = day
        stamp = self._memo.get(text)
        if stamp is None:
            stamp = self._convert(match, now)
            if stamp is not None and not self._guesses:
                self._memo[text] = stamp
        return stamp

    def _convert(self, match: re.Match[bytes], now: UnixNanos) -> Stamp | None:
        fields = match.groupdict()
        month = _MONTH_NUMBERS.get(fields["month"]) or (
            int(fields["month"]) if fields["month"].isdigit() else 0
        )
        if not 1 <= month <= 12:
            return None
        year_text = fields.get("year") or fields.get("year_after")
        year = int(year_text) if year_text else self._guess_year(month, now)
        if not 1 <= year <= 9998:
            return None
        # As mktime() does, days and hours over their range carry over.
        wall = datetime(year, month, 1, tzinfo=UTC) + timedelta(
            days=int(fields["day"]) - 1,
            hours=int(fields["hour"]),
            minutes=int(fields["minute"]),
            seconds=int(fields["second"]),
        )
        zone_text = fields.get("zone")
        if zone_text:
            offset = _offset_of(zone_text)
            unix_s = int(wall.timestamp()) - offset
        else:
            unix_s, offset = self._zone.to_unix_s(wall)
            if self._guesses:
                unix_s, offset = _nearest_zone(wall, now // _NS) or (unix_s, offset)
        fraction = (fields.get("fraction") or b"")[:6].ljust(9, b"0")
        return Stamp(UnixNanos(unix_s * _NS + int(fraction)), offset)

    def _guess_year(self, month: int, now: UnixNanos) -> int:
        """Only December and January are corrected, as in the reference."""
        unix_s = now // _NS
        today = datetime.fromtimestamp(unix_s + self._zone.offset_s(unix_s), UTC)
        if month == 12 and today.month == 1:
            return today.year - 1
        if month == 1 and today.month == 12:
            return today.year + 1
        return today.year


def _nearest_zone(wall: datetime, now_s: int) -> tuple[int, int] | None:
    """Return the moment and the offset, in quarters of an hour, nearest ``now_s``."""
    naive_s = int(wall.timestamp())
    distance_s = naive_s - now_s
    if abs(distance_s) >= _DAY_S:
        return None
    offset = round(distance_s / _OFFSET_STEP_S) * _OFFSET_STEP_S
    return naive_s - offset, offset


def _offset_of(text: bytes) -> int:
    if text == b"Z":
        return 0
    digits = text[1:].replace(b":", b"")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if text[:1] == b"-" else seconds


class StampFormat:
    """
    Writes stamps in one format.

    Args:
        format_: ``bsd``, ``iso``, ``full`` or ``unix``.
        frac_digits: digits of the fraction, cut, not rounded.
        zone: convert to this zone; ``None`` keeps the offset the stamp came with.

    """

    def __init__(
        self, format_: str = "bsd", frac_digits: int = 0, zone: Zone | None = None
    ) -> None:
        assert format_ in {"bsd", "iso", "full", "unix"}
        self._format = format_
        self._frac_digits = frac_digits
        self._zone = zone
        self._memo: dict[tuple[int, int], tuple[bytes, bytes]] = {}

    def write(self, stamp: Stamp) -> bytes:
        """Return the text of ``stamp``."""
        unix_s, ns = divmod(stamp.unix_ns, _NS)
        offset = stamp.offset_s if self._zone is None else self._zone.offset_s(unix_s)
        parts = self._memo.get((unix_s, offset))
        if parts is None:
            if len(self._memo) >= _MEMO_MAX:
                self._memo.clear()
            parts = self._memo[unix_s, offset] = self._parts(unix_s, offset)
        if not self._frac_digits:
            return parts[0] + parts[1]
        fraction = b"%09d" % ns
        return parts[0] + b"." + fraction[: self._frac_digits] + parts[1]

    def _parts(self, unix_s: int, offset_s: int) -> tuple[bytes, bytes]:
        """Return what stands before and after the fraction."""
        if self._format == "unix":
            return b"%d" % unix_s, b""
        wall = datetime.fromtimestamp(unix_s + offset_s, UTC)
        clock = b"%02d:%02d:%02d" % (wall.hour, wall.minute, wall.second)
        if self._format == "iso":
            date = b"%04d-%02d-%02dT" % (wall.year, wall.month, wall.day)
            return date + clock, format_offset(offset_s)
        date = b"%s %2d " % (MONTHS[wall.month - 1], wall.day)
        if self._format == "full":
            date = b"%04d " % wall.year + date
        return date + clock, b""


def format_offset(offset_s: int) -> bytes:
    """Return an offset as ``+02:00``."""
    sign = b"-" if offset_s < 0 else b"+"
    hours, minutes = divmod(abs(offset_s) // 60, 60)
    return b"%s%02d:%02d" % (sign, hours, minutes)
