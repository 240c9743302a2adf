"""UTF-16 text is converted before it is cut."""

from __future__ import annotations

import pytest

from logferry.sources.encoding import RecodingFramer, is_known, is_wide
from logferry.syslog.framing import LineFramer

TEXT = "első\nmásodik 😀\nvége"


def test_names_are_those_of_python_and_iconv() -> None:
    assert is_known("UTF-16LE")
    assert is_known("ucs-2le")
    assert is_known("latin1")
    assert not is_known("klingon")
    assert is_wide("UCS-2LE")
    assert not is_wide("utf-8")


@pytest.mark.parametrize("encoding", ["utf-16le", "utf-16be", "utf-32le", "utf-16"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_lines_and_positions_are_right_in_any_division(
    encoding: str, size: int
) -> None:
    data = TEXT.encode(encoding)
    framer = RecodingFramer(LineFramer(1000), encoding)
    found = b""
    for start in range(0, len(data), size):
        found += framer.feed(data[start : start + size])  # type: ignore[arg-type, operator]
    assert found == "első\nmásodik 😀\n".encode()
    assert data.endswith(framer.rest)
    name = "utf-16le" if encoding == "utf-16" else encoding
    assert framer.rest.decode(name) == "vége"
    assert framer.finish() == "vége\n".encode()
