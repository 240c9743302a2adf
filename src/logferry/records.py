"""
``@record``: frozen dataclasses with slots, made when the first object is needed.

Making a dataclass compiles half a dozen methods, which takes longer than the rest of
its module. Most of a hundred classes of events and nodes never have an object in a
given run, and the daemon's start would wait for all of them. So a record gets its
slots at once, and everything else from ``dataclasses`` when its first object, or a
class below it, is made: no method can be called before.

What differs from ``@dataclass(frozen=True, slots=True)``: ``dataclasses.fields`` does
not know the class itself before its first object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field
from typing import Any, NoReturn, TypeVar, dataclass_transform

__all__ = ["record"]

T = TypeVar("T")

_MADE = ("__init__", "__repr__", "__eq__", "__hash__")
_NOTES = ("__dataclass_fields__", "__dataclass_params__")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """Return ``cls`` as a frozen dataclass with slots."""
    names = [
        name
        for name, kind in _annotations_of(cls).items()
        if not str(kind).startswith(("ClassVar", "typing.ClassVar"))
    ]
    namespace = {
        name: value
        for name, value in cls.__dict__.items()
        if name not in {*names, "__dict__", "__weakref__"}
    }
    taken = {
        name for base in cls.__mro__[1:] for name in getattr(base, "__slots__", ())
    }
    namespace["__slots__"] = tuple(name for name in names if name not in taken)
    inherited = getattr(cls, "__match_args__", ())
    namespace["__match_args__"] = tuple(dict.fromkeys((*inherited, *names)))
    namespace["__setattr__"] = namespace["__delattr__"] = _refuse
    namespace["__setstate__"] = _restore
    made: Any = type(cls)(cls.__name__, cls.__bases__, namespace)  # type: ignore[misc]
    slotted: type[T] = made

    def make(self: T, *values: Any, **named: Any) -> None:
        _complete(slotted)
        slotted.__init__(self, *values, **named)  # no longer this function

    def on_heir(heir: Any, /, **named: Any) -> None:
        _complete(slotted)  # a dataclass looks at the fields of its bases
        super(made, heir).__init_subclass__(**named)

    def complete() -> None:
        dataclass(frozen=True)(cls)
        for name in _MADE:
            if name not in namespace:
                setattr(slotted, name, cls.__dict__[name])
        for name in _NOTES:
            setattr(slotted, name, cls.__dict__[name])

    made.__init_subclass__ = classmethod(on_heir)
    made.__init__ = make
    _UNFINISHED[slotted] = complete
    return slotted


_UNFINISHED: dict[type, Callable[[], None]] = {}


def _annotations_of(cls: type) -> dict[str, str]:
    """Return the annotations of ``cls`` itself (``inspect`` would be slow to load)."""
    found: dict[str, str] = vars(cls).get("__annotations__", {})
    return found


def _complete(cls: type) -> None:
    """Give ``cls`` its methods, if it is a record that has none yet."""
    complete = _UNFINISHED.pop(cls, None)
    if complete is not None:
        complete()


def _refuse(self: object, name: str, value: object = None) -> NoReturn:
    del self, value
    raise FrozenInstanceError(f"cannot assign to or delete field '{name}'")


def _restore(self: object, state: tuple[None, dict[str, object]]) -> None:
    """Fill a copy (``copy.copy``, ``pickle``)."""
    for name, value in state[1].items():
        object.__setattr__(self, name, value)
