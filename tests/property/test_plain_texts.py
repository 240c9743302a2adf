"""What parsers do quickly with plain texts is what they do with any text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from logferry.codegen.lists import join_list, split_list
from logferry.codegen.parsers.csv import CsvOptions, CsvReader
from logferry.codegen.parsers.kv import KvOptions, KvScanner, _Plain

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_SEPARATORS = [("=", ", "), ("=", ";"), (":", ";"), ("=", " "), ("=", ""), ("=", "--")]
_PIECES = ["a", "b1", "k.x", "-", "=", ":", ";", ",", " ", '"', '"a b"', "'x'", "\\"]
_DELIMITERS = [(",",), (" ",), ("\t",), (", ",), ("::",), (",", ";"), ("|",)]


def _texts(pieces: list[str]) -> SearchStrategy[bytes]:
    return st.lists(st.sampled_from(pieces), max_size=10).map(
        lambda parts: "".join(parts).encode()
    )


@settings(max_examples=400)
@given(st.sampled_from(_SEPARATORS), st.data())
def test_plain_pairs_are_those_of_the_scanner(
    separators: tuple[str, str], data: st.DataObject
) -> None:
    value, pair = separators
    pieces = [*_PIECES, pair, f"a{value}1{pair}", f'b{value}"x y"{pair}', f"c{value}"]
    text = data.draw(_texts(pieces))
    options = KvOptions({"value_separator": value, "pair_separator": pair})
    found = _Plain(options)(text)
    if found is not None:
        stray: list[bytes] = []
        scanned = [
            (name, text) for name, text, _ in KvScanner(value, pair)(text, stray)
        ]
        assert [(name, quoted or bare) for name, quoted, bare in found] == scanned
        assert not stray


@settings(max_examples=400)
@given(
    st.sampled_from(_DELIMITERS),
    st.integers(1, 4),
    st.sets(st.sampled_from(["greedy", "strip-whitespace", "drop-invalid"])),
    st.booleans(),
    st.data(),
)
def test_split_columns_are_those_of_the_scanner(
    delimiters: tuple[str, ...],
    count: int,
    flags: set[str],
    has_flags: bool,
    data: st.DataObject,
) -> None:
    values = {
        "columns": tuple((name, "") for name in "abcd"[:count]),
        "delimiters": delimiters,
    }
    if has_flags:
        values["flags"] = frozenset(flags)
    parser = CsvReader(CsvOptions(values, {"flags": None} if has_flags else {}))  # type: ignore[dict-item]
    pieces = ["a", "b c", " ", "  ", "\t", "'", '"x"', *delimiters, *delimiters]
    text = data.draw(_texts(pieces))
    found = parser._split(text)
    if found is not None:
        assert found == parser._scan(text)


@settings(max_examples=300)
@given(st.lists(_texts(["a", "b", ",", '"', "'", "\\", "\n", " ", "é"])))
def test_a_list_is_read_as_it_was_written(items: list[bytes]) -> None:
    assert split_list(join_list(items)) == items
