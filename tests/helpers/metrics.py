"""Reading counters back from the text that the daemon prints."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINE = re.compile(r"syslogng_(\w+)(?:\{(.*)\})? (\S+)", re.DOTALL)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Sample:
    """One line."""

    name: str
    labels: dict[str, str]
    value: float


def parse_prometheus(text: str) -> list[Sample]:
    """Return the samples of Prometheus' text form; fails on any other line."""
    samples = []
    for line in text.split("\n"):  # no other character ends a line there
        if line.startswith("#") or line in {"", "."}:
            continue
        found = _LINE.fullmatch(line)
        assert found is not None, line
        labels = dict(_LABEL.findall(found[2] or ""))
        samples.append(Sample(found[1], labels, float(found[3])))
    return samples


def value_of(samples: list[Sample], name: str, **labels: str) -> float | None:
    """Return the sum of the samples with this name and these labels, if any."""
    found = [
        sample.value
        for sample in samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    return sum(found) if found else None


def rows_of(csv: str) -> dict[tuple[str, str, str, str], tuple[str, float]]:
    """Return state and number by the other four columns of the classic CSV."""
    rows = {}
    for line in csv.splitlines()[1:]:
        if line in {"", "."}:
            continue
        component, id_, instance, state, kind, number = line.split(";")
        rows[component, id_, instance, kind] = (state, float(number))
    return rows


def _vanished(
    ledgers: dict[str, dict[str, float]], handed: dict[str, float]
) -> Iterator[str]:
    """Yield the destinations to which more was handed than they know of."""
    known: dict[str, float] = defaultdict(float)
    for name, columns in ledgers.items():
        came = columns["accepted"] + columns["rejected"] - columns["found"]
        known[name.partition("#")[0]] += came
    for name, count in handed.items():
        if name in known and count > known[name]:
            yield f"{name}: {count} handed, {known[name]} known"


def unbalanced(
    samples: list[Sample], handed: dict[str, float] | None = None
) -> list[str]:
    """
    Return the destinations whose ledgers do not balance, with their columns.

    ``handed`` says how many records each statement's drivers were handed.
    """
    ledgers: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for sample in samples:
        if sample.name == "ledger_events_total":
            ledgers[sample.labels["id"]][sample.labels["result"]] += sample.value
    assert ledgers, "no ledger at all"
    wrong = [*_vanished(ledgers, handed or {})]
    for name, columns in ledgers.items():
        ends = ("delivered", "dropped", "dead_lettered", "queued", "abandoned")
        if columns["accepted"] != sum(columns[end] for end in ends):
            wrong.append(f"{name}: {dict(columns)}")
    return wrong
