"""``[meta sequenceId]`` of messages that are made here (flags seqnum …)."""

from __future__ import annotations

import pytest

from helpers.programs import LOCAL_ORIGIN, NOW, ORIGIN, Site, records, relay

LINE = b"<13>Nov 21 12:00:00 app[7]: text"
LINE_WITH_HOST = b"<13>Nov 21 12:00:00 h app[7]: text"


def sdata(site: Site, *frames: bytes, local: bool = True) -> list[bytes]:
    """Return the structured data of what a program makes of frames."""
    origin = LOCAL_ORIGIN if local else ORIGIN
    program = site.program
    found = records(program, program.frames(list(frames), origin, NOW))
    (made,) = found.values()
    return [record.split(b" ", 6)[6].rpartition(b" text")[0] for record in made]


def site(flags: str = "", source: str = "flags(no-hostname) local(yes)") -> Site:
    output = "form(rfc5424)" + (f" flags({flags})" if flags else "")
    return relay(source=source, output=output)


def test_messages_of_this_machine_are_numbered() -> None:
    made = site()
    first = [b'[meta sequenceId="1"]', b'[meta sequenceId="2"]']
    assert sdata(made, LINE, LINE) == first
    assert sdata(made, LINE) == [b'[meta sequenceId="3"]']


def test_messages_of_others_are_not() -> None:
    assert sdata(site(source="flags(no-hostname)"), LINE, local=False) == [b"-"]


def test_all_are_numbered_on_request() -> None:
    numbered = [b'[meta sequenceId="1"]']
    others = site("seqnum-all", source="flags(no-hostname)")
    assert sdata(others, LINE, local=False) == numbered
    lines = site("seqnum-all", source="")
    assert lines.program.form != "messages"
    assert sdata(lines, LINE_WITH_HOST, local=False) == numbered


@pytest.mark.parametrize("local", [True, False])
def test_none_is_numbered_on_request(local: bool) -> None:
    source = "flags(no-hostname)" + " local(yes)" * local
    assert sdata(site("no-seqnum", source), LINE, local=local) == [b"-"]


def test_a_number_that_came_with_the_message_is_kept() -> None:
    frame = b'<13>1 2026-11-21T12:00:00Z h app 7 - [meta sequenceId="9"] text'
    made = site(source="flags(syslog-protocol)")
    assert sdata(made, frame) == [b'[meta sequenceId="9"]']
