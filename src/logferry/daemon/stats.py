"""
Counters as text: the classic CSV, Prometheus, and queries.

Forms are the reference's: CSV rows ``SourceName;SourceId;SourceInstance;State;Type;
Number``; Prometheus lines with the prefix ``syslogng_``, labels in alphabetical order,
``result`` and ``le`` last, without HELP and TYPE lines.
"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from logferry.telemetry.counters import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logferry.telemetry.counters import Metrics, Series

__all__ = [
    "QUERY_COMMANDS",
    "query",
    "remove_orphans",
    "render_csv",
    "render_exposition",
    "render_prometheus",
    "reset",
]

QUERY_COMMANDS = frozenset({"LIST", "GET", "GET_SUM", "GET_RESET", "GET_SUM_RESET"})
_CSV_HEADER = "SourceName;SourceId;SourceInstance;State;Type;Number"
_PREFIX = "syslogng_"
_LAST_LABELS = ("result", "le")


def render_csv(metrics: Metrics, level: int = 0) -> str:
    """Return the classic CSV."""
    rows = [_CSV_HEADER]
    for series in metrics:
        legacy = series.legacy
        if legacy is None or series.legacy_level > level:
            continue
        state = "o" if series.orphaned else "d" if series.dynamic else "a"
        fields = (
            legacy.component,
            legacy.id,
            legacy.instance,
            state,
            legacy.type,
            _number(series.value),
        )
        rows.append(";".join(_csv_field(field) for field in fields))
    return "\n".join(rows) + "\n"


def _csv_field(text: str) -> str:
    if text.isprintable() and not (";" in text or '"' in text):
        return text
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{one_line(quoted)}"'


def one_line(text: str) -> str:
    r"""
    Return ``text`` with what could end a line as ``\n``, ``\x0b`` and so on.

    Bytes that are no UTF-8 (surrogates, here) end none.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or "\udc80" <= char <= "\udcff" else repr(char)[1:-1]
        for char in text
    )


def render_prometheus(
    metrics: Metrics, level: int = 0, *, with_legacy: bool = False
) -> str:
    """
    Return the Prometheus text format.

    ``with_legacy`` adds the rows that only the classic CSV has, under names made of
    theirs (``dst_file_processed``), as ``--with-legacy-metrics`` asks for.
    """
    lines = []
    for series in _shown(metrics, level):
        name, labels = series.name, series.labels
        if not name:
            if not with_legacy or series.legacy is None:
                continue
            legacy = series.legacy
            name = f"{legacy.component}_{legacy.type}".replace(".", "_")
            name = name.replace("-", "_")
            labels = (("id", legacy.id), ("stat_instance", legacy.instance))
        lines.append(f"{_PREFIX}{name}{_labels(labels)} {_number(series.value)}")
    return "\n".join(lines) + "\n" if lines else ""


def render_exposition(metrics: Metrics, level: int = 0) -> str:
    """
    Return what a Prometheus server scrapes: series by name, each name with its type.

    The reference's own form has no types and no order; scrapers want both.
    """
    names: dict[str, list[Series]] = {}
    for series in _shown(metrics, level):
        if series.name:
            names.setdefault(_family(series), []).append(series)
    lines = []
    for name, group in names.items():
        # Dropped and queued records share a name in the reference, counter and gauge.
        kinds = {series.kind for series in group}
        kind = str(kinds.pop()) if len(kinds) == 1 else "untyped"
        lines.append(f"# TYPE {_PREFIX}{name} {kind}")
        lower = 0.0  # what the buckets below have
        for series in group:
            value = series.value
            if series.name.endswith("_bucket"):
                lower = value = lower + value
            else:
                lower = 0.0
            lines.append(
                f"{_PREFIX}{series.name}{_labels(series.labels)} {_number(value)}"
            )
    return "\n".join(lines) + "\n" if lines else ""


def _family(series: Series) -> str:
    """Return the name that the parts of a histogram share; else the series' own."""
    if series.kind is Kind.HISTOGRAM:
        return series.name.rpartition("_")[0]
    return series.name


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    if not labels:
        return ""
    ordered = sorted(labels, key=lambda item: (item[0] in _LAST_LABELS, item[0]))
    text = ",".join(f'{name}="{_escape(value)}"' for name, value in ordered)
    return "{" + text + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return repr(int(value)) if value == int(value) else repr(value)


def _shown(metrics: Metrics, level: int) -> Iterator[Series]:
    return (series for series in metrics if series.level <= level)


def _query_name(series: Series) -> str:
    legacy = series.legacy
    assert legacy is not None
    parts = (legacy.component, legacy.id, legacy.instance, legacy.type)
    return one_line(".".join(part for part in parts if part))


def _is_stamp(series: Series) -> bool:
    """Tell whether its value is a time, which makes no sum."""
    return series.legacy is not None and series.legacy.type == "stamp"


def query(metrics: Metrics, command: str, pattern: str) -> str:
    """
    Answer ``LIST``, ``GET``, ``GET_SUM``, ``GET_RESET`` and ``GET_SUM_RESET``.

    Names are ``component.id.instance.type``; ``pattern`` is a glob over them.
    """
    found = [
        (name, series)
        for series in metrics
        if series.legacy is not None
        and fnmatch.fnmatchcase(name := _query_name(series), pattern or "*")
    ]
    if command == "LIST":
        text = "\n".join(name for name, _ in found)
    elif "SUM" in command:
        numbers = [series.value for _, series in found if not _is_stamp(series)]
        text = _number(sum(numbers)) if found else ""
    else:
        text = "\n".join(f"{name}={_number(series.value)}" for name, series in found)
    if found and command.endswith("RESET"):
        for _, series in found:
            series.reset()
        text += "\nThe selected counters of syslog-ng have been reset to 0."
    return text + "\n" if text else ""


def reset(metrics: Metrics) -> str:
    """Set all counters (not gauges) to zero."""
    for series in metrics:
        series.reset()
    return "The statistics of syslog-ng have been reset to 0.\n"


def remove_orphans(metrics: Metrics) -> str:
    """Forget series that nobody counts any more."""
    metrics.remove_orphans()
    return "Orphaned statistics have been removed.\n"
