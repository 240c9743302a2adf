"""Nothing that stands in a frame makes the parser raise."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from logferry.message.model import Origin, UnixNanos
from logferry.syslog.parse import Parser
from logferry.syslog.reception import Reception

NOW = UnixNanos(1_795_238_424_000_000_000)
pieces = st.sampled_from(
    [
        *(b"<13>", b"<", b">", b"<999>", b"<0>", b"1 ", b"- ", b"Mar  1 10:20:30 "),
        *(b"2024-03-01T10:20:30.5Z ", b"Feb 30 25:61:61 ", b"host ", b"p[1]: "),
        *(b'[x y="z"]', b"[", b"]", b'"', b"\\", b"=", b" ", b"\xef\xbb\xbf"),
        *(b"\xff\xfe", b"\n", b"\0", b"42: *", b"last message repeated", b"9" * 12),
        *(b"0000-00-00T00:00:00Z ", b"9999-12-31T23:59:59+99:99 ", b"Jan 99 "),
    ]
)
frames = st.lists(pieces | st.binary(max_size=6), max_size=14).map(b"".join)
flags = st.sets(
    st.sampled_from(
        [
            *("expect-hostname", "syslog-protocol", "no-parse", "no-header", "kernel"),
            *("check-hostname", "check-program", "sanitize-utf8", "validate-utf8"),
            *("no-multi-line", "store-raw-message", "no-rfc3164-fallback"),
            *("no-piggyback-errors", "dont-store-legacy-msghdr", "guess-timezone"),
        ]
    )
)


@settings(max_examples=400)
@given(frames, flags)
def test_any_frame_becomes_a_message(frame: bytes, flags: set[str]) -> None:
    parser = Parser(
        Reception(flags=frozenset(flags), keep_hostname=True), "me", 1, "UTC"
    )
    message = parser.parse(frame, Origin(host=b"peer"), NOW)
    assert isinstance(message.message, bytes)
    assert message.pri >= 0
    assert message.host or frame is not None
