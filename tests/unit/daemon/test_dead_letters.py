"""Dead letters: kept over a stop, counted once, limited, sent again on request."""

from __future__ import annotations

import pytest

from logferry.daemon.dead_letters import (
    DeadLettersDamaged,
    LetterLimits,
    SqliteDeadLetters,
    read_letters,
    remove_letters,
)
from logferry.runtime.stores import DeadLetter
from logferry.telemetry.counters import Metrics
from logferry.telemetry.events import NullLog

NOW_NS = 1_800_000_000 * 10**9


def letter(number: int, at: int = NOW_NS, destination: str = "d") -> DeadLetter:
    payload = b"message %d" % number
    return DeadLetter(destination, payload, "key", "rejected", "400 no", "http://a", at)


class Log(NullLog):
    def __init__(self) -> None:
        self.events = []

    def emit(self, event) -> None:
        self.events.append(event)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "letters"


def open_store(path, log=None) -> SqliteDeadLetters:
    return SqliteDeadLetters(path, log or NullLog(), Metrics(), lambda: NOW_NS)


async def test_letters_survive_a_stop(path) -> None:
    store = open_store(path)
    store.put([letter(1), letter(2)])
    await store.close()
    found = list(read_letters(path))
    assert [item.payload for item in found] == [b"message 1", b"message 2"]
    assert found[0].first_ns == found[0].last_ns == NOW_NS
    assert (found[0].reason, found[0].response, found[0].tries) == (
        "rejected",
        "400 no",
        1,
    )


async def test_the_same_message_is_one_letter_with_more_tries(path) -> None:
    store = open_store(path)
    store.put([letter(1)])
    store.put([letter(1, NOW_NS + 5), letter(1, NOW_NS + 5, "another destination")])
    await store.close()
    first, other = read_letters(path)
    assert (first.tries, first.first_ns, first.last_ns) == (2, NOW_NS, NOW_NS + 5)
    assert other.tries == 1


async def test_the_oldest_go_when_there_are_too_many_bytes(path) -> None:
    store = open_store(path)
    store.limits = LetterLimits(size_bytes_max=20)
    for number in range(5):
        store.put([letter(number, NOW_NS + number)])
    await store.close()
    found = [item.payload for item in read_letters(path)]
    assert found == [b"message 3", b"message 4"]


async def test_letters_beyond_the_age_go(path) -> None:
    store = open_store(path)
    store.limits = LetterLimits(age_s_max=10.0)
    store.put([letter(1, NOW_NS - 11 * 10**9), letter(2, NOW_NS - 9 * 10**9)])
    await store.close()
    assert [item.payload for item in read_letters(path)] == [b"message 2"]


async def test_metrics_tell_what_is_kept(path) -> None:
    store = open_store(path)
    store.put([letter(1), letter(2)])
    await store.saved()
    found = {item.name: item.counter.value for item in store._metrics}
    assert found["dead_letters"] == 2
    assert found["dead_letters_bytes"] == 18
    assert found["dead_letters_total"] == 2
    await store.close()


async def test_a_replayed_letter_goes_when_it_was_taken_over(path) -> None:
    store = open_store(path)
    store.put([letter(1), letter(2)])
    receipts = []

    def deliver(item, receipt) -> bool:
        receipts.append(receipt)
        return item.payload == b"message 1"

    assert await store.replay(None, deliver) == (1, 1)
    await store.saved()
    assert len(list(read_letters(path))) == 2, "not taken over yet"
    receipts[0].settle()
    await store.saved()
    assert [item.payload for item in read_letters(path)] == [b"message 2"]
    await store.close()


async def test_a_replayed_letter_that_comes_back_stays(path) -> None:
    store = open_store(path)
    store.put([letter(1)])
    receipts = []
    await store.replay([1], lambda _, receipt: not receipts.append(receipt))
    store.put([letter(1, NOW_NS + 1)])  # refused again, then removed from the queue
    receipts[0].settle()
    await store.close()
    (found,) = read_letters(path)
    assert found.tries == 2


async def test_letters_can_be_chosen_and_removed_by_another_process(path) -> None:
    store = open_store(path)
    store.put([letter(1), letter(2), letter(3, destination="e")])
    await store.saved()
    assert [item.id for item in read_letters(path, destination="e")] == [3]
    assert [item.id for item in read_letters(path, [2, 9])] == [2]
    assert remove_letters(path, [1, 3, 9]) == 2
    await store.close()
    assert [item.id for item in read_letters(path)] == [2]


async def test_a_damaged_file_is_set_aside(path) -> None:
    path.write_bytes(b"nonsense" * 100)
    log = Log()
    store = open_store(path, log)
    store.put([letter(1)])
    await store.close()
    assert [type(event) for event in log.events] == [DeadLettersDamaged]
    assert len(list(read_letters(path))) == 1
    assert path.with_name("letters.damaged-0").exists()


async def test_a_letter_on_its_way_outlives_the_limits_until_it_is_taken(path) -> None:
    """Else a crash would lose what somebody asked for."""
    store = open_store(path)
    old = NOW_NS - 40 * 86_400 * 10**9
    store.limits = LetterLimits(10**6, 50 * 86_400.0)
    store.put([letter(1, old), letter(2, old)])
    await store.saved()
    receipts = []
    await store.replay([1], lambda _, receipt: not receipts.append(receipt))
    store.limits = LetterLimits(1, 86_400.0)
    store.put([letter(3, old, "e")])
    await store.saved()
    assert [item.id for item in read_letters(path)] == [1]
    receipts[0].settle()
    await store.close()
    assert list(read_letters(path)) == []


async def test_what_nobody_took_is_under_the_limits_again(path) -> None:
    store = open_store(path)
    store.put([letter(1), letter(2)])
    assert await store.replay(None, lambda *_: False) == (0, 2)
    store.limits = LetterLimits(0, 86_400.0)
    store.put([letter(3)])
    await store.close()
    assert list(read_letters(path)) == []


async def test_a_letter_that_was_on_its_way_in_a_crash_is_still_there(path) -> None:
    store = open_store(path)
    store.put([letter(1)])
    await store.replay(None, lambda *_: True)
    again = open_store(path)
    again.limits = LetterLimits(0, 86_400.0)
    again.put([letter(2)])
    await again.saved()
    assert list(read_letters(path)) == []
    await again.close()
    await store.close()


async def test_purged_by_somebody_else_while_it_is_sent_a_letter_is_gone(path) -> None:
    store = open_store(path)
    store.put([letter(1)])
    receipts = []
    await store.replay(None, lambda _, receipt: not receipts.append(receipt))
    assert remove_letters(path, [1]) == 1
    store.put([letter(1, NOW_NS + 1)])  # and refused again: a letter like any other
    receipts[0].settle()
    await store.close()
    assert [item.payload for item in read_letters(path)] == [b"message 1"]


async def test_damage_while_it_is_used_costs_only_what_cannot_be_read(path) -> None:
    store = open_store(path)
    store.put([letter(number) for number in range(1000)])
    await store.close()
    log = Log()
    store = open_store(path, log)
    pages = path.read_bytes()
    middle = len(pages) // 4096 // 2 * 4096
    path.write_bytes(pages[:middle] + b"\xaa" * (len(pages) - middle))
    store.put([letter(number) for number in range(1000, 1100)])
    await store.saved()
    await store.saved()
    await store.close()
    (event,) = [e for e in log.events if isinstance(e, DeadLettersDamaged)]
    kept = [item.payload for item in read_letters(path)]
    assert 0 < event.recovered < 1000
    assert len(kept) == event.recovered + 100
    assert kept[-1] == b"message 1099"
    assert path.with_name("letters.damaged-0").exists()
