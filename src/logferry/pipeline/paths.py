"""
Log paths become nested statements.

One :class:`PathWriter` writes the body of the loop over messages: filters are ``if``s,
rewrites are statements, a destination is an append to its list. What follows a
junction is written into each of its branches, so that no message needs to be marked
with how far it got.

Rules (reference: log paths): a path *accepts* a message that reaches its end; an
accepted message does not enter later paths when the path is final; fallback paths see
only messages that no other path accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from logferry.codegen.emit import SourceWriter
from logferry.codegen.fields import Fields, LineFields, MessageFields, Unsupported
from logferry.codegen.filters import emit_filter
from logferry.codegen.records import emit_key, emit_record
from logferry.codegen.rewrites import emit_rewrite
from logferry.config.nodes import (
    Deliver,
    Element,
    FilterStep,
    Junction,
    LogPath,
    ProcessStep,
    Sources,
    Spec,
)
from logferry.message.model import Message

if TYPE_CHECKING:
    from logferry.codegen.macros import MacroContext
    from logferry.codegen.rendering import Rendering

__all__ = ["Output", "PathWriter", "changes_messages"]

_Leaf = Callable[[], None]


@dataclass(slots=True)
class Output:
    """One destination driver as an output of a program."""

    id: str
    index: int
    rendering: Rendering
    is_keyed: bool
    flow_controlled: bool = False
    ends_with_newline: list[bool] = field(default_factory=list)

    @property
    def variable(self) -> str:
        """The list, or the lists by key, that records are added to."""
        return f"records_{self.index}"


class PathWriter:
    """Writes log paths for one form."""

    def __init__(
        self,
        out: SourceWriter,
        fields: Fields,
        outputs: dict[str, Output],
        context: MacroContext,
    ) -> None:
        self.out = out
        self._fields = fields
        self._outputs = outputs
        self._context = context
        self._flag_count = 0

    def write_all(self, paths: list[LogPath]) -> None:
        """Write the top-level paths of a source as the body of its loop."""
        self._write_alternatives(paths, is_top=True)

    # -- alternatives -----------------------------------------------------------

    def _write_alternatives(
        self,
        paths: list[LogPath],
        *,
        is_top: bool,
        leaf: _Leaf | None = None,
    ) -> None:
        """Write paths that all see the same message, each in its original state."""
        normal = [path for path in paths if "fallback" not in path.flags]
        fallback = [path for path in paths if "fallback" in path.flags]
        accepted = self._flag("accepted") if fallback else ""
        if accepted:
            self.out.line(f"{accepted} = False")
        self._write_run(normal, paths, accepted, is_top=is_top, leaf=leaf)
        if fallback:
            with self.out.block(f"if not {accepted}:"):
                self._write_run(fallback, paths, "", is_top=is_top, leaf=leaf)

    def _write_run(
        self,
        run: list[LogPath],
        siblings: list[LogPath],
        accepted: str,
        *,
        is_top: bool,
        leaf: _Leaf | None,
    ) -> None:
        done = ""
        depth = 0
        for position, path in enumerate(run):
            is_last = position == len(run) - 1
            is_final = "final" in path.flags and not is_last
            if is_final and not is_top and not done:
                done = self._flag("done")
                self.out.line(f"{done} = False")

            skip_rest = ("continue" if is_top else f"{done} = True") if is_final else ""

            def accept(skip_rest: str = skip_rest) -> None:
                if leaf is not None:
                    leaf()
                if accepted:
                    self.out.line(f"{accepted} = True")
                if skip_rest:
                    self.out.line(skip_rest)

            self._write_isolated(path, siblings, accept)
            if is_final and not is_top:
                self.out.line(f"if not {done}:")
                self.out.indent()
                depth += 1
        for _ in range(depth):
            self.out.dedent()

    def _write_isolated(
        self, path: LogPath, siblings: list[LogPath], leaf: _Leaf
    ) -> None:
        """Write one path; what it changes is not seen by its siblings."""
        span = f"# {path.name or 'log'} at {path.span.file}:{path.span.line}"
        self.out.line(span)
        fields = self._fields
        if isinstance(fields, LineFields):
            before = fields.changed
            self._write(path.elements, leaf)
            fields.changed = before
            return
        if len(siblings) > 1 and changes_messages(path.elements):
            saved = self._flag("unchanged")
            copy = fields.constants.bind(copy_message, "copy_message")
            self.out.line(f"{saved} = m")
            self.out.line(f"m = {copy}(m)")
            self._write(path.elements, leaf)
            self.out.line(f"m = {saved}")
        else:
            self._write(path.elements, leaf)

    def _flag(self, name: str) -> str:
        self._flag_count += 1
        return f"{name}_{self._flag_count}"

    # -- one path -----------------------------------------------------------------

    def _write(self, elements: tuple[Element | Spec, ...], leaf: _Leaf) -> None:
        """Write ``elements`` in order, then ``leaf``."""
        if not elements:
            leaf()
            return
        first, rest = elements[0], elements[1:]

        def go_on() -> None:
            self._write(rest, leaf)

        match first:
            case Sources():
                go_on()
            case FilterStep(_, expression):
                condition = emit_filter(expression, self._fields, self._context)
                with self.out.block(f"if {condition}:"):
                    go_on()
            case ProcessStep(_, _, steps):
                self._write((*steps, *rest), leaf)
            case Spec():
                self._write_step(first, go_on)
            case Deliver(group):
                if group.channel is not None:
                    self._write_side([group.channel])
                for spec in group.drivers:
                    self._deliver(spec.id)
                go_on()
            case LogPath():
                embedded = [first]
                while rest and isinstance(rest[0], LogPath):
                    embedded.append(rest[0])
                    rest = rest[1:]
                self._write_side(embedded)
                self._write(rest, leaf)
            case Junction(branches):
                self._write_junction(list(branches), go_on)

    def _write_side(self, paths: list[LogPath]) -> None:
        self._write_alternatives(paths, is_top=False)

    def _write_junction(self, branches: list[LogPath], go_on: _Leaf) -> None:
        if self._is_choice(branches):
            self._write_choice(branches, go_on)
        else:
            self._write_alternatives(branches, is_top=False, leaf=go_on)

    @staticmethod
    def _is_choice(branches: list[LogPath]) -> bool:
        """Tell whether this is an if/elif/else whose branches cannot fail later."""
        for position, branch in enumerate(branches):
            is_last = position == len(branches) - 1
            if "final" not in branch.flags and not is_last:
                return False
            if "fallback" in branch.flags:
                return False
            head, *tail = branch.elements or (None,)
            if not isinstance(head, FilterStep) and not is_last:
                return False
            rest = tail if isinstance(head, FilterStep) else branch.elements
            if not all(isinstance(item, Deliver) or _is_rewrite(item) for item in rest):
                return False
        return True

    def _write_choice(self, branches: list[LogPath], go_on: _Leaf) -> None:
        word = "if"
        for branch in branches:
            head, *tail = branch.elements or (None,)
            elements: tuple[Element, ...] = branch.elements
            opening = "else:"
            if isinstance(head, FilterStep):
                condition = emit_filter(head.expression, self._fields, self._context)
                opening = f"{word} {condition}:"
                elements = tuple(item for item in tail if item is not None)
            elif word == "if":
                self._write(elements, go_on)
                return
            with self.out.block(opening):
                self._write_branch(elements, go_on)
            word = "elif"

    def _write_branch(self, elements: tuple[Element, ...], go_on: _Leaf) -> None:
        fields = self._fields
        if isinstance(fields, LineFields):
            before = fields.changed
            self._write(elements, go_on)
            fields.changed = before
        else:
            self._write(elements, go_on)

    def _write_step(self, spec: Spec, go_on: _Leaf) -> None:
        from logferry.codegen.parsers import PARSERS, emit_parser

        if spec.kind in PARSERS:
            if not isinstance(self._fields, MessageFields):
                raise Unsupported(f"{spec.kind}() changes messages")
            condition = emit_parser(spec, self._fields, self._context)
            with self.out.block(f"if {condition}:"):
                go_on()
            return
        emit_rewrite(spec, self._fields, self._context, self.out)
        go_on()

    def _deliver(self, id_: str) -> None:
        output = self._outputs[id_]
        record = emit_record(output.rendering, self._fields, self._context)
        output.ends_with_newline.append(record.ends_with_newline)
        if output.is_keyed:
            key = emit_key(output.rendering, self._fields, self._context)
            self.out.line(f"{output.variable}[{key}].append({record.code})")
        else:
            self.out.line(f"{output.variable}.append({record.code})")


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
            case FilterStep():
                return True  # store-matches; a copy too many harms nobody
            case LogPath(inner) if changes_messages(inner):
                return True
            case Junction(branches):
                if any(changes_messages(branch.elements) for branch in branches):
                    return True
            case _:
                pass
    return False


def copy_message(message: Message) -> Message:
    """Return a message that can be changed without changing ``message``."""
    copy = Message(message.origin, message.stamp, message.received)
    copy.pri = message.pri
    copy.host = message.host
    copy.program = message.program
    copy.pid = message.pid
    copy.msgid = message.msgid
    copy.message = message.message
    copy.header = message.header
    copy.raw = message.raw
    copy.values = message.values.copy()
    copy.types = message.types.copy()
    copy.tags = message.tags.copy()
    copy.utf8 = message.utf8
    return copy
