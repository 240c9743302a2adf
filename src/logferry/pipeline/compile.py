"""
One program: the generated functions of one source, and the seam around them.

The generated module has these functions:

``lines``                     complete lines, by the fast form if there is one
``lines_with_odd_ones``       the same when some lines are not canonical
``frames``                    frames that may hold anything
``messages``                  messages that exist already
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from logferry.codegen.emit import Constants, SourceWriter, compile_source
from logferry.codegen.fields import LineFields, MessageFields, Unsupported
from logferry.codegen.layout import LEGACY, SYSLOG, Layout, Slot, row_pattern
from logferry.message.batch import RecordBatch
from logferry.pipeline.paths import Output, PathWriter
from logferry.syslog.parse import Parser

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.codegen.macros import MacroContext
    from logferry.config.nodes import LogPath
    from logferry.message.model import Message, Origin, UnixNanos
    from logferry.pipeline.program import Outputs
    from logferry.syslog.reception import Reception

__all__ = ["CompiledProgram", "ProgramCompiler"]

_three_parts = re.compile(r'b"%b%b%b" % \((\w+), (\w+), (\w+)\)')

# Source flags under which a canonical line is read in the canonical way.
_PLAIN_FLAGS = frozenset(
    {
        "expect-hostname",
        "syslog-protocol",
        "threaded",
        "piggyback-errors",
        "store-legacy-msghdr",
        "no-multi-line",
        "empty-lines",
        "exit-on-eof",
        "ignore-aux-data",
    }
)


@dataclass(slots=True)
class CompiledProgram:
    """The compiled log paths of one source (``pipeline.program.Program``)."""

    outputs: tuple[str, ...]
    flow_controlled: tuple[bool, ...]
    form: str
    reason: str
    source: str
    lines: Callable[[bytes, int, Origin, UnixNanos], Outputs]
    frames: Callable[[list[bytes], Origin, UnixNanos], Outputs]
    messages: Callable[[list[Message], UnixNanos], Outputs]

    def explain(self) -> str:
        """Return the chosen form and the reason, for people."""
        return f"{self.form}: {self.reason}"


class ProgramCompiler:
    """Compiles the log paths that the messages of one source can enter."""

    def __init__(
        self,
        source_id: str,
        paths: list[LogPath],
        outputs: dict[str, Output],
        reception: Reception,
        macros: MacroContext,
        local_time_zone: str,
        pid: int,
    ) -> None:
        self._source_id = source_id
        self._paths = paths
        self._outputs = outputs
        self._reception = reception
        self._macros = macros
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
        body, fields, reason = self._fast_body()
        form = "messages"
        out = SourceWriter()
        out.line(f'"""Log paths of {self._source_id}."""')
        if fields is not None and body is not None:
            form = self._write_fast(out, body, fields)
        else:
            self._write_plain_lines(out)
        self._write_frames(out, uses_lines=fields is not None)
        self._write_messages(out)
        namespace: dict[str, Any] = self._constants.values
        name = f"<log paths of {self._source_id}>"
        exec(compile_source(out.text, name), namespace)  # noqa: S102 - our own source
        ordered = sorted(self._outputs.values(), key=lambda output: output.index)
        return CompiledProgram(
            tuple(output.id for output in ordered),
            tuple(output.flow_controlled for output in ordered),
            form,
            reason,
            out.text,
            namespace["lines"],
            namespace["frames"],
            namespace["messages"],
        )

    # -- the fast form ------------------------------------------------------------

    def _fast_body(self) -> tuple[str | None, LineFields | None, str]:
        """Write the paths for canonical lines, or say why that cannot be done."""
        obstacle = self._obstacle()
        if obstacle:
            return None, None, obstacle
        fields = LineFields(
            self._layout, self._constants, self._reception, self._local_time_zone
        )
        out = SourceWriter()
        out.indent()
        out.indent()
        try:
            PathWriter(out, fields, self._outputs, self._macros).write_all(self._paths)
        except Unsupported as error:
            for output in self._outputs.values():
                output.ends_with_newline.clear()
            return None, None, str(error)
        return out.text, fields, "everything is read from the line itself"

    @property
    def _layout(self) -> Layout:
        return SYSLOG if "syslog-protocol" in self._reception.flags else LEGACY

    def _obstacle(self) -> str:
        """Return why lines of this source are not read in the canonical way."""
        reception = self._reception
        odd_flags = reception.flags - _PLAIN_FLAGS
        if odd_flags:
            return f"flags({', '.join(sorted(odd_flags))})"
        if "expect-hostname" not in reception.flags:
            return "lines have no host name"
        for name in (
            "chain_hostnames",
            "normalize_hostnames",
            "check_hostname",
            "bad_hostname",
            "program_override",
            "encoding",
        ):
            if getattr(reception, name):
                return f"{name.replace('_', '-')}() is set"
        if not reception.keep_timestamp:
            return "keep-timestamp(no)"
        return ""

    def _write_fast(self, out: SourceWriter, body: str, fields: LineFields) -> str:
        slots = sorted(fields.slots, key=lambda slot: (slot.start, -slot.stop))
        names = [fields.slots[slot] for slot in slots]
        self._bind_row_patterns(fields.layout, slots)
        comprehension = self._comprehension(body, names)
        with out.block("def lines(chunk, count, origin, now):"):
            if comprehension == "chunk":
                out.line("if is_canonical(chunk):")
                out.line("    return ((RecordBatch(chunk, count),),)")
                out.line("return lines_with_odd_ones(chunk, origin, now)")
            else:
                out.line("rows = find_rows(chunk)")
                out.line("if len(rows) != count:")
                out.line("    return lines_with_odd_ones(chunk, origin, now)")
                self._write_setup(out, fields)
                if comprehension:
                    out.line(comprehension)
                else:
                    self._write_collectors(out)
                    out.line(f"for {_target(names)} in rows:")
                    out.raw(body)
                self._write_return(out)
        out.line()
        self._write_odd_lines(out, body, fields, names)
        return "whole" if comprehension == "chunk" else "slices"

    def _bind_row_patterns(self, layout: Layout, slots: list[Slot]) -> None:
        values = self._constants.values
        plain = row_pattern(layout, slots, odd=False)
        values["find_rows"] = re.compile(plain).findall
        with_odd = row_pattern(layout, slots, odd=True)
        values["find_all_rows"] = re.compile(with_odd).findall
        line = row_pattern(layout, [], odd=False)
        whole = re.compile(rb"(?>" + line + rb")*+").fullmatch
        values["is_canonical"] = whole

    def _comprehension(self, body: str, names: list[str]) -> str:
        """Return the whole loop as one expression where it is that simple."""
        if len(self._outputs) != 1:
            return ""
        output = next(iter(self._outputs.values()))
        if output.is_keyed or not all(output.ends_with_newline):
            return ""
        lines = [line.strip() for line in body.splitlines()]
        lines = [line for line in lines if line and not line.startswith("#")]
        prefix = f"{output.variable}.append("
        if not lines or not lines[-1].startswith(prefix) or len(lines) > 2:
            return ""
        code = lines[-1][len(prefix) : -1]
        target = _target(names)
        joined = _joined_code(code, names)
        if joined:
            code, target = joined, "row"
        if len(lines) == 2:
            if not lines[0].startswith("if "):
                return ""
            condition = lines[0][3:-1]
            return f"{output.variable} = [{code} for {target} in rows if {condition}]"
        if code == "line" and names == ["line"]:
            return "chunk"
        return f"{output.variable} = [{code} for {target} in rows]"

    def _write_odd_lines(
        self, out: SourceWriter, body: str, fields: LineFields, names: list[str]
    ) -> None:
        with out.block("def lines_with_odd_ones(chunk, origin, now):"):
            self._write_setup(out, fields)
            self._write_collectors(out)
            out.line("clock[0] = now")
            out.line(f"for {_target([*names, 'odd'])} in find_all_rows(chunk):")
            out.indent()
            with out.block("if odd:"):
                out.line("m = parse(odd[:-1], origin, now)")
                self._write_body(out)
                out.line("continue")
            out.dedent()
            out.raw(body)
            self._write_return(out, is_joined=False)
        out.line()

    @staticmethod
    def _write_setup(out: SourceWriter, fields: LineFields) -> None:
        for name, code in fields.setup.items():
            out.line(f"{name} = {code}")

    # -- the general form -----------------------------------------------------------

    def _write_body(self, out: SourceWriter) -> None:
        """Write the paths for the message in ``m``."""
        kept = {
            key: list(item.ends_with_newline) for key, item in self._outputs.items()
        }
        fields = MessageFields(self._constants)
        PathWriter(out, fields, self._outputs, self._macros).write_all(self._paths)
        for key, output in self._outputs.items():
            output.ends_with_newline = kept[key]

    def _write_plain_lines(self, out: SourceWriter) -> None:
        with out.block("def lines(chunk, count, origin, now):"):
            out.line('rows = [row for row in chunk.split(b"\\n") if row]')
            out.line("return frames(rows, origin, now)")
        out.line()

    def _write_frames(self, out: SourceWriter, *, uses_lines: bool) -> None:
        with out.block("def frames(frames, origin, now):"):
            if uses_lines:
                # Frames without newlines are lines.
                out.line('chunk = b"\\n".join(frames) + b"\\n"')
                out.line('if chunk.count(b"\\n") == len(frames):')
                out.line("    return lines(chunk, len(frames), origin, now)")
            self._write_collectors(out)
            out.line("clock[0] = now")
            with out.block("for frame in frames:"):
                out.line("m = parse(frame, origin, now)")
                self._write_body(out)
            self._write_return(out, is_joined=False)
        out.line()

    def _write_messages(self, out: SourceWriter) -> None:
        with out.block("def messages(messages, now):"):
            self._write_collectors(out)
            out.line("clock[0] = now")
            with out.block("for m in messages:"):
                self._write_body(out)
            self._write_return(out, is_joined=False)

    def _write_collectors(self, out: SourceWriter) -> None:
        for output in self._outputs.values():
            empty = "defaultdict(list)" if output.is_keyed else "[]"
            out.line(f"{output.variable} = {empty}")

    def _write_return(self, out: SourceWriter, *, is_joined: bool = True) -> None:
        codes = []
        for output in sorted(self._outputs.values(), key=lambda item: item.index):
            name = output.variable
            if output.is_keyed:
                codes.append(f"batches_by_key({name})")
            elif is_joined and all(output.ends_with_newline):
                codes.append(f"(join_lines({name}),) if {name} else ()")
            else:
                codes.append(f"(join_records({name}),) if {name} else ()")
        if len(codes) == 1:
            out.line(f"return ({codes[0]},)")
            return
        out.line("return (")
        for code in codes:
            out.line(f"    {code},")
        out.line(")")


def _target(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    return ", ".join(names) if names else "_"


def _joined_code(code: str, names: list[str]) -> str:
    """Return a cheaper form of ``head + constant + tail`` for rows of two captures."""
    match = _three_parts.fullmatch(code)
    if match is None or [match[1], match[3]] != names or match[2] in names:
        return ""
    return f"{match[2]}.join(row)"


def join_lines(records: list[bytes]) -> RecordBatch:
    """Join records that each end with their only newline."""
    return RecordBatch(b"".join(records), len(records))


def batches_by_key(records: dict[bytes, list[bytes]]) -> tuple[RecordBatch, ...]:
    """Return one batch for each key, in the order of their first records."""
    return tuple(RecordBatch.of(items, key) for key, items in records.items())
