"""
Log paths as a picture's parts: boxes in rows, rows beside each other.

A row is a log path, a channel or an embedded path; its items come one after the
other. A fork is a junction or several embedded paths. ``graph_text`` writes the same
as indented lines, ``cli/graph.py`` draws it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from logferry.config.filterx.options import FilterxOptions
from logferry.config.nodes import (
    And,
    Comparison,
    Deliver,
    Element,
    FilterCall,
    FilterExpression,
    FilterReference,
    FilterStep,
    Junction,
    LogPath,
    Not,
    Or,
    ProcessStep,
    Sources,
    Spec,
    TemplateText,
)

if TYPE_CHECKING:
    from logferry.config.nodes import Configuration, Span
    from logferry.config.schema import Options

__all__ = ["Box", "Fork", "Item", "Row", "graph_of", "graph_text"]

_TEXT_WIDTH_MAX = 100


@dataclass(frozen=True, slots=True)
class Box:
    """One element: ``lines`` are its drivers, steps or condition."""

    kind: str
    name: str
    lines: tuple[str, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Fork:
    """Rows beside each other; after an embedded ``log`` the way does not go on."""

    kind: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """Items one after the other."""

    name: str
    flags: tuple[str, ...]
    items: tuple[Item, ...]


Item: TypeAlias = Box | Fork


def graph_of(configuration: Configuration) -> tuple[Row, ...]:
    """Return a row for each log path."""
    return tuple(_row(path) for path in configuration.log_paths)


def _row(path: LogPath) -> Row:
    return Row(path.name, tuple(sorted(path.flags)), tuple(_items(path.elements)))


def _items(elements: tuple[Element, ...]) -> Iterator[Item]:
    embedded: list[Row] = []
    for element in elements:
        if isinstance(element, LogPath):
            embedded.append(_row(element))
            continue
        if embedded:
            yield Fork("log", tuple(embedded))
            embedded = []
        yield _item(element)
    if embedded:
        yield Fork("log", tuple(embedded))


def _item(element: Element) -> Item:
    match element:
        case Sources(group):
            lines = tuple(_driver(spec) for spec in group.drivers)
            return Box("source", _shown(group.name), lines, group.span)
        case Deliver(group):
            if group.channel is not None:
                row = _row(group.channel)
                boxes = tuple(_deliver(spec, group.span) for spec in group.drivers)
                name = _shown(group.name)
                return Fork("destination", (Row(name, (), (*row.items, *boxes)),))
            lines = tuple(_driver(spec) for spec in group.drivers)
            return Box("destination", _shown(group.name), lines, group.span)
        case FilterStep(name, expression, span):
            return Box("filter", _shown(name), (expression_text(expression),), span)
        case ProcessStep(name, kind, steps, span):
            return Box(kind, _shown(name), tuple(_step(step) for step in steps), span)
        case Junction(branches):
            return Fork("junction", tuple(_row(branch) for branch in branches))
        case _:
            raise AssertionError(element)


def _deliver(spec: Spec, span: Span) -> Box:
    return Box("destination", "", (_driver(spec),), span)


def _shown(name: str) -> str:
    return "" if name.startswith("#") else name


def _step(step: Spec | FilterStep | Junction | LogPath) -> str:
    match step:
        case Spec("filterx", options):
            assert isinstance(options, FilterxOptions)
            count = len(options.block.statements)
            return f"{count} statement{'' if count == 1 else 's'}"
        case Spec(kind, options):
            return f"{kind}({_condition(options)})"
        case FilterStep():
            return f"filter({expression_text(step.expression)})"
        case _:
            return "channel { … }"


def _condition(options: Options) -> str:
    target = getattr(options, "value", "")
    return target if isinstance(target, str) else ""


def _driver(spec: Spec) -> str:
    """Return a driver with where it reads from or delivers to."""
    where = "; ".join(_short(place) for place in _places(spec.options))
    return f"{spec.kind}({where})"


def _places(options: Any) -> Iterator[str]:
    """Yield addresses, files and URLs; the members of a pool one by one."""
    path = getattr(options, "path", None)
    if path is not None:
        yield getattr(path, "text", str(path))
    for url in getattr(options, "url", None) or ():
        yield str(getattr(url, "text", url))
    for target in getattr(options, "target", None) or ():
        yield from _places(target)
    host = getattr(options, "host", None)
    port = getattr(options, "port", None)
    if isinstance(host, str) and host:
        yield host if port in {None, -1} else f"{host}:{port}"
    elif isinstance(port, int | str) and port != -1:
        yield f":{port}"
    targets = getattr(options, "targets", None)
    if isinstance(targets, tuple):  # http() has a method of that name
        yield from (f"and {target}" for target in targets[1:])
    failover = getattr(options, "failover", None)
    for server in getattr(failover, "servers", None) or ():
        yield f"or {server}"
    for server in getattr(failover, "server", None) or ():
        yield from (f"or {place}" for place in _places(server))


def expression_text(expression: FilterExpression) -> str:
    """Return a filter as the configuration writes it, with shortened arguments."""
    match expression:
        case And(parts):
            return " and ".join(_part(part) for part in parts)
        case Or(parts):
            return " or ".join(_part(part) for part in parts)
        case Not(part):
            return f"not {_part(part)}"
        case Comparison(left, operator, right):
            return _short(f"{_template(left)} {operator} {_template(right)}")
        case FilterCall(name, options):
            value = _condition(options)
            words = [
                _short(_argument(options)),
                *([f"value({value})"] if value else []),
            ]
            return f"{name}({' '.join(words)})"
        case FilterReference(name):
            return f"filter({name})"


def _part(expression: FilterExpression) -> str:
    text = expression_text(expression)
    return f"({text})" if isinstance(expression, And | Or) else text


def _template(template: TemplateText) -> str:
    return template.text if template.hint else f'"{template.text}"'


def _argument(options: Options) -> str:
    for item in options.table().values():
        if item.positional:
            value = getattr(options, item.attribute)
            show = getattr(item.kind, "show", None)
            if show is not None:
                return str(show(value))
            if isinstance(value, frozenset | set):
                return ", ".join(str(entry) for entry in sorted(value))
            if isinstance(value, tuple):
                return ", ".join(str(entry) for entry in value)
            return "" if value is None else str(getattr(value, "text", value))
    return ""


def _short(text: str) -> str:
    text = text.replace("\n", "\\n")
    return text if len(text) <= _TEXT_WIDTH_MAX else f"{text[: _TEXT_WIDTH_MAX - 1]}…"


def graph_text(rows: tuple[Row, ...]) -> str:
    """Return the graph as indented lines."""
    return "".join(line + "\n" for row in rows for line in _lines("log", row, 0))


def _lines(kind: str, row: Row, depth: int) -> Iterator[str]:
    words = [kind, row.name, " ".join(f"[{flag}]" for flag in row.flags)]
    yield "  " * depth + " ".join(word for word in words if word)
    for item in row.items:
        if isinstance(item, Box):
            title = f"{item.kind} {item.name}".strip()
            yield "  " * (depth + 1) + f"{title}: {', '.join(item.lines)}"
        else:
            yield "  " * (depth + 1) + item.kind
            word = {"junction": "channel", "log": "log"}.get(item.kind, "channel")
            for inner in item.rows:
                yield from _lines(word, inner, depth + 2)
