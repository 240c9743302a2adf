"""
Damaged queue files: flipped bits, cut files, foreign content.

Whatever is done to a file: no crash, no endless loop, no record that was never stored,
none twice, all in order; and what is missing was reported. The report is exact as long
as a sound note of the number of records is left anywhere in the file.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from helpers.disk_queue import DirectQueue

COUNT = int(os.environ.get("LOGFERRY_TEST_DAMAGES", "300"))
ROWS = 60
RECORDS_PER_ROW = 40
DELIVERED = 10  # of the first row


def record(number: int) -> bytes:
    return b"%06d %s\n" % (number, b"x" * 150)


def build(folder: Path, how: str) -> tuple[Path, list[int]]:
    """Make a queue file; return it and the numbers that it holds."""
    path = folder / "syslog-ng-00000.rqf"
    direct = DirectQueue(path)
    number = 0
    for _ in range(ROWS):
        direct.push([record(number + n) for n in range(RECORDS_PER_ROW)])
        number += RECORDS_PER_ROW
        direct.work()
    lease = direct.queue.peek(RECORDS_PER_ROW * 3, 1 << 30)  # some are delivered
    assert lease is not None
    direct.queue.ack(lease.token)
    lease = direct.queue.peek(DELIVERED, 1 << 30)
    assert lease is not None
    direct.queue.ack(lease.token)
    direct.work()
    numbers = list(range(RECORDS_PER_ROW * 3 + DELIVERED, number))
    if how == "stopped":
        direct.close()
    else:
        direct.crash()
    return path, numbers


def flip_bits(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice([1, 1, 1, 4, 64])):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def flip_early(content: bytearray, chance: random.Random) -> None:
    """Where SQLite keeps what everything hangs on."""
    for _ in range(chance.choice([1, 4])):
        content[chance.randrange(min(len(content), 400))] ^= 1 << chance.randrange(8)


def cut(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(len(content)) :]


def overwrite(content: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(content))
    size = chance.choice([10, 4096, 100_000])
    content[start : start + size] = chance.randbytes(len(content[start : start + size]))


def zero(content: bytearray, chance: random.Random) -> None:
    start = chance.randrange(0, len(content), 4096)
    content[start : start + 32768] = bytes(len(content[start : start + 32768]))


@pytest.fixture(scope="module", params=["stopped", "killed"])
def model(request, tmp_path_factory) -> tuple[dict[str, bytes], list[int]]:
    folder = tmp_path_factory.mktemp("model")
    _, numbers = build(folder, request.param)
    return {path.name: path.read_bytes() for path in folder.iterdir()}, numbers


@pytest.mark.slow
@pytest.mark.parametrize("damage", [flip_bits, flip_early, cut, overwrite, zero])
def test_a_damaged_file_gives_what_can_be_read(model, damage, tmp_path) -> None:
    files, numbers = model
    name = "syslog-ng-00000.rqf"
    exact = 0
    for seed in range(COUNT // 10):
        chance = random.Random(f"{damage.__name__} {seed}")
        folder = tmp_path / str(seed)
        folder.mkdir()
        victim = chance.choice([key for key in files if files[key]])
        for key, content in files.items():
            damaged = bytearray(content)
            if key == victim:
                damage(damaged, chance)
            (folder / key).write_bytes(damaged)
        exact += check(folder / name, numbers, damage, seed, victim)
    if damage is not cut:
        assert exact > COUNT // 20, "the number of lost records is mostly known"


def check(path: Path, numbers: list[int], damage, seed: int, victim: str) -> bool:
    direct = DirectQueue(path)
    records = direct.drain()
    direct.close()
    found = [int(item[:6]) for item in records]
    assert records == [record(number) for number in found], seed
    assert found == sorted(set(found)), seed
    # When the note of what was delivered of the first row is lost, all of it comes;
    # without the end of the log, so does what was delivered since.
    again_sent = set(found) - set(numbers)
    assert all(number < numbers[0] for number in again_sent), (seed, victim)
    if not victim.endswith("-wal"):
        assert len(again_sent) <= DELIVERED, seed
    is_exact = direct.is_loss_exact() and not again_sent
    if damage is cut and victim.endswith("-wal"):
        is_exact = not set(numbers) - set(found)  # looks like an earlier crash
    if is_exact:
        assert direct.lost() == len(numbers) - len(found), (seed, victim)
    again = DirectQueue(path)
    assert again.queue.count == 0, seed
    again.close()
    return is_exact


FOREIGN = {
    "empty": b"",
    "text": b"this is not a queue\n" * 100,
    "reference": b"SLRQ" + bytes(4092) + b"\x00\x00\x01\x00" * 4000,
    "zeros": bytes(100_000),
    "header only": b"SQLite format 3\0" + bytes(84),
    "noise": random.Random(5).randbytes(200_000),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_file_is_kept_and_the_queue_works(tmp_path, kind) -> None:
    path = tmp_path / "syslog-ng-00000.rqf"
    path.write_bytes(FOREIGN[kind])
    direct = DirectQueue(path)
    direct.push([b"one\n", b"two\n"])
    direct.work()
    direct.close()
    again = DirectQueue(path)
    assert again.drain() == [b"one\n", b"two\n"]
    again.close()
    if FOREIGN[kind]:
        kept = tmp_path / "syslog-ng-00000.rqf.damaged-0"
        assert kept.read_bytes() == FOREIGN[kind]
        assert direct.found[0].kept_as == str(kept)


def test_a_foreign_database_is_kept(tmp_path) -> None:
    import sqlite3

    path = tmp_path / "syslog-ng-00000.rqf"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE rows (first, data)")
    connection.close()
    direct = DirectQueue(path)
    direct.close()
    assert (tmp_path / "syslog-ng-00000.rqf.damaged-0").exists()
