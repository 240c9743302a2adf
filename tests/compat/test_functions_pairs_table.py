"""Value-pairs, ``$(format-json)`` and its kin, and the types of values, row by row."""

from __future__ import annotations

import pytest

from helpers.differences import (
    DIGITS,
    JSON_NUMBERS,
    LIST_TAIL,
)
from helpers.differential import Row, Table

PAIRS = Table(
    [
        Row(
            '$(format-json a=int(5) b=int64(x) c=double(1.5) d=boolean(yes) e=boolean(no) f=boolean(x) g=datetime(1) h=literal(true) i=list("a,b c") j=json(\'{"x":1}\') k=string(5) l=int("5 ") m=float(1) n=int32(7) o=list("") p=null(1))',
            "",
        ),
        Row("$(format-json a.b=1 a.c=2 a=3)", '{"a":{"c":"2","b":"1","a":"3"}}'),
        Row("$(format-json a=3 a.b=1)", '{"a":{"b":"1","a":"3"}}'),
        Row(
            "$(format-json .a=1 .b.c=2 b..d=3 e.=4)",
            '{"e":"4","b":{".d":"3"},"_b":{"c":"2"},"_a":"1"}',
        ),
        Row(
            "$(format-json --leave-initial-dot .a=1 .b.c=2)",
            '{".b":{"c":"2"},".a":"1"}',
        ),
        Row('$(format-json --pair a=1 --pair "b c"=2)', '{"b c":"2","a":"1"}'),
        Row(
            "$(format-json --scope rfc3164)",
            '{"PROGRAM":"prog","PRIORITY":"notice","PID":"42","MESSAGE":"text","HOST":"host","FACILITY":"user","DATE":"Oct 11 22:14:15"}',
        ),
        Row(
            "$(format-json --scope rfc5424)",
            '{"PROGRAM":"prog","PRIORITY":"notice","PID":"42","MESSAGE":"text","HOST":"host","FACILITY":"user","DATE":"Oct 11 22:14:15"}',
        ),
        Row(
            "$(format-json --scope core,sdata)",
            '{"PROGRAM":"prog","PRIORITY":"notice","PID":"42","MESSAGE":"text","HOST":"host","FACILITY":"user","DATE":"Oct 11 22:14:15"}',
        ),
        Row(
            "$(format-json --scope base)",
            '{"PROGRAM":"prog","PRIORITY":"notice","PID":"42","MESSAGE":"text","HOST":"host","FACILITY":"user","DATE":"Oct 11 22:14:15"}',
        ),
        Row(
            "$(format-json --scope syslog-proto)",
            '{"PROGRAM":"prog","PRIORITY":"notice","PID":"42","MESSAGE":"text","HOST":"host","FACILITY":"user","DATE":"Oct 11 22:14:15"}',
        ),
        Row("$(format-json --scope none a=b)", '{"a":"b"}'),
        Row(
            "$(format-json --scope selected-macros)",
            '{"TAGS":[".source.s"],"SOURCEIP":"127.0.0.1","PROGRAM":"prog","PRIORITY":"notice","PID":"42","MESSAGE":"text","HOST":"host","FACILITY":"user","DATE":"Oct 11 22:14:15"}',
        ),
        Row("$(format-json --key HOST)", '{"HOST":"host"}'),
        Row("$(format-json HOST PROGRAM)", '{"PROGRAM":"prog","HOST":"host"}'),
        Row("$(format-json --key HOST,PROGRAM)", '{"PROGRAM":"prog","HOST":"host"}'),
        Row("$(format-json --key HOST PROGRAM)", '{"PROGRAM":"prog","HOST":"host"}'),
        Row(
            "$(format-json --key FACILITY --key *_NUM)",
            '{"SEVERITY_NUM":5,"LEVEL_NUM":5,"FACILITY_NUM":1,"FACILITY":"user"}',
        ),
        Row(
            "$(format-json --scope rfc3164 --exclude P*)",
            '{"MESSAGE":"text","HOST":"host","FACILITY":"user","DATE":"Oct 11 22:14:15"}',
        ),
        Row(
            "$(format-json --scope rfc3164 --exclude DATE,P*)",
            '{"MESSAGE":"text","HOST":"host","FACILITY":"user"}',
        ),
        Row("$(format-json --exclude HOST)", "{}"),
        Row(
            '$(format-json --scope rfc3164 --omit-empty-values a="" b=1)',
            '{"b":"1","PROGRAM":"prog","PRIORITY":"notice","PID":"42","MESSAGE":"text","HOST":"host","FACILITY":"user","DATE":"Oct 11 22:14:15"}',
        ),
        Row('$(format-json a="" b=$nosuch)', '{"b":null,"a":""}'),
        Row("$(format-json --key nosuch)", "{}"),
        Row("$(format-json --key MSGID)", "{}"),
        Row(
            "$(format-json --scope rfc3164 --rekey * --add-prefix x. )",
            '{"x":{"PROGRAM":"prog","PRIORITY":"notice","PID":"42","MESSAGE":"text","HOST":"host","FACILITY":"user","DATE":"Oct 11 22:14:15"}}',
        ),
        Row(
            "$(format-json --key HOST --rekey HOST --add-prefix my.)",
            '{"my":{"HOST":"host"}}',
        ),
        Row("$(format-json --key HOST --rekey H* --shift 2)", '{"ST":"host"}'),
        Row("$(format-json a.b.c=1 --rekey a.* --shift-levels 1)", '{"b":{"c":"1"}}'),
        Row("$(format-json --pair a.b.c=1 --rekey a.* --shift-levels 2)", '{"c":"1"}'),
        Row(
            "$(format-json --key HOST --rekey * --replace-prefix HO=XX)",
            '{"XXST":"host"}',
        ),
        Row(
            "$(format-json --key HOST --rekey H* --shift 1 --add-prefix z)",
            '{"zOST":"host"}',
        ),
        Row("$(format-json --auto-cast a=5 b=x)", '{"b":"x","a":"5"}'),
        Row("$(format-json --cast a=5 b=1.5 c=true)", '{"c":"true","b":"1.5","a":"5"}'),
        Row("$(format-json --no-cast a=$LEVEL_NUM)", '{"a":5}'),
        Row("$(format-json --cast a=$LEVEL_NUM)", '{"a":"5"}'),
        Row("$(format-json --subkeys .SDATA. a=1)", '{"a":"1"}'),
        Row(
            '$(format-json a=$MSG b=${MSG} c="$HOST $MSG")',
            '{"c":"host text","b":"text","a":"text"}',
        ),
        Row("$(format-json)", "{}"),
        Row("$(format-flat-json a.b=1 .c=2 d=3)", '{"d":"3","a.b":"1","_c":"2"}'),
        Row(
            "$(format-flat-json --scope rfc3164)",
            '{"PROGRAM":"prog","PRIORITY":"notice","PID":"42","MESSAGE":"text","HOST":"host","FACILITY":"user","DATE":"Oct 11 22:14:15"}',
        ),
        Row("$(format-json x=$(format-json y=1))", '{"x":{"y":"1"}}'),
        Row("$(format-json x=json($(format-json y=1)))", '{"x":{"y":"1"}}'),
        Row(
            '$(format-cef-extension a=1 b="x=y" c="p|q" d="n\nl" e="b\\\\s" f="")',
            "a=1 b=x\\=y c=p|q d=n\\nl e=b\\\\\\\\s f=",
        ),
        Row(
            "$(format-cef-extension --scope rfc3164)",
            "DATE=Oct 11 22:14:15 FACILITY=user HOST=host MESSAGE=text PID=42 PRIORITY=notice PROGRAM=prog",
        ),
        Row(
            "$(format-welf --scope rfc3164)",
            'DATE="Oct 11 22:14:15" FACILITY=user HOST=host MESSAGE=text PID=42 PRIORITY=notice PROGRAM=prog',
        ),
        Row("$(names a*) $(values HOST)", " host"),
        Row(
            "$(names --scope rfc3164)",
            "DATE,FACILITY,HOST,MESSAGE,PID,PRIORITY,PROGRAM",
        ),
        Row(
            "$(values --scope rfc3164)",
            '"Oct 11 22:14:15",user,host,text,42,notice,prog',
        ),
        Row('$(values --pair a=1 --pair "b=x y")', '1,"x y"'),
        Row("$(names --pair a=1)", "a"),
        Row('$(format-welf a=b "c=d e")', 'a=b c="d e"'),
        Row("$(names PROGRAM PID)", "PID,PROGRAM"),
        Row(
            "$(format-json --scope nv-pairs --exclude TRANSPORT --exclude MSGFORMAT)",
            '{"SOURCE":"s","PROGRAM":"prog","PID":"42","MESSAGE":"text","LEGACY_MSGHDR":"prog[42]: ","HOST_FROM":"127.0.0.1","HOST":"host"}',
        ),
        Row(
            "$(format-json --scope all-nv-pairs --exclude TRANSPORT --exclude MSGFORMAT)",
            '{"SOURCE":"s","PROGRAM":"prog","PID":"42","MESSAGE":"text","LEGACY_MSGHDR":"prog[42]: ","HOST_FROM":"127.0.0.1","HOST":"host"}',
        ),
    ],
)
TYPES = Table(
    [
        Row("$(format-json a=$(+ 1 2))", '{"a":3}'),
        Row("$(format-json a=$(echo 1))", '{"a":"1"}'),
        Row("$(format-json a=$LEVEL_NUM)", '{"a":5}'),
        Row("$(format-json a=$PID)", '{"a":"42"}'),
        Row("$(format-json a=$(length abc))", '{"a":3}'),
        Row("$(format-json a=$(list-concat a b))", '{"a":["a","b"]}'),
        Row("$(format-json a=$(list-append a b))", '{"a":["a","b"]}'),
        Row(
            "$(format-json a=$(/ 1 2.0))",
            '{"a":0.5}',
            reference='{"a":0.50000000000000000000}',
            why=DIGITS,
        ),
        Row("$(format-json a=$(/ 1 2))", '{"a":0}'),
        Row("$(format-json a=$TAGS)", '{"a":[".source.s"]}'),
        Row('$(format-json a=$(if ("1"=="1") $LEVEL_NUM x))', '{"a":5}'),
        Row('$(format-json a=$(if ("1"=="2") $LEVEL_NUM x))', '{"a":"x"}'),
        Row('$(format-json a=$(or "" $LEVEL_NUM))', '{"a":"5"}'),
        Row("$(format-json a=$(substr 123 1))", '{"a":"23"}'),
        Row("$(format-json a=$(round 1.5))", '{"a":2}'),
        Row("$(format-json a=$(round 1.55 1))", '{"a":1.6}'),
        Row("$(format-json a=$(ceil 1.5))", '{"a":2}'),
        Row("$(format-json a=$(sum 1))", '{"a":1}'),
        Row("$(format-json a=$(sum a))", '{"a":null}'),
        Row("$(format-json a=$(sum 1.5))", '{"a":null}'),
        Row("$(format-json a=$(max 1))", '{"a":1}'),
        Row("$(format-json a=$(average 1))", '{"a":1}'),
        Row("$(format-json a=$(min 1))", '{"a":1}'),
        Row("$(format-json a=$(ipv4-to-int 1.2.3.4))", '{"a":"16909060"}'),
        Row("$(format-json a=$(list-count a,b))", '{"a":2}'),
        Row("$(format-json a=$(context-length))", '{"a":1}'),
        Row("$(format-json a=$(context-values 1))", '{"a":["1"]}'),
        Row("$(format-json a=$(grep facility(user) 1))", '{"a":"1"}'),
        Row(
            "$(format-json a=$(% 1 0))",
            '{"a":null}',
            reference='{"a":NaN}',
            why=JSON_NUMBERS,
        ),
        Row(
            "$(format-json a=$(+ a 1))",
            '{"a":null}',
            reference='{"a":NaN}',
            why=JSON_NUMBERS,
        ),
        Row("$(format-json a=$LEVEL_NUM$PID)", '{"a":"542"}'),
        Row("$(format-json a=$(padding 1 2 0))", '{"a":"01"}'),
        Row("$(format-json a=$SEQNUM)", '{"a":""}'),
        Row("$(format-json a=$(implode , a,b))", '{"a":"a,b"}'),
        Row("$(format-json a=$(explode , a,b))", '{"a":["a","b"]}'),
        Row("$(format-json a=$(map $_ 1,2))", '{"a":["1","2"]}'),
        Row("$(format-json a=$(list-nth 0 1,2))", '{"a":"1"}'),
        Row("$(format-json a=$(list-slice 0: 1,2))", '{"a":["1","2"]}'),
        Row("$(format-json a=$(list-search 1 1,2))", '{"a":0}'),
        Row("$(format-json a=$(list-head 1,2))", '{"a":"1"}'),
        Row(
            "$(format-json a=$(list-tail 1,2))",
            '{"a":["2"]}',
            reference='{"a":"2"}',
            why=LIST_TAIL,
        ),
        Row("$(format-json a=$(names HOST))", '{"a":["HOST"]}'),
        Row("$(format-json a=$(values HOST))", '{"a":["host"]}'),
        Row("$(format-json a=$(format-json a=1))", '{"a":{"a":"1"}}'),
        Row("$(format-json a=$(format-flat-json a=1))", '{"a":{"a":"1"}}'),
        Row("$(format-json a=$MSGID)", '{"a":null}'),
        Row("$(format-json a=$(env X))", '{"a":""}'),
        Row("$(format-json a=$(iterate 1 0))", '{"a":"0"}'),
        Row('$(format-json a=$(echo ""))', '{"a":""}'),
        Row("$(format-json a=$nosuch)", '{"a":null}'),
        Row("$(format-json a=${nosuch:-5})", '{"a":"5"}'),
        Row('$(format-json a="$nosuch")', '{"a":null}'),
        Row("$(format-json a=$1)", '{"a":null}'),
        Row("$(format-json a=$(binary 65))", '{"a":"A"}'),
        Row("$(format-json a=$(strip 5))", '{"a":"5"}'),
        Row("$(format-json a=$(uppercase 5))", '{"a":"5"}'),
        Row("$(format-json a=$(sanitize 5))", '{"a":"5"}'),
        Row(
            "$(format-json a=$(hash 5))",
            '{"a":"ef2d127de37b942baad06145e54b0c619a1f22327b2ebbcfbec78f5564afe39d"}',
        ),
        Row("$(format-json a=$SDATA)", '{"a":""}'),
        Row("$(format-json a=$LEVEL_NUM$nosuch)", '{"a":"5"}'),
        Row('$(format-json a="$LEVEL_NUM")', '{"a":5}'),
        Row("$(format-json a=5)", '{"a":"5"}'),
        Row("$(format-json a=int(5))", '{"a":5}'),
        Row("$(format-json a=int(x))", ""),
        Row("$(format-json a=int(5x))", ""),
        Row('$(format-json a=int(""))', ""),
        Row("$(format-json a=int64(7))", '{"a":7}'),
        Row("$(format-json a=int32(7))", '{"a":7}'),
        Row("$(format-json a=float(1))", '{"a":1}'),
        Row("$(format-json a=double(1.5))", '{"a":1.5}'),
        Row("$(format-json a=double(x))", ""),
        Row(
            "$(format-json a=float(1e3))",
            '{"a":1000}',
            reference='{"a":1e3}',
            why=JSON_NUMBERS,
        ),
        Row("$(format-json a=boolean(yes))", ""),
        Row("$(format-json a=boolean(0))", '{"a":false}'),
        Row("$(format-json a=boolean(f))", '{"a":false}'),
        Row("$(format-json a=boolean(x))", ""),
        Row("$(format-json a=boolean(True))", '{"a":true}'),
        Row("$(format-json a=datetime(1))", '{"a":"1"}'),
        Row("$(format-json a=datetime(1.5))", '{"a":"1.5"}'),
        Row("$(format-json a=datetime(x))", '{"a":"x"}'),
        Row("$(format-json a=literal(true))", '{"a":true}'),
        Row("$(format-json a=literal(x))", "", reference='{"a":x}', why=JSON_NUMBERS),
        Row('$(format-json a=list("a,b c"))', '{"a":["a,b c"]}'),
        Row('$(format-json a=list(""))', '{"a":[""]}'),
        Row("$(format-json a=json(5))", '{"a":5}'),
        Row("$(format-json a=string(5))", '{"a":"5"}'),
        Row("$(format-json a=null(1))", '{"a":null}'),
        Row("$(format-json a=null())", '{"a":null}'),
        Row("$(format-json a=int($LEVEL_NUM))", '{"a":5}'),
        Row("$(format-json a=int($(+ 1 2)))", '{"a":3}'),
        Row(
            "$(format-json a=int(0x10))",
            '{"a":16}',
            reference="",
            why="hexadecimal numbers are read, as in AxoSyslog",
        ),
        Row(
            "$(format-json a=int(010))",
            '{"a":10}',
            reference='{"a":010}',
            why=JSON_NUMBERS,
        ),
        Row(
            "$(format-json a=float(.5))",
            '{"a":0.5}',
            reference='{"a":.5}',
            why=JSON_NUMBERS,
        ),
        Row(
            "$(format-json a=double(nan))",
            '{"a":null}',
            reference='{"a":nan}',
            why=JSON_NUMBERS,
        ),
        Row(
            "$(format-json a=double(inf))",
            '{"a":null}',
            reference='{"a":inf}',
            why=JSON_NUMBERS,
        ),
    ],
)
BEFORE_TYPES = Table(
    [
        Row(
            "$(format-json a=$LEVEL_NUM b=$TAGS c=$nosuch d=int(5) e=$(+ 1 2))",
            '{"e":"3","d":5,"c":"","b":".source.s","a":"5"}',
        ),
        Row("$(format-json --key LEVEL_NUM)", '{"LEVEL_NUM":"5"}'),
        Row(
            "$(format-json --scope rfc3164)",
            '{"PROGRAM":"prog","PRIORITY":"notice","PID":"42","MESSAGE":"text","HOST":"host","FACILITY":"user","DATE":"Oct 11 22:14:15"}',
        ),
        Row("$(format-json a=int(x))", ""),
        Row(
            "$(format-json a=list(x,y) b=literal(true) c=double(1.5) d=boolean(true) e=string(5))",
            '{"e":"5","d":true,"c":1.5,"b":true,"a":["x","y"]}',
        ),
        Row("$(format-json --auto-cast a=5 b=$LEVEL_NUM)", '{"b":"5","a":"5"}'),
        Row("$(format-json x=$(format-json y=1))", '{"x":"{\\"y\\":\\"1\\"}"}'),
    ],
    version="3.38",
)

CASES = [
    pytest.param(table, row, id=f"{number}-{row.name}")
    for number, table in enumerate(
        (
            PAIRS,
            TYPES,
            BEFORE_TYPES,
        )
    )
    for row in table.rows
]


@pytest.mark.parametrize(("table", "row"), CASES)
def test_a_row_comes_out_as_the_table_says(table: Table, row: Row) -> None:
    assert table.here(row) == row.prints


@pytest.mark.peers
@pytest.mark.parametrize(("table", "row"), CASES)
def test_syslog_ng_does_as_the_table_says(table: Table, row: Row) -> None:
    assert not table.differs(row)
