"""
The configuration as data: places, syntax nodes, and the resolved configuration.

Two layers of nodes live here. *Syntax* (``Word`` to ``Block``) is what the parser
makes of one statement's text, without knowing any driver. *Configuration* is what
``resolve`` makes of it: every reference followed, every option read by its
descriptor, log paths as trees of elements in the order of their processing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from logferry.records import record

if TYPE_CHECKING:
    from logferry.config.schema import Options

__all__ = [
    "And",
    "Argument",
    "Arrow",
    "Block",
    "Call",
    "Code",
    "Comparison",
    "Configuration",
    "Deliver",
    "DestinationGroup",
    "Element",
    "FilterCall",
    "FilterExpression",
    "FilterReference",
    "FilterStep",
    "Group",
    "Junction",
    "Listing",
    "LogPath",
    "Not",
    "Number",
    "Operator",
    "Or",
    "ProcessStep",
    "SourceGroup",
    "Sources",
    "Span",
    "Spec",
    "Statement",
    "TemplateText",
    "Text",
    "Word",
]


class Span(NamedTuple):
    """
    A place in a configuration file; lines and columns count from 1.

    ``origin`` is the place that led here: the use of a block whose text this is, or
    the ``@include`` that brought the file in (``None`` for the main file).
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    origin: Span | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    @property
    def behind(self) -> Span:
        """The place right behind it, where something is missing."""
        column = self.end_column
        return Span(
            self.file, self.end_line, column, self.end_line, column + 1, self.origin
        )


NOWHERE = Span("<built-in>", 0, 0, 0, 0)
"""The place of things that no file mentions."""

# ---------------------------------------------------------------------------
# Syntax


@dataclass(slots=True)
class Word:
    """An unquoted word; ``text`` is as written."""

    text: str
    span: Span


@dataclass(slots=True)
class Text:
    """A quoted string, escapes already resolved."""

    value: str
    span: Span


@dataclass(slots=True)
class Number:
    """A number, unit already applied; ``text`` is as written."""

    value: int | float
    text: str
    span: Span


@dataclass(slots=True)
class Operator:
    """A bare operator among arguments: ``and or not == != < … ( ) , ;``."""

    text: str
    span: Span


@dataclass(slots=True)
class Arrow:
    """``key => value``."""

    key: Word | Text | Number
    value: Word | Text | Number | Call | Listing
    span: Span


@dataclass(slots=True)
class Listing:
    """``["a", "b"]``."""

    items: tuple[Word | Text | Number, ...]
    span: Span


@dataclass(slots=True)
class Call:
    """``name(arguments)``; ``name`` is lower case with ``-`` for ``_``."""

    name: str
    arguments: tuple[Argument, ...]
    span: Span
    name_span: Span


@dataclass(slots=True)
class Group:
    """Arguments in parentheses without a name, as in ``(a or b) and c``."""

    arguments: tuple[Argument, ...]
    span: Span


@dataclass(slots=True)
class Statement:
    """What stands before one ``;``."""

    elements: tuple[Argument, ...]
    span: Span


@dataclass(slots=True)
class Block:
    """``{ … }``: statements."""

    statements: tuple[Statement, ...]
    span: Span


@dataclass(slots=True)
class Code:
    """The inside of ``python { … }``, braces included."""

    text: str
    span: Span


Argument: TypeAlias = (
    Word | Text | Number | Operator | Arrow | Listing | Call | Group | Block | Code
)


@record
class TemplateText:
    """
    A template as written; ``codegen.templates`` gives it its meaning.

    Attributes:
        text: the template, such as ``"$HOST $MSG\\n"``.
        hint: the type hint around it (``int``, ``json`` …), or empty.

    """

    text: str
    span: Span = field(compare=False)
    hint: str = ""


# ---------------------------------------------------------------------------
# Filter expressions


@record
class And:
    """All parts hold."""

    parts: tuple[FilterExpression, ...]
    span: Span


@record
class Or:
    """One part holds."""

    parts: tuple[FilterExpression, ...]
    span: Span


@record
class Not:
    """The part does not hold."""

    part: FilterExpression
    span: Span


@record
class Comparison:
    """``left operator right``; operators as written (``==``, ``ne``, ``<=`` …)."""

    left: TemplateText
    operator: str
    right: TemplateText
    span: Span


@record
class FilterCall:
    """A filter function with its options read, such as ``program("x" type(glob))``."""

    name: str
    options: Options
    span: Span


@record
class FilterReference:
    """``filter(name)`` inside an expression, with what it refers to."""

    name: str
    expression: FilterExpression
    span: Span


FilterExpression: TypeAlias = And | Or | Not | Comparison | FilterCall | FilterReference

# ---------------------------------------------------------------------------
# The resolved configuration


@record
class Spec:
    """
    One configured thing of a registered kind: a driver, a parser, a rewrite.

    Attributes:
        kind: the registered name, such as ``network`` or ``csv-parser``.
        options: its options, read by its descriptors.
        id: the statement's name and the index in it, such as ``d_net#0``.

    """

    kind: str
    options: Options
    id: str
    span: Span


@record
class SourceGroup:
    """
    A ``source`` statement, named or inline.

    ``channels`` are the ``channel { … }`` in it: sources with their own processing.
    """

    name: str
    drivers: tuple[Spec, ...]
    span: Span
    channels: tuple[Element, ...] = ()


@record
class DestinationGroup:
    """
    A ``destination`` statement, named or inline.

    ``channel`` is set instead of ``drivers`` when the statement holds log path
    elements (``destination { channel { … }; };``).
    """

    name: str
    drivers: tuple[Spec, ...]
    span: Span
    channel: LogPath | None = None


@record
class Sources:
    """An element: messages of this group enter here."""

    group: SourceGroup


@record
class FilterStep:
    """An element: go on only when the expression holds."""

    name: str
    expression: FilterExpression
    span: Span


@record
class ProcessStep:
    """An element: rewrites or parsers in order; a failed parser ends the path."""

    name: str
    kind: str  # "rewrite" or "parser"
    steps: tuple[Spec | FilterStep | Junction | LogPath, ...]
    span: Span


@record
class Deliver:
    """An element: hand the message, as it is now, to this group."""

    group: DestinationGroup


@record
class Junction:
    """
    An element: the message enters every branch; what comes out goes on.

    ``if``/``elif``/``else`` are junctions of final branches.
    """

    branches: tuple[LogPath, ...]
    span: Span


@record
class LogPath:
    """
    A ``log`` statement, an embedded one, or a ``channel``.

    As an element of another path it is an embedded ``log {}``: a side path whose
    output goes nowhere else; inside a junction it is a branch.

    Attributes:
        name: the name of a named log path, or empty.
        flags: ``final``, ``fallback``, ``catchall``, ``flow-control`` …

    """

    elements: tuple[Element, ...]
    flags: frozenset[str]
    span: Span
    name: str = ""


Element: TypeAlias = Sources | FilterStep | ProcessStep | Deliver | Junction | LogPath


@record
class Configuration:
    """
    A whole configuration, ready to build.

    Attributes:
        version: the ``@version`` as (major, minor).
        options: the global options.
        sources: every source statement by name; unused ones included.
        templates: named templates by name; a template function is ``name()``.
        log_paths: top-level log paths in order.
        python: the code of ``python { … }`` blocks, braces included.
        defined: where each named statement is, by kind and name.
        used: kinds and names that something refers to.
        unused_blocks: the user's own blocks that nothing uses.
        disabled_rules: names of linter rules that ``@define disabled-rules`` lists.
        text: the expanded text (``--preprocess-into``, ``ctl config``).
        original: the text of the main file.
        files: the names of all files that were read.

    """

    version: tuple[int, int]
    options: Options
    sources: dict[str, SourceGroup]
    destinations: dict[str, DestinationGroup]
    filters: dict[str, FilterStep]
    processors: dict[tuple[str, str], ProcessStep]
    templates: dict[str, TemplateText]
    log_paths: tuple[LogPath, ...]
    python: tuple[Code, ...] = ()
    defined: dict[tuple[str, str], Span] = field(default_factory=dict)
    used: frozenset[tuple[str, str]] = frozenset()
    unused_blocks: dict[tuple[str, str], Span] = field(default_factory=dict)
    disabled_rules: frozenset[str] = frozenset()
    text: str = ""
    original: str = ""
    files: tuple[str, ...] = ()

    def with_text(
        self, text: str, original: str, files: tuple[str, ...]
    ) -> Configuration:
        """Return the same with expanded and original text, and the files' names."""
        return replace(self, text=text, original=original, files=files)
