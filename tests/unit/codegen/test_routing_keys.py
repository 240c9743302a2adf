"""Routing keys: encoded for URLs, sorted by, or written before each record."""

from __future__ import annotations

import pytest

from helpers.programs import NOW, ORIGIN
from logferry.codegen.emit import Constants
from logferry.codegen.fields import MessageFields
from logferry.codegen.macros import MacroContext
from logferry.codegen.records import emit_key, emit_record
from logferry.codegen.rendering import Rendering, TimeFormat
from logferry.codegen.template_text import parse_template, part_text
from logferry.config.nodes import NOWHERE, TemplateText
from logferry.message.model import Message
from logferry.syslog.parse import Parser
from logferry.syslog.reception import Reception


def message(line: bytes) -> Message:
    reception = Reception(keep_hostname=True)
    parser = Parser(reception, "relay", 1, "UTC")
    return parser.parse(line, ORIGIN, NOW)


def render(rendering: Rendering, line: bytes, *, is_key: bool = False) -> bytes:
    constants = Constants()
    fields = MessageFields(constants)
    emit = emit_key if is_key else emit_record
    made = emit(rendering, fields, MacroContext())
    code = made if isinstance(made, str) else made.code
    value = eval(code, constants.values, {"m": message(line)})
    assert isinstance(value, bytes)
    return value


def key_of(text: str, line: bytes) -> bytes:
    rendering = Rendering(
        "template",
        TemplateText("$MSG", NOWHERE),
        key=TemplateText(text, NOWHERE),
        key_escape="url",
        time=TimeFormat("iso"),
    )
    return render(rendering, line, is_key=True)


def test_macro_values_are_percent_encoded_and_literals_are_not():
    line = b"<13>Feb  1 10:00:00 host app: two/three & four?"
    assert key_of("http://x/a?m=$MSG&h=$HOST", line) == (
        b"http://x/a?m=two%2Fthree%20%26%20four%3F&h=host"
    )


def test_literals_within_a_macro_are_encoded_too():
    line = b"<13>Feb  1 10:00:00 host app[7]: x"
    assert key_of("/$MSGHDR", line) == b"/app%5B7%5D%3A%20"


def test_unreserved_characters_stay():
    assert key_of("$MSG", b"<13>Feb  1 10:00:00 h a: aZ09-._~") == b"aZ09-._~"


def test_a_head_stands_on_the_first_line_of_the_record():
    rendering = Rendering(
        "template",
        TemplateText("$MSG", NOWHERE),
        head=TemplateText("H=$HOST&M=$MSG", NOWHERE),
        key_escape="url",
    )
    assert render(rendering, b"<13>Feb  1 10:00:00 h a: b c") == b"H=h&M=b%20c\nb c"


@pytest.mark.parametrize(
    "text",
    [
        "$HOST",
        "${.SDATA.meta@32473.id}",
        "${HOST:-none}",
        "${HOST}@2",
        '$(echo "a \'b" \'"$HOST" x\' $(length $MSG))',
        "50$$",
    ],
)
def test_the_text_of_a_part_is_that_part_again(text: str):
    (part,) = parse_template(text)
    assert parse_template(part_text(part)) == (part,)
