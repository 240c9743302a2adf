"""
Value-pairs: which names of a message, under which keys.

The command line of ``$(format-json …)`` and of ``value-pairs()``: scopes name groups of
macros and name-value pairs, ``--key`` and ``--exclude`` add and take away by pattern
(the last one that matches decides), ``--pair`` adds templates, ``--rekey`` renames.
What depends on names only is worked out once for each name (reference: value-pairs).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from logferry.codegen.kinds import TYPES
from logferry.codegen.macros import ALL_MACROS, MacroFunction, macro_function
from logferry.codegen.template_text import Function, TemplateError, parse_template
from logferry.codegen.typed import MACRO_KINDS
from logferry.records import record

if TYPE_CHECKING:
    from logferry.codegen.macros import MacroContext
    from logferry.message.model import Message

__all__ = ["BUILT_IN_PAIRS", "Pair", "Readers", "Rekey", "ValuePairs", "pairs_of"]

PairFunction: TypeAlias = "Callable[[Message], tuple[bytes, str]]"

_CORE = frozenset({"FACILITY", "PRIORITY", "HOST", "PROGRAM", "PID", "MESSAGE", "DATE"})
_SCOPES: dict[str, frozenset[str]] = {
    "rfc3164": _CORE,
    "core": _CORE,
    "base": _CORE,
    "rfc5424": _CORE | {"MSGID"},
    "syslog-proto": _CORE | {"MSGID"},
    "selected-macros": _CORE | {"TAGS", "SOURCEIP", "SEQNUM"},
    "all-macros": ALL_MACROS,
    "everything": ALL_MACROS | {"PROGRAM", "PID", "MSGID"},
    "none": frozenset(),
}
_PAIR_SCOPES = {
    "nv-pairs": ("plain",),
    "dot-nv-pairs": ("dot",),
    "all-nv-pairs": ("plain", "dot", "sdata"),
    "everything": ("plain", "dot", "sdata"),
    "sdata": ("sdata",),
    "rfc5424": ("sdata",),
    "syslog-proto": ("sdata",),
}
BUILT_IN_PAIRS = (
    "HOST",
    "HOST_FROM",
    "MESSAGE",
    "PROGRAM",
    "PID",
    "MSGID",
    "SOURCE",
    "LEGACY_MSGHDR",
    "TRANSPORT",
    "FILE_NAME",
    "RAWMSG",
    "MSGFORMAT",
)
"""Name-value pairs that are attributes of a message or its origin."""

_MEMO_MAX = 10_000


@record
class Rekey:
    """
    ``--rekey``: names that match are changed, step by step.

    Attributes:
        pattern: a glob.
        steps: pairs such as ``("shift", "2")``, ``("add-prefix", "x.")``.

    """

    pattern: str
    steps: tuple[tuple[str, str], ...]

    def apply(self, name: str) -> str:
        """Return the new name."""
        if not fnmatch.fnmatchcase(name, self.pattern):
            return name
        for step, value in self.steps:
            match step:
                case "shift":
                    name = name[int(value) :]
                case "shift-levels":
                    name = _without_levels(name, int(value))
                case "add-prefix":
                    name = value + name
                case "replace-prefix":
                    old, _, new = value.partition("=")
                    if name.startswith(old):
                        name = new + name[len(old) :]
                case "upper":
                    name = name.upper()
                case _:
                    name = name.lower()
        return name


def _without_levels(name: str, count: int) -> str:
    for _ in range(count):
        position = name.find(".", 1)
        if position < 0:
            return name
        name = name[position + 1 :]
    return name


@record
class Pair:
    """An explicit pair: a key and a template, with its type hint."""

    key: str
    template: str
    hint: str = ""


@dataclass(slots=True)
class ValuePairs:
    """What a value-pairs command line selects."""

    macros: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    patterns: list[tuple[str, bool]] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    rekeys: list[Rekey] = field(default_factory=list)
    subkeys: list[str] = field(default_factory=list)
    omits_empty: bool = False
    casts: bool = True
    keeps_dot: bool = False
    key_delimiter: str = "."

    def add_scope(self, scope: str) -> None:
        """Add a scope by name. Raises ``TemplateError``."""
        scope = scope.strip().lower().replace("_", "-")
        if scope not in _SCOPES and scope not in _PAIR_SCOPES:
            raise TemplateError(f"unknown scope {scope}")
        self.macros |= _SCOPES.get(scope, frozenset())
        self.groups.update(_PAIR_SCOPES.get(scope, ()))

    def takes(self, name: str) -> bool:
        """Tell whether a macro or name-value pair is selected."""
        is_taken = name in self.macros or self._is_in_group(name)
        for pattern, includes in self.patterns:
            if fnmatch.fnmatchcase(name, pattern):
                is_taken = includes
        return is_taken

    def _is_in_group(self, name: str) -> bool:
        if name in ALL_MACROS and name not in BUILT_IN_PAIRS:
            return False
        if any(name.startswith(prefix) for prefix in self.subkeys):
            return True
        if name.startswith(".SDATA."):
            return not self.groups.isdisjoint({"sdata", "dot"})
        return ("dot" if name.startswith(".") else "plain") in self.groups

    @property
    def may_take_sdata(self) -> bool:
        """Tell whether parameters of structured data may be selected."""
        return bool(
            self.groups & {"sdata", "dot"}
            or self.subkeys
            or any(pattern[:1] in {".", "*", "?", "["} for pattern, _ in self.patterns)
        )

    def key_of(self, name: str) -> str:
        """Return the key under which ``name`` is given."""
        for prefix in self.subkeys:
            if name.startswith(prefix):
                name = name[len(prefix) :]
                break
        for rekey in self.rekeys:
            name = rekey.apply(name)
        return name

    def static_names(self) -> list[str]:
        """Return the selected macros and built-in pairs, in no order."""
        return sorted(filter(self.takes, ALL_MACROS | set(BUILT_IN_PAIRS)))

    def readers(self, context: MacroContext) -> Readers:
        """Return how the selected values are read from a message."""
        from logferry.codegen.templates import pair_function

        return Readers(
            tuple(
                (self.key_of(name), function, self._kind(name, context))
                for name in self.static_names()
                if (function := macro_function(name, context)) is not None
            ),
            tuple(
                (
                    self.key_of(pair.key),
                    pair_function(pair.template, pair.hint, context),
                    self.casts or bool(pair.hint),
                )
                for pair in self.pairs
            ),
            _Keys(self),
            is_typed=self.casts and context.is_typed,
            omits_empty=self.omits_empty,
        )

    def _kind(self, name: str, context: MacroContext) -> str:
        return MACRO_KINDS.get(name, "") if self.casts and context.is_typed else ""


class _Keys(dict[str, "str | None"]):
    """Keys by name; ``None`` for a name that is not selected."""

    def __init__(self, pairs: ValuePairs) -> None:
        super().__init__()
        self._pairs = pairs

    def __missing__(self, name: str) -> str | None:
        if len(self) >= _MEMO_MAX:
            self.clear()
        is_taken = self._pairs.takes(name)
        key = self[name] = self._pairs.key_of(name) if is_taken else None
        return key


@record
class Readers:
    """
    How selected values are read.

    Attributes:
        macros: key, function and type of each macro; an empty value does not count.
        templates: key, function of value and type, and whether the type counts.
        keys: the keys of other name-value pairs.

    """

    macros: tuple[tuple[str, MacroFunction, str], ...]
    templates: tuple[tuple[str, PairFunction, bool], ...]
    keys: Mapping[str, str | None]
    is_typed: bool
    omits_empty: bool

    def __call__(self, message: Message) -> Iterator[tuple[str, bytes, str]]:
        """Yield key, value and type, in no order."""
        for key, function, kind in self.macros:
            value = function(message)
            if value:
                yield key, value, kind
        types = message.types
        for name, value in message.values.items():
            found = self.keys[name]
            if found is not None and (value or not self.omits_empty):
                yield found, value, types.get(name, "") if self.is_typed else ""
        for key, pair, keeps_kind in self.templates:
            value, kind = pair(message)
            if value or not self.omits_empty:
                yield key, value, kind if keeps_kind else ""


def pairs_of(function: Function) -> ValuePairs:
    """Read the arguments of ``$(format-json …)``. Raises ``TemplateError``."""
    try:
        return _Reader(list(function.raw)).read()
    except TemplateError as error:
        raise TemplateError(f"$({function.name}): {error}") from error


_FLAGS = {
    "--omit-empty-values": ("omits_empty", True),
    "--leave-initial-dot": ("keeps_dot", True),
    "--cast": ("casts", False),
    "--no-cast": ("casts", True),
    "--auto-cast": ("casts", True),
}
_NO_EFFECT = frozenset({"--include-bytes"})
_STEPS = frozenset({"shift", "shift-levels", "add-prefix", "replace-prefix"})
_hinted_types = frozenset(TYPES)


class _Reader:
    """Reads one command line."""

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self._pairs = ValuePairs()
        self._steps: list[tuple[str, str]] | None = None
        self._pattern = ""

    def read(self) -> ValuePairs:
        """Return what the words select."""
        while self._words:
            word = self._words.pop(0)
            if not word.startswith("-"):
                self._read_word(word)
                continue
            name, equals, attached = word.partition("=")
            if name in _FLAGS:
                attribute, value = _FLAGS[name]
                setattr(self._pairs, attribute, value)
            elif name in {"--upper", "--lower"}:
                self._step(name, "")
            elif name not in _NO_EFFECT:
                self._read_option(name, attached if equals else self._value(name))
        self._end_rekey()
        return self._pairs

    def _value(self, name: str) -> str:
        if not self._words:
            raise TemplateError(f"{name} needs a value")
        return self._words.pop(0)

    def _read_word(self, word: str) -> None:
        """Read ``name=template``, or a name as with ``--key``."""
        if "=" in word:
            self._add_pair(word)
        else:
            self._pairs.patterns.append((word, True))

    def _read_option(self, name: str, value: str) -> None:
        match name:
            case "--scope" | "-s":
                for scope in value.replace(",", " ").split():
                    self._pairs.add_scope(scope)
            case "--key" | "-k":
                self._add_patterns(value, includes=True)
            case "--exclude" | "-x":
                self._add_patterns(value, includes=False)
            case "--pair" | "-p":
                if "=" not in value:
                    raise TemplateError(f"expected name=template: {value}")
                self._add_pair(value)
            case "--subkeys":
                self._pairs.subkeys.append(value)
            case "--key-delimiter":
                self._pairs.key_delimiter = value[:1]
            case "--rekey" | "-r":
                self._end_rekey()
                self._pattern, self._steps = value, []
            case _ if name.removeprefix("--") in _STEPS:
                self._step(name, value)
            case _:
                raise TemplateError(f"unknown option {name}")

    def _add_patterns(self, value: str, *, includes: bool) -> None:
        for pattern in value.replace(",", " ").split():
            self._pairs.patterns.append((pattern, includes))

    def _add_pair(self, word: str) -> None:
        key, _, template = word.partition("=")
        hint, opening, inner = template.partition("(")
        if opening and inner.endswith(")") and hint in _hinted_types:
            inner = inner[:-1]
            self._pairs.pairs.append(Pair(key, inner, hint))
        else:
            parse_template(template)
            self._pairs.pairs.append(Pair(key, template))

    def _step(self, name: str, value: str) -> None:
        if self._steps is None:
            raise TemplateError(f"{name} belongs behind --rekey")
        step = name.removeprefix("--")
        if step.startswith("shift") and not value.isdigit():
            raise TemplateError(f"{name} needs a number")
        self._steps.append((step, value))

    def _end_rekey(self) -> None:
        if self._steps is not None:
            self._pairs.rekeys.append(Rekey(self._pattern, tuple(self._steps)))
