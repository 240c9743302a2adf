"""
``LogMessage``: a message as Python code of the configuration sees it.

``message["NAME"]`` gives name-value pairs and macros, with their types; a string is a
``str``, bytes that are no UTF-8 are ``bytes``. The interface is AxoSyslog's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson

from logferry.codegen.lists import join_list, split_list
from logferry.codegen.macros import MacroContext, macro_function
from logferry.codegen.values import SETTABLE, get_value, set_value, unset_value
from logferry.message.model import Message, Origin, Stamp, UnixNanos

__all__ = ["LogMessage", "value_of_python"]

_NS = 1_000_000_000
_NO_MACROS = MacroContext()
_NAMES = ("HOST", "PROGRAM", "PID", "MSGID", "MESSAGE")


class LogMessage:
    """
    One message.

    Python code may make its own (``LogMessage("text")``), change them and hand them
    to ``post_message()``.
    """

    def __init__(self, text: str | bytes = b"", /) -> None:
        now = Stamp(UnixNanos(0), 0)
        self.message = Message(Origin(), now, now)
        self.message.message = _encoded(text)
        self._macros = _NO_MACROS

    @classmethod
    def of(cls, message: Message, macros: MacroContext = _NO_MACROS) -> LogMessage:
        """Return a view of ``message``; changes go to it."""
        view = cls.__new__(cls)
        view.message = message
        view._macros = macros
        return view

    @property
    def macros(self) -> MacroContext:
        """What macros of this message need besides it."""
        return self._macros

    def __getitem__(self, name: str) -> Any:
        found = self.get(name)
        if found is None and self.message.types.get(name) != "null":
            raise KeyError(name)
        return found

    def __setitem__(self, name: str, value: object) -> None:
        set_value(self.message, name, *value_of_python(value))

    def __delitem__(self, name: str) -> None:
        unset_value(self.message, name)

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def keys(self) -> list[str]:
        """Return the names that have a value."""
        names = [name for name in _NAMES if get_value(self.message, name)]
        return [*names, *self.message.values]

    def items(self) -> list[tuple[str, Any]]:
        """Return names and values."""
        return [(name, self.get(name)) for name in self.keys()]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a value with its type, or ``default``."""
        message = self.message
        if name in message.values:
            return _to_python(message.values[name], message.types.get(name, ""))
        if name in SETTABLE:
            value = get_value(message, name)
            return _decoded(value) if value else default
        function = macro_function(name, self._macros)
        return default if function is None else _decoded(function(message))

    def get_as_str(
        self,
        name: str,
        default: str | None = None,
        encoding: str = "utf-8",
        errors: str = "strict",
    ) -> str | None:
        """Return the text of a value, whatever its type, or ``default``."""
        message = self.message
        if name in message.values:
            return message.values[name].decode(encoding, errors)
        value = self.get(name)
        if value is None:
            return default
        return (
            value if isinstance(value, str) else bytes(value).decode(encoding, errors)
        )

    def get_pri(self) -> int:
        """Return facility * 8 + severity."""
        return self.message.pri

    def set_pri(self, pri: int) -> None:
        """Set facility * 8 + severity."""
        self.message.pri = int(pri)

    def get_timestamp(self) -> datetime:
        """Return the message's own time, in its own zone."""
        stamp = self.message.stamp
        zone = timezone(timedelta(seconds=stamp.offset_s))
        whole, rest = divmod(stamp.unix_ns, _NS)
        moment = datetime.fromtimestamp(whole, UTC) + timedelta(
            microseconds=rest // 1000
        )
        return moment.astimezone(zone)

    def set_timestamp(self, moment: datetime) -> None:
        """Set the message's own time; without a zone it is UTC."""
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        offset = aware.utcoffset() or timedelta()
        whole = int(aware.replace(microsecond=0).timestamp())
        unix_ns = UnixNanos(whole * _NS + aware.microsecond * 1000)
        self.message.stamp = Stamp(unix_ns, int(offset.total_seconds()))

    def set_source_ipaddress(self, address: str) -> None:
        """Set ``$SOURCEIP``."""
        old = self.message.origin
        self.message.origin = Origin(
            source=old.source,
            transport=old.transport,
            host=old.host,
            local=old.local,
            peer_ip=address.encode(),
        )

    def __repr__(self) -> str:
        return f"<LogMessage {self.message.message!r}>"


def value_of_python(value: object) -> tuple[bytes, str]:
    """Return text and type of a Python value."""
    match value:
        case bytes() | str():
            return _encoded(value), ""
        case bool():
            return (b"true" if value else b"false"), "boolean"
        case int():
            return b"%d" % value, "int"
        case float():
            return repr(value).encode(), "double"
        case None:
            return b"", "null"
        case datetime():
            return b"%.6f" % value.timestamp(), "datetime"
        case list() | tuple() if all(isinstance(item, str | bytes) for item in value):
            return join_list(map(_encoded, value)), "list"
        case dict() | list() | tuple():
            return orjson.dumps(value), "json"
        case _:
            return _encoded(str(value)), ""


def _to_python(value: bytes, kind: str) -> Any:
    try:
        match kind:
            case "int":
                return int(value)
            case "double":
                return float(value)
            case "boolean":
                return value[:1] in {b"t", b"T", b"1"}
            case "null":
                return None
            case "list":
                return [_decoded(item) for item in split_list(value)]
            case "json":
                return orjson.loads(value)
            case "datetime":
                return datetime.fromtimestamp(float(value), UTC)
            case "bytes":
                return value
    except ValueError:
        return _decoded(value)
    return _decoded(value)


def _decoded(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _encoded(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
