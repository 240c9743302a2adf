"""
One program: the generated functions of one source, and the seam around them.

The generated module has these functions:

``lines``                     complete lines, by the fast form if there is one
``lines_with_odd_ones``       the same when some lines are not canonical
``frames``                    frames that may hold anything
``messages``                  messages that exist already
``route``                     one message, for all of them
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from logferry.codegen.emit import Constants, SourceWriter, compile_source
from logferry.codegen.fields import MessageFields, Unsupported
from logferry.codegen.layout import (
    RowShape,
    Slot,
    odd_row_pattern,
    row_pattern,
    seam_pattern,
)
from logferry.codegen.line_fields import LineFields
from logferry.codegen.message_rows import MessageRows
from logferry.codegen.wrapping import wrapped
from logferry.message.batch import RecordBatch
from logferry.pipeline.output import Output
from logferry.pipeline.paths import PathWriter
from logferry.pipeline.plan import Branch, Obstacle, Plan, layout_of, obstacle_of
from logferry.pipeline.tallies import Tallies
from logferry.syslog.parse import Parser

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from logferry.codegen.correlation.correlator import Correlator
    from logferry.codegen.macros import MacroContext
    from logferry.config.nodes import LogPath
    from logferry.message.model import Message, Origin, UnixNanos
    from logferry.pipeline.program import Outputs
    from logferry.syslog.reception import Reception
    from logferry.telemetry.counters import Metrics

__all__ = ["CompiledProgram", "ProgramCompiler"]

_wanted = re.compile(r"\bwanted\b")
_three_parts = re.compile(r'b"%b%b%b" % \((\w+), (\w+), (\w+)\)')


@dataclass(slots=True)
class CompiledProgram:
    """The compiled log paths of one source (``pipeline.program.Program``)."""

    outputs: tuple[str, ...]
    flow_controlled: tuple[bool, ...]
    plan: Plan
    source: str
    lines: Callable[[bytes, Origin, UnixNanos], tuple[int, Outputs]]
    frames: Callable[[list[bytes], Origin, UnixNanos], Outputs]
    messages: Callable[[list[Message], UnixNanos], Outputs]
    correlators: tuple[Correlator, ...] = ()

    @property
    def form(self) -> str:
        """The form of complete lines: ``whole``, ``slices`` or ``messages``."""
        return self.plan.form

    def explain(self) -> str:
        """Return the chosen form and the reason, for people."""
        return self.plan.explain()


@dataclass(slots=True)
class _FastBody:
    """
    The paths as written for canonical lines.

    Attributes:
        text: the body of the loop over rows.
        tests: what the regular expression of a row tests; ``text`` says ``wanted`` for
            the outcome.

    """

    text: str
    fields: LineFields
    tallies: Tallies
    branches: tuple[Branch, ...]
    tests: dict[int, bytes]

    def __post_init__(self) -> None:
        fields, shape = self.fields, self.shape
        start = shape.test_start if self.tests else 0
        filled = [slot for slot in shape.slots if self._is_filled(slot, start)]
        if not shape.slots or (self.tests and not filled):
            # The newline stands for the line where nothing else does.
            last = len(fields.layout.atoms)
            filled = [Slot(last - 1, last)]
            fields.slots[filled[0]] = "end"
        if self.tests:
            self.text = _wanted.sub(fields.slots[filled[0]], self.text)

    def _is_filled(self, slot: Slot, start: int) -> bool:
        return slot.start >= start and self.fields.layout.is_filled(slot)

    @property
    def shape(self) -> RowShape:
        """What is taken out of each line."""
        fields = self.fields
        return RowShape(fields.layout, tuple(fields.ordered_slots), self.tests)

    @property
    def has_first(self) -> bool:
        """Whether only the first byte of a line shows that it is canonical."""
        shape = self.shape
        if not self.tests:
            return False
        is_filled = shape.layout.is_filled
        start = shape.test_start
        return not any(is_filled(slot) for slot in shape.slots if slot.stop <= start)

    @property
    def names(self) -> list[str]:
        """The variables of a row."""
        names = [self.fields.slots[slot] for slot in self.fields.ordered_slots]
        return ["first", *names] if self.has_first else names

    @property
    def gap(self) -> Slot | None:
        """What is left out of each line, when all the rest is taken in two pieces."""
        slots, last = self.fields.ordered_slots, len(self.fields.layout.atoms)
        if len(slots) != 2 or slots[0].start > 0 or slots[1].stop < last:
            return None
        return Slot(slots[0].stop, slots[1].start)

    @property
    def proof(self) -> str:
        """What is false when not every line is canonical."""
        slots = self.fields.ordered_slots
        if len(self.names) == 1:
            return "rows[-1]"
        filled = [self._is_filled(slot, 0) for slot in slots]
        place = 0 if self.has_first or not any(filled) else filled.index(True)
        return f"rows[-1][{place}]"


@dataclass(slots=True)
class _Loop:
    """
    A loop as one statement.

    Attributes:
        code: the statement; just ``chunk`` where there is nothing to do.
        tallies: what is added to each tally.
        middle: what every row is joined by, where that is all.

    """

    code: str
    tallies: dict[str, str]
    middle: str = ""


class ProgramCompiler:
    """Compiles the log paths that the messages of one source can enter."""

    def __init__(
        self,
        source_id: str,
        paths: list[LogPath],
        outputs: dict[str, Output],
        reception: Reception,
        macros: MacroContext,
        *,
        metrics: Metrics,
        local_time_zone: str,
        pid: int,
        census: Callable[[Message], None] | None = None,
        correlators: Mapping[str, Correlator] | None = None,
    ) -> None:
        self._correlators = correlators or {}
        self._source_id = source_id
        self._census = census
        self._paths = paths
        self._outputs = outputs
        self._reception = reception
        self._macros = macros
        self._metrics = metrics
        self._local_time_zone = local_time_zone
        self._constants = Constants()
        parser = Parser(reception, macros.host_name.decode(), pid, local_time_zone)
        self._constants.values.update(
            parse=parser.parse,
            clock=macros.now,
            RecordBatch=RecordBatch,
            defaultdict=defaultdict,
            join_lines=join_lines,
            join_records=RecordBatch.of,
            batches_by_key=batches_by_key,
        )

    def compile(self) -> CompiledProgram:
        """Return the program. Raises ``PatternError`` and ``TemplateError``."""
        obstacle = obstacle_of(self._reception)
        fast = self._fast_body() if obstacle is None else None
        out = SourceWriter()
        out.line(f'"""Log paths of {self._source_id}."""')
        out.line()
        out.line()
        if isinstance(fast, _FastBody):
            plan = self._write_fast(out, fast)
        elif fast is not None:
            plan = Plan("messages", fast.reason, fast.remedy)
            self._write_message_rows(out)
        else:
            assert obstacle is not None
            plan = Plan("messages", obstacle.reason, obstacle.remedy)
            self._write_plain_lines(out)
        self._write_frames(out, uses_lines=obstacle is None)
        self._write_messages(out)
        self._write_route(out)
        for function in self._constants.functions.values():
            out.line()
            out.raw(function)
            out.line()
        namespace: dict[str, Any] = self._constants.values
        name = f"<{self._place()}>"
        source = wrapped(out.text)
        exec(compile_source(source, name), namespace)  # noqa: S102 - our own source
        ordered = sorted(self._outputs.values(), key=lambda output: output.index)
        return CompiledProgram(
            tuple(output.id for output in ordered),
            tuple(output.flow_controlled for output in ordered),
            plan,
            source,
            namespace["lines"],
            namespace["frames"],
            namespace["messages"],
            tuple(self._correlators.values()),
        )

    def _place(self) -> str:
        """Return a name for tracebacks: the source and where its paths begin."""
        if not self._paths:
            return f"log paths of {self._source_id}"
        span = self._paths[0].span
        return f"log paths of {self._source_id} at {span.file}:{span.line}"

    # -- the fast form ------------------------------------------------------------

    def _fast_body(self) -> _FastBody | Obstacle:
        """Write the paths for canonical lines, or say why that cannot be done."""
        if self._census is not None:
            return Obstacle("every message is counted by its host", "stats(level(1))")
        fields = self._line_fields()
        tallies = Tallies(self._metrics, self._constants, is_local=True)
        out = SourceWriter()
        out.indent()
        out.indent()
        writer = PathWriter(
            out,
            fields,
            self._outputs,
            self._macros,
            tallies,
            stop="continue",
            correlators=self._correlators,
        )
        before = self._constants.copy()
        try:
            tests = writer.test_rows(self._paths)
            writer.write_all(self._paths)
        except Unsupported as error:
            self._constants.restore(before)
            for output in self._outputs.values():
                output.ends_with_newline.clear()
            return Obstacle(str(error), error.remedy)
        return _FastBody(out.text, fields, tallies, tuple(writer.branches), tests)

    def _line_fields(self) -> LineFields:
        return LineFields(
            layout_of(self._reception),
            self._constants,
            self._reception,
            self._local_time_zone,
            self._macros,
        )

    def _write_fast(self, out: SourceWriter, fast: _FastBody) -> Plan:
        loop = self._comprehension(fast)
        is_whole = loop is not None and loop.code == "chunk"
        with out.block("def lines(chunk, origin, now):"):
            if loop is not None and is_whole:
                self._write_whole(out, fast, loop)
            elif loop is not None and loop.middle and fast.gap is not None:
                self._write_seams(out, fast, loop, fast.gap)
            else:
                self._write_rows(out, fast, loop)
        out.line()
        out.line()
        self._write_odd_lines(out, fast)
        return self._plan_of(fast, is_whole=is_whole)

    def _write_whole(self, out: SourceWriter, fast: _FastBody, loop: _Loop) -> None:
        """Write the head of ``lines`` where chunks go on as they came."""
        layout = fast.fields.layout
        end = Slot(len(layout.atoms) - 1, len(layout.atoms))
        self._bind_finder("find_ends", row_pattern(RowShape(layout, (end,))))
        out.line("ends = find_ends(chunk)")
        with out.block("if not ends[-1]:"):
            out.line("return lines_with_odd_ones(chunk, origin, now)")
        out.line("count = len(ends)")
        for variable in loop.tallies:
            fast.tallies.write_total(variable, "count", out)
        out.line("return count, ((RecordBatch(chunk, count),),)")

    def _write_seams(
        self, out: SourceWriter, fast: _FastBody, loop: _Loop, gap: Slot
    ) -> None:
        """Write the head of ``lines`` where one part of each line is replaced."""
        self._bind_finder("find_seams", seam_pattern(fast.fields.layout, gap))
        out.line("seams = find_seams(chunk)")
        with out.block("if not seams[-1]:"):
            out.line("return lines_with_odd_ones(chunk, origin, now)")
        self._write_setup(out, fast.fields)
        out.line("count = len(seams) - 1")
        for variable in loop.tallies:
            fast.tallies.write_total(variable, "count", out)
        out.line(f"data = {loop.middle}.join(seams)")
        out.line("return count, ((RecordBatch(data, count),),)")

    def _write_rows(
        self, out: SourceWriter, fast: _FastBody, loop: _Loop | None
    ) -> None:
        """Write ``lines`` where fields are taken out of each line."""
        pattern = row_pattern(fast.shape, has_first=fast.has_first)
        self._bind_finder("find_rows", pattern)
        out.line("rows = find_rows(chunk)")
        with out.block(f"if not {fast.proof}:"):
            out.line("return lines_with_odd_ones(chunk, origin, now)")
        out.line("count = len(rows)")
        self._write_setup(out, fast.fields)
        if fast.branches:
            out.line("clock[0] = now")
        if loop is not None:
            out.line(loop.code)
            for variable, amount in loop.tallies.items():
                fast.tallies.write_total(variable, amount, out)
        else:
            self._write_collectors(out)
            fast.tallies.write_head(out)
            out.line(f"for {_target(fast.names)} in rows:")
            out.raw(fast.text)
            fast.tallies.write_end(out)
        self._write_return(out, counts=True)

    def _bind_finder(self, name: str, pattern: bytes) -> None:
        self._constants.values[name] = re.compile(pattern).findall

    def _plan_of(self, fast: _FastBody, *, is_whole: bool) -> Plan:
        if is_whole:
            return Plan("whole", "chunks are copied when every line is canonical")
        takes_sender = fast.fields.setup.get("host") == "origin.host"
        remedy = ""
        if takes_sender and fast.fields.layout.has("host"):
            remedy = "with keep-hostname(yes) the host of the line would be copied"
        reason = "everything is read from the line itself"
        if fast.branches:
            reason = "most is read from the line itself"
        return Plan("slices", reason, remedy, tuple(fast.names), fast.branches)

    def _comprehension(self, fast: _FastBody) -> _Loop | None:
        """Return the whole loop as one expression where it is that simple."""
        if len(self._outputs) != 1:
            return None
        output = next(iter(self._outputs.values()))
        if output.is_keyed or not all(output.ends_with_newline):
            return None
        lines = [line.strip() for line in fast.text.splitlines()]
        statements: list[str] = []
        tallies: dict[str, str] = {}
        condition = ""
        amount, kept = "count", f"len({output.variable})"
        for line in lines:
            variable = fast.tallies.variable_of(line)
            if variable is not None:
                tallies[variable] = amount
            elif line.startswith("if ") and not statements and not condition:
                condition, amount = f" {line[:-1]}", kept
            elif line == "else:":
                amount = f"count - {kept}"
            elif line and not line.startswith("#"):
                statements.append(line)
        prefix = f"{output.variable}.append("
        if len(statements) != 1 or not statements[0].startswith(prefix):
            return None
        code, target = statements[0][len(prefix) : -1], _target(fast.names)
        if not condition and code == "line" and fast.names == ["line"]:
            return _Loop("chunk", tallies)
        joined = _joined_code(code)
        is_row = False
        if joined is not None:
            middle, ends = joined
            is_row = ends == fast.names
            code = f"{middle}.join(({', '.join(ends)}))"
            tested = condition.removeprefix(" if ")
            if is_row and (not tested or tested in ends):
                code, target = f"{middle}.join(row)", "row"
                condition = f" if row[{ends.index(tested)}]" if tested else ""
        loop = f"{output.variable} = [{code} for {target} in rows{condition}]"
        return _Loop(loop, tallies, middle if is_row and not condition else "")

    def _write_odd_lines(self, out: SourceWriter, fast: _FastBody) -> None:
        self._bind_finder("find_all_rows", odd_row_pattern(fast.shape))
        with out.block("def lines_with_odd_ones(chunk, origin, now):"):
            self._write_setup(out, fast.fields)
            self._write_collectors(out)
            fast.tallies.write_head(out)
            out.line("clock[0] = now")
            names = [fast.fields.slots[slot] for slot in fast.shape.slots]
            target = _target([*names, "odd"])
            out.line(f"for {target} in find_all_rows(chunk):")
            out.line("    if odd:")
            call = self._route_call("parse(odd[:-1], origin, now)")
            out.line(f"        {call}")
            out.line("        continue")
            out.raw(fast.text)
            fast.tallies.write_end(out)
            out.line('count = chunk.count(b"\\n")')
            self._write_return(out, is_joined=False, counts=True)
        out.line()
        out.line()

    @staticmethod
    def _write_setup(out: SourceWriter, fields: LineFields) -> None:
        for name, code in fields.setup.items():
            out.line(f"{name} = {code}")

    # -- the general form -----------------------------------------------------------

    def _route_call(self, message: str) -> str:
        """Return a statement that runs one message."""
        lists = [output.variable for output in self._outputs.values()]
        return f"route({', '.join([message, *lists])})"

    def _write_route(self, out: SourceWriter) -> None:
        """Write the function for one message: the paths in their general form."""
        lists = [output.variable for output in self._outputs.values()]
        kept = [list(item.ends_with_newline) for item in self._outputs.values()]
        tallies = Tallies(self._metrics, self._constants, is_local=False)
        fields = MessageFields(self._constants, self._macros)
        with out.block(f"def route({', '.join(['m', *lists])}):"):
            if self._census is not None:
                self._constants.values["count_message"] = self._census
                out.line("count_message(m)")
            PathWriter(
                out,
                fields,
                self._outputs,
                self._macros,
                tallies,
                stop="return",
                correlators=self._correlators,
            ).write_all(self._paths)
        for output, ends in zip(self._outputs.values(), kept, strict=True):
            output.ends_with_newline = ends

    def _write_message_rows(self, out: SourceWriter) -> None:
        """Write the loop that makes messages of rows, and asks the parser of others."""
        fields = self._line_fields()
        maker = MessageRows(fields)
        slots = fields.ordered_slots
        self._bind_finder(
            "find_all_rows", odd_row_pattern(RowShape(fields.layout, tuple(slots)))
        )
        with out.block("def lines(chunk, origin, now):"):
            self._write_setup(out, fields)
            self._write_collectors(out)
            out.line("clock[0] = now")
            target = _target([*(fields.slots[slot] for slot in slots), "odd"])
            with out.block(f"for {target} in find_all_rows(chunk):"):
                with out.block("if odd:"):
                    out.line("m = parse(odd[:-1], origin, now)")
                with out.block("else:"):
                    maker.write(out)
                out.line(self._route_call("m"))
            out.line('count = chunk.count(b"\\n")')
            self._write_return(out, is_joined=False, counts=True)
        out.line()
        out.line()

    def _write_plain_lines(self, out: SourceWriter) -> None:
        with out.block("def lines(chunk, origin, now):"):
            out.line('rows = chunk.split(b"\\n")[:-1]')
            out.line("return len(rows), frames(rows, origin, now)")
        out.line()
        out.line()

    def _write_frames(self, out: SourceWriter, *, uses_lines: bool) -> None:
        with out.block("def frames(frames, origin, now):"):
            if uses_lines:
                # Frames without newlines are lines.
                with out.block('if frames and b"".join(frames).find(b"\\n") < 0:'):
                    out.line('chunk = b"\\n".join((*frames, b""))')
                    out.line("return lines(chunk, origin, now)[1]")
            self._write_collectors(out)
            out.line("clock[0] = now")
            with out.block("for frame in frames:"):
                call = self._route_call("parse(frame, origin, now)")
                if "empty-lines" in self._reception.flags:
                    out.line(call)
                else:
                    with out.block("if frame:"):
                        out.line(call)
            self._write_return(out, is_joined=False)
        out.line()
        out.line()

    def _write_messages(self, out: SourceWriter) -> None:
        with out.block("def messages(messages, now):"):
            self._write_collectors(out)
            out.line("clock[0] = now")
            with out.block("for m in messages:"):
                out.line(self._route_call("m"))
            self._write_return(out, is_joined=False)
        out.line()
        out.line()

    def _write_collectors(self, out: SourceWriter) -> None:
        for output in self._outputs.values():
            empty = "defaultdict(list)" if output.is_keyed else "[]"
            out.line(f"{output.variable} = {empty}")

    def _write_return(
        self, out: SourceWriter, *, is_joined: bool = True, counts: bool = False
    ) -> None:
        codes = []
        for output in sorted(self._outputs.values(), key=lambda item: item.index):
            name = output.variable
            if output.is_keyed:
                codes.append(f"batches_by_key({name}) if {name} else ()")
            elif is_joined and all(output.ends_with_newline):
                codes.append(f"(join_lines({name}),) if {name} else ()")
            else:
                codes.append(f"(join_records({name}),) if {name} else ()")
        start = "return count, (" if counts else "return ("
        if len(codes) == 1:
            out.line(f"{start}{codes[0]},)")
            return
        out.line(start)
        for code in codes:
            out.line(f"    {code},")
        out.line(")")


def _target(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    return ", ".join(names) if names else "_"


def _joined_code(code: str) -> tuple[str, list[str]] | None:
    """Return middle and ends of a record of three parts: joining them is cheaper."""
    match = _three_parts.fullmatch(code)
    if match is None:
        return None
    return match[2], [match[1], match[3]]


def join_lines(records: list[bytes]) -> RecordBatch:
    """Join records that each end with their only newline."""
    return RecordBatch(b"".join(records), len(records))


def batches_by_key(records: dict[bytes, list[bytes]]) -> tuple[RecordBatch, ...]:
    """Return one batch for each key, in the order of their first records."""
    return tuple(RecordBatch.of(items, key) for key, items in records.items())
