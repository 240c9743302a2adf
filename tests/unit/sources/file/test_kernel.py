"""Records of /dev/kmsg."""

from __future__ import annotations

import pytest

from logferry.sources.file.kernel import KmsgFramer

BOOTED_NS = 1_795_262_400 * 10**9  # 2026-11-21T12:00:00Z


@pytest.mark.parametrize(
    ("record", "frame"),
    [
        (
            b"6,339,5140900,-;NET: Registered protocol family 10\n SUBSYSTEM=net\n",
            b"<6>2026-11-21T12:00:05.140900+00:00 kernel: NET: Registered protocol family 10",
        ),
        (
            b"30,340,5690716,-,caller=T1;udevd[80]: up\n",
            b"<30>2026-11-21T12:00:05.690716+00:00 kernel: udevd[80]: up",
        ),
        (
            b"4,341,0,c;a\\x0ab\\x5cx\n",
            b"<4>2026-11-21T12:00:00.000000+00:00 kernel: a\nb\\x",
        ),
    ],
)
def test_a_record_becomes_a_frame(record: bytes, frame: bytes) -> None:
    assert KmsgFramer(-1, BOOTED_NS).feed(record) == [frame]


def test_records_that_arrived_before_are_left_out() -> None:
    framer = KmsgFramer(5, BOOTED_NS)
    assert framer.feed(b"6,5,1,-;old\n") == []
    assert framer.feed(b"6,6,1,-;new\n") == [
        b"<6>2026-11-21T12:00:00.000001+00:00 kernel: new"
    ]
    assert framer.sequence == 6


def test_what_is_no_record_is_left_out() -> None:
    assert KmsgFramer(-1, BOOTED_NS).feed(b"garbage") == []
