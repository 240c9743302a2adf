"""
The kernels of the daemon, one by one: ``make bench-micro``.

Each works on one chunk of 650 lines of 195 bytes; divide by 650 for a message.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "tests")]

from helpers.programs import NOW, ORIGIN, relay
from load import frame, line
from logferry.message.batch import RecordBatch
from logferry.queues.memory import MemoryQueue
from logferry.syslog.framing import make_framer

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

COUNT = 650
LINES = [line(number, 195, "rfc3164") for number in range(COUNT)]
CHUNK = b"".join(LINES)
NEW_LINES = [line(number, 195, "rfc5424") for number in range(COUNT)]


@pytest.mark.parametrize(
    ("source", "middle", "output"),
    [
        pytest.param("keep-hostname(yes)", "", "", id="whole"),
        pytest.param("", "", "", id="host rewritten"),
        pytest.param("", 'filter { program("sshd"); };', "", id="filter"),
        pytest.param(
            "", "", 'template("$(format-json --scope rfc3164)\\n")', id="json"
        ),
        pytest.param("flags(store-raw-message)", "", "", id="messages"),
    ],
)
def test_program(
    benchmark: BenchmarkFixture, source: str, middle: str, output: str
) -> None:
    program = relay(middle, source, output).program
    _, outputs = benchmark(program.lines, CHUNK, ORIGIN, NOW)
    assert outputs[0][0].count == COUNT


def test_program_rfc5424(benchmark: BenchmarkFixture) -> None:
    program = relay("", "flags(syslog-protocol)", "form(rfc5424)").program
    _, outputs = benchmark(program.lines, b"".join(NEW_LINES), ORIGIN, NOW)
    assert outputs[0][0].count == COUNT


def test_framing_of_lines(benchmark: BenchmarkFixture) -> None:
    framer = make_framer("line", 65536)
    assert benchmark(framer.feed, CHUNK) == CHUNK


def test_framing_of_counted_octets(benchmark: BenchmarkFixture) -> None:
    data = b"".join(frame(text, "octet") for text in NEW_LINES)
    framer = make_framer("octet-count", 65536)

    def take() -> object:
        framer.feed(data)
        return framer.take()

    benchmark(take)


def test_queue(benchmark: BenchmarkFixture) -> None:
    queue = MemoryQueue(10_000_000)

    def round_trip() -> int:
        queue.push(RecordBatch(CHUNK, COUNT))
        lease = queue.peek(COUNT, 1 << 20)
        assert lease is not None
        queue.ack(lease.token)
        return lease.batch.count

    assert benchmark(round_trip) == COUNT
