"""Messages that wait: generated programs do what the reference interpreter does."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.programs import NOW, ORIGIN, compiled, records
from helpers.reference import Reference
from logferry.codegen.correlation.keeping import dump, load
from logferry.message.batch import Receipt
from logferry.message.model import UnixNanos

SECOND = 1_000_000_000

_KEYS = ('"k"', '"$PROGRAM"', '"$HOST$PID"')
_SCOPES = ("", "scope(host)", "scope(program)", "scope(process)")
_INJECT = ("", "inject-mode(aggregate-only)")
_WHERE = ("", 'where(message("a"))', "where(not program(q))")
_TRIGGERS = (
    "",
    'trigger(message("c"))',
    'trigger("$(context-length)" == "2")',
    'trigger("${MESSAGE}@1" == "a")',
)
_HAVING = ("", 'having("$(context-length)" >= "2")', "having(program(p))")
_AGGREGATES = (
    'value("MESSAGE" "$(context-length) ${MESSAGE}@1 ${MESSAGE}@2") tags("t")',
    'value("x" "$(context-values $MSG)") value("MESSAGE" "i") inherit-mode(none)',
    'value("MESSAGE" "$CONTEXT_ID $(grep program(p) $MSG $PID)")',
    'value("MESSAGE" "${n}@1-$n") inherit-mode(last-message)',
    'value("n" int("$(context-length)"))',
)


@st.composite
def _parsers(draw: st.DrawFn) -> str:
    key = f"key({draw(st.sampled_from(_KEYS))}) {draw(st.sampled_from(_SCOPES))}"
    timeout = f"timeout({draw(st.integers(1, 4))})"
    if draw(st.booleans()):
        options = [
            draw(st.sampled_from(choices))
            for choices in (_INJECT, _WHERE, _TRIGGERS, _HAVING)
        ]
        aggregate = f"aggregate({draw(st.sampled_from(_AGGREGATES))})"
        return f"grouping-by({key} {timeout} {aggregate} {' '.join(options)});"
    separator = draw(st.sampled_from(("", 'line-separator("|")')))
    return f"group-lines({key} {timeout} multi-line-mode(indented) {separator});"


_STEPS = (
    "",
    'rewrite { set("<$MSG>" value("MESSAGE")); };',
    'filter { not message("b"); };',
    'filter { tags("t") or program(p); };',
)


@st.composite
def _bodies(draw: st.DrawFn) -> str:
    step, later = draw(st.sampled_from(_STEPS)), draw(st.sampled_from(_STEPS))
    parsers = f"parser {{ {draw(_parsers())} }};"
    if draw(st.booleans()):
        parsers += f" {step} parser {{ {draw(_parsers())} }};"
    shape = draw(st.integers(0, 4))
    if shape == 0:
        return f"{step} {parsers} {later}"
    if shape == 1:
        return f"junction {{ channel {{ {parsers} {step} }}; channel {{ {later} }}; }};"
    if shape == 2:
        return f"if (program(p)) {{ {parsers} }} else {{ {later} }}; {step}"
    if shape == 3:
        return f"log {{ {parsers} {later} destination(e); }}; {step}"
    return f"{step} {parsers}"


@st.composite
def _configurations(draw: st.DrawFn) -> str:
    template = 'template("$HOST $PROGRAM[$PID] $MSG|${n}|${x}|$(if tags(t) t u)\\n")'
    paths = []
    for _ in range(draw(st.integers(1, 2))):
        flag = draw(st.sampled_from(("", "flags(final);", "flags(fallback);")))
        paths.append(f"log {{ source(s); {draw(_bodies())} destination(d); {flag} }};")
    return (
        "source s { input(keep-hostname(yes)); };\n"
        f"destination d {{ output({template}); }};\n"
        f"destination e {{ output({template}); }};\n" + "\n".join(paths)
    )


_lines = st.builds(
    lambda at, host, program, pid, text: (at, f"{host} {program}[{pid}]: {text}"),
    st.integers(-3, 6),
    st.sampled_from(("h", "g")),
    st.sampled_from(("p", "q")),
    st.integers(1, 2),
    st.sampled_from(("a", "b", "c", " a", "a b", "")),
)
_moments = st.lists(
    st.tuples(st.integers(0, 4), st.lists(_lines, max_size=4)), min_size=1, max_size=6
)


def _frame(now_s: int, line: tuple[int, str]) -> bytes:
    at_s, text = line
    second = 600 + now_s + at_s
    stamp = f"2026-11-21T02:{50 + second // 60:02}:{second % 60:02}+00:00"
    return f"<13>{stamp} {text}".encode()


@settings(
    max_examples=int(os.environ.get("LOGFERRY_PAIRS", "80")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(_configurations(), _moments, st.booleans())
def test_what_waits_goes_on_as_in_the_reference(
    text: str, moments: list[tuple[int, list[tuple[int, str]]]], restarts: bool
) -> None:
    site = compiled(text)
    reference = Reference(
        site.configuration, site.context, next(iter(site.context.receptions))
    )
    found: dict[str, list[bytes]] = {}
    now_s = 0
    for passed_s, lines in [*moments, (60, [])]:
        now_s += passed_s
        now = UnixNanos(NOW + now_s * SECOND)
        if restarts:
            again = compiled(text)
            for before, after in zip(site.stations, again.stations, strict=True):
                data = dump(before.correlator, now)
                load(after.correlator, data, Receipt(0, lambda _: None))
            site = again
        program = site.program
        frames = [_frame(now_s, line) for line in lines]
        ours = records(program, program.frames(frames, ORIGIN, now))
        reference.run(frames, ORIGIN, now)
        ticked = site.tick(UnixNanos(now + SECOND // 2))
        reference.tick(UnixNanos(now + SECOND // 2))
        for part in (ours, ticked):
            for name, rows in part.items():
                found.setdefault(name, []).extend(rows)
    expected = {
        name: [record for _, record in rows]
        for name, rows in reference.delivered.items()
    }
    assert found == expected, site.program.source
