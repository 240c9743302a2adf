"""What loggen sends."""

from __future__ import annotations

import itertools
import re

from logferry.cli.loggen import _Messages, _parser


def messages(*arguments: str, count: int = 3) -> list[bytes]:
    options = _parser().parse_args([*arguments, "host", "1"])
    return list(itertools.islice(_Messages(options, 2, 77), count))


def test_messages_are_numbered_and_of_the_wanted_size():
    sent = messages("--size=300")
    for number, message in enumerate(sent):
        assert len(message) == 300
        assert re.match(
            rb"<38>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d localhost prg00002\[1234\]: "
            rb"seq: %010d, thread: 0002, runid: 77 +, stamp: " % number,
            message,
        )
        assert message.endswith(b"\n")


def test_the_syslog_protocol_is_framed_by_octet_count():
    (message,) = messages("--syslog-proto", '--sdata=[x@1 a="b"]', count=1)
    count, _, frame = message.partition(b" ")
    assert int(count) == len(frame) == 256
    assert b' prg00002 1234 - [x@1 a="b"] \xef\xbb\xbfseq: ' in frame


def test_no_framing_leaves_the_count_out():
    (message,) = messages("-P", "-F", count=1)
    assert message.startswith(b"<38>1 ")
    assert message.endswith(b"\n")


def test_lines_of_a_file_get_a_new_head_unless_told_otherwise(tmp_path):
    path = tmp_path / "lines"
    path.write_text("Nov 21 12:00:00 host prog[12]: hello\n")
    (parsed,) = messages(f"--read-file={path}", "--skip-tokens=4")
    assert re.fullmatch(rb"<38>\S+ localhost prog\[12\]: hello\n", parsed)
    (plain,) = messages(f"--read-file={path}", "--dont-parse")
    assert plain == b"Nov 21 12:00:00 host prog[12]: hello\n"


def test_a_file_can_be_read_again_and_again(tmp_path):
    path = tmp_path / "lines"
    path.write_text("one\n\ntwo\n")
    sent = messages("-R", str(path), "-d", "-l", count=5)
    assert sent == [b"one\n", b"two\n", b"one\n", b"two\n", b"one\n"]


def test_numbers_may_be_thousands_and_millions():
    options = _parser().parse_args(["-n", "2k", "-r", "1M", "host", "1"])
    assert (options.number, options.rate) == (2000, 1_000_000)
