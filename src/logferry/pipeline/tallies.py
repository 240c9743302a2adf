"""
Counters of named filters, parsers and log paths, as the generated code keeps them.

In a loop over rows they are local numbers, added to the counters once a batch; where a
message is handled by a function of its own, they are added to directly.
"""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Protocol

from logferry.telemetry.counters import Counter, Legacy, Metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from logferry.codegen.emit import Constants, SourceWriter

__all__ = ["GroupTally", "Tallies"]


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
        self._groups: list[_LocalGroup] = []

    def filter(self, name: str, *, matched: bool) -> str:
        """Return the statement that counts one message at a named filter."""
        result = "matched" if matched else "not_matched"
        return self._statement(self.filter_counter(name, result), f"{name}_{result}")

    def filter_counter(self, name: str, result: str) -> Counter:
        """Return the counter of a named filter; ``result`` is that of its label."""
        return self._metrics.counter(
            "filtered_events_total",
            {"id": name, "result": result},
            level=1,
            legacy=Legacy("filter", name, "", result),
        )

    def group(
        self, names: list[str], ways: Mapping[bytes, tuple[int, ...]]
    ) -> GroupTally:
        """
        Return what counts at the filters of a group of paths.

        ``names`` are those of the paths' filters, empty where one does not count;
        ``ways`` says which of the paths a message reaches.
        """
        if self._is_local:
            number = len(self._groups) + 1
            group = _LocalGroup(self, f"_{number}" if number > 1 else "")
            self._groups.append(group)
            return group
        return _DirectGroup(self, names, ways)

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

    def bind(self, counter: object, hint: str) -> str:
        """Return the name of a counter in generated code."""
        return self._constants.bind(counter, hint)

    def _statement(self, counter: Counter, hint: str) -> str:
        bound = self.bind(counter, f"{hint}_total")
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
        for group in self._groups:
            group.write_head(out)

    def write_total(self, variable: str, amount: str, out: SourceWriter) -> None:
        """Add ``amount`` to the counter behind ``variable``."""
        out.line(f"{self._names[variable]}.value += {amount}")

    def write_end(self, out: SourceWriter) -> None:
        """Add the local variables to their counters."""
        for variable, bound in self._names.items():
            out.line(f"{bound}.value += {variable}")
        for group in self._groups:
            group.write_end(out)


class GroupTally(Protocol):
    """
    What counts at the filters of a group of paths.

    Paths that a message does not reach are not visited; still it counts as not matched
    at their filters.
    """

    def enter(self, key: str) -> str:
        """Return the statement that counts one message, whose text is ``key``."""
        ...

    def filter(self, name: str, *, matched: bool) -> str:
        """Return the statement that counts one message of a path that it reaches."""
        ...


class _LocalGroup:
    """In a loop over rows: what did not match follows from what did."""

    def __init__(self, tallies: Tallies, suffix: str) -> None:
        self._tallies = tallies
        self._suffix = suffix
        self._asked = f"n_asked{suffix}"
        self._variables: dict[str, str] = {}
        self._path_counts: collections.Counter[str] = collections.Counter()

    def enter(self, key: str) -> str:
        del key
        return f"{self._asked} += 1"

    def filter(self, name: str, *, matched: bool) -> str:
        if not matched:
            self._path_counts[name] += 1
            return ""
        total = self._bound(name, "matched")
        variable = self._variables.setdefault(name, f"n_{total}{self._suffix}")
        return f"{variable} += 1"

    def _bound(self, name: str, result: str) -> str:
        counter = self._tallies.filter_counter(name, result)
        return self._tallies.bind(counter, f"{name}_{result}_total")

    def write_head(self, out: SourceWriter) -> None:
        for variable in (self._asked, *self._variables.values()):
            out.line(f"{variable} = 0")

    def write_end(self, out: SourceWriter) -> None:
        for name, variable in self._variables.items():
            count = self._path_counts[name]
            asked = self._asked if count == 1 else f"{count} * {self._asked}"
            out.line(f"{self._bound(name, 'matched')}.value += {variable}")
            rest = self._bound(name, "not_matched")
            out.line(f"{rest}.value += {asked} - {variable}")


class _DirectGroup:
    """Where one message is handled: a text says which filters are not asked."""

    def __init__(
        self, tallies: Tallies, names: list[str], ways: Mapping[bytes, tuple[int, ...]]
    ) -> None:
        self._tallies = tallies
        counters = [
            tallies.filter_counter(name, "not_matched") if name else None
            for name in names
        ]
        self._skipped = _Skipped(counters, ways)

    def enter(self, key: str) -> str:
        bound = self._tallies.bind(self._skipped, "skipped_filters")
        return f"{bound}[{key}].value += 1"

    def filter(self, name: str, *, matched: bool) -> str:
        return self._tallies.filter(name, matched=matched)


class _Skipped(dict[bytes, _Fan]):
    """The counters of filters that messages with a text do not reach."""

    _LIMIT = 4096

    def __init__(
        self,
        counters: list[Counter | None],
        ways: Mapping[bytes, tuple[int, ...]],
    ) -> None:
        super().__init__()
        self._counters = counters
        self._ways = ways

    def __missing__(self, text: bytes) -> _Fan:
        if len(self) >= self._LIMIT:
            self.clear()
        reached = set(self._ways[text])
        counters = [
            counter
            for number, counter in enumerate(self._counters)
            if counter is not None and number not in reached
        ]
        fan = self[text] = _Fan(counters)
        return fan
