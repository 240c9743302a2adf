"""Framers give the same frames however the stream is cut, and never raise otherwise."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logferry.errors import FramingError
from logferry.syslog.framing import make_framer

KINDS = ["line", "line-with-nuls", "nul", "octet-count", "auto"]
octets = st.sampled_from(b"<>0123456789 ab\n\r\0:[]")
streams = st.lists(octets, max_size=200).map(bytes) | st.binary(max_size=200)
valid_frames = st.lists(st.binary(min_size=1, max_size=30), max_size=20)


def run(kind: str, chunks: list[bytes], size_max: int = 50) -> tuple[list[bytes], str]:
    """Return all frames and the error, if any."""
    framer = make_framer(kind, size_max)
    frames: list[bytes] = []

    def take(found: bytes | list[bytes]) -> None:
        if isinstance(found, bytes):
            found = [line for line in found.split(b"\n") if line]
        frames.extend(found)

    try:
        for chunk in chunks:
            take(framer.feed(chunk))
        take(framer.finish())
    except FramingError as error:
        take(framer.take())
        return frames, str(error)
    return frames, ""


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in zip(edges, edges[1:], strict=False)]


@given(st.sampled_from(KINDS), streams, st.lists(st.integers(0, 200), max_size=8))
def test_the_same_frames_in_any_chunking(
    kind: str, data: bytes, places: list[int]
) -> None:
    whole = run(kind, [data] if data else [])
    assert run(kind, [data[i : i + 1] for i in range(len(data))]) == whole
    assert run(kind, cut(data, places)) == whole


@given(st.sampled_from(["line", "nul", "line-with-nuls"]), streams)
def test_text_framers_never_raise_and_keep_the_limit(kind: str, data: bytes) -> None:
    frames, error = run(kind, [data] if data else [], size_max=7)
    assert not error
    assert all(0 < len(frame) <= 7 for frame in frames)


@given(valid_frames, streams)
def test_octet_counted_frames_come_back_whatever_follows(
    frames: list[bytes], trailing: bytes
) -> None:
    stream = b"".join(b"%d %b" % (len(frame), frame) for frame in frames)
    expected = [
        stripped
        for frame in frames
        if (stripped := frame[:-1] if frame.endswith(b"\n") else frame)
    ]
    found, _ = run("octet-count", [stream + trailing])
    assert found[: len(expected)] == expected


@given(streams, st.lists(st.integers(0, 200), max_size=8))
def test_reading_into_a_buffer_equals_feeding(data: bytes, places: list[int]) -> None:
    fed, buffered = make_framer("line", 50), make_framer("line", 50)
    buffer = bytearray(512)
    for chunk in cut(data, places):
        rest = buffered.rest
        buffer[: len(rest)] = rest
        buffer[len(rest) : len(rest) + len(chunk)] = chunk
        size = len(rest) + len(chunk)
        assert buffered.feed_buffer(buffer, size) == fed.feed(chunk)
    assert buffered.finish() == fed.finish()
