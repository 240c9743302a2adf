"""
Places of addresses from MaxMind's databases: ``geoip2()`` and ``$(geoip2 …)``.

Needs the package ``maxminddb`` (``logferry[geoip]``). The file is read into memory when
the configuration is loaded, a reload reads it anew; addresses repeat, so the last
answers are remembered.

A record is a tree. Its leaves become texts as in the reference: numbers with a
fraction have six digits of it, of several languages the English name is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from logferry.codegen.patterns import PatternError

__all__ = ["DEFAULT_FIELD", "GeoDatabase"]

DEFAULT_FIELD: Final = "country.iso_code"

_DEFAULT_PATHS: Final = (
    "/usr/share/GeoIP/GeoLite2-City.mmdb",
    "/var/lib/GeoIP/GeoLite2-City.mmdb",
)
_MEMO_MAX: Final = 4096
_LANGUAGE: Final = "en"


class GeoDatabase:
    """
    An open database.

    Args:
        path: the file, or nothing for GeoLite2's city database where it is installed.

    Raises ``PatternError`` when the package or the file is missing, or unreadable.
    """

    def __init__(self, path: str) -> None:
        try:
            import maxminddb  # late: an extra
        except ImportError as error:
            raise PatternError(
                "geoip2 needs the package maxminddb: install logferry[geoip]"
            ) from error
        if not path:
            path = next((one for one in _DEFAULT_PATHS if Path(one).exists()), "")
            if not path:
                raise PatternError("geoip2 needs a database(): none is installed")
        try:
            self._reader = maxminddb.open_database(path, maxminddb.MODE_MEMORY)
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            raise PatternError(f"geoip2: cannot read {path}: {error}") from error
        self._damage = maxminddb.InvalidDatabaseError
        self.record = lru_cache(_MEMO_MAX)(self._record)
        """Return what is known of an address as a tree, ``None`` for nothing."""

    def _record(self, address: bytes) -> Any:
        try:
            return self._reader.get(address.decode("ascii"))
        except (ValueError, self._damage):  # no address, or of the other family
            return None

    def field(self, address: bytes, path: tuple[str, ...]) -> bytes:
        """Return one leaf of a record by its path; nothing when there is none."""
        at = self.record(address)
        for step in path:
            if isinstance(at, dict):
                at = at.get(step)
            elif isinstance(at, list) and step.lstrip("-").isdigit():
                index = int(step)
                at = at[index] if -len(at) <= index < len(at) else None
            else:
                return b""
        return b"" if isinstance(at, dict | list) else _text_of(at)

    def leaves(self, address: bytes, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Yield name and text of every leaf of a record."""
        record = self.record(address)
        if record is not None:
            yield from _leaves(record, prefix)


def _leaves(value: Any, name: str) -> Iterator[tuple[str, bytes]]:
    if isinstance(value, dict):
        if name.endswith(".names"):
            value = {key: value[key] for key in (_LANGUAGE,) if key in value}
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{name}.{index}")
    else:
        yield name, _text_of(value)


def _text_of(value: object) -> bytes:
    match value:
        case None:
            return b""
        case bool():
            return b"true" if value else b"false"
        case float():
            return b"%.6f" % value
        case bytes() | bytearray():
            return bytes(value)
    return str(value).encode("utf-8", "surrogateescape")
