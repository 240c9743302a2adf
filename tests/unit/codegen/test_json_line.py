"""The copied object and the built one are the same object."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.programs import relay

MIDDLE = (
    'rewrite { set("production" value("environment")); '
    'subst("Accepted" "granted" value("MESSAGE")); };'
)
TEMPLATE = 'template("$(format-json --scope rfc3164 --key environment)\\n")'
HEAD = b"<13>Nov 21 12:00:00 web "


def objects(*lines: bytes) -> list[dict[str, str]]:
    site = relay(MIDDLE, "keep-hostname(no)", TEMPLATE)
    assert site.program.form == "slices", site.program.reason
    (records,) = site.lines(*lines).values()
    return [json.loads(record) for record in records]


def expected(program: str, pid: str, message: str) -> dict[str, str]:
    pairs = {
        "environment": "production",
        "PROGRAM": program,
        "PRIORITY": "notice",
        "PID": pid,
        "MESSAGE": message.replace("Accepted", "granted", 1),
        "HOST": "relay.example",
        "FACILITY": "user",
        "DATE": "Nov 21 12:00:00",
    }
    return {name: value for name, value in pairs.items() if value}


def test_a_plain_line_is_copied() -> None:
    assert objects(HEAD + b"sshd[7]: Accepted key") == [
        expected("sshd", "7", "Accepted key")
    ]


def test_empty_values_are_left_out() -> None:
    assert objects(HEAD + b"sshd: x", HEAD + b"sshd[7]: ") == [
        expected("sshd", "", "x"),
        expected("sshd", "7", ""),
    ]


@pytest.mark.parametrize(
    "text", ['say "x"', "a\\b", "tab\there", "\x01", "\x7f", "naïve", "日本"]
)
def test_what_json_escapes_is_escaped(text: str) -> None:
    assert objects(HEAD + b"sshd[7]: " + text.encode(), HEAD + b"sshd[8]: y") == [
        expected("sshd", "7", text),
        expected("sshd", "8", "y"),
    ]


@given(
    st.lists(
        st.binary(max_size=40).map(lambda text: text.replace(b"\n", b"\\")), max_size=4
    )
)
def test_any_message_comes_back_from_the_object(texts: list[bytes]) -> None:
    lines = [HEAD + b"sshd[7]: m" + text for text in texts]
    if not lines:
        return
    for found, text in zip(objects(*lines), texts, strict=True):
        if text.isascii() and not text.endswith(b"\r"):
            assert found == expected("sshd", "7", "m" + text.decode())
        assert found["PID"] == "7"


def test_the_program_copies_objects_of_plain_lines() -> None:
    assert "json_line % (" in relay(MIDDLE, "", TEMPLATE).program.source


def test_numbers_are_copied_without_quotes() -> None:
    template = (
        'template("$(format-json --scope rfc3164 l=int($LEVEL_NUM) '
        'f=$FACILITY_NUM s=string($LEVEL_NUM))\\n")'
    )
    site = relay("", "keep-hostname(no)", template)
    assert "json_line %" in site.program.source
    for text in (b"plain", b'"escaped"'):
        (records,) = site.lines(HEAD + b"app[7]: " + text).values()
        found = json.loads(records[0])
        assert (found["l"], found["f"], found["s"]) == (5, 1, "5")
        assert found["MESSAGE"] == text.decode()
