"""
Writing Python source: lines with indentation, and the constants they refer to.

Text from the configuration never becomes source: it is *bound* as a constant with a
readable name, and the source only mentions the name. Bytes literals of our own making
(formats, separators) may stand in the source when they are printable.
"""

from __future__ import annotations

import linecache
import re
from contextlib import contextmanager
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Constants", "SourceWriter", "compile_source", "hint_of"]

_INDENT = "    "
_not_a_name = re.compile(r"\W+")

# Variables of generated functions, which would hide a constant of the same name.
_LOCAL_NAMES = frozenset(
    {
        "chunk",
        "count",
        "origin",
        "now",
        "frame",
        "frames",
        "messages",
        "m",
        "rows",
        "row",
        "wanted",
        "path",
        "first",
        "end",
        "odd",
        "line",
        "head",
        "tail",
        "pri",
        "stamp",
        "host",
        "program",
        "bracket",
        "pid",
        "colon",
        "message",
        "seconds",
        "fraction",
        "offset",
        "msgid",
        "sdata",
        "received",
        "plain",
        "sender",
        "hosts",
        "sender_values",
        "host_from",
        "fullhost_from",
        "source",
        "transport",
        "peerip",
        "sourceip",
        "destip",
        "file_name",
    }
)


class Constants:
    """
    Values that generated code refers to by name.

    Attributes:
        functions: sources of functions that it calls, by their names.
        function_names: those names by the ids of what they were made of.

    """

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._names: dict[tuple[type, Any], str] = {}
        self._next_numbers: dict[str, int] = {}  # thousands share a hint
        self.functions: dict[str, str] = {}
        self.function_names: dict[int, str] = {}

    def bind(self, value: Any, hint: str) -> str:
        """Return the name of ``value``; equal hashable values share one."""
        key = None
        try:
            key = (type(value), value)
            if key in self._names:
                return self._names[key]
        except TypeError:  # unhashable
            key = None
        name = self._free_name(hint)
        self.values[name] = value
        if key is not None:
            self._names[key] = name
        return name

    def copy(self) -> Constants:
        """Return what is bound so far, for a form that may turn out not to fit."""
        copy = Constants()
        copy.values |= self.values
        copy._names |= self._names
        copy._next_numbers |= self._next_numbers
        copy.functions |= self.functions
        copy.function_names |= self.function_names
        return copy

    def restore(self, earlier: Constants) -> None:
        """Forget what was bound since ``earlier`` was copied."""
        self.values.clear()
        self.values |= earlier.values
        self._names = dict(earlier._names)
        self._next_numbers = dict(earlier._next_numbers)
        self.functions = dict(earlier.functions)
        self.function_names = dict(earlier.function_names)

    def _free_name(self, hint: str) -> str:
        base = _not_a_name.sub("_", hint).strip("_") or "value"
        if base[0].isdigit():
            base = f"_{base}"
        name, number = base, self._next_numbers.get(base, 2)
        while name in self.values or name in _LOCAL_NAMES:
            name, number = f"{base}_{number}", number + 1
        self._next_numbers[base] = number
        return name


class SourceWriter:
    """Collects lines of source."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 0

    def line(self, text: str = "") -> None:
        """Add one line at the present depth."""
        self._lines.append(f"{_INDENT * self._depth}{text}" if text else "")

    def raw(self, text: str) -> None:
        """Add lines that are indented already."""
        self._lines.extend(text.rstrip("\n").split("\n"))

    @property
    def depth(self) -> int:
        """How deep the next line stands."""
        return self._depth

    def position(self) -> tuple[int, int]:
        """Return where writing stands, for :meth:`go_back`."""
        return len(self._lines), self._depth

    def go_back(self, position: tuple[int, int]) -> None:
        """Forget everything written since ``position``."""
        count, self._depth = position
        del self._lines[count:]

    def indent(self) -> None:
        """Go one level deeper."""
        self._depth += 1

    def dedent(self) -> None:
        """Come back; an empty block gets ``pass``."""
        statements = (
            line for line in reversed(self._lines) if not line.lstrip().startswith("#")
        )
        if next(statements).endswith(":"):
            self.line("pass")
        self._depth -= 1

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Add ``head`` and indent what follows; an empty block gets ``pass``."""
        self.line(head)
        self._depth += 1
        count = len(self._lines)
        yield
        if not any(not line.lstrip().startswith("#") for line in self._lines[count:]):
            self.line("pass")
        self._depth -= 1

    @property
    def text(self) -> str:
        """All lines; a body in which nothing is done says ``pass``."""
        is_empty = all(not line or line.lstrip()[0] == "#" for line in self._lines)
        nothing = [f"{_INDENT * self._depth}pass"] if is_empty else []
        return "\n".join([*self._lines, *nothing]) + "\n"


def hint_of(text: bytes, kind: str = "text") -> str:
    """Return a name for a constant that says what it is."""
    words = "".join(chr(code) if chr(code).isalnum() else " " for code in text[:24])
    return "_".join([kind, *words.encode("ascii", "ignore").decode().split()])


def compile_source(source: str, file_name: str) -> CodeType:
    """Compile ``source`` so that tracebacks and debuggers can show its lines."""
    linecache.cache[file_name] = (
        len(source),
        None,
        source.splitlines(keepends=True),
        file_name,
    )
    return compile(source, file_name, "exec")
