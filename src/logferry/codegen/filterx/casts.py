"""Functions of FilterX that make one type of another."""

from __future__ import annotations

import math
import re
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any

from logferry.codegen.filterx.calls import Function
from logferry.codegen.filterx.values import (
    ADDRESSES,
    INT_MAX,
    INT_MIN,
    NETWORKS,
    Failure,
    Moment,
    double_text,
    is_true,
    json_text,
    loaded_json,
    raw,
    text_of,
    type_name,
)

__all__ = ["CASTS"]

_integer = re.compile(r"\s*[-+]?[0-9]+")


def _cannot(value: Any, wanted: str) -> Failure:
    return Failure(f"cannot make {wanted} of {type_name(value)}")


def _int(value: Any) -> int:
    kind = type(value)
    if kind is int:
        return value  # type: ignore[no-any-return]
    if kind is bool:
        return int(value)
    if kind is float and not math.isnan(value):
        return _rounded(value)
    if kind is str and _integer.fullmatch(value) and len(value) < 64:
        return min(max(int(value), INT_MIN), INT_MAX)
    if kind is Moment:
        return value.unix_us  # type: ignore[no-any-return]
    raise _cannot(value, "an integer")


def _rounded(value: float) -> int:
    """Round halves away from zero; what is out of range becomes the nearest number."""
    value = min(max(value, INT_MIN), INT_MAX)
    whole = int(value)
    if abs(value - whole) >= 0.5:
        whole += 1 if value > 0 else -1
    return min(max(whole, INT_MIN), INT_MAX)


def _double(value: Any) -> float:
    if type(value) in {int, float, bool}:
        return float(value)
    if type(value) is str and value and value[-1:] not in " _" and "_" not in value:
        try:
            return float(value)
        except ValueError:
            pass
    if type(value) is Moment:
        return value.unix_us / 1_000_000
    raise _cannot(value, "a double")


def _bytes(value: Any) -> bytes:
    if type(value) is bytes:
        return value
    if type(value) is str:
        return raw(value)
    raise _cannot(value, "bytes")


def _ip(value: Any) -> IPv4Address | IPv6Address:
    if isinstance(value, ADDRESSES):
        return value
    try:
        if type(value) is str:
            return ip_address(value)
    except ValueError:
        pass
    raise Failure(f"no address: {text_of(value)!r}")


def _subnet(value: Any) -> IPv4Network | IPv6Network:
    if isinstance(value, NETWORKS):
        return value
    try:
        if type(value) is str:
            return ip_network(value, strict=False)
    except ValueError:
        pass
    raise Failure(f"no subnet: {text_of(value)!r}")


def _repr(value: Any) -> str:
    match value:
        case str():
            return json_text(value)
        case bytes():
            inner = "".join(
                chr(code)
                if 32 <= code < 127 and code not in b'"\\'
                else f"\\x{code:02x}"
                for code in value
            )
            return f'bytes("{inner}")'
        case Moment():
            return f"datetime({text_of(value)})"
        case float():
            return double_text(value)
        case IPv4Address() | IPv6Address():
            return f'ip("{value}")'
        case IPv4Network() | IPv6Network():
            return f'subnet("{value}")'
        case _:
            return text_of(value)


CASTS: dict[str, Function] = {
    "string": Function(text_of),
    "int": Function(_int),
    "double": Function(_double),
    "bool": Function(is_true),
    "bytes": Function(_bytes),
    "ip": Function(_ip),
    "subnet": Function(_subnet),
    "repr": Function(_repr),
    "format_json": Function(json_text),
    "parse_json": Function(lambda value: loaded_json(_bytes(value))),
}
"""Functions by name."""
