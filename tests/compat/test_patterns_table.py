"""The parsers of patterns one by one, the same as in syslog-ng."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.differences import NESTED, SIGNS
from helpers.differential import Row, Table

FILE = Path(__file__).parent / "patterns.xml"
MIDDLE = f'parser {{ db-parser(file("{FILE}")); }};'


def takes(text: str, expected: str, reference: str | None = None, why: str = "") -> Row:
    """Make a row: which rule takes a message, and the values."""
    return Row(
        "${.classifier.rule_id} ${v}|${v2}", expected, MIDDLE, text, reference, why
    )


TABLE = Table(
    [
        takes("num 5 end", "r0 5|"),
        takes("num -5 end", "r0 -5|"),
        takes("num +5 end", "r0 +5|", " |", SIGNS),
        takes("num 0x1F end", "r0 0x1F|"),
        takes("num 0x end", " |"),
        takes("num 0xg end", " |"),
        takes("num 12a end", " |"),
        takes("num - end", " |"),
        takes("num  end", " |"),
        takes("num2 5x", "r1 5|"),
        takes("num2 0x1g", "r1 0x1|"),
        takes("num2 -", " |"),
        takes("fl 1.5 end", "r2 1.5|"),
        takes("fl . end", "r2 .|"),
        takes("fl .5 end", "r2 .5|"),
        takes("fl -1e5 end", "r2 -1e5|"),
        takes("fl 1e end", "r2 1e|"),
        takes("fl +1.e-3 end", "r2 +1.e-3|", " |", SIGNS),
        takes("fl e5 end", " |"),
        takes("fl2 1.5.6", "r3 1.5|"),
        takes("fl2 1e+", "r3 1e+|", "r3 1e|", SIGNS),
        takes("fl2 -", "r3 -|"),
        takes("v4 1.2.3.4 end", "r4 1.2.3.4|"),
        takes("v4 01.002.3.4 end", "r4 01.002.3.4|"),
        takes("v4 256.1.1.1 end", " |"),
        takes("v4 1.2.3 end", " |"),
        takes("v4 1.2.3.4.5 end", " |"),
        takes("v42 1.2.3.4.5", "r5 1.2.3.4|"),
        takes("v42 1.2.3.4.", "r5 1.2.3.4|"),
        takes("v42 1.2.3.400", " |"),
        takes("v42 1.2.3.4:80", "r5 1.2.3.4|"),
        takes("v6 ::1 end", "r6 ::1|"),
        takes("v6 :: end", "r6 ::|"),
        takes("v6 fe80::1:2 end", "r6 fe80::1:2|"),
        takes("v6 1:2:3:4:5:6:7:8 end", "r6 1:2:3:4:5:6:7:8|"),
        takes("v6 1:2:3 end", " |"),
        takes("v6 ::ffff:1.2.3.4 end", "r6 ::ffff:1.2.3.4|"),
        takes("v6 ABCD::12345 end", " |"),
        takes("v62 fe80::1]:22", "r7 fe80::1|"),
        takes("v62 fe80::1:", "r7 fe80::1|"),
        takes("v62 1:2:3:4:5:6:7:8:9", "r7 1:2:3:4:5:6:7:8|"),
        takes("any 1.2.3.4 end", "r8 1.2.3.4|"),
        takes("any ::1 end", "r8 ::1|"),
        takes("any x end", " |"),
        takes("hn a.b end", "r9 a.b|"),
        takes("hn a end", " |"),
        takes("hn a.b. end", "r9 a.b.|"),
        takes("hn a-b.c-d.e end", "r9 a-b.c-d.e|"),
        takes("hn a_b.c end", " |"),
        takes("hn -a.b end", "r9 -a.b|"),
        takes("hn2 a.b/c", "r10 a.b|"),
        takes("hn2 a..b", " |"),
        takes("hn2 .a.b", " |"),
        takes("mac 00:11:22:aa:BB:cc end", "r11 00:11:22:aa:BB:cc|"),
        takes("mac 00:11:22 end", "r11 00:11:22|"),
        takes("mac 0:1 end", " |"),
        takes("mac2 00:11:22:33:44:55:66", "r12 00:11:22:33:44:55|"),
        takes("mac2 00:11:zz", "r12 00:11|"),
        takes("ll 00:11:22:33:44:55:66:77 end", "r13 00:11:22:33:44:55:66:77|"),
        takes("ll 00 end", "r13 00|"),
        takes("ll4 00:11:22:33 end", "r14 00:11:22:33|"),
        takes("ll4 00:11:22:33:44 end", " |"),
        takes("ll42 00:11:22:33:44", "r15 00:11:22:33|"),
        takes("em a@b.c end", "r16 a@b.c|"),
        takes("em a.b@c.d.e end", "r16 a.b@c.d.e|"),
        takes("em .a@b.c end", " |"),
        takes("em a.@b.c end", " |"),
        takes("em a@b end", " |"),
        takes("em2 <a@b.c> end", "r17 a@b.c|"),
        takes("em2 [a@b.c] end", "r17 a@b.c|"),
        takes("em a+b=c@x-y.z end", "r16 a+b=c@x-y.z|"),
        takes("qs (a b) end", "r18 a b|"),
        takes("qs (a (b) c) end", "r18 a (b) c|", " |", NESTED),
        takes("qs (a (b c end", " |"),
        takes("qs x(a) end", " |"),
        takes("qs () end", "r18 |"),
        takes("qs2 'a b' end", "r19 a b|"),
        takes("qs2 '' end", "r19 |"),
        takes("qs2 'a end", " |"),
        takes("qs3 <a<b>c>d", "r20 a<b>c|", "r20 a<b|", NESTED),
        takes("es a b: end", "r21 a b|"),
        takes("es : end", "r21 |"),
        takes("es a end", " |"),
        takes("es2 a-b--end", "r22 a-b|"),
        takes("es2 --end", "r22 |"),
        takes("st abc end", "r23 abc|"),
        takes("st a_b end", " |"),
        takes("st2 a_b-c end", "r24 a_b-c|"),
        takes("st  end", " |"),
        takes("set abba end", "r25 abba|"),
        takes("set c end", " |"),
        takes("os ab end", "r26 ab|"),
        takes("os  end", "r26 |"),
        takes("pc ab end", "r27 ab|"),
        takes("pc abc end", " |"),
        takes("pc xab end", " |"),
        takes("as", " |"),
        takes("as ", " |"),
        takes("as x y", "r28 x y|"),
        takes("am x", "r29 x|"),
        takes("am x: tail", "r30 |x"),
        takes("am x: other", "r29 x|"),
        takes("bm 5 x", "r31 5|"),
        takes("bm 5 x y", "r32 |5"),
        takes("bm 5 xx", "r31 5|"),
        takes("cm abc", "r34 |"),
        takes("cm abcd", "r33 abcd|"),
        takes("cm abc 5 zz", "r35 5|"),
        takes("cm abc 5 z", "r34 |"),
        takes("dm x", "r37 |"),
        takes("dm y", "r36 y|"),
        takes("dm xy", "r36 xy|"),
        takes("em3 @ 5@", "r38 5|"),
        takes("em3 @ 5", " |"),
        takes("word first", "r39 word|"),
        takes("word second", " |"),
        takes("lit", "r40 |"),
        takes("lit ", "r40 |"),
        takes("lit x", "r41 x|"),
        takes("lit y", "r41 |"),
        takes("litx", "r40 |"),
    ]
)


@pytest.mark.parametrize("row", TABLE.rows, ids=lambda row: row.text)
def test_a_row_comes_out_as_the_table_says(row: Row) -> None:
    assert TABLE.here(row) == row.prints


@pytest.mark.peers
@pytest.mark.parametrize("row", TABLE.rows, ids=lambda row: row.text)
def test_syslog_ng_does_as_the_table_says(row: Row) -> None:
    assert not TABLE.differs(row)
