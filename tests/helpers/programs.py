"""Configurations with drivers that exist only on paper, compiled to programs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from logferry.codegen.registry import filters, parsers, rewrites
from logferry.codegen.rendering import Rendering, TimeFormat
from logferry.config.kinds import Enum, Flags, Integer, Template, TextKind, Words, YesNo
from logferry.config.load import load_configuration
from logferry.config.nodes import TemplateText
from logferry.config.options import GlobalOptions
from logferry.config.schema import Option, Options, Registry
from logferry.message.model import Monotonic, Origin, UnixNanos
from logferry.pipeline.build import BuildContext, build_pipeline
from logferry.runtime.directory import MachineDirectory
from logferry.runtime.resolver import Naming
from logferry.sources.options import SOURCE_FLAGS
from logferry.syslog.reception import Reception

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logferry.config.nodes import Configuration
    from logferry.message.batch import RecordBatch
    from logferry.message.model import Message
    from logferry.pipeline.compile import CompiledProgram
    from logferry.pipeline.program import Program
    from logferry.pipeline.stations import Station

NOW = UnixNanos(1_795_230_000_123_456_789)  # 2026-11-21T03:00:00.123456789Z
ORIGIN = Origin(
    source=b"s#0",
    transport=b"bsdsyslog+tcp",
    host=b"relay.example",
    peer_ip=b"192.0.2.7",
    peer_port=40000,
    local_ip=b"192.0.2.1",
    local_port=514,
    ip_proto=6,
)

LOCAL_ORIGIN = replace(ORIGIN, local=True, peer_ip=b"")
"""The origin of sources that read from this machine (``local(yes)``)."""


class PaperSource(Options):
    """``input()``: a source made of nothing but its reception."""

    title = "source input"

    flags = Option(Flags(SOURCE_FLAGS), frozenset[str](), doc="Source flags.")
    keep_hostname = Option(YesNo(), default=False, doc="See Reception.")
    keep_timestamp = Option(YesNo(), default=True, doc="See Reception.")
    chain_hostnames = Option(YesNo(), default=False, doc="See Reception.")
    host_override = Option(TextKind(), "", doc="See Reception.")
    program_override = Option(TextKind(), "", doc="See Reception.")
    time_zone = Option(TextKind(), "UTC", doc="See Reception.")
    tags = Option(Words(), (), doc="See Reception.")
    normalize_hostnames = Option(YesNo(), default=False, doc="See Reception.")
    default_pri = Option(Integer(), 13, doc="See Reception.")
    sender_values = Option(YesNo(), default=False, doc="See Reception.")
    local = Option(YesNo(), default=False, doc="See Reception.")


class PaperDestination(Options):
    """``output()``: a destination made of nothing but its rendering."""

    title = "destination output"

    form = Option(
        Enum(("rfc3164", "rfc5424", "file", "template")), "rfc3164", doc="The form."
    )
    template = Option[TemplateText | None](Template(), None, doc="The template.")
    key = Option[TemplateText | None](Template(), None, doc="The routing key.")
    key_escape = Option(TextKind(), "", doc="How the key is escaped.")
    octet_count = Option(YesNo(), default=False, doc="Count octets.")
    ts_format = Option(TextKind(), "bsd", doc="Format of dates.")
    frac_digits = Option(Integer(), 0, doc="Digits of fractions.")
    time_zone = Option(TextKind(), "", doc="Zone of dates.")
    flags = Option(Words(), (), doc="Destination flags.")
    template_escape = Option(YesNo(), default=False, doc="Escape values.")
    truncate_size = Option(Integer(), -1, doc="Cut records.")


REGISTRY = Registry(
    globals=GlobalOptions,
    sources={"input": PaperSource},
    destinations={"output": PaperDestination},
    parsers=parsers(),
    rewrites=rewrites(),
    filters=filters(),
)


def reception_of(options: PaperSource) -> Reception:
    """Return the reception of an ``input()``."""
    flags = set(options.flags)
    if "no-hostname" not in flags:
        flags.add("expect-hostname")
    return Reception(
        flags=frozenset(flags),
        keep_hostname=options.keep_hostname,
        keep_timestamp=options.keep_timestamp,
        chain_hostnames=options.chain_hostnames,
        host_override=options.host_override,
        program_override=options.program_override,
        time_zone=options.time_zone,
        tags=options.tags,
        normalize_hostnames=options.normalize_hostnames,
        default_pri=options.default_pri,
        local=options.local,
        has_sender_values=options.sender_values,
    )


def rendering_of(options: PaperDestination) -> Rendering:
    """Return the rendering of an ``output()``."""
    form = options.form
    if options.template is not None and form != "rfc5424":
        form = "template"
    return Rendering(
        form=form,
        template=options.template,
        octet_count=options.octet_count,
        key=options.key,
        key_escape=options.key_escape,
        time=TimeFormat(options.ts_format, options.frac_digits, options.time_zone),
        template_escape=options.template_escape,
        truncate_size=options.truncate_size,
        flags=frozenset(options.flags),
    )


@dataclass(slots=True)
class Site:
    """A configuration, what surrounds it, and its programs."""

    configuration: Configuration
    context: BuildContext
    programs: dict[str, CompiledProgram]
    stations: tuple[Station, ...] = ()
    posted: list[Message] = field(default_factory=list)

    def tick(self, now: UnixNanos) -> dict[str, list[bytes]]:
        """Let it be ``now``; return the records by output."""
        found: dict[str, list[bytes]] = {}
        for station in self.stations:
            messages = station.correlator.tick(now)
            made = records(station.program, station.program.messages(messages, now))
            for name, rows in made.items():
                found.setdefault(name, []).extend(rows)
        return found

    @property
    def program(self) -> CompiledProgram:
        """The program of the only (or first) source."""
        return next(iter(self.programs.values()))

    def lines(self, *lines: bytes) -> dict[str, list[bytes]]:
        """Run lines; return the records by output."""
        chunk = b"".join(line + b"\n" for line in lines)
        program = self.program
        return records(program, program.lines(chunk, ORIGIN, NOW)[1])

    def frames_at(
        self, frames: list[bytes], origin: Origin, now: UnixNanos
    ) -> list[bytes]:
        """Run frames of another origin and time; return all records."""
        program = self.program
        found = records(program, program.frames(frames, origin, now))
        return [record for group in found.values() for record in group]

    def frames(self, *frames: bytes) -> dict[str, list[bytes]]:
        """Run frames; return the records by output."""
        program = self.program
        return records(program, program.frames(list(frames), ORIGIN, NOW))


def records(
    program: Program, outputs: tuple[tuple[RecordBatch, ...], ...]
) -> dict[str, list[bytes]]:
    """Return the records of each output that has any, over all keys."""
    return {
        name: [record for batch in batches for record in batch.records()]
        for name, batches in zip(program.outputs, outputs, strict=True)
        if batches
    }


def compiled(text: str, environment: Mapping[str, str] | None = None) -> Site:
    """Compile a configuration of ``input()`` and ``output()`` drivers."""
    if not text.lstrip().startswith("@version"):
        text = "@version: 4.27\n" + text
    configuration, _ = load_configuration(
        Path("site.conf"), REGISTRY, environment or {}, text
    )
    posted: list[Message] = []
    context = BuildContext(
        receptions={
            spec.id: reception_of(spec.options)  # type: ignore[arg-type]
            for group in configuration.sources.values()
            for spec in group.drivers
        },
        renderings={
            spec.id: rendering_of(spec.options)  # type: ignore[arg-type]
            for group in configuration.destinations.values()
            for spec in group.drivers
        },
        host_name="loghost",
        pid=1,
        started_ns=NOW - 5_000_000_000,
        post=posted.append,
        run_id=1,
        directory=MachineDirectory(Naming(), lambda: Monotonic(0.0)),
    )
    pipeline = build_pipeline(configuration, context)
    return Site(configuration, context, pipeline.programs, pipeline.stations, posted)


def relay(middle: str = "", source: str = "", output: str = "") -> Site:
    """Compile ``input() → middle → output()`` on one log path."""
    return compiled(
        f"log {{ source {{ input({source}); }}; {middle} "
        f"destination {{ output({output}); }}; }};"
    )


def expand(template: str, line: bytes, middle: str = "", source: str = "") -> bytes:
    """Return what ``template`` prints for ``line``."""
    quoted = template.replace("\\", "\\\\").replace('"', '\\"')
    site = relay(middle, source, f'template("{quoted}")')
    found = site.lines(line)
    assert len(found) <= 1
    return b"".join(next(iter(found.values()), []))
