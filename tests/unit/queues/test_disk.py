"""The disk queue: when it wants what from its file."""

from __future__ import annotations

import pytest

from logferry.errors import StateError
from logferry.message.batch import Receipt, RecordBatch
from logferry.queues import disk, unstored
from logferry.queues.disk import DiskLimits, DiskQueue
from logferry.queues.queue import Full, Pushed
from logferry.queues.rows import Row
from logferry.queues.work import Done, Health, Totals, Urgency


def batch(*numbers: int, key: bytes = b"", settled: list | None = None) -> RecordBatch:
    receipt = None
    if settled is not None:
        receipt = Receipt(len(numbers), lambda _: settled.append(numbers))
    return RecordBatch.of([b"%03d\n" % n for n in numbers], key, receipt)


def numbers(lease) -> list[int]:
    return [int(record) for record in lease.batch.records()]


def perform(queue: DiskQueue):
    work = queue.take_work()
    queue.on_done(work, Done())
    return work


def test_nothing_to_do_is_no_work() -> None:
    queue = DiskQueue(DiskLimits())
    assert queue.urgency() is Urgency.NONE
    assert not queue.take_work().changes


def test_records_are_accepted_when_they_are_stored() -> None:
    queue, settled = DiskQueue(DiskLimits()), []
    assert queue.push(batch(1, 2, settled=settled)) == Pushed(2)
    assert queue.urgency() is Urgency.NOW
    work = queue.take_work()
    assert settled == []
    queue.on_done(work, Done())
    assert settled == [(1, 2)]
    assert work.totals == Totals(next_first=2, count=2, size_bytes=8)


def test_batches_of_one_key_share_a_row() -> None:
    queue = DiskQueue(DiskLimits())
    for item in (batch(1), batch(2), batch(3, key=b"a"), batch(4)):
        queue.push(item)
    rows = perform(queue).inserts
    assert [(row.first, row.count, row.key) for row in rows] == [
        (0, 2, b""),
        (2, 1, b"a"),
        (3, 1, b""),
    ]


def test_a_row_has_a_limit(monkeypatch) -> None:
    monkeypatch.setattr(unstored, "ROW_BYTES_MAX", 8)
    queue = DiskQueue(DiskLimits())
    for number in range(3):
        queue.push(batch(number))
    queue.push(batch(3, 4, 5))  # larger than the limit: a row of its own
    assert [row.count for row in perform(queue).inserts] == [2, 1, 3]


def test_what_is_being_delivered_waits_for_a_turn() -> None:
    queue, settled = DiskQueue(DiskLimits()), []
    queue.push(batch(1, settled=settled))
    lease = queue.peek(10, 100)
    assert queue.urgency() is Urgency.SOON
    assert not perform(queue).inserts, "it is new in this turn"
    queue.push(batch(2))
    assert [row.data for row in perform(queue).inserts] == [b"001\n"]
    queue.ack(lease.token)
    assert settled == [(1,)]


def test_what_is_delivered_in_time_is_never_stored() -> None:
    queue, settled = DiskQueue(DiskLimits()), []
    queue.push(batch(1, settled=settled))
    queue.ack(queue.peek(10, 100).token)
    assert settled == [(1,)]
    assert queue.urgency() is Urgency.NONE
    assert not queue.take_work().changes


def test_much_at_once_does_not_wait(monkeypatch) -> None:
    monkeypatch.setattr(disk, "HURRY_BYTES", 8)
    queue = DiskQueue(DiskLimits())
    queue.push(batch(1))
    queue.peek(1, 100)
    queue.push(batch(2))
    assert queue.urgency() is Urgency.NOW


def test_acks_while_the_row_is_on_its_way_are_written_down_next() -> None:
    queue = DiskQueue(DiskLimits())
    queue.push(batch(1, 2))
    queue.push(batch(3, 4))
    queue.push(batch(5))
    work = queue.take_work()
    for count in (2, 1):  # the first parcel, and half of the second
        queue.ack(queue.peek(count, 100).token)
    queue.on_done(work, Done())
    assert work.totals.count == 5
    assert queue.urgency() is Urgency.LATER
    following = perform(queue)
    assert following.gone == {0: [(0, 3)]}
    assert following.totals.count == 2
    queue.ack(queue.peek(10, 100).token)
    last = perform(queue)
    assert last.deletes == [0]
    assert last.totals == Totals(5, 0, 0)


def test_acks_before_the_row_is_written_go_with_it() -> None:
    queue = DiskQueue(DiskLimits())
    queue.push(batch(1, 2, 3))
    lease = queue.peek(1, 100)
    queue.ack(lease.token)
    work = perform(queue)
    assert work.inserts[0].count == 3
    assert work.gone == {0: [(0, 1)]}
    assert work.totals.count == 2


def test_work_that_failed_is_asked_for_again() -> None:
    queue, settled = DiskQueue(DiskLimits()), []
    queue.push(batch(1, settled=settled))
    work = queue.take_work()
    queue.on_failed(work)
    assert settled == []
    assert queue.take_work().inserts == work.inserts


def test_a_full_disk_only_removes() -> None:
    queue = DiskQueue(DiskLimits())
    queue.push(batch(1))
    perform(queue)
    queue.push(batch(2))
    queue.ack(queue.peek(1, 4).token)
    queue.set_health(Health.FULL)
    work = perform(queue)
    assert (work.inserts, work.deletes) == ([], [0])
    assert queue.urgency() is Urgency.NONE
    queue.set_health(Health.GOOD)
    assert queue.urgency() is Urgency.NOW


def test_over_the_capacity_new_records_are_rejected() -> None:
    queue, settled = DiskQueue(DiskLimits(capacity_bytes=10)), []
    assert queue.push(batch(1, 2, 3, settled=settled)) == Full(2, 1)
    assert queue.push(batch(4, settled=settled)) == Full(0, 1)
    assert settled == [(4,)], "rejected whole: it is in the dropped column"
    assert queue.ledger.rejected == {"queue-full": 2}
    queue.set_health(Health.FULL)
    queue.push(batch(5))
    assert queue.ledger.rejected["disk-full"] == 1


def test_patient_records_over_the_capacity_wait_in_memory() -> None:
    queue, settled = DiskQueue(DiskLimits(capacity_bytes=8)), []
    for number in range(3):
        item = batch(2 * number, 2 * number + 1, settled=settled)
        item.is_patient = True
        assert queue.push(item) == Pushed(2)
    assert sum(row.count for row in perform(queue).inserts) == 2
    assert settled == [(0, 1)]
    assert queue.urgency() is Urgency.NONE
    queue.ack(queue.peek(2, 100).token)
    perform(queue)
    assert queue.urgency() is Urgency.NOW
    perform(queue)
    assert settled == [(0, 1), (2, 3)]


def test_memory_for_a_slow_disk_is_bounded() -> None:
    queue = DiskQueue(DiskLimits(memory_bytes_max=8))
    assert queue.push(batch(1, 2, 3)) == Full(2, 1)
    perform(queue)
    assert queue.push(batch(4)) == Pushed(1)


def test_not_reliable_accepts_at_once_and_stores_what_overflows() -> None:
    limits = DiskLimits(is_reliable=False, memory_count_max=3)
    queue, settled = DiskQueue(limits), []
    queue.push(batch(1, 2, settled=settled))
    assert settled == [(1, 2)]
    assert queue.urgency() is Urgency.NONE
    queue.push(batch(3, 4))
    assert queue.urgency() is Urgency.NOW
    assert sum(row.count for row in perform(queue).inserts) == 4


def test_the_end_stores_everything() -> None:
    limits = DiskLimits(capacity_bytes=4, is_reliable=False, memory_count_max=100)
    queue = DiskQueue(limits)
    item = batch(1, 2, 3)
    item.is_patient = True
    queue.push(item)
    queue.close_intake()
    assert perform(queue).inserts[0].count == 3
    assert queue.unstored_count == 0


def test_what_was_found_is_read_ahead() -> None:
    queue = DiskQueue(DiskLimits(), Totals(5, 3, 12))
    woken = []
    queue.on_ready = lambda: woken.append(True)
    assert queue.count == queue.ledger.accepted == 3
    assert queue.urgency() is Urgency.NOW
    assert queue.peek(10, 100) is None
    work = queue.take_work()
    assert (work.load.start, work.load.stop) == (0, 5)
    row = Row(2, 3, b"", None, b"001\n002\n003\n")
    queue.on_done(work, Done([row], [], 5))
    assert woken == [True]
    assert numbers(queue.peek(10, 100)) == [1, 2, 3]


def test_what_the_file_is_short_of_is_lost() -> None:
    queue = DiskQueue(DiskLimits(), Totals(9, 7, 28))
    work = queue.take_work()
    row = Row(2, 3, b"", None, b"001\n002\n003\n")
    queue.on_done(work, Done([row], [5], 9))
    assert queue.ledger.dropped == {"damaged": 4}
    assert queue.count == queue.ledger.queued() == 3
    following = queue.take_work()
    assert following.damaged == [5]
    assert following.totals == Totals(9, 3, 12)


def test_more_than_the_file_knew_of_is_delivered_too() -> None:
    queue = DiskQueue(DiskLimits(), Totals(5, 1, 4))
    row = Row(2, 3, b"", None, b"001\n002\n003\n")
    queue.on_done(queue.take_work(), Done([row], [], 5))
    assert queue.count == queue.ledger.queued() == 3


def test_a_row_of_which_all_is_gone_is_removed() -> None:
    queue = DiskQueue(DiskLimits(), Totals(5, 1, 4))
    rows = [
        Row(0, 2, b"", None, b"001\n002\n", [(0, 2)]),
        Row(2, 1, b"", None, b"003\n"),
    ]
    queue.on_done(queue.take_work(), Done(rows, [], 5))
    assert queue.take_work().deletes == [0]


def test_memory_stays_small_when_much_waits(monkeypatch) -> None:
    monkeypatch.setattr(disk, "CACHE_BYTES", 40)
    monkeypatch.setattr(unstored, "ROW_BYTES_MAX", 12)
    queue = DiskQueue(DiskLimits())
    for number in range(100):
        queue.push(batch(number))
        perform(queue)
    assert queue.count == 100
    assert queue.memory_bytes < 200
    assert queue.bytes == 400


def test_only_leases_that_are_out_can_be_acked() -> None:
    queue = DiskQueue(DiskLimits())
    with pytest.raises(StateError):
        queue.ack(1)


def test_urgency_is_told_once_for_each_degree() -> None:
    queue, told = DiskQueue(DiskLimits()), []
    queue.on_work = told.append
    queue.push(batch(1))
    queue.push(batch(2))
    assert told == [Urgency.NOW]
    perform(queue)
    queue.ack(queue.peek(1, 4).token)
    assert told == [Urgency.NOW, Urgency.LATER]
    queue.push(batch(3))
    assert told == [Urgency.NOW, Urgency.LATER, Urgency.NOW]


def test_room_is_measured_by_what_is_left_of_a_parcel() -> None:
    queue = DiskQueue(DiskLimits(capacity_bytes=8))
    queue.push(batch(0, 1))
    perform(queue)
    item = batch(2, 3)
    item.is_patient = True
    queue.push(item)
    first, second = queue.peek(2, 8), queue.peek(1, 8)
    queue.ack(second.token)
    queue.ack(first.token, 1)
    perform(queue)  # there is room now
    perform(queue)  # what came in since the last look waits for one turn
    work = perform(queue)
    assert [row.count for row in work.inserts] == [2]
    assert work.gone == {2: [(0, 1)]}
    assert queue.urgency() is not Urgency.NOW
