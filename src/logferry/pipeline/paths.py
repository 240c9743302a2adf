"""
Log paths become nested statements.

One :class:`PathWriter` writes the body of the loop over messages: filters are ``if``s,
rewrites are statements, a destination is an append to its list.

Rules (reference: log paths): a path *accepts* a message that reaches its end; an
accepted message does not enter later paths when the path is final; fallback paths see
only messages that no other path accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from logferry.codegen.correlation.kinds import correlates, keeps_messages
from logferry.codegen.emit import SourceWriter
from logferry.codegen.fields import Fields, MessageFields, Unsupported
from logferry.codegen.filters import emit_filter
from logferry.codegen.filterx import drops, emit_filterx
from logferry.codegen.line_fields import LineFields
from logferry.codegen.message_rows import MessageRows
from logferry.codegen.parsers import PARSERS, emit_input, emit_parser
from logferry.codegen.patterns import PatternError
from logferry.codegen.records import emit_key, emit_record
from logferry.codegen.rewrites import emit_rewrite
from logferry.codegen.row_tests import split_tests
from logferry.codegen.template_text import TemplateError
from logferry.config.nodes import (
    Deliver,
    Element,
    FilterExpression,
    FilterStep,
    Junction,
    LogPath,
    ProcessStep,
    Sources,
    Spec,
)
from logferry.message.copying import copy_message
from logferry.pipeline.groups import Group, Ways, group_of
from logferry.pipeline.plan import Branch
from logferry.pipeline.shapes import (
    changes_messages,
    has_junction,
    is_choice,
    place_of,
    takes_all,
)
from logferry.pipeline.stations import stations_on_the_way

if TYPE_CHECKING:
    from logferry.codegen.correlation.correlator import Correlator
    from logferry.codegen.layout import Slot
    from logferry.codegen.macros import MacroContext
    from logferry.pipeline.output import Output
    from logferry.pipeline.tallies import GroupTally, Tallies

__all__ = ["PathWriter"]

_Leaf = Callable[[], None]

_STEPS_MAX = 2000
"""Statements of one program: more come from junctions behind junctions."""


@dataclass(slots=True)
class _Run:
    """What paths that are written one after the other have in common."""

    is_top: bool
    is_last: bool
    leaf: _Leaf | None
    accepted: str = ""


@dataclass(slots=True)
class _Position:
    """How far writing has come."""

    text: tuple[int, int]
    fields: tuple[dict[Slot, str], dict[str, str], dict[str, str]]
    ends: list[int]
    taken: int


class PathWriter:
    """
    Writes log paths for one form.

    On rows, a step that needs a message is written on one that is made there
    (``branches`` says where). ``Unsupported`` is raised when that does not pay.

    Args:
        out: where the statements go.
        fields: the message at hand.
        outputs: destination drivers by id.
        context: what macros need.
        tallies: counters of named filters, parsers and log paths.
        stop: the statement that ends work on a message (``continue``, ``return``).
        correlators: what keeps messages back, by the ids of their stations.

    """

    def __init__(
        self,
        out: SourceWriter,
        fields: Fields,
        outputs: dict[str, Output],
        context: MacroContext,
        tallies: Tallies,
        *,
        stop: str,
        correlators: Mapping[str, Correlator] | None = None,
    ) -> None:
        self.out = out
        self._correlators = correlators or {}
        self._fields = fields
        self._outputs = outputs
        self._context = context
        self._tallies = tallies
        self._stop = stop
        self._must_copy = False
        self._taken: list[str] = []  # what says that the paths we are in took m
        self._flag_count = 0
        self._step_count = 0
        self._grouped: dict[int, tuple[bool, GroupTally | None]] = {}
        self._tested: tuple[FilterStep, FilterExpression | None] | None = None
        self.branches: list[Branch] = []
        self._gives_up = False
        self._always_made = self._always_made_max = 0
        self._top_depth = out.depth

    def test_rows(self, paths: list[LogPath]) -> dict[int, bytes]:
        """
        Leave to the regular expression of rows what it can say of the first filter.

        Of the only path: with several, a line that one does not want another may.
        Return its tests; ``wanted`` stands for their outcome in what is written.
        """
        if not isinstance(self._fields, LineFields) or len(paths) != 1:
            return {}
        steps = [item for item in paths[0].elements if not isinstance(item, Sources)]
        if not steps or not isinstance(steps[0], FilterStep):
            return {}
        step = steps[0]
        tests, rest = split_tests(step.expression, self._fields)
        if tests:
            self._tested = step, rest
        return tests

    def write_all(self, paths: list[LogPath]) -> None:
        """Write the top-level paths of a source as the body of its loop."""
        if self._context.take_id is not None and isinstance(
            self._fields, MessageFields
        ):
            take = self._fields.constants.bind(self._context.take_id, "next_id")
            self.out.line(f"m.rcptid = {take}()")
        # Where every line needs a message anyway, it is made once, for all paths.
        self._always_made_max = min(len(paths) - 1, 1)
        self._write_alternatives(paths, is_top=True)

    # -- alternatives -----------------------------------------------------------

    def _write_alternatives(
        self,
        paths: list[LogPath],
        *,
        is_top: bool = False,
        is_last: bool = False,
        leaf: _Leaf | None = None,
    ) -> None:
        """
        Write paths that all see the same message, each in its original state.

        ``is_last`` says that nobody looks at the message afterwards.
        """
        normal = [path for path in paths if "fallback" not in path.flags]
        fallback = [path for path in paths if "fallback" in path.flags]
        run = _Run(is_top, is_last or is_top, leaf)
        if not fallback:
            self._write_run(normal, run)
            return
        run.accepted = self._flag("accepted")
        self.out.line(f"{run.accepted} = False")
        before = replace(run, is_last=False)
        self._write_run(normal, before)
        with self.out.block(f"if not {run.accepted}:"):
            self._write_run(fallback, replace(run, accepted=""))

    def _write_aside(self, paths: list[LogPath]) -> None:
        """Write paths whose ends, and what waits on them, mean nothing to others."""
        taken, self._taken = self._taken, []
        self._write_alternatives(paths)
        self._taken = taken

    def _write_run(self, paths: list[LogPath], run: _Run) -> None:
        depth = position = 0
        while position < len(paths):
            group = group_of(paths[position:], can_stop=run.is_top)
            if group is not None:
                stop = position + len(group.needs)
                depth += self._write_group(group, paths, position, run)
                position = stop
            else:
                depth += self._write_path(paths, position, run)
                position += 1
        for _ in range(depth):
            self.out.dedent()

    def _write_group(
        self, group: Group, paths: list[LogPath], start: int, run: _Run
    ) -> int:
        """
        Write a loop over those paths of a group that can be reached.

        Return how much deeper the paths behind it stand.
        """
        field, stop = group.field.lower(), start + len(group.needs)
        key = self._fields.key(group.field)
        ways = Ways(group.needs)
        bound = self._fields.constants.bind(ways, f"paths_by_{field}")
        tally = None
        if any(group.names):
            tally = self._tallies.group(group.names, ways)
            self.out.line(tally.enter(key))
        for step, need in zip(group.filters, group.needs, strict=True):
            self._grouped[id(step)] = need.is_exact, tally
        outer_stop = self._stop
        if run.is_top and self._stop == "continue":
            self._stop = "break"
        self.out.line(f"for path in {bound}[{key}]:")
        self.out.indent()
        self._write_ways(paths, start, range(start, stop), run)
        self.out.dedent()
        self._stop = outer_stop
        is_final = any("final" in path.flags for path in paths[start:stop])
        if not is_final or stop == len(paths):
            return 0
        self.out.line("else:")
        self.out.indent()
        return 1

    def _write_ways(
        self, paths: list[LogPath], start: int, positions: range, run: _Run
    ) -> None:
        """Write the body of the loop over the paths from ``start`` on."""
        size = len(positions)
        if size == 1:
            self._write_path(paths, positions[0], run)
            return
        count = min(size, 4)
        for part in range(count):
            some = positions[size * part // count : size * (part + 1) // count]
            last = some[-1] - start
            sign = "==" if len(some) == 1 else "<="
            test = f"{'elif' if part else 'if'} path {sign} {last}"
            if part == count - 1:
                test = "else"
            with self.out.block(f"{test}:"):
                self._write_ways(paths, start, some, run)

    def _write_path(self, paths: list[LogPath], position: int, run: _Run) -> int:
        """Write one path; return how much deeper the ones behind it stand."""
        path = paths[position]
        if run.is_top:
            self._step_count = 0  # the bound is for the ways through one path
        is_last = position == len(paths) - 1
        is_final = "final" in path.flags and not is_last
        can_stop = run.is_top and not has_junction(path.elements)
        done = ""
        if is_final and not can_stop:
            done = self._flag("done")
            self.out.line(f"{done} = False")
        statement = self._stop if can_stop else f"{done} = True"
        skip_rest = statement if is_final else ""

        def accept() -> None:
            if run.leaf is not None:
                run.leaf()
            if path.name:
                self.out.line(self._tallies.route(path.name, "egress"))
            statements = [f"{run.accepted} = True"] if run.accepted else []
            statements += [skip_rest] if skip_rest else []
            self._write_for_own(path, statements)

        taken = [f"{run.accepted} = True"] if run.accepted else []
        taken += [f"{done} = True"] if done else []
        taken += [self._stop] if is_final and can_stop else []
        self._taken += taken
        self._write_isolated(path, accept, is_last=is_last and run.is_last)
        del self._taken[len(self._taken) - len(taken) :]
        if not done:
            return 0
        self.out.line(f"if not {done}:")
        self.out.indent()
        return 1

    def _write_for_own(self, path: LogPath, statements: list[str]) -> None:
        """Write what is not for messages that were made of others on this path."""
        stations = frozenset(
            self._correlators[name].name for name in stations_on_the_way(path.elements)
        )
        if not statements or not stations:
            for statement in statements:
                self.out.line(statement)
            return
        bound = self._fields.constants.bind(stations, "made_on_this_path")
        with self.out.block(f"if m.origin.made_by not in {bound}:"):
            for statement in statements:
                self.out.line(statement)

    def _write_isolated(self, path: LogPath, leaf: _Leaf, *, is_last: bool) -> None:
        """Write one path; what it changes is not seen by its siblings."""
        self.out.line(f"# {path.name or 'log'} at {path.span.file}:{path.span.line}")
        if path.name:
            self.out.line(self._tallies.route(path.name, "ingress"))
        fields = self._fields
        if isinstance(fields, LineFields):
            before = fields.changed
            self._write(path.elements, leaf)
            fields.changed = before
        elif not is_last and changes_messages(path.elements):
            original = self._flag("original")
            self.out.line(f"{original} = m")
            must_copy = self._must_copy
            self._must_copy = True
            self._write(path.elements, leaf)
            self._must_copy = must_copy
            self.out.line(f"m = {original}")
        else:
            self._write(path.elements, leaf)

    def _flag(self, name: str) -> str:
        self._flag_count += 1
        return f"{name}_{self._flag_count}"

    # -- one path -----------------------------------------------------------------

    def _write(self, elements: tuple[Element | Spec, ...], leaf: _Leaf) -> None:
        """Write ``elements`` in order, then ``leaf``."""
        self._step_count += 1
        if self._step_count > _STEPS_MAX:
            raise Unsupported("there are too many ways through the junctions")
        if not elements:
            leaf()
            return
        first, rest = elements[0], elements[1:]
        must_copy = self._must_copy
        self._copy_before(first)

        def go_on() -> None:
            self._write(rest, leaf)

        start = self._position()
        try:
            self._write_element(first, rest, go_on, leaf)
        except (PatternError, TemplateError) as error:
            # The innermost element is the guilty one: it is asked first.
            if not hasattr(error, "place"):
                vars(error)["place"] = place_of(first)
            raise
        except Unsupported as error:
            if start is None or self._gives_up:
                raise
            self._go_back(start)
            self._write_on_message(elements, leaf, str(error))
        self._must_copy = must_copy

    # -- from a row to a message ----------------------------------------------------

    def _position(self) -> _Position | None:
        """Return where writing stands, if messages can be made of rows here."""
        fields = self._fields
        if not isinstance(fields, LineFields) or self._context.take_id is not None:
            return None
        return _Position(
            self.out.position(),
            fields.position(),
            [len(output.ends_with_newline) for output in self._outputs.values()],
            len(self._taken),
        )

    def _go_back(self, position: _Position) -> None:
        assert isinstance(self._fields, LineFields)
        self.out.go_back(position.text)
        self._fields.go_back(position.fields)
        for output, count in zip(self._outputs.values(), position.ends, strict=True):
            del output.ends_with_newline[count:]
        del self._taken[position.taken :]

    def _write_on_message(
        self, elements: tuple[Element | Spec, ...], leaf: _Leaf, reason: str
    ) -> None:
        """Write ``elements``, and what follows them, on a message made of the row."""
        fields, must_copy = self._fields, self._must_copy
        assert isinstance(fields, LineFields)
        if self.out.depth == self._top_depth:
            self._always_made += 1
        if self._always_made > self._always_made_max:
            self._gives_up = True
            raise Unsupported(reason)
        try:
            maker = MessageRows(fields)
            maker.write(self.out)
            span = place_of(elements[0])
            place = f"{span.file}:{span.line}" if span is not None else "the source"
            self.branches.append(Branch(place, reason))
            self._fields = MessageFields(fields.constants, self._context)
            self._must_copy = False
            self._write(elements, leaf)
        except Unsupported:
            self._gives_up = True
            raise
        self._fields, self._must_copy = fields, must_copy

    def _write_element(
        self,
        first: Element | Spec,
        rest: tuple[Element | Spec, ...],
        go_on: _Leaf,
        leaf: _Leaf,
    ) -> None:
        match first:
            case Sources():
                go_on()
            case FilterStep():
                self._write_filter(first, go_on)
            case ProcessStep():
                self._write_process(first, go_on)
            case Spec():
                self._write_step(first, go_on)
            case Deliver(group):
                if group.channel is not None:
                    self._write_aside([group.channel])
                for spec in group.drivers:
                    self._deliver(spec.id)
                go_on()
            case LogPath():
                embedded = [first]
                while rest and isinstance(rest[0], LogPath):
                    embedded.append(rest[0])
                    rest = rest[1:]
                self._write_aside(embedded)
                self._write(rest, leaf)
            case Junction(branches):
                self._write_junction(list(branches), rest, leaf)

    def _copy_before(self, element: Element | Spec) -> None:
        """Copy the message, if others still need it, before it is first changed."""
        is_side_path = isinstance(element, Deliver | LogPath)  # they copy themselves
        if self._must_copy and not is_side_path and changes_messages((element,)):
            copy = self._fields.constants.bind(copy_message, "copy_message")
            self.out.line(f"m = {copy}(m)")
            self._must_copy = False

    def _write_filter(self, step: FilterStep, go_on: _Leaf) -> None:
        name = step.name if step.name and not step.name.startswith("#") else ""
        is_known, tally = self._grouped.get(id(step), (False, None))
        matched = not_matched = ""
        if name:
            source = tally or self._tallies
            matched = source.filter(name, matched=True)
            not_matched = source.filter(name, matched=False)
        if is_known:
            if matched:
                self.out.line(matched)
            go_on()
            return
        with self.out.block(f"if {self._condition(step)}:"):
            if matched:
                self.out.line(matched)
            go_on()
        if not_matched:
            with self.out.block("else:"):
                self.out.line(not_matched)

    def _condition(self, step: FilterStep) -> str:
        if self._tested is None or step is not self._tested[0]:
            return emit_filter(step.expression, self._fields, self._context)
        rest = self._tested[1]
        if rest is None:
            return "wanted"
        condition = emit_filter(rest, self._fields, self._context)
        return (
            f"wanted and ({condition})"
            if " or " in condition
            else f"wanted and {condition}"
        )

    def _write_process(self, step: ProcessStep, go_on: _Leaf) -> None:
        is_counted = step.kind == "parser" and not step.name.startswith("#")
        if is_counted and not isinstance(self._fields, MessageFields):
            raise Unsupported(f"parser {_on_one_line(step.name)} changes messages")
        if not is_counted:
            if step.name and not step.name.startswith("#"):
                self.out.line(f"# {step.kind} {_on_one_line(step.name)}")
            self._write(step.steps, go_on)
            return
        self.out.line(f"# parser {_on_one_line(step.name)}")
        if any(isinstance(item, Spec) and correlates(item) for item in step.steps):
            # What it keeps it has processed.
            self.out.line(self._tallies.parser(step.name, is_parsed=True))
            self._write(step.steps, go_on)
            return
        only = step.steps[0] if len(step.steps) == 1 else None
        if isinstance(only, Spec) and isinstance(self._fields, MessageFields):
            condition = emit_parser(only, self._fields, self._context)
            self._write_counted_parser(step.name, condition, go_on)
            return
        passed = self._flag("parsed")
        self.out.line(f"{passed} = False")
        self._write(step.steps, lambda: self.out.line(f"{passed} = True"))
        self._write_counted_parser(step.name, passed, go_on)

    def _write_counted_parser(self, name: str, condition: str, go_on: _Leaf) -> None:
        with self.out.block(f"if {condition}:"):
            self.out.line(self._tallies.parser(name, is_parsed=True))
            go_on()
        with self.out.block("else:"):
            self.out.line(self._tallies.parser(name, is_parsed=False))

    # -- junctions ------------------------------------------------------------------

    def _write_junction(
        self, branches: list[LogPath], rest: tuple[Element | Spec, ...], leaf: _Leaf
    ) -> None:
        def go_on() -> None:
            self._write(rest, leaf)

        if isinstance(self._fields, LineFields):
            # A changed field is a variable of its own here, and differs by branch:
            # what follows is written into each branch.
            if is_choice(branches):
                self._write_choice(branches, go_on)
            else:
                self._write_alternatives(branches, leaf=go_on)
            return
        if is_choice(branches):
            passed = "" if takes_all(branches) else self._flag("passed")
            if passed:
                self.out.line(f"{passed} = True")
            self._write_choice(branches, _nothing)
            if not passed:
                go_on()
                return
            with self.out.block("else:"):
                self.out.line(f"{passed} = False")
            with self.out.block(f"if {passed}:"):
                go_on()
            return
        gathered = self._flag("gathered")
        self.out.line(f"{gathered} = []")
        copy = ""
        if len(branches) > 1 and changes_messages(rest):
            copy = self._fields.constants.bind(copy_message, "copy_message")
        item = f"{copy}(m)" if copy else "m"
        self._write_alternatives(
            branches,
            is_last=len(branches) == 1,
            leaf=lambda: self.out.line(f"{gathered}.append({item})"),
        )
        with self.out.block(f"for m in {gathered}:"):
            go_on()

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

    # -- steps ----------------------------------------------------------------------

    def _write_step(self, spec: Spec, go_on: _Leaf) -> None:
        if correlates(spec):
            self._write_station(spec, go_on)
            return
        if spec.kind == "filterx":
            self._write_filterx(spec, go_on)
            return
        if spec.kind in PARSERS:
            if not isinstance(self._fields, MessageFields):
                raise Unsupported(f"{spec.kind}() changes messages")
            condition = emit_parser(spec, self._fields, self._context)
            with self.out.block(f"if {condition}:"):
                go_on()
            return
        emit_rewrite(spec, self._fields, self._context, self.out)
        go_on()

    def _write_filterx(self, spec: Spec, go_on: _Leaf) -> None:
        """Write what asks a filterx block; who drops a message has taken it."""
        if not isinstance(self._fields, MessageFields):
            raise Unsupported("filterx changes messages")
        call = emit_filterx(spec, self._fields.constants, self._context)
        if not drops(spec) or not self._taken:
            with self.out.block(f"if {call}:"):
                go_on()
            return
        verdict = self._flag("verdict")
        self.out.line(f"{verdict} = {call}")
        with self.out.block(f"if {verdict}:"):
            go_on()
        with self.out.block(f"elif {verdict} is None:"):
            for statement in self._taken:
                self.out.line(statement)

    def _write_station(self, spec: Spec, go_on: _Leaf) -> None:
        """Write what asks a correlator which messages go on."""
        if not isinstance(self._fields, MessageFields):
            raise Unsupported(f"{spec.kind}() keeps messages")
        if keeps_messages(spec):
            for statement in self._taken:
                self.out.line(statement)
        take = self._fields.constants.bind(
            self._correlators[spec.id].take, f"take_{spec.kind}"
        )
        text = emit_input(spec, self._fields, self._context)
        with self.out.block(f"for m in {take}(m, {text}, clock[0]):"):
            go_on()

    def _deliver(self, id_: str) -> None:
        output = self._outputs[id_]
        if output.suppressor is None:
            self._append(output)
            return
        if not isinstance(self._fields, MessageFields):
            raise Unsupported("suppress() compares messages")
        take = self._fields.constants.bind(output.suppressor.take, "suppress")
        # The last message that comes out, if any does, is the one that went in.
        with self.out.block(f"for m in {take}(m, clock[0]):"):
            self._append(output)

    def _append(self, output: Output) -> None:
        record = emit_record(output.rendering, self._fields, self._context)
        output.ends_with_newline.append(record.ends_with_newline)
        if output.is_keyed:
            key = emit_key(output.rendering, self._fields, self._context)
            self.out.line(f"{output.variable}[{key}].append({record.code})")
        else:
            self.out.line(f"{output.variable}.append({record.code})")


def _on_one_line(name: str) -> str:
    """Return a user's word as it may stand in a comment."""
    return "".join(char if char.isprintable() else "?" for char in name)


def _nothing() -> None:
    """Write nothing: what follows comes behind all branches."""
