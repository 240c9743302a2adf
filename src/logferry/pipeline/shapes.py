"""Questions about the shape of log paths."""

from __future__ import annotations

from logferry.codegen.correlation.kinds import correlates
from logferry.codegen.filters import stores_matches
from logferry.config.nodes import (
    Deliver,
    Element,
    FilterStep,
    Junction,
    LogPath,
    ProcessStep,
    Sources,
    Span,
    Spec,
)

__all__ = ["changes_messages", "has_junction", "is_choice", "place_of", "takes_all"]


def is_choice(branches: list[LogPath]) -> bool:
    """Tell whether this is an if/elif/else whose branches cannot fail later."""
    for position, branch in enumerate(branches):
        is_last = position == len(branches) - 1
        if "final" not in branch.flags and not is_last:
            return False
        if "fallback" in branch.flags or branch.name:
            return False
        head, *tail = branch.elements or (None,)
        if not isinstance(head, FilterStep) and not is_last:
            return False
        rest = tail if isinstance(head, FilterStep) else branch.elements
        if not all(isinstance(item, Deliver) or _is_rewrite(item) for item in rest):
            return False
        if isinstance(head, FilterStep) and head.name and head.name[0] != "#":
            return False  # its messages are counted
    return True


def takes_all(branches: list[LogPath]) -> bool:
    """Tell whether the last branch is an ``else``."""
    elements = branches[-1].elements
    return not elements or not isinstance(elements[0], FilterStep)


def has_junction(elements: tuple[Element | Spec, ...]) -> bool:
    """Tell whether the end of ``elements`` may be reached more than once."""
    for element in elements:
        if isinstance(element, Junction) and not is_choice(list(element.branches)):
            return True
        if isinstance(element, ProcessStep) and has_junction(element.steps):
            return True
        if isinstance(element, Spec) and correlates(element):
            return True
    return False


def _is_rewrite(element: Element | None) -> bool:
    return isinstance(element, ProcessStep) and all(
        isinstance(step, Spec) and element.kind == "rewrite" for step in element.steps
    )


def changes_messages(elements: tuple[Element | Spec, ...]) -> bool:
    """Tell whether anything in ``elements`` changes the message."""
    for element in elements:
        match element:
            case ProcessStep() | Spec():
                return True
            case FilterStep() if stores_matches(element.expression):
                return True
            case LogPath(inner) if changes_messages(inner):
                return True
            case Deliver(group) if group.channel is not None:
                if changes_messages(group.channel.elements):
                    return True
            case Junction(branches):
                if any(changes_messages(branch.elements) for branch in branches):
                    return True
            case _:
                pass
    return False


def place_of(element: Element | Spec) -> Span | None:
    """Return where ``element`` is written: for a driver, its template."""
    match element:
        case Deliver(group):
            for spec in group.drivers:
                for name in ("template", "body", "path"):
                    if name in spec.options.given:
                        return spec.options.given[name]
            return group.span
        case Sources():
            return None
        case _:
            return element.span
