"""``group-lines()``: lines that become one message, and the receipts they keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from helpers.programs import NOW, ORIGIN, Site, compiled, records
from logferry.codegen.correlation.keeping import dump, load
from logferry.errors import StateError
from logferry.message.batch import Receipt
from logferry.message.model import UnixNanos
from logferry.runtime.channel import Channel, Route
from logferry.telemetry.counters import Counter

if TYPE_CHECKING:
    from logferry.message.batch import RecordBatch

SECOND = 1_000_000_000


def site(options: str = "", more: str = "") -> Site:
    """Return a log path with one ``group-lines()``."""
    return compiled(
        "log { source { input(keep-hostname(yes)); };"
        f' parser {{ group-lines(key("$HOST") timeout(5) {options}); }}; {more}'
        ' destination { output(template("$PID:$MSG;")); }; };'
    )


def line(text: str, pid: int = 1, host: str = "h") -> bytes:
    """Return a frame."""
    return f"<13>2026-11-21T03:00:00+00:00 {host} p[{pid}]: {text}".encode()


def run(it: Site, *frames: bytes) -> list[bytes]:
    """Return the records."""
    found = records(it.program, it.program.frames(list(frames), ORIGIN, NOW))
    return [row for rows in found.values() for row in rows]


def tick(it: Site, at_s: int) -> list[bytes]:
    """Return what comes out because it is ``at_s``."""
    found = it.tick(UnixNanos(NOW + at_s * SECOND))
    return [row for rows in found.values() for row in rows]


def test_indented_lines_go_on_with_the_line_before() -> None:
    it = site("multi-line-mode(indented)")

    assert run(it, line("a", 1), line("  b", 2), line("c", 3)) == [b"2:a\n  b;"]
    assert tick(it, 5) == []
    assert tick(it, 6) == [b"3:c;"]


def test_a_prefix_begins_a_message_and_garbage_is_cut_off() -> None:
    it = site(
        "multi-line-mode(prefix-garbage) multi-line-prefix('^BEGIN')"
        " multi-line-garbage(' END.*')"
    )

    found = run(
        it, line("BEGIN a"), line("b"), line("BEGIN c"), line("d END e"), line("BEGIN")
    )

    assert found == [b"1:BEGIN a\nb;", b"1:BEGIN c\nd;"]


def test_a_suffix_ends_a_message() -> None:
    it = site("multi-line-mode(prefix-suffix) multi-line-suffix('END')")

    assert run(it, line("a"), line("b END c"), line("d")) == [b"1:a\nb END;"]


def test_back_traces_are_joined_and_other_lines_go_on_at_once() -> None:
    it = site("multi-line-mode(smart)")
    trace = ["Traceback (most recent call last):", '  File "x.py", line 1', "    x()"]

    found = run(it, line("a"), *map(line, trace), line("ValueError: 1"), line("b"))

    joined = "\n".join([*trace, "ValueError: 1"])
    assert found == [b"1:a;", f"1:{joined};".encode(), b"1:b;"]


def test_without_a_mode_only_the_timeout_ends_a_message() -> None:
    it = site('line-separator("|")')

    assert run(it, line("a"), line("b")) == []
    assert tick(it, 6) == [b"1:a|b;"]


def test_each_key_has_lines_of_its_own() -> None:
    it = site("multi-line-mode(indented)")

    found = run(it, line("a"), line("b", host="g"), line(" c"), line("d", host="g"))

    assert found == [b"1:b;"]
    assert sorted(tick(it, 6)) == [b"1:a\n c;", b"1:d;"]


def test_the_template_says_what_a_line_is() -> None:
    it = site('template("$PROGRAM $MSG")')

    run(it, line("a"))

    assert tick(it, 6) == [b"1:p a;"]


def test_a_message_that_grows_too_long_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logferry.codegen.correlation.group_lines.GROUPED_BYTES_MAX", 3)
    it = site()

    assert run(it, line("ab"), line("cd"), line("ef")) == [b"1:ab\ncd;"]


# -- receipts ---------------------------------------------------------------------


class Scene:
    """A source that counts what was settled, and a destination that settles."""

    def __init__(self, it: Site) -> None:
        self.batches: list[RecordBatch] = []
        self.delivered: list[str] = []
        self.released: list[str] = []
        self.site = it
        self._now = NOW
        self.channel = self._channel(it.program)

    def _channel(self, program: object) -> Channel:
        return Channel(
            Route(program, (self.batches.append,)),  # type: ignore[arg-type]
            lambda: self._now,
            Counter(),
            is_acknowledged=True,
        )

    def hand_in(self, name: str, *frames: bytes) -> None:
        """Hand a chunk in that is called ``name``."""

        def on_settled(receipt: Receipt) -> None:
            self.delivered.append(name)
            receipt.when_released(lambda: self.released.append(name))

        self.channel.frames(list(frames), ORIGIN, on_settled)

    def deliver(self) -> list[bytes]:
        """Settle everything; return it."""
        found = []
        for batch in self.batches:
            found += batch.records()
            if batch.receipt is not None:
                batch.receipt.settle()
        self.batches.clear()
        return found


def test_a_chunk_gives_its_window_back_while_a_line_of_it_waits() -> None:
    scene = Scene(site("multi-line-mode(indented)"))

    scene.hand_in("1", line("a"))

    assert scene.delivered == ["1"]
    assert scene.released == []


def test_a_position_moves_when_the_message_that_a_line_is_in_was_delivered() -> None:
    scene = Scene(site("multi-line-mode(indented)"))

    scene.hand_in("1", line("a"))
    scene.hand_in("2", line(" b"))
    scene.hand_in("3", line("c"))
    assert scene.released == []
    assert scene.deliver() == [b"1:a\n b;"]

    assert scene.released == ["1", "2"]


def test_a_chunk_whose_lines_are_complete_is_released_with_its_delivery() -> None:
    scene = Scene(site("multi-line-mode(prefix-suffix) multi-line-suffix('END')"))

    scene.hand_in("1", line("a"), line("END"))
    assert scene.released == []
    scene.deliver()

    assert scene.released == ["1"]


def test_messages_that_go_on_themselves_keep_nothing() -> None:
    scene = Scene(
        compiled(
            'log { source { input(); }; parser { grouping-by(key("k") timeout(5)'
            ' aggregate(value("MESSAGE" "x"))); };'
            ' destination { output(template("$MSG;")); }; };'
        )
    )

    scene.hand_in("1", line("a"))
    assert scene.deliver() == [b"a;"]

    assert scene.released == ["1"]


# -- over a restart ---------------------------------------------------------------


def test_kept_lines_wait_on_after_a_restart() -> None:
    options = "multi-line-mode(smart)"
    before, after = site(options), site(options)
    trace = ["Traceback (most recent call last):", '  File "x.py", line 1', "    x()"]
    run(before, *map(line, trace[:2]))
    released: list[str] = []
    receipt = Receipt(0, lambda _: None)
    receipt.when_released(lambda: released.append("kept"))

    data = dump(before.stations[0].correlator, NOW)
    assert load(after.stations[0].correlator, data, receipt) == 1
    receipt.settle()
    found = run(after, line(trace[2]), line("ValueError: 1"), line("b"))

    joined = "\n".join([*trace, "ValueError: 1"])
    assert found == [f"1:{joined};".encode(), b"1:b;"]
    assert released == []
    for item in after.stations[0].correlator.take_released():
        item.release()
    assert released == ["kept"]


def test_everything_of_a_message_is_kept() -> None:
    middle = 'rewrite { set("\xe9\\n", value("n.a")); set(int("3"), value("n.b")); };'
    text = (
        "log { source { input(keep-hostname(yes)); };"
        f' {middle} parser {{ grouping-by(key("$MSG") timeout(5) aggregate()'
        " inject-mode(aggregate-only)); };"
        ' destination { output(template("$(format-json --scope everything)")); }; };'
    )
    before, after = compiled(text), compiled(text)
    run(before, line("a"))

    data = dump(before.stations[0].correlator, NOW)
    load(after.stations[0].correlator, data, Receipt(0, lambda _: None))

    found = tick(after, 6)
    assert found == tick(before, 6)
    assert b'"b":3' in found[0]


def test_the_time_in_between_counts() -> None:
    before, after = site(), site()
    run(before, line("a"))

    data = dump(before.stations[0].correlator, UnixNanos(NOW + 1))
    load(after.stations[0].correlator, data, Receipt(0, lambda _: None))

    assert tick(after, 3) == []
    assert tick(after, 6) == [b"1:a;"]


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"version":9}'])
def test_what_cannot_be_read_is_said(data: bytes) -> None:
    with pytest.raises(StateError):
        load(site().stations[0].correlator, data, Receipt(0, lambda _: None))
