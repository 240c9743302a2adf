"""Functions of FilterX on dicts and lists."""

from __future__ import annotations

from typing import Any

from logferry.codegen.filterx.calls import Function
from logferry.codegen.filterx.operators import same
from logferry.codegen.filterx.values import (
    UNSET,
    Failure,
    Frozen,
    FrozenList,
    Labels,
    Moment,
    copied,
    loaded_json,
    raw,
    text_of,
    type_name,
)

__all__ = ["CONTAINERS", "flatten", "set_fields", "unset_empties"]


def _dict(value: Any = UNSET) -> dict[str, Any]:
    """``dict()`` and ``json()``."""
    if value is UNSET:
        return {}
    if type(value) is dict:
        return value
    if isinstance(value, dict):
        return dict(value)
    found = loaded_json(value) if type(value) in {str, bytes} else value
    if type(found) is dict:
        return found
    raise Failure(f"cannot make a dict of {type_name(value)}")


def _list(value: Any = UNSET) -> list[Any]:
    """``list()`` and ``json_array()``."""
    if value is UNSET:
        return []
    if type(value) is list:
        return value
    if type(value) in {tuple, FrozenList}:
        return list(value)
    found = loaded_json(value) if type(value) in {str, bytes} else value
    if type(found) is list:
        return found
    raise Failure(f"cannot make a list of {type_name(value)}")


def _tuple(value: Any = UNSET) -> tuple[Any, ...]:
    return () if value is UNSET else tuple(copied(_list(value)))


def _len(value: Any) -> int:
    kind = type(value)
    if kind is str:
        return len(value) if value.isascii() else len(raw(value))
    if kind in {bytes, dict, list, tuple, Labels, Frozen, FrozenList}:
        return len(value)
    raise Failure(f"a {type_name(value)} has no length")


def _keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return list(value)
    raise Failure(f"a {type_name(value)} has no keys")


def flatten(value: Any, separator: str) -> dict[str, Any]:
    """``flatten()``: what is nested gets names with separators, in place."""
    if not isinstance(value, dict):
        raise Failure(f"a {type_name(value)} cannot be flattened")
    waiting = [item for item in reversed(value.items()) if isinstance(item[1], dict)]
    for name, _ in waiting:
        del value[name]
    while waiting:
        name, item = waiting.pop()
        if isinstance(item, dict):
            waiting += [
                (f"{name}{separator}{key}", inner)
                for key, inner in reversed(item.items())
            ]
        else:
            value[name] = item
    return value


def _dict_to_pairs(value: Any, key_name: Any, value_name: Any) -> list[dict[str, Any]]:
    if not isinstance(value, dict):
        raise Failure(f"a {type_name(value)} has no pairs")
    if type(key_name) is not str or type(value_name) is not str:
        raise Failure("the names of keys and values are strings")
    return [{key_name: key, value_name: copied(item)} for key, item in value.items()]


_ABSTRACT = {
    "dict": (dict, Labels),
    "mapping": (dict, Labels),
    "json_object": (dict,),
    "list": (list,),
    "json_array": (list,),
    "sequence": (list, tuple),
    "primitive": (int, float, bool),
    "object": (object,),
}


def _istype(value: Any, name: Any) -> bool:
    if type(name) is not str:
        raise Failure("the name of a type is a string")
    known = _ABSTRACT.get(name)
    if known is not None:
        is_moment = isinstance(value, Moment) and name != "object"
        return isinstance(value, known) and not is_moment
    return type_name(value) == name


_EMPTY: list[Any] = ["", None, [], {}]


def unset_empties(
    value: Any,
    targets: Any,
    replacement: Any,
    recursive: bool,
    ignores_case: bool,
) -> bool:
    """``unset_empties()``: take empty items out of a container, in place."""
    if type(value) not in {dict, list}:
        raise Failure(f"a {type_name(value)} has no empty items")
    empties = _EMPTY if targets is UNSET else targets
    if type(empties) is not list:
        raise Failure("targets is a list")
    _clean(value, _Targets(empties, ignores_case), replacement, recursive)
    return True


class _Targets:
    """What counts as empty."""

    def __init__(self, items: list[Any], ignores_case: bool) -> None:
        self._ignores_case = ignores_case
        self._texts = {self._folded(item) for item in items if type(item) is str}
        self._others = [item for item in items if type(item) is not str]

    def _folded(self, value: str) -> str:
        return value.lower() if self._ignores_case else value

    def __contains__(self, value: Any) -> bool:
        if type(value) is str:
            return self._folded(value) in self._texts
        if type(value) in {dict, list}:
            return not value and value in self._others
        return any(same(value, item) for item in self._others)


def _clean(value: Any, targets: _Targets, replacement: Any, recursive: bool) -> None:
    keys = list(value) if type(value) is dict else range(len(value) - 1, -1, -1)
    for key in keys:
        item = value[key]
        if recursive and type(item) in {dict, list}:
            _clean(item, targets, replacement, recursive)
        if item in targets:
            if replacement is UNSET:
                del value[key]
            else:
                value[key] = copied(replacement)


def set_fields(container: Any) -> None:
    """``set_fields()``: see that fields can be set. Raises ``Failure``."""
    if type(container) is not dict:
        raise Failure(f"a {type_name(container)} has no fields")


def _labels(value: Any = UNSET) -> Labels:
    if value is UNSET:
        return Labels()
    if not isinstance(value, dict):
        raise Failure(f"cannot make metrics_labels of {type_name(value)}")
    return Labels({key: text_of(value[key]) for key in sorted(value)})


def _dedup_labels(value: Any) -> Labels:
    if type(value) is not Labels:
        raise Failure("dedup_metrics_labels() takes metrics_labels")
    return value


CONTAINERS: dict[str, Function] = {
    "dict": Function(_dict, 0, is_fresh=False),
    "json": Function(_dict, 0, is_fresh=False),
    "list": Function(_list, 0, is_fresh=False),
    "json_array": Function(_list, 0, is_fresh=False),
    "tuple": Function(_tuple, 0),
    "len": Function(_len),
    "keys": Function(_keys),
    "dict_to_pairs": Function(_dict_to_pairs, 3, 3),
    "istype": Function(_istype, 2, 2),
    "metrics_labels": Function(_labels, 0),
    "dedup_metrics_labels": Function(_dedup_labels, is_fresh=False),
}
"""Functions by name."""
