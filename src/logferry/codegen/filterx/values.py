r"""
Values of FilterX, and how they are kept in a message.

A value is a Python object: ``str`` (bytes that are no UTF-8 are surrogates), ``int``
of 64 bits, ``float``, ``bool``, ``None``, ``bytes``, :class:`Moment`, ``dict``,
``list``, ``tuple``, :class:`Labels`, addresses and networks of ``ipaddress``. What is
not set has no value: :data:`UNSET` stands in its place, and reading it is a
:class:`Failure`, which is how every error of an expression ends the block.

In a message a value is bytes with a type (``codegen/typed.py``): :func:`stored` and
:func:`read_value` go from one to the other. A list of texts is a ``list``, any other
container is ``json``.

Truth: nothing, no number, an empty text are false; containers are true even when they
are empty (source: AxoSyslog's FilterX).
"""

from __future__ import annotations

import json
import math
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from logferry.codegen.lists import join_list, split_list
from logferry.codegen.values import SETTABLE, set_value, unset_value

if TYPE_CHECKING:
    from logferry.message.model import Message

__all__ = [
    "ADDRESSES",
    "INT_MAX",
    "INT_MIN",
    "NETWORKS",
    "UNSET",
    "Failure",
    "Frozen",
    "FrozenList",
    "Labels",
    "Moment",
    "copied",
    "is_true",
    "json_text",
    "loaded_json",
    "raw",
    "read_attribute",
    "read_typed",
    "read_value",
    "store",
    "text",
    "text_of",
    "type_name",
]

INT_MIN, INT_MAX = -(1 << 63), (1 << 63) - 1
ADDRESSES = (IPv4Address, IPv6Address)
NETWORKS = (IPv4Network, IPv6Network)


TYPED = "\0"
"""Before the name of an attribute among the types of a message: no name begins so."""


class Failure(Exception):
    """An expression has no value; the text says why. The block ends, falsy."""


class _Unset:
    """The one object that stands for no value."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Any = _Unset()


class Moment(NamedTuple):
    """
    A ``datetime``.

    Attributes:
        unix_us: microseconds since 1970.
        offset_s: the offset it is written in, ``None`` when there is none.
        zone_source: where the offset is from: ``parsed``, ``assumed``, ``fixed`` …

    """

    unix_us: int
    offset_s: int | None = None
    zone_source: str = "assumed"


class Labels(dict[str, Any]):
    """``metrics_labels``."""


class Frozen(dict[str, Any]):
    """A dict that many messages share: it is never changed, and never copied."""


class FrozenList(list[Any]):
    """The same of a list."""


_NAMES: dict[type, str] = {
    str: "string",
    int: "integer",
    float: "double",
    bool: "boolean",
    type(None): "null",
    bytes: "bytes",
    Moment: "datetime",
    dict: "dict",
    list: "list",
    tuple: "tuple",
    Labels: "metrics_labels",
    Frozen: "dict",
    FrozenList: "list",
    IPv4Address: "ip",
    IPv6Address: "ip",
    IPv4Network: "subnet",
    IPv6Network: "subnet",
}


def type_name(value: Any) -> str:
    """Return what FilterX calls the type of ``value``."""
    return _NAMES[type(value)]


# ---------------------------------------------------------------------------
# Truth, copies, texts


def is_true(value: Any) -> bool:
    """Tell whether a statement or condition with this value holds."""
    kind = type(value)
    if kind in _ALWAYS_TRUE:
        return True
    if kind is Moment:
        return bool(value.unix_us)
    return bool(value)


_ALWAYS_TRUE = frozenset(
    {dict, list, tuple, Labels, Frozen, FrozenList, *ADDRESSES, *NETWORKS}
)


def copied(value: Any) -> Any:
    """Return what is stored when ``value`` is assigned: containers are values."""
    kind = type(value)
    if kind is dict:
        return {key: copied(item) for key, item in value.items()}
    if kind is list:
        return [copied(item) for item in value]
    return Labels(value) if kind is Labels else value


def text(value: bytes) -> str:
    """Return bytes of a message as text; each odd byte is a surrogate."""
    return value.decode("utf-8", "surrogateescape")


def raw(value: str) -> bytes:
    """Return the bytes that ``value`` stands for."""
    try:
        return value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape")


def text_of(value: Any) -> str:
    """Return ``value`` as ``string()`` has it. Raises ``Failure``."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return double_text(value)
        case None:
            return "null"
        case bytes():
            return text(value)
        case Moment():
            return f"{value.unix_us // 1_000_000}.{value.unix_us % 1_000_000:06}"
        case dict() | list() | tuple():
            return json_text(value)
        case _:
            return str(value)


def double_text(value: float) -> str:
    """Return a double as text: always with a point or an exponent."""
    if math.isfinite(value):
        return repr(value)
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


# ---------------------------------------------------------------------------
# JSON


def json_text(value: Any) -> str:
    """Return ``value`` as JSON."""
    try:
        return orjson.dumps(value, _in_json).decode()
    except TypeError:  # surrogates, large numbers: slowly
        return json.dumps(
            _plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False
        )
    except RecursionError as error:
        raise Failure("the value nests too deep for JSON") from error


def _in_json(value: Any) -> Any:
    if isinstance(value, bytes):
        import base64

        return base64.b64encode(value).decode()
    if isinstance(value, Moment):
        return text_of(value)
    if type(value) in _NAMES:
        return str(value)
    raise TypeError


def _plain(value: Any) -> Any:
    match value:
        case str():
            return raw(value).decode("utf-8", "backslashreplace")
        case dict():
            return {str(_plain(key)): _plain(item) for key, item in value.items()}
        case Moment() | bytes():
            return _in_json(value)
        case list() | tuple():
            return [_plain(item) for item in value]
        case bool() | int() | None:
            return value
        case float():
            return value if math.isfinite(value) else None
        case _:
            return str(value)


def loaded_json(data: bytes | str) -> Any:
    """Return what a JSON text says. Raises ``Failure``."""
    try:
        return orjson.loads(data)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise Failure(f"no JSON: {error}") from None


# ---------------------------------------------------------------------------
# Values of messages


def read_value(message: Message, name: str) -> Any:
    """Return a name-value pair, ``UNSET`` when there is none. Raises ``Failure``."""
    value = message.values.get(name)
    if value is None:
        return UNSET
    kind = message.types.get(name) if message.types else None
    if not kind:
        return value.decode("utf-8", "surrogateescape")
    return read_typed(value, kind)


def read_attribute(message: Message, attribute: str) -> Any:
    """Return an attribute of a message, with the type that a block gave it."""
    value: bytes = getattr(message, attribute)
    kind = message.types.get(TYPED + attribute) if message.types else None
    if kind:
        try:
            return read_typed(value, kind)
        except Failure:  # somebody else has changed it since
            pass
    return value.decode("utf-8", "surrogateescape")


def read_typed(value: bytes, kind: str) -> Any:
    """Return bytes of a type as a value. Raises ``Failure``."""
    match kind:
        case "json":
            return loaded_json(value)
        case "list":
            return [text(item) for item in split_list(value)]
        case "null":
            return None
        case "bytes":
            return value
        case "datetime":
            return moment_of(value)
        case "boolean":
            return value[:1] in {b"T", b"t", b"1"}
    try:
        if kind == "int":
            number = int(value)
            if INT_MIN <= number <= INT_MAX:
                return number
        elif kind == "double":
            return float(value)
        else:
            return text(value)
    except ValueError:
        pass
    raise Failure(f"a value of type {kind} is {text(value)!r}")


def moment_of(value: bytes) -> Moment:
    """Return a datetime from ``seconds.fraction+hh:mm``. Raises ``Failure``."""
    body = value.decode("ascii", "replace")
    offset: int | None = None
    for sign in "+-":
        head, found, zone = body.partition(sign)
        if found and head:
            hours, _, minutes = zone.partition(":")
            if not (hours.isdigit() and (minutes or "0").isdigit()):
                break
            offset = (int(hours) * 3600 + int(minutes or 0) * 60) * (
                -1 if sign == "-" else 1
            )
            body = head
            break
    seconds, _, fraction = body.partition(".")
    if not seconds.lstrip("-").isdigit() or not (fraction or "0").isdigit():
        raise Failure(f"no datetime: {text(value)!r}")
    us = int(f"{fraction[:6]:0<6}") if fraction else 0
    return Moment(int(seconds) * 1_000_000 + us, offset, "parsed")


def store(message: Message, name: str, value: Any) -> None:
    """Set a value of the message with its type; ``UNSET`` takes it away."""
    if value is UNSET:
        unset_value(message, name)
        if name in SETTABLE:
            message.types.pop(TYPED + SETTABLE[name], None)
        return
    if type(value) is str and name not in SETTABLE and not message.types:
        message.values[name] = raw(value)
        return
    data, kind = stored(value)
    set_value(message, name, data, kind)
    attribute = SETTABLE.get(name)
    if attribute is not None:  # its type is for the blocks that follow
        if kind:
            message.types[TYPED + attribute] = kind
        elif message.types:
            message.types.pop(TYPED + attribute, None)


def stored(value: Any) -> tuple[bytes, str]:
    """Return the bytes and the type of a value in a message."""
    match value:
        case str():
            return raw(value), ""
        case bool():
            return b"true" if value else b"false", "boolean"
        case int():
            return b"%d" % value, "int"
        case float():
            return double_text(value).encode(), "double"
        case None:
            return b"", "null"
        case bytes():
            return value, "bytes"
        case Moment():
            return moment_text(value).encode(), "datetime"
        case list() if all(type(item) is str for item in value):
            return join_list([raw(item) for item in value]), "list"
        case dict() | list() | tuple():
            return json_text(value).encode(), "json"
        case _:
            return str(value).encode(), ""


def moment_text(value: Moment) -> str:
    """Return a datetime as it is kept in a message, with its offset."""
    body = text_of(value)
    if value.offset_s is None:
        return body
    sign = "-" if value.offset_s < 0 else "+"
    minutes = abs(value.offset_s) // 60
    return f"{body}{sign}{minutes // 60:02}:{minutes % 60:02}"
