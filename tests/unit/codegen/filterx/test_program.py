"""The function of a block in a program, and what is told of its failures."""

from __future__ import annotations

from helpers.filterx import new_message
from logferry.codegen.emit import Constants, compile_source
from logferry.codegen.filterx import check_filterx, drops, emit_filterx
from logferry.codegen.macros import MacroContext
from logferry.config.diagnostics import Diagnostics
from logferry.config.filterx.options import FilterxOptions
from logferry.config.filterx.parse import parse_filterx
from logferry.config.nodes import Span, Spec
from logferry.telemetry.counters import Metrics

PLACE = Span("site.conf", 10, 5, 10, 6)


def spec_of(text: str) -> Spec:
    diagnostics = Diagnostics()
    block = parse_filterx(text, PLACE, diagnostics)
    diagnostics.raise_errors()
    return Spec("filterx", FilterxOptions(block, set(block.declared)), "x#0", PLACE)


def test_failures_are_counted_and_told_with_their_place() -> None:
    told: list[tuple[str, str]] = []
    metrics = Metrics()
    context = MacroContext(
        metrics=metrics,
        note_failure=lambda place, reason: told.append((str(place), reason)),
    )
    constants = Constants()
    spec = spec_of("{\n  $a = 1;\n  if (true) {\n    $b = nope.c;\n  };\n}")
    assert emit_filterx(spec, constants, context) == "filterx_1(m)"
    source = constants.functions["filterx_1"]
    exec(compile_source(source, "<a program>"), constants.values)
    for _ in range(2):
        assert constants.values["filterx_1"](new_message()) is False
    assert told == [("site.conf:13:5", "nope is not set")] * 2
    counter = metrics.counter("filterx_failures_total", {"place": "site.conf:10"})
    assert counter.value == 2


def test_a_block_is_written_once_for_a_program() -> None:
    constants, context = Constants(), MacroContext()
    first, second = spec_of("{ $a = 1; }"), spec_of("{ $b = 1; }")
    calls = [emit_filterx(item, constants, context) for item in (first, second, first)]
    assert calls == ["filterx_1(m)", "filterx_2(m)", "filterx_1(m)"]
    assert len(constants.functions) == 2


def test_every_mistake_of_a_block_is_reported_at_its_place() -> None:
    spec = spec_of("{ nope();\n $FACILITY = 1;\n if (lower()) { upper(1, 2); }; }")
    assert isinstance(spec.options, FilterxOptions)
    diagnostics = Diagnostics()
    check_filterx(spec.options, diagnostics)
    places = [(item.span.line, item.span.column) for item in diagnostics.items]
    assert places == [(10, 7), (11, 2), (12, 6)]


def test_a_block_that_drops_is_known() -> None:
    assert drops(spec_of("{ if (true) { x = true and drop; }; }"))
    assert not drops(spec_of('{ x = "drop"; done; }'))
