"""
What the operators of FilterX do; generated code calls these functions.

They take values and return values or raise ``Failure``. Integers have 64 bits and
overflow is an error, as is a result that is no finite number. A container is changed
in place: who assigns one copies it first (source: AxoSyslog's FilterX).
"""

from __future__ import annotations

import math
import operator as op
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, NoReturn

from logferry.codegen.filterx.values import (
    ADDRESSES,
    INT_MAX,
    INT_MIN,
    NETWORKS,
    UNSET,
    Failure,
    Labels,
    Moment,
    copied,
    raw,
    text,
    text_of,
    type_name,
)

__all__ = [
    "ORDERS",
    "TEXT_ORDERS",
    "append",
    "as_key",
    "attribute",
    "compared",
    "contains",
    "divided",
    "equal",
    "has_item",
    "item",
    "matched",
    "minus",
    "modulo",
    "negative",
    "not_equal",
    "plus",
    "plus_in_place",
    "same",
    "set_item",
    "set_path",
    "sliced",
    "text_compared",
    "times",
    "unset",
    "unset_item",
    "within",
]

_NUMBERS = frozenset({int, float})
_US = 1_000_000


# ---------------------------------------------------------------------------
# Arithmetic


def plus(left: Any, right: Any) -> Any:
    """``left + right``: a sum, a concatenation, a union."""
    kind = type(left)
    if kind is str:
        if type(right) is str:
            return left + right
    elif kind is int or kind is float:
        if type(right) in _NUMBERS:
            return _checked(left + right)
    elif isinstance(left, dict):
        if isinstance(right, dict):
            union = {**copied(left), **copied(right)}
            return Labels(union) if kind is Labels else union
    elif kind is Moment:
        if type(right) in _NUMBERS:
            return left._replace(unix_us=left.unix_us + _microseconds(right))
    elif isinstance(left, list | tuple):
        if isinstance(right, list | tuple) and type(right) is not Moment:
            return [*copied(left), *copied(right)]
    elif kind is bytes and type(right) is bytes:
        return left + right
    raise _cannot("add", left, right)


def _microseconds(duration: float) -> int:
    if type(duration) is int:
        return duration
    us = duration * _US
    if not math.isfinite(us) or not INT_MIN <= us <= INT_MAX:
        raise Failure("no duration")
    return int(us)


def _cannot(what: str, left: Any, right: Any) -> Failure:
    return Failure(f"cannot {what} {type_name(left)} and {type_name(right)}")


def _checked(value: Any) -> Any:
    if type(value) is int:
        if INT_MIN <= value <= INT_MAX:
            return value
        raise Failure("the result has more than 64 bits")
    if math.isfinite(value):
        return value
    raise Failure("the result is no number")


def plus_in_place(left: Any, right: Any) -> Any:
    """``left += right`` of a variable, whose container is nobody else's."""
    is_row = isinstance(right, list | tuple) and type(right) is not Moment
    if type(left) is list and is_row:
        left.extend(copied(right))
        return left
    if type(left) is dict and isinstance(right, dict):
        left.update(copied(right))
        return left
    return plus(left, right)


def minus(left: Any, right: Any) -> Any:
    """``left - right``, numbers only."""
    if type(left) in _NUMBERS and type(right) in _NUMBERS:
        return _checked(left - right)
    raise _cannot("subtract", left, right)


def times(left: Any, right: Any) -> Any:
    """``left * right``, numbers only."""
    if type(left) in _NUMBERS and type(right) in _NUMBERS:
        return _checked(left * right)
    raise _cannot("multiply", left, right)


def divided(left: Any, right: Any) -> Any:
    """``left / right``; of integers towards zero."""
    if type(left) in _NUMBERS and type(right) in _NUMBERS:
        if not right:
            raise Failure("division by zero")
        if type(left) is int and type(right) is int:
            quotient = abs(left) // abs(right)
            return _checked(quotient if (left < 0) == (right < 0) else -quotient)
        return _checked(left / right)
    raise _cannot("divide", left, right)


def modulo(left: Any, right: Any) -> Any:
    """``left % right``, integers only; the sign is the left one's."""
    if type(left) is int and type(right) is int:
        if not right:
            raise Failure("division by zero")
        rest = abs(left) % abs(right)
        return -rest if left < 0 else rest
    raise Failure(f"% takes integers, not {type_name(left)} and {type_name(right)}")


def negative(value: Any) -> Any:
    """``-value``."""
    if type(value) in _NUMBERS:
        return _checked(-value)
    raise Failure(f"'-' takes a number, not {type_name(value)}")


# ---------------------------------------------------------------------------
# Comparison

ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": op.lt,
    "<=": op.le,
    ">": op.gt,
    ">=": op.ge,
}
TEXT_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "lt": op.lt,
    "le": op.le,
    "gt": op.gt,
    "ge": op.ge,
    "eq": op.eq,
    "ne": op.ne,
}


def _number(value: Any) -> float | int | None:
    """Return what ``value`` is as a number; ``None`` when it is none."""
    match value:
        case bool():
            return int(value)
        case int() | float():
            return value if value == value else None  # noqa: PLR0124 - no NaN
        case str():
            return _number_of_text(value)
        case None:
            return 0
        case Moment():
            return value.unix_us
        case _:
            return None


def _number_of_text(value: str) -> float | int | None:
    try:
        return int(value)
    except ValueError:
        pass
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in value else None


def equal(left: Any, right: Any) -> bool:
    """``left == right``: texts as texts, anything else as numbers."""
    kind = type(left)
    if kind is type(right) and kind in {str, bytes, int}:
        return bool(left == right)
    if left is None or right is None:
        return left is right
    first, second = _number(left), _number(right)
    return first is not None and second is not None and first == second


def not_equal(left: Any, right: Any) -> bool:
    """``left != right``."""
    return not equal(left, right)


def same(left: Any, right: Any) -> bool:
    """``left === right``: equal and of one type."""
    return type(left) is type(right) and equal(left, right)


def compared(left: Any, operator: str, right: Any) -> bool:
    """``left < right`` and its like."""
    kind = type(left)
    if kind is type(right) and kind is str:
        return ORDERS[operator](raw(left), raw(right))
    if kind is type(right) and kind is bytes:
        return ORDERS[operator](left, right)
    first, second = _number(left), _number(right)
    if first is None or second is None:
        return False
    return ORDERS[operator](first, second)


def text_compared(left: Any, operator: str, right: Any) -> bool:
    """``left lt right`` and its like: always as texts."""
    return TEXT_ORDERS[operator](raw(text_of(left)), raw(text_of(right)))


def contains(member: Any, container: Any) -> bool:
    """``member in container``."""
    if isinstance(container, list | tuple):
        return any(same(member, item) for item in container)
    if isinstance(container, dict):
        return as_key(member) in container
    if isinstance(container, NETWORKS):
        return bool(_address(member) in container)
    raise Failure(f"nothing is in a {type_name(container)}")


def _address(value: Any) -> Any:
    if isinstance(value, ADDRESSES):
        return value
    try:
        if type(value) is str:
            return ip_address(value)
    except ValueError:
        pass
    raise Failure(f"no address: {text_of(value)!r}")


def within(value: Any, start: Any, end: Any) -> bool:
    """``case start..end``: the end is not part of it."""
    for bound in (value, start, end):
        if type(bound) not in _NUMBERS:
            raise Failure(f"a range takes numbers, not {type_name(bound)}")
    if start >= end:
        raise Failure("a range must end behind its start")
    return bool(start <= value < end)


def matched(search: Callable[[bytes], Any], value: Any) -> bool:
    """``value =~ pattern``."""
    if type(value) is not str:
        raise Failure(f"'=~' takes a string, not {type_name(value)}")
    return search(raw(value)) is not None


# ---------------------------------------------------------------------------
# Containers


def as_key(value: Any) -> str:
    """Return ``value``, which must be a key."""
    if type(value) is str:
        return value
    raise Failure(f"a key is a string, not {type_name(value)}")


def _index(value: Any, count: int, *, can_append: bool = False) -> int:
    if type(value) is not int:
        raise Failure(f"an index is an integer, not {type_name(value)}")
    index: int = value + count if value < 0 else value
    if 0 <= index < count or (can_append and index == count):
        return index
    raise Failure(f"there is no item {value} among {count}")


def item(container: Any, key: Any) -> Any:
    """``container[key]``."""
    kind = type(container)
    if kind is dict or isinstance(container, dict):
        found = container.get(as_key(key), UNSET)
        if found is UNSET:
            raise Failure(f"there is no key {key!r}")
        return found
    if isinstance(container, list | tuple) and kind is not Moment:
        return container[_index(key, len(container))]
    raise Failure(f"a {type_name(container)} has no items")


def attribute(container: Any, key: str) -> Any:
    """``container.key``."""
    if isinstance(container, dict):
        found = container.get(key, UNSET)
        if found is not UNSET:
            return found
        raise Failure(f"there is no key {key!r}")
    raise Failure(f"a {type_name(container)} has no key {key!r}")


def has_item(container: Any, key: Any) -> bool:
    """Whether there is ``container[key]``."""
    if isinstance(container, dict):
        return type(key) is str and key in container
    if isinstance(container, list | tuple):
        count = len(container)
        return type(key) is int and -count <= key < count
    return False


def set_item(container: Any, key: Any, value: Any) -> Any:
    """``container[key] = value``; returns the value."""
    kind = type(container)
    if kind is dict:
        container[as_key(key)] = value
    elif kind is Labels:
        container[as_key(key)] = text_of(value)
    elif kind is list:
        count = len(container)
        index = _index(key, count, can_append=True)
        container[index : index + 1] = [value]
    else:
        raise Failure(f"nothing can be set in a {type_name(container)}")
    return value


def append(container: Any, value: Any) -> Any:
    """``container[] = value``; returns the value."""
    if type(container) is not list:
        raise Failure(f"nothing can be appended to a {type_name(container)}")
    container.append(value)
    return value


def unset_item(container: Any, key: Any) -> bool:
    """``unset(container[key])``; a key that is not there is no error."""
    kind = type(container)
    if kind is dict or kind is Labels:
        container.pop(as_key(key), None)
    elif kind is list:
        del container[_index(key, len(container))]
    else:
        raise Failure(f"nothing can be unset in a {type_name(container)}")
    return True


def set_path(container: Any, keys: tuple[Any, ...], value: Any) -> Any:
    """``dpath(container…) = value``: what is missing on the way is made."""
    for key in keys[:-1]:
        if not has_item(container, key):
            set_item(container, key, {})
        container = item(container, key)
    return set_item(container, keys[-1], value)


def sliced(value: Any, start: Any, end: Any) -> str:
    """``value[start..end]``, in bytes; ``UNSET`` is the beginning or the end."""
    if type(value) is not str:
        raise Failure(f"a part can be taken of a string, not of {type_name(value)}")
    data: Any = value if value.isascii() else raw(value)
    count = len(data)
    bounds = []
    for bound, default in ((start, 0), (end, count)):
        if bound is UNSET:
            bounds.append(default)
            continue
        if type(bound) is not int:
            raise Failure(f"an index is an integer, not {type_name(bound)}")
        bounds.append(min(max(bound + count if bound < 0 else bound, 0), count))
    if bounds[0] > bounds[1]:
        raise Failure("the part ends before it begins")
    part = data[bounds[0] : bounds[1]]
    return text(part) if isinstance(part, bytes) else part


def unset(name: str) -> NoReturn:
    """Raise the ``Failure`` of reading a variable that is not set."""
    raise Failure(f"{name} is not set")
