"""Records behave as frozen dataclasses with slots, however late they are made."""

from __future__ import annotations

import copy
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import ClassVar

import pytest

from logferry.records import record


@record
class Base:
    kind: ClassVar[str] = "base"

    name: str


@record
class Derived(Base):
    count: int = 1
    items: list[int] = field(default_factory=list)

    @property
    def double(self) -> int:
        return self.count * 2


@dataclass(frozen=True, slots=True)
class Ordinary(Base):
    size: int = 0


def test_fields_defaults_and_methods():
    made = Derived("a", 3)
    assert (made.name, made.count, made.items, made.double) == ("a", 3, [], 6)
    assert Derived("a").items is not Derived("a").items
    assert Derived(name="b", count=2).count == 2
    assert made.kind == "base"
    assert repr(made) == "Derived(name='a', count=3, items=[])"
    assert [item.name for item in fields(made)] == ["name", "count", "items"]
    with pytest.raises(TypeError):
        Derived()


def test_equality_is_by_class_and_fields():
    assert Base("a") == Base("a")
    assert Base("a") != Base("b")
    assert Base("a") != Derived("a")
    assert len({Base("a"), Base("a"), Base("b")}) == 2


def test_nothing_can_be_changed_or_added():
    made = Derived("a")
    for name in ("name", "count", "other"):
        with pytest.raises(FrozenInstanceError):
            setattr(made, name, 1)
    with pytest.raises(FrozenInstanceError):
        del made.name
    assert not hasattr(made, "__dict__")


def test_copies_replaces_and_matches():
    made = Derived("a", 2, [1])
    assert copy.copy(made) == made
    assert copy.deepcopy(made) == made
    assert replace(made, count=5) == Derived("a", 5, [1])
    match made:
        case Derived(name, count, [first]):
            assert (name, count, first) == ("a", 2, 1)
        case _:
            raise AssertionError


def test_an_ordinary_dataclass_can_be_derived_from_one():
    # Its base is made with it.
    assert Ordinary("a", 2).name == "a"
    assert Ordinary("a") == Ordinary("a", 0)


def test_a_class_without_fields():
    @record
    class Nothing(Base):
        text: ClassVar[str] = "nothing"

    assert Nothing("x").name == "x"


def test_a_base_is_completed_by_its_heir_alone():
    @record
    class First:
        a: int = 1

    @record
    class Second(First):
        b: int = 2

    assert (Second().a, Second(3).a, Second(3, 4).b) == (1, 3, 4)
    assert First().a == 1
