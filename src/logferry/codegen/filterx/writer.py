"""
What statements and expressions share while a block is written: names and lines.

An expression becomes a Python expression; what does not fit into one (``??``, which
catches errors) becomes statements before it. ``aside`` collects such statements, so
that they can be put where evaluation really gets there.

Variables: ``v_x`` is the local ``x``, ``m_NAME`` a value of the message. A value of the
message is read when it is first needed and written back when the block has passed;
``d_NAME`` says whether it was changed. A name that is ``declare``d anywhere is taken
from the message's variables at the beginning, and kept there at the end if ``p_x``
says that it is one of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from logferry.codegen.emit import SourceWriter
from logferry.codegen.fields import MessageFields
from logferry.codegen.filterx.calls import FilterxError
from logferry.codegen.filterx.values import (
    UNSET,
    Failure,
    read_attribute,
    read_typed,
    read_value,
    store,
    text,
)
from logferry.codegen.macros import ATTRIBUTES, macro_function
from logferry.codegen.typed import MACRO_KINDS
from logferry.codegen.values import SETTABLE

if TYPE_CHECKING:
    from logferry.codegen.emit import Constants
    from logferry.codegen.macros import MacroContext
    from logferry.config.filterx.nodes import Expression, Variable
    from logferry.message.model import Message

__all__ = ["BlockWriter", "State"]

_CODE_MAX: Final = 400
_BRACKETS_MAX: Final = 24
"""Longer or deeper code gets a name: Python's parser takes 200 brackets."""

_not_a_name = re.compile(r"[^A-Za-z0-9_]+")
_atom = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|-?[0-9]{1,19}")


@dataclass(slots=True)
class State:
    """
    What is known where writing stands.

    Attributes:
        known: Python variables that have a value for sure.
        loaded: variables of message values that were read already.

    """

    known: set[str] = field(default_factory=set)
    loaded: set[str] = field(default_factory=set)

    def copy(self) -> State:
        """Return the same, to be changed alone."""
        return State(set(self.known), set(self.loaded))

    def meet(self, others: list[State]) -> None:
        """Keep what is true after each of several ways here."""
        if others:
            self.known = set.intersection(*(item.known for item in others))
            self.loaded = set.intersection(*(item.loaded for item in others))


class BlockWriter:
    """
    The lines of one block, and the names in them.

    Attributes:
        out: where the next line goes.
        state: what is known here.
        written: names of message values that the block may change, by variable.
        read: names of message values that it reads, by variable.
        unset_first: variables that must be ``UNSET`` at the beginning.

    """

    def __init__(
        self,
        constants: Constants,
        context: MacroContext,
        declared: frozenset[str] | set[str],
        *,
        is_check: bool,
    ) -> None:
        self.constants = constants
        self.context = context
        self.declared = declared
        self.is_check = is_check
        self.fields = MessageFields(constants, context)
        self.out = SourceWriter()
        self.state = State()
        self.written: dict[str, str] = {}
        self.read: dict[str, str] = {}
        self.unset_first: dict[str, None] = {}
        self.pipeline: dict[str, str] = {}
        self.in_place: set[str] = set()
        self.stops: set[str] = set()
        self._names: dict[tuple[str, str], str] = {}
        self._count = 0

    # -- names --------------------------------------------------------------------

    def bind(self, value: Any, hint: str) -> str:
        """Return the name of a constant."""
        return self.constants.bind(value, f"fx_{hint}")

    def function(self, value: Callable[..., Any], hint: str = "") -> str:
        """Return the name of a function."""
        return self.constants.bind(value, hint or f"fx_{value.__name__}")

    def name_of(self, prefix: str, name: str) -> str:
        """Return the variable for a user's name: always the same, and never another."""
        key = prefix, name
        found = self._names.get(key)
        if found is None:
            base = prefix + _not_a_name.sub("_", name)[:40]
            found, number = base, 2
            while found in self._names.values():
                found, number = f"{base}_{number}", number + 1
            self._names[key] = found
        return found

    def new_name(self) -> str:
        """Return a variable of our own."""
        self._count += 1
        return f"t{self._count}"

    # -- lines --------------------------------------------------------------------

    @contextmanager
    def aside(self) -> Iterator[list[str]]:
        """Collect the lines that are written meanwhile."""
        out, self.out = self.out, SourceWriter()
        lines: list[str] = []
        try:
            yield lines
        finally:
            if self.out.position()[0]:
                lines += self.out.text.rstrip("\n").split("\n")
            self.out = out

    def replay(self, lines: list[str]) -> None:
        """Write lines that were collected."""
        for line in lines:
            self.out.line(line)

    def atom(self, code: str) -> str:
        """Return ``code`` as something that may be written twice."""
        if _atom.fullmatch(code):
            return code
        name = self.new_name()
        self.out.line(f"{name} = {code}")
        return name

    def bounded(self, code: str) -> str:
        """Return ``code``, or a name for it when it is long or deep."""
        if len(code) > _CODE_MAX or code.count("(") > _BRACKETS_MAX:
            return self.atom(code)
        return code

    # -- values of the message ----------------------------------------------------

    def message_name(self, variable: Variable) -> str:
        """Return the one name of a message value."""
        attribute = SETTABLE.get(variable.name)
        if attribute is None or variable.name == "FULLHOST":
            return variable.name
        return _CANONICAL.get(attribute, variable.name)

    def is_macro(self, name: str) -> bool:
        """Tell whether ``name`` is computed and cannot be set."""
        return name not in SETTABLE and (
            macro_function(name, self.context) is not None
            or name in {"RAWMSG_SIZE", "SEQNUM"}
        )

    def macro(self, name: str) -> str:
        """Return an expression for the value of a macro."""
        pieces = self.fields.macro(name, self.context)
        code = pieces[0].code or "b''"
        kind = MACRO_KINDS.get(name)
        if kind is None:
            return f"{self.bind(text, 'text')}({code})"
        return f'{self.bind(_macro_value, "typed")}({code}, "{kind}")'

    def load(self, name: str) -> str:
        """Return the variable of a message value, read where writing stands."""
        variable = self.name_of("m_", name)
        self.read[name] = variable
        if variable in self.state.loaded:
            return variable
        self.state.loaded.add(variable)
        attribute = SETTABLE.get(name)
        if name == "HOST":
            host = self.fields.macro("HOST", self.context)[0].code
            code = f"{self.bind(text, 'text')}({host})"
            self.state.known.add(variable)
        elif attribute == "message":
            code = f'{self.bind(read_attribute, "attribute_of")}(m, "message")'
            self.state.known.add(variable)
        elif attribute is not None:
            unset = self.bind(UNSET, "UNSET")
            read = self.bind(read_attribute, "attribute_of")
            code = f'{read}(m, "{attribute}") if m.{attribute} else {unset}'
        else:
            key = self.constants.bind(name, f"name_{name.strip('.')}")
            code = f"{self.bind(_value_of, 'value_of')}(m, {key})"
        self.out.line(f"{variable} = {code}")
        return variable

    def touch(self, name: str) -> None:
        """Note that a message value was changed."""
        variable = self.name_of("m_", name)
        self.written[name] = variable
        self.out.line(f"d_{variable[2:]} = True")

    def flush(self, *, is_last: bool = False) -> None:
        """Write changed values into the message: somebody is about to look at it."""
        for name, variable in self.written.items():
            key = self.constants.bind(name, f"name_{name.strip('.')}")
            flag = f"d_{variable[2:]}"
            put = self.bind(store, "store")
            with self.out.block(f"if {flag}:"):
                self.out.line(f"{put}(m, {key}, {variable})")
                if not is_last:
                    self.out.line(f"{flag} = False")

    # -- local variables ------------------------------------------------------------

    def local(self, name: str) -> str:
        """Return the variable of a local name."""
        variable = self.name_of("v_", name)
        if name in self.declared and name not in self.pipeline:
            self.pipeline[name] = variable
        return variable

    def set_known(self, variable: str) -> None:
        """Note that ``variable`` has a value from here on."""
        self.state.known.add(variable)

    def set_unknown(self, variable: str) -> None:
        """Note that ``variable`` may have no value."""
        self.state.known.discard(variable)

    def needs_start(self, variable: str) -> None:
        """Note that ``variable`` may be looked at before it is set."""
        self.unset_first[variable] = None

    def fail(self, message: str, node: Expression, hint: str = "") -> FilterxError:
        """Return the error to raise about ``node``."""
        return FilterxError(message, node.span, hint)


_CANONICAL = {"message": "MESSAGE", "header": "LEGACY_MSGHDR"}
assert set(ATTRIBUTES) <= set(SETTABLE), "what is read as an attribute can be set"


def _macro_value(value: bytes, kind: str) -> Any:
    return read_typed(value, kind) if value or kind == "list" else None


def _value_of(message: Message, name: str) -> Any:
    try:
        return read_value(message, name)
    except Failure:  # what cannot be read is as good as not there
        return UNSET
