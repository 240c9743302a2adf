"""
Log paths: ``log``, ``junction``, ``channel``, ``if``, and what may stand in them.

``if``/``elif``/``else`` become junctions of final branches, as in the reference; a
missing ``else`` lets the message pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.config.diagnostics import did_you_mean
from logferry.config.filters import parse_filter
from logferry.config.kinds import Integer, Template, text_of, values_of
from logferry.config.nodes import (
    Argument,
    Block,
    Call,
    Code,
    Deliver,
    DestinationGroup,
    Element,
    FilterStep,
    Junction,
    LogPath,
    ProcessStep,
    SourceGroup,
    Sources,
    Span,
    Spec,
    Statement,
    Word,
)
from logferry.config.schema import Option, Options

if TYPE_CHECKING:
    from logferry.config.resolve import Resolver

__all__ = ["PathReader"]

FLAGS = (
    "final",
    "fallback",
    "catchall",
    "flow-control",
    "no-flow-control",
    "drop-unmatched",
)
_OBJECTS = ("source", "destination", "filter", "parser", "rewrite")
_KEYWORDS = (
    *_OBJECTS,
    "filterx",
    "log",
    "junction",
    "channel",
    "if",
    "flags",
    "parallelize",
)
_NO_STEPS = frozenset({*_OBJECTS, "if", "filterx"})


class ParallelOptions(Options):
    """``parallelize( … )``."""

    title = "parallelize"

    partitions = Option(Integer(minimum=1), 1, doc="How many threads.")
    workers = Option(Integer(minimum=0), 0, doc="How many threads.")
    batch_size = Option(Integer(minimum=0), 0, doc="Messages handed over at a time.")
    partition_key = Option(
        Template(),
        None,
        doc="Messages with the same value stay in order.",
        aliases=("worker-partition-key",),
    )


class PathReader:
    """Reads the inside of log statements."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._diagnostics = resolver.diagnostics

    def log_path(self, statement: Statement) -> LogPath | None:
        """Read ``log [name] { … }``."""
        _, *rest = statement.elements
        name = ""
        if rest and not isinstance(rest[0], Block):
            name = text_of(rest[0]) or ""
            rest = rest[1:]
        if not rest or not isinstance(rest[0], Block):
            self._diagnostics.error("expected a block after log", statement.span)
            return None
        if len(rest) > 1:
            self._diagnostics.error("expected ';' after log { … }", rest[0].span.behind)
        return self._path(rest[0], statement.span, name)

    def _path(self, block: Block, span: Span, name: str = "") -> LogPath:
        flags: set[str] = set()
        elements = self.elements(block, flags)
        if {"flow-control", "no-flow-control"} <= flags:
            self._diagnostics.error(
                "flow-control and no-flow-control exclude each other", span
            )
        return LogPath(elements, frozenset(flags), span, name)

    def elements(
        self, block: Block, flags: set[str] | None = None
    ) -> tuple[Element, ...]:
        """Read the statements of a block in order."""
        found: list[Element] = []
        for statement in block.statements:
            first = statement.elements[0]
            if isinstance(first, Call) and first.name == "flags":
                self._read_flags(first, flags if flags is not None else set())
            else:
                found.extend(self._element(statement))
        return tuple(found)

    def _read_flags(self, call: Call, flags: set[str]) -> None:
        for argument in values_of(call.arguments):
            word = (text_of(argument) or "").lower().replace("_", "-")
            word = "catchall" if word == "catch-all" else word
            if word not in FLAGS:
                self._diagnostics.error(
                    f"unknown log path flag '{word}'",
                    argument.span,
                    did_you_mean(word, FLAGS) or "expected " + ", ".join(FLAGS),
                )
            else:
                flags.add(word)

    def _element(self, statement: Statement) -> list[Element]:
        first = statement.elements[0]
        keyword = ""
        if isinstance(first, Word):
            keyword = first.text.lower()
        elif isinstance(first, Call):
            keyword = first.name
        if keyword == "if":
            return [self._conditional(statement)]
        if keyword == "parallelize":
            return self._parallel(statement)
        if keyword in _OBJECTS:
            return self._object(keyword, statement)
        if keyword == "filterx":
            return self._filterx(statement)
        block = statement.elements[-1]
        if keyword in {"log", "junction", "channel"} and isinstance(block, Block):
            return self._nested(keyword, statement, block)
        self._diagnostics.error(
            f"unexpected '{keyword or text_of(first) or 'value'}' in a log path",
            first.span,
            did_you_mean(keyword, _KEYWORDS) or "expected " + ", ".join(_KEYWORDS),
        )
        return []

    def _nested(
        self, keyword: str, statement: Statement, block: Block
    ) -> list[Element]:
        if keyword == "log":
            path = self.log_path(statement)
            return [] if path is None else [path]
        if keyword == "channel":
            return [Junction((self._path(block, statement.span),), statement.span)]
        branches = []
        for inner in block.statements:
            branch = inner.elements[-1]
            if isinstance(branch, Block):
                branches.append(self._path(branch, inner.span))
            else:
                self._diagnostics.error(
                    "expected channel { … } in a junction", inner.span
                )
        return [Junction(tuple(branches), statement.span)]

    def _parallel(self, statement: Statement) -> list[Element]:
        """``parallelize( … )``: what may stand inside is processed in order."""
        first = statement.elements[0]
        self._diagnostics.warning(
            "parallelize() has no effect: one process handles its sources in order",
            first.span,
            "run with --processes for more cores",
            rule="no-effect",
        )
        if isinstance(first, Call):
            ParallelOptions.read(first.arguments, self._resolver.scope, first.span)
        block = statement.elements[-1]
        if not isinstance(block, Block):
            return []
        return [Junction((self._path(block, statement.span),), statement.span)]

    def _object(self, kind: str, statement: Statement) -> list[Element]:
        first = statement.elements[0]
        found: list[object | None] = []
        if isinstance(first, Call):
            if kind == "filter" and not _is_reference(first):
                expression = parse_filter(
                    first.arguments, first.span, self._resolver.scope
                )
                if expression is not None:
                    found.append(FilterStep("", expression, first.span))
            else:
                found = self._references(kind, first)
        elif len(statement.elements) > 1 and isinstance(statement.elements[1], Block):
            block = statement.elements[1]
            found = [self._resolver.anonymous(kind, block, first.span)]
        else:
            self._diagnostics.error(
                f"expected {kind}(name) or {kind} {{ … }}", first.span
            )
        count = 1 if isinstance(first, Call) else 2
        if len(statement.elements) > count:
            self._diagnostics.error(
                f"expected ';' after {kind}", statement.elements[count - 1].span.behind
            )
        return [_as_element(item) for item in found if item is not None]

    def _filterx(self, statement: Statement) -> list[Element]:
        """``filterx { … }``, ``filterx(name)`` and ``filterx name();``."""
        first, *rest = statement.elements
        inside = [*first.arguments] if isinstance(first, Call) else rest
        codes = [item for item in inside if isinstance(item, Code)]
        for item in inside:
            if not isinstance(item, Code):
                name = item.name if isinstance(item, Call) else text_of(item)
                self._diagnostics.error(
                    f"unknown filterx block '{name or '…'}'",
                    item.span,
                    did_you_mean(
                        name or "", self._resolver.block_names.get("filterx", ())
                    )
                    or "define it with block filterx NAME() { … };",
                )
        if not inside:
            self._diagnostics.error("expected filterx { … }", first.span)
        if isinstance(first, Call) and rest:
            self._diagnostics.error("expected ';' after filterx", rest[0].span)
        return [self._resolver.filterx(code) for code in codes]

    def _references(self, kind: str, call: Call) -> list[object | None]:
        names = values_of(call.arguments)
        if not names:
            self._diagnostics.error(f"expected the name of a {kind}", call.span)
        found: list[object | None] = []
        for item in names:
            name = text_of(item)
            if name is None:
                self._diagnostics.error(
                    f"expected the name of a {kind}",
                    item.span,
                    f"write {kind} {{ … }} with braces for one without a name",
                )
            else:
                found.append(self._resolver.find(kind, name, item.span))
        return found

    def _conditional(self, statement: Statement) -> Junction:
        branches: list[LogPath] = []
        has_else = False
        elements = list(statement.elements)
        while elements:
            head = elements.pop(0)
            word = head.name if isinstance(head, Call) else (text_of(head) or "")
            if word == "else" and elements and isinstance(elements[0], Word | Call):
                continue  # "else if (…)": the rest reads like "if"
            block = elements.pop(0) if elements else None
            if word not in {"if", "elif", "else"} or not isinstance(block, Block):
                self._diagnostics.error(
                    "expected if (filter) { … } elif (filter) { … } else { … }",
                    head.span,
                )
                break
            has_else = has_else or word == "else"
            branches.append(self._branch(head, block))
        if not has_else:
            branches.append(LogPath((), frozenset({"final"}), statement.span))
        return Junction(tuple(branches), statement.span)

    def _branch(self, head: Argument, block: Block) -> LogPath:
        flags = {"final"}
        elements = self.elements(block, flags)
        if isinstance(head, Call):
            expression = parse_filter(head.arguments, head.span, self._resolver.scope)
            if expression is not None:
                elements = (FilterStep("", expression, head.span), *elements)
        return LogPath(elements, frozenset(flags), head.span)

    def steps(
        self, kind: str, name: str, block: Block
    ) -> tuple[Spec | FilterStep | Junction | LogPath, ...]:
        """Read the inside of a parser or rewrite object."""
        registry = self._resolver.registry
        known = registry.parsers if kind == "parser" else registry.rewrites
        steps: list[Spec | FilterStep | Junction | LogPath] = []
        for statement in block.statements:
            first = statement.elements[0]
            if isinstance(first, Call) and first.name not in _NO_STEPS:
                spec = self._resolver.spec(kind, first, known, f"{name}#{len(steps)}")
                if spec is not None:
                    steps.append(spec)
                if len(statement.elements) > 1:
                    self._diagnostics.error(
                        f"expected ';' after {first.name}( … )",
                        first.span.behind,
                    )
                continue
            for element in self._element(statement):
                if isinstance(element, ProcessStep):
                    steps.extend(element.steps)
                elif isinstance(element, FilterStep | Junction | LogPath):
                    steps.append(element)
        return tuple(steps)


def _is_reference(call: Call) -> bool:
    """Tell ``filter(f_name)`` from ``filter(level(err))``."""
    return all(isinstance(item, Word) or text_of(item) for item in call.arguments)


def _as_element(found: object) -> Element:
    match found:
        case SourceGroup(channels=()):
            return Sources(found)
        case SourceGroup():
            ways = [LogPath((Sources(found),), frozenset(), found.span)]
            ways += [
                LogPath((channel,), frozenset(), found.span)
                for channel in found.channels
            ]
            return Junction(tuple(ways), found.span)
        case DestinationGroup():
            return Deliver(found)
        case _:
            assert isinstance(found, FilterStep | ProcessStep)
            return found
