"""
Counters of named filters, parsers and log paths, as the generated code keeps them.

In a loop over rows they are local numbers, added to the counters once a batch; where a
message is handled by a function of its own, they are added to directly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.telemetry.counters import Counter, Legacy, Metrics

if TYPE_CHECKING:
    from logferry.codegen.emit import Constants, SourceWriter

__all__ = ["Tallies"]


class _Fan:
    """Several counters as one: what is added to it is added to each."""

    def __init__(self, counters: list[Counter]) -> None:
        self._counters = counters

    @property
    def value(self) -> int:
        """Nothing: there is only adding."""
        return 0

    @value.setter
    def value(self, amount: int) -> None:
        for counter in self._counters:
            counter.value += amount


class Tallies:
    """
    The counters that one form of a program adds to.

    Args:
        metrics: where they are registered.
        constants: where the generated code finds them.
        is_local: count in local variables and add them up at the end.

    """

    def __init__(self, metrics: Metrics, constants: Constants, *, is_local: bool):
        self._metrics = metrics
        self._constants = constants
        self._is_local = is_local
        self._names: dict[str, str] = {}

    def filter(self, name: str, *, matched: bool) -> str:
        """Return the statement that counts one message at a named filter."""
        result = "matched" if matched else "not_matched"
        counter = self._metrics.counter(
            "filtered_events_total",
            {"id": name, "result": result},
            level=1,
            legacy=Legacy("filter", name, "", result),
        )
        return self._statement(counter, f"{name}_{result}")

    def skipped(self, names: list[str]) -> str:
        """Return the statement that counts one message as not matched at filters."""
        counters = [
            self._metrics.counter(
                "filtered_events_total",
                {"id": name, "result": "not_matched"},
                level=1,
                legacy=Legacy("filter", name, "", "not_matched"),
            )
            for name in names
        ]
        return self._statement(_Fan(counters), "skipped_filters")

    def parser(self, name: str, *, is_parsed: bool) -> str:
        """Return the statement that counts one message at a named parser."""
        result = "processed" if is_parsed else "discarded"
        counter = self._metrics.counter(
            "parsed_events_total",
            {"id": name, "result": result},
            level=1,
            legacy=Legacy("parser", name, "", result),
        )
        return self._statement(counter, f"{name}_{result}")

    def route(self, name: str, direction: str) -> str:
        """Return the statement that counts one message of a named log path."""
        counter = self._metrics.counter(
            f"route_{direction}_total", {"id": name}, level=1
        )
        return self._statement(counter, f"{name}_{direction}")

    def _statement(self, counter: Counter | _Fan, hint: str) -> str:
        bound = self._constants.bind(counter, f"{hint}_total")
        if not self._is_local:
            return f"{bound}.value += 1"
        variable = f"n_{bound}"
        self._names[variable] = bound
        return f"{variable} += 1"

    def variable_of(self, statement: str) -> str | None:
        """Return the local variable that ``statement`` counts in, if it is one."""
        variable, _, rest = statement.partition(" ")
        return variable if rest == "+= 1" and variable in self._names else None

    def write_head(self, out: SourceWriter) -> None:
        """Set the local variables to nothing."""
        for variable in self._names:
            out.line(f"{variable} = 0")

    def write_total(self, variable: str, amount: str, out: SourceWriter) -> None:
        """Add ``amount`` to the counter behind ``variable``."""
        out.line(f"{self._names[variable]}.value += {amount}")

    def write_end(self, out: SourceWriter) -> None:
        """Add the local variables to their counters."""
        for variable, bound in self._names.items():
            out.line(f"{bound}.value += {variable}")
