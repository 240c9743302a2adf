"""The waiting room: ticks, and what outlives the process, on a clock of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from helpers.programs import NOW, ORIGIN, Site, compiled
from logferry.message.model import UnixNanos
from logferry.runtime.channel import Channel, Route
from logferry.runtime.environment import Environment
from logferry.runtime.waiting import WaitingRoom
from logferry.telemetry.counters import Counter, Metrics
from logferry.telemetry.events import NullLog

if TYPE_CHECKING:
    from logferry.message.batch import RecordBatch
    from logferry.runtime.stores import State
    from logferry.telemetry.events import Event

SECOND = 1_000_000_000
LINES = 'group-lines(key("$HOST") timeout(5) multi-line-mode(indented))'


class Store:
    """A state that claims to outlive the process."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    def put(self, key: str, value: bytes) -> None:
        self.values[key] = value

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


class Notes(NullLog):
    """A log that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)


class Scene:
    """A log path with parsers, a source's channel, and a destination in hand."""

    def __init__(self, parsers: str = LINES, state: State | None = None) -> None:
        self.site: Site = compiled(
            f"log {{ source {{ input(); }}; parser {{ {parsers}; }};"
            ' destination { output(template("$MSG;")); }; };'
        )
        self.now = NOW
        self.batches: list[RecordBatch] = []
        self.notes = Notes()
        self.released: list[str] = []
        self.environment = Environment(
            metrics=Metrics(), now=lambda: self.now, log=self.notes
        )
        if state is not None:
            self.environment.state = state
        self.channel = self._channel(self.site.program)
        self.room = WaitingRoom(
            self.environment,
            self.site.stations,
            {item.id: self._channel(item.program) for item in self.site.stations},
        )

    def _channel(self, program: object) -> Channel:
        return Channel(
            Route(program, (self.batches.append,)),  # type: ignore[arg-type]
            lambda: self.now,
            Counter(),
            is_acknowledged=True,
        )

    def hand_in(self, *texts: str) -> None:
        """Hand in a chunk of lines, under the name of the first."""
        frames = [f"<13>2026-11-21T03:00:00+00:00 h p: {text}" for text in texts]
        self.channel.frames(
            [frame.encode() for frame in frames],
            ORIGIN,
            lambda receipt: receipt.when_released(
                lambda: self.released.append(texts[0])
            ),
        )

    def pass_time(self, seconds: int) -> None:
        """Let time pass, and tick."""
        self.now = UnixNanos(self.now + seconds * SECOND)
        self.room.tick()

    def deliver(self) -> list[bytes]:
        """Settle what came out; return it."""
        batches, self.batches[:] = list(self.batches), []
        for batch in batches:
            if batch.receipt is not None:
                batch.receipt.settle()
        return [record for batch in batches for record in batch.records()]

    def series(self) -> dict[str, float]:
        """Return the series of correlations."""
        return {
            item.name.removeprefix("correlation_"): item.value
            for item in self.environment.metrics
            if item.name.startswith("correlation_")
        }


def test_what_the_time_ends_is_released_with_its_delivery() -> None:
    scene = Scene()

    scene.hand_in("a", " b")
    scene.pass_time(6)
    assert scene.released == []

    assert scene.deliver() == [b"a\n b;"]
    assert scene.released == ["a"]


def test_a_context_that_makes_nothing_is_released_when_it_ends() -> None:
    scene = Scene(
        'grouping-by(key("k") timeout(5) inject-mode(aggregate-only)'
        ' having("1" == "2") aggregate())'
    )

    scene.hand_in("a")
    assert scene.released == []
    scene.pass_time(6)

    assert scene.released == ["a"]


def test_what_one_parser_gave_waits_at_the_next() -> None:
    scene = Scene(
        f'{LINES}; grouping-by(key("k") timeout(60) inject-mode(aggregate-only)'
        ' aggregate(value("MESSAGE" "<${MESSAGE}@1>")))'
    )

    scene.hand_in("a", " b")
    scene.pass_time(6)
    assert scene.deliver() == []
    assert scene.released == []
    scene.pass_time(61)

    assert scene.deliver() == [b"<a\n b>;"]
    assert scene.released == ["a"]


def test_what_is_kept_at_the_stop_lets_go_of_the_positions() -> None:
    store = Store()
    scene = Scene(state=store)

    scene.hand_in("a")
    scene.room.stop()
    scene.room.keep()

    assert scene.released == ["a"]
    assert len(store.values) == 1


def test_what_was_kept_is_forgotten_with_its_delivery() -> None:
    store = Store()
    before = Scene(state=store)
    before.hand_in("a")
    before.room.keep()
    after = Scene(state=store)

    after.room.restore()
    after.pass_time(6)
    assert len(store.values) == 1
    assert after.deliver() == [b"a;"]

    assert store.values == {}


def test_what_was_restored_and_is_kept_again_is_not_forgotten() -> None:
    store = Store()
    before = Scene(state=store)
    before.hand_in("a")
    before.room.keep()
    middle = Scene(state=store)
    middle.room.restore()
    middle.now = UnixNanos(NOW + SECOND)
    middle.room.keep()
    after = Scene(state=store)

    after.room.restore()
    after.pass_time(7)

    assert after.deliver() == [b"a;"]


def test_without_a_store_everything_ends_at_the_stop() -> None:
    scene = Scene()

    scene.hand_in("a")
    scene.room.keep()

    assert scene.deliver() == [b"a;"]
    assert scene.released == ["a"]


def test_at_the_end_of_the_input_everything_ends() -> None:
    store = Store()
    scene = Scene(state=store)

    scene.hand_in("a")
    scene.environment.is_at_end = True
    scene.room.keep()

    assert scene.deliver() == [b"a;"]
    assert store.values == {}


def test_what_cannot_be_read_is_said_and_left_alone() -> None:
    store = Store()
    before = Scene(state=store)
    before.hand_in("a")
    before.room.keep()
    [key] = store.values
    store.values[key] = b"damaged"
    after = Scene(state=store)

    after.room.restore()

    assert [type(event).__name__ for event in after.notes.events] == ["ContextsLost"]
    assert store.values == {key: b"damaged"}


def test_a_room_goes_on_with_what_waits_in_another_one() -> None:
    before, after = Scene(), Scene()
    before.hand_in("a")

    after.room.inherit(before.room)
    before.room.flush()
    assert before.deliver() == []
    after.hand_in(" b")
    after.pass_time(6)

    assert after.deliver() == [b"a\n b;"]
    assert before.released == ["a"]


def test_what_nobody_goes_on_with_ends() -> None:
    before, after = Scene(), Scene(LINES.replace("$HOST", "$PROGRAM"))
    before.hand_in("a")

    after.room.inherit(before.room)
    before.room.flush()

    assert before.deliver() == [b"a;"]


def test_the_series_of_a_room_go_with_it() -> None:
    scene = Scene()
    scene.hand_in("a", "b")

    assert scene.series() == {
        "contexts": 1,
        "messages": 1,
        "ended_contexts_total": 1,
        "early_contexts_total": 0,
    }
    scene.room.stop()
    assert scene.series() == {}


def test_contexts_that_ended_for_want_of_room_are_counted() -> None:
    scene = Scene(LINES.replace("$HOST", "$MESSAGE"))
    (station,) = scene.site.stations
    station.correlator.contexts._contexts_max = 1
    scene.hand_in("a", "b")

    assert {"early_contexts_total": 1, "ended_contexts_total": 1}.items() <= (
        scene.series().items()
    )
