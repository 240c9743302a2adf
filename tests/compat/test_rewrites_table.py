"""Rewrites, row by row."""

from __future__ import annotations

import pytest

from helpers.differences import (
    EMPTY,
    KEEPS_TYPE,
    MACROS_SET,
    OFFSETS,
    TAG_ORDER,
)
from helpers.differential import Row, Table

TEMPLATE = (
    "$PRI $ISODATE $HOST $MSGHDR$MSG|$TAGS|"
    "$(format-json --scope nv-pairs --scope dot-nv-pairs --exclude *HOST* "
    "--exclude *M*S* --exclude 0 --exclude SOURCE --exclude TRANSPORT --exclude MSGFORMAT)"
)


def becomes(
    middle: str,
    *expected: str,
    reference: str | tuple[str, ...] | None = None,
    why: str = "",
) -> Row:
    """Make a row: what two messages become."""
    return Row(TEMPLATE, expected, middle, reference=reference, why=why)


REWRITES = Table(
    [
        becomes(
            'rewrite { set(7 value("a")); subst("x" "y" value("a")); set(7 value("b")); subst("7" "8" value("b")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"b":"8","a":7,"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"b":"8","a":7,"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set(0x10 value("hex")); set(10k value("unit")); set(2.5 value("real")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"unit":10000,"real":2.5,"hex":16,"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"unit":10000,"real":2.5,"hex":16,"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("new" value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: new|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: new|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("$PROGRAM-$PID" value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: prog-42|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: kernel-|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("" value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: |.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: |.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("x" value("PROGRAM")); };',
            '13 2026-10-11T22:14:15+00:00 host x[42]: text|.source.s|{"PROGRAM":"x","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db x: odd tet|.source.s|{"PROGRAM":"x"}',
        ),
        becomes(
            'rewrite { set("" value("PROGRAM")); };',
            '13 2026-10-11T22:14:15+00:00 host text|.source.s|{"PID":"42"}',
            "34 2026-10-11T22:14:15+00:00 db odd tet|.source.s|{}",
            reference=(
                '13 2026-10-11T22:14:15+00:00 host text|.source.s|{"PROGRAM":"","PID":"42"}',
                '34 2026-10-11T22:14:15+00:00 db odd tet|.source.s|{"PROGRAM":""}',
            ),
            why=EMPTY,
        ),
        becomes(
            'rewrite { set("7" value("PID")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[7]: text|.source.s|{"PROGRAM":"prog","PID":"7"}',
            '34 2026-10-11T22:14:15+00:00 db kernel[7]: odd tet|.source.s|{"PROGRAM":"kernel","PID":"7"}',
        ),
        becomes(
            'rewrite { set("" value("PID")); };',
            '13 2026-10-11T22:14:15+00:00 host prog: text|.source.s|{"PROGRAM":"prog"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
            reference=(
                '13 2026-10-11T22:14:15+00:00 host prog: text|.source.s|{"PROGRAM":"prog","PID":""}',
                '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel","PID":""}',
            ),
            why=EMPTY,
        ),
        becomes(
            'rewrite { set("h2" value("HOST")); };',
            '13 2026-10-11T22:14:15+00:00 h2 prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 h2 kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("m" value("MSGID")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("v" value("foo")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"foo":"v","PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"foo":"v","PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("v" value("foo.bar")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"foo":{"bar":"v"},"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"foo":{"bar":"v"},"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("v" value(".dot")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"_dot":"v","PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"_dot":"v","PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set(int("5") value("foo")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"foo":5,"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"foo":5,"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("$(+ 1 2)" value("foo")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"foo":3,"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"foo":3,"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("$LEVEL_NUM" value("foo")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"foo":5,"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"foo":2,"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("$nosuch" value("foo")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"foo":null,"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"foo":null,"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("v" value(".SDATA.x.y")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"_SDATA":{"x":{"y":"v"}},"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"_SDATA":{"x":{"y":"v"}},"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("v" value("foo") condition(program("prog"))); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"foo":"v","PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("v" value("foo") condition(level(err..emerg))); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"foo":"v","PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("v" value("foo") condition("$PID" == "42")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"foo":"v","PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("v" value("MSG")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: v|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: v|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("v" value("$MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: v|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: v|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("a"); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: a|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: a|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("a" value("foo")); set("$foo!" value("foo")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"foo":"a!","PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"foo":"a!","PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("1" value("foo")); set("$foo" value("bar")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"foo":"1","bar":"1","PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"foo":"1","bar":"1","PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set(int("1") value("foo")); set("$foo" value("bar")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"foo":1,"bar":1,"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"foo":1,"bar":1,"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set(int("x") value("foo")); };',
            "13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|",
            "34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|",
        ),
        becomes(
            'rewrite { set(list("a,b") value("foo")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"foo":["a","b"],"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"foo":["a","b"],"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("t" "T" value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: Text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd Tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("t" "T" value("MESSAGE") flags(global)); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: TexT|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd TeT|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("T" "x" value("MESSAGE") flags(ignore-case)); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: xext|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd xet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("T" "x" value("MESSAGE") flags(ignore-case global)); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: xexx|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd xex|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("t" "$PROGRAM" value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: progext|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd kernelet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("(t)(e)" "$2$1" value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: etxt|.source.s|{"PROGRAM":"prog","PID":"42","2":"e","1":"t"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd ett|.source.s|{"PROGRAM":"kernel","2":"e","1":"t"}',
        ),
        becomes(
            'rewrite { subst("(t)(e)" "<$0>" value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: <te>xt|.source.s|{"PROGRAM":"prog","PID":"42","2":"e","1":"t"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd <te>t|.source.s|{"PROGRAM":"kernel","2":"e","1":"t"}',
        ),
        becomes(
            'rewrite { subst("(?<x>t)e" "<${x}>" value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: <t>xt|.source.s|{"x":"t","PROGRAM":"prog","PID":"42","1":"t"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd <t>t|.source.s|{"x":"t","PROGRAM":"kernel","1":"t"}',
        ),
        becomes(
            'rewrite { subst("^" ">" value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: >text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: >odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("$" "<" value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text<|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet<|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("e" "" value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: txt|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tt|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("x*" "-" value("MESSAGE") flags(global)); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: -t-e--t|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: -o-d-d- -t-e-t|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("x*" "-" value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: -text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: -odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("t" "T" type(string) value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("text" "T" type(string) value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: T|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("t" "T" type(string) flags(substring) value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: Text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd Tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("t" "T" type(string) flags(substring global) value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: TexT|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd TeT|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("te" "T" type(string) flags(prefix) value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: Txt|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("TE" "x" type(string) flags(prefix ignore-case) value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: xxt|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("nomatch" "x" value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("p" "x" value("PROGRAM")); };',
            '13 2026-10-11T22:14:15+00:00 host xrog[42]: text|.source.s|{"PROGRAM":"xrog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("h" "x" value("HOST")); };',
            '13 2026-10-11T22:14:15+00:00 xost prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("a" "x" value("nosuch")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("^$" "x" value("nosuch")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"nosuch":"x","PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"nosuch":"x","PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("t" "a\\\\b" value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: a\\bext|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd a\\bet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("t" "\\\\1" value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: \\1ext|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd \\1et|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("(.)(.)(.)(.)" "$4$3$2$1" value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: txet|.source.s|{"PROGRAM":"prog","PID":"42","4":"t","3":"x","2":"e","1":"t"}',
            '34 2026-10-11T22:14:15+00:00 db kernel:  ddotet|.source.s|{"PROGRAM":"kernel","4":" ","3":"d","2":"d","1":"o"}',
        ),
        becomes(
            'rewrite { subst("é" "e" value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { subst("t" "T" value("MESSAGE") condition(program("nope"))); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-tag("t1"); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s,t1|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s,t1|{"PROGRAM":"kernel"}',
            reference=(
                '13 2026-10-11T22:14:15+00:00 host prog[42]: text|t1,.source.s|{"PROGRAM":"prog","PID":"42"}',
                '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|t1,.source.s|{"PROGRAM":"kernel"}',
            ),
            why=TAG_ORDER,
        ),
        becomes(
            'rewrite { set-tag("t1"); set-tag("t2"); set-tag("t1"); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s,t1,t2|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s,t1,t2|{"PROGRAM":"kernel"}',
            reference=(
                '13 2026-10-11T22:14:15+00:00 host prog[42]: text|t1,t2,.source.s|{"PROGRAM":"prog","PID":"42"}',
                '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|t1,t2,.source.s|{"PROGRAM":"kernel"}',
            ),
            why=TAG_ORDER,
        ),
        becomes(
            'rewrite { set-tag("t-$PROGRAM"); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s,t-prog|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s,t-kernel|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-tag("t1"); clear-tag("t1"); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { clear-tag("nosuch"); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { clear-tag(".source.s"); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text||{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet||{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-severity("err"); };',
            '11 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '35 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-severity("error"); };',
            '11 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '35 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-severity("3"); };',
            '11 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '35 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-severity("9"); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-severity("ERR"); };',
            '11 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '35 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-severity(""); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-severity("nosuch"); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-severity("$nosuch"); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-severity("warn"); };',
            '12 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '36 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-severity("informational"); };',
            '14 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '38 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-facility("mail"); };',
            '21 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '18 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-facility("2"); };',
            '21 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '18 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-facility("24"); };',
            '197 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '194 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-facility("127"); };',
            '1021 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '1018 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-facility("128"); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-facility("local7"); };',
            '189 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '186 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-facility("nosuch"); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-facility("0x10"); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-pri("34"); };',
            '34 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-pri("0"); };',
            '0 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '0 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-pri("191"); };',
            '191 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '191 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-pri("999"); };',
            '999 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '999 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-pri("1024"); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-pri("x"); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-pri(""); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { unset(value("MESSAGE")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: |.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: |.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { unset(value("PROGRAM")); };',
            '13 2026-10-11T22:14:15+00:00 host text|.source.s|{"PID":"42"}',
            "34 2026-10-11T22:14:15+00:00 db odd tet|.source.s|{}",
        ),
        becomes(
            'rewrite { unset(value("PID")); };',
            '13 2026-10-11T22:14:15+00:00 host prog: text|.source.s|{"PROGRAM":"prog"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { unset(value("HOST")); };',
            '13 2026-10-11T22:14:15+00:00  prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00  kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("v" value("foo")); unset(value("foo")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { unset(value("nosuch")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { rename("PROGRAM" "foo"); };',
            '13 2026-10-11T22:14:15+00:00 host text|.source.s|{"foo":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db odd tet|.source.s|{"foo":"kernel"}',
        ),
        becomes(
            'rewrite { rename("HOST" "PROGRAM"); };',
            '13 2026-10-11T22:14:15+00:00  host[42]: text|.source.s|{"PROGRAM":"host","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00  db: odd tet|.source.s|{"PROGRAM":"db"}',
        ),
        becomes(
            'rewrite { set(int("5") value("foo")); rename("foo" "bar"); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"bar":5,"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"bar":5,"PROGRAM":"kernel"}',
            reference=(
                '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"bar":"5","PROGRAM":"prog","PID":"42"}',
                '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"bar":"5","PROGRAM":"kernel"}',
            ),
            why=KEEPS_TYPE,
        ),
        becomes(
            'rewrite { rename("nosuch" "foo"); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { rename("foo" "foo"); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { groupset("v" values("P*")); };',
            '13 2026-10-11T22:14:15+00:00 host v[v]: text|.source.s|{"PROGRAM":"v","PID":"v"}',
            '34 2026-10-11T22:14:15+00:00 db v: odd tet|.source.s|{"PROGRAM":"v"}',
            reference=(
                '13 2026-10-11T22:14:15+00:00 host v[v]: text|.source.s|{"P_YEAR_DAY":"v","P_YEAR":"v","P_WEEK_DAY_NAME":"v","P_WEEK_DAY_ABBREV":"v","P_WEEK_DAY":"v","P_WEEKDAY":"v","P_WEEK":"v","P_USEC":"v","P_UNIXTIME":"v","P_TZOFFSET":"v","P_TZ":"v","P_STAMP":"v","P_SEC":"v","P_MONTH_WEEK":"v","P_MONTH_NAME":"v","P_MONTH_ABBREV":"v","P_MONTH":"v","P_MIN":"v","P_ISOWEEK":"v","P_ISODATE":"v","P_HOUR12":"v","P_HOUR":"v","P_FULLDATE":"v","P_DAY":"v","P_DATE":"v","P_AMPM":"v","PROTO":"v","PROGRAM":"v","PRIORITY":"v","PRI":"v","PID":"v"}',
                '34 2026-10-11T22:14:15+00:00 db v: odd tet|.source.s|{"P_YEAR_DAY":"v","P_YEAR":"v","P_WEEK_DAY_NAME":"v","P_WEEK_DAY_ABBREV":"v","P_WEEK_DAY":"v","P_WEEKDAY":"v","P_WEEK":"v","P_USEC":"v","P_UNIXTIME":"v","P_TZOFFSET":"v","P_TZ":"v","P_STAMP":"v","P_SEC":"v","P_MONTH_WEEK":"v","P_MONTH_NAME":"v","P_MONTH_ABBREV":"v","P_MONTH":"v","P_MIN":"v","P_ISOWEEK":"v","P_ISODATE":"v","P_HOUR12":"v","P_HOUR":"v","P_FULLDATE":"v","P_DAY":"v","P_DATE":"v","P_AMPM":"v","PROTO":"v","PROGRAM":"v","PRIORITY":"v","PRI":"v"}',
            ),
            why=MACROS_SET,
        ),
        becomes(
            'rewrite { groupset("v" values("foo")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("1" value("foo")); set("2" value("fob")); groupset("v" values("fo*")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"foo":"v","fob":"v","PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"foo":"v","fob":"v","PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("1" value("foo")); groupset("$PROGRAM" values("foo" "PID")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[prog]: text|.source.s|{"foo":"prog","PROGRAM":"prog","PID":"prog"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"foo":"kernel","PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("1" value("foo")); groupset("v" values("f?o")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"foo":"v","PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"foo":"v","PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("1" value("foo.a")); set("1" value("foo.b")); groupunset(values("foo.*")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { groupunset(values("P*")); };',
            "13 2026-10-11T22:14:15+00:00 host text|.source.s|{}",
            "34 2026-10-11T22:14:15+00:00 db odd tet|.source.s|{}",
        ),
        becomes(
            'rewrite { set("1" value("foo")); groupunset(values("bar")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"foo":"1","PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"foo":"1","PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { groupset("v" values("HOST") condition(program("nope"))); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set("a" value("1")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42","1":"a"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel","1":"a"}',
        ),
        becomes(
            'rewrite { fix-time-zone("+02:00"); };',
            '13 2026-10-11T22:14:15+02:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+02:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
            reference=(
                '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
                '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
            ),
            why=OFFSETS,
        ),
        becomes(
            'rewrite { set-time-zone("+02:00"); };',
            '13 2026-10-12T00:14:15+02:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-12T00:14:15+02:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
            reference=(
                '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
                '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
            ),
            why=OFFSETS,
        ),
        becomes(
            'rewrite { set-time-zone("Europe/Budapest"); };',
            '13 2026-10-12T00:14:15+02:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-12T00:14:15+02:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { fix-time-zone("Europe/Budapest"); };',
            '13 2026-10-11T22:14:15+02:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+02:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { fix-time-zone("Asia/Tokyo"); };',
            '13 2026-10-11T22:14:15+09:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+09:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-time-zone("America/New_York"); };',
            '13 2026-10-11T18:14:15-04:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T18:14:15-04:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            "rewrite { guess-time-zone(); };",
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'rewrite { set-matches("a,b"); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42","2":"b","1":"a"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel","2":"b","1":"a"}',
        ),
        becomes(
            "rewrite { unset-matches(); };",
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"PROGRAM":"prog","PID":"42"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"PROGRAM":"kernel"}',
        ),
        becomes(
            'filter { message("(t)(e)" flags(store-matches)); }; rewrite { set("$2$1$0" value("foo")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"foo":"ette","PROGRAM":"prog","PID":"42","2":"e","1":"t"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"foo":"ette","PROGRAM":"kernel","2":"e","1":"t"}',
        ),
        becomes(
            'filter { message("(?<first>t)" flags(store-matches)); }; rewrite { set("${first}" value("foo")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"foo":"t","first":"t","PROGRAM":"prog","PID":"42","1":"t"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"foo":"t","first":"t","PROGRAM":"kernel","1":"t"}',
        ),
        becomes(
            'filter { message("(t)(x)?" flags(store-matches)); }; rewrite { set("[$2][$3][$*]" value("foo")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"foo":"[][][t]","PROGRAM":"prog","PID":"42","1":"t"}',
            '34 2026-10-11T22:14:15+00:00 db kernel: odd tet|.source.s|{"foo":"[][][t]","PROGRAM":"kernel","1":"t"}',
        ),
        becomes(
            'filter { message("(t)(e)" flags(store-matches)); message("x" flags(store-matches)); }; rewrite { set("$0-$1-$2" value("foo")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"foo":"x--","PROGRAM":"prog","PID":"42"}',
        ),
        becomes(
            'filter { match("(p)(r)" value("PROGRAM") flags(store-matches)); }; rewrite { set("$1$2" value("foo")); };',
            '13 2026-10-11T22:14:15+00:00 host prog[42]: text|.source.s|{"foo":"pr","PROGRAM":"prog","PID":"42","2":"r","1":"p"}',
        ),
    ],
    lines=(
        "<13>2026-10-11T22:14:15+00:00 host prog[42]: text",
        "<34>2026-10-11T22:14:15+00:00 db kernel: odd tet",
    ),
)

CASES = [
    pytest.param(table, row, id=f"{number}-{row.name}")
    for number, table in enumerate((REWRITES,))
    for row in table.rows
]


@pytest.mark.parametrize(("table", "row"), CASES)
def test_a_row_comes_out_as_the_table_says(table: Table, row: Row) -> None:
    assert table.here(row) == row.prints


@pytest.mark.peers
@pytest.mark.parametrize(("table", "row"), CASES)
def test_syslog_ng_does_as_the_table_says(table: Table, row: Row) -> None:
    assert not table.differs(row)
