"""Parsers of programs' messages, each on lines in the form its vendor documents."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helpers.programs import compiled

FIELDS = (
    "$(format-json --leave-initial-dot HOST=$HOST PROGRAM=$PROGRAM MESSAGE=$MESSAGE "
    "LEVEL=$LEVEL PID=$PID S_ISODATE=$S_ISODATE TAGS=$TAGS --scope dot-nv-pairs)"
)


def fields(middle: str, line: str, source: str = "") -> dict[str, Any] | None:
    """Return the fields of ``line`` behind ``middle``, or ``None`` if it was refused."""
    quoted = FIELDS.replace('"', '\\"')
    site = compiled(
        '@version: 4.27\n@include "scl.conf"\n'
        f"log {{ source {{ input({source}); }}; {middle} "
        f'destination {{ output(template("{quoted}")); }}; }};'
    )
    found = site.lines(line.encode())
    if not found:
        return None
    ((record,),) = found.values()
    document: dict[str, Any] = json.loads(record)
    return document


SYSLOG = "<14>Nov 21 02:00:00 web "
PANOS_SYSTEM = (
    "<14>Nov 21 02:00:00 fw 1,2026/11/21 02:00:00,007200001056,SYSTEM,general,0,"
    '2026/11/21 02:00:00,vs1,login,admin,0,0,general,info,"User admin, logged in",'
    "1234,0x0,0,0,0,0,,fw-a"
)
PANOS_TRAFFIC = (
    "<14>Nov 21 02:00:00 fw 1,2026/11/21 02:00:00,007200001056,TRAFFIC,end,2304,"
    "2026/11/21 02:00:00,192.0.2.1,198.51.100.7,0.0.0.0,0.0.0.0,allow-all,,,dns,vsys1,"
    "trust,untrust,ethernet1/2,ethernet1/1,fwd,,33554,1,4711,53,0,0,0x19,udp,allow,"
    "200,90,110,2,2026/11/21 01:59:58,0,any,,99,0x0,US,DE,,1,1,aged-out,0,0,0,0,,fw-a,"
    "from-policy"
)
POSTGRES = (
    '2026-11-21 02:00:00.123 CET,"bob","shop",4711,"192.0.2.9:40000",6740e1.1,3,'
    '"INSERT",2026-11-21 01:59:00 CET,3/12,0,ERROR,23505,'
    '"duplicate key value violates ""pk""","Key (id)=(1) exists.",,,,,'
    '"insert into t values (1)",,,"psql","client backend",,0'
)

ROWS: list[tuple[str, str, str, dict[str, object]]] = [
    (
        "sudo-parser()",
        "",
        SYSLOG + "sudo:      bob : TTY=pts/1 ; PWD=/home/bob ; USER=root ; "
        "COMMAND=/bin/sh -c a=1; ls",
        {
            ".sudo.SUBJECT": "bob",
            ".sudo.TTY": "pts/1",
            ".sudo.PWD": "/home/bob",
            ".sudo.USER": "root",
            ".sudo.COMMAND": "/bin/sh -c a=1; ls",
            ".sudo.pairs": None,
        },
    ),
    (
        "iptables-parser()",
        "",
        (
            "<4>Nov 21 02:00:00 fw kernel: [12.5] DROP IN=eth0 OUT= SRC=192.0.2.1 "
            "DST=198.51.100.7 LEN=60 DF PROTO=TCP SPT=40000 DPT=22"
        ),
        {".iptables.IN": "eth0", ".iptables.PROTO": "TCP", ".iptables.DPT": "22"},
    ),
    (
        "cisco-parser()",
        "flags(no-parse)",
        "<189>29: sw1: *Apr 29 13:58:40.411: %SYS-5-CONFIG_I: Configured from console",
        {
            ".cisco.facility": "SYS",
            ".cisco.severity": "5",
            ".cisco.mnemonic": "CONFIG_I",
            "HOST": "sw1",
            "LEVEL": "notice",
            "MESSAGE": "%SYS-5-CONFIG_I: Configured from console",
            "S_ISODATE": "2026-04-29T13:58:40+00:00",
            ".cisco._head": None,
        },
    ),
    (
        "cisco-parser()",
        "flags(no-parse)",
        "<166>Jan 01 2026 00:00:00 asa1 : %ASA-6-302013: Built outbound TCP connection",
        {
            ".cisco.facility": "ASA",
            ".cisco.mnemonic": "302013",
            "HOST": "asa1",
            "S_ISODATE": "2026-01-01T00:00:00+00:00",
        },
    ),
    (
        "cisco-parser()",
        "flags(no-parse)",
        "<189>: 2026 May 31 15:34:25 UTC: %ETHPORT-5-IF_UP: Interface mgmt0 is up",
        {
            ".cisco.facility": "ETHPORT",
            ".cisco.mnemonic": "IF_UP",
            "HOST": "relay.example",
            "S_ISODATE": "2026-05-31T15:34:25+00:00",
        },
    ),
    (
        "cisco-parser()",
        "flags(no-parse)",
        (
            "<190>7: RP/0/RSP0/CPU0:Apr 29 13:58:46.411 : config[65734]: "
            "%MGBL-CONFIG-6-DB_COMMIT : Configuration committed by user 'bob'"
        ),
        {
            ".cisco.facility": "MGBL-CONFIG",
            ".cisco.severity": "6",
            ".cisco.mnemonic": "DB_COMMIT",
            ".cisco.cpu_module": "RP/0/RSP0/CPU0",
        },
    ),
    (
        "fortigate-parser()",
        "flags(no-parse)",
        (
            '<189>date=2026-11-21 time=01:58:59 devname="FORTI_1" devid="FG1" '
            'eventtime=1795226339 tz="+0100" logid="0100" type="event" msg="a, b"'
        ),
        {
            ".fortigate.devname": "FORTI_1",
            ".fortigate.type": "event",
            ".fortigate.msg": "a, b",
            "HOST": "FORTI_1",
            "S_ISODATE": "2026-11-21T01:58:59+01:00",
        },
    ),
    (
        "panos-parser()",
        "",
        PANOS_SYSTEM,
        {
            ".panos.type": "SYSTEM",
            ".panos.opaque": "User admin, logged in",
            ".panos.device_name": "fw-a",
            "PROGRAM": "paloalto_panos",
            "MESSAGE": PANOS_SYSTEM[len("<14>Nov 21 02:00:00 fw ") :],
            ".panos.rest": None,
        },
    ),
    (
        "panos-parser()",
        "",
        PANOS_TRAFFIC,
        {
            ".panos.src": "192.0.2.1",
            ".panos.dport": "53",
            ".panos.session_end_reason": "aged-out",
            ".panos.action_source": "from-policy",
        },
    ),
    (
        "checkpoint-parser()",
        "flags(no-parse)",
        (
            '<134>1 2026-11-21T01:25:25Z MDS-72 CheckPoint 13752 - [action:"Drop; all"; '
            'ifdir:"inbound"; src:"192.0.2.1"]'
        ),
        {
            ".checkpoint.action": "Drop; all",
            ".checkpoint.src": "192.0.2.1",
            "HOST": "MDS-72",
            "PID": "13752",
            "S_ISODATE": "2026-11-21T01:25:25+00:00",
        },
    ),
    (
        "checkpoint-parser()",
        "flags(no-parse)",
        "time=1795226339|hostname=r81|product=Firewall|action=Drop|src=192.0.2.1",
        {".checkpoint.hostname": "r81", ".checkpoint.src": "192.0.2.1"},
    ),
    (
        "netskope-parser()",
        "flags(no-parse)",
        '<134>{"_insertion_epoch_timestamp": 1795226339, "app": "Box", "count": 2}',
        {
            ".netskope": {
                "_insertion_epoch_timestamp": 1795226339,
                "app": "Box",
                "count": 2,
            }
        },
    ),
    (
        "websense-parser()",
        "flags(no-parse)",
        (
            "<159>Nov 20 22:48:57 EST 192.0.2.1 vendor=Websense product=Security "
            "action=permitted user=bob"
        ),
        {
            ".websense.vendor": "Websense",
            ".websense.user": "bob",
            "PROGRAM": "Websense",
            "HOST": "192.0.2.1",
            "S_ISODATE": "2026-11-20T22:48:57+00:00",
        },
    ),
    (
        "mariadb-audit-parser()",
        "",
        SYSLOG + "mysql-server_auditing: db1,root,localhost,1,7,QUERY,mysql,"
        "'SELECT * from user where a=\\'b,c\\'',0",
        {
            ".mariadb.serverhost": "db1",
            ".mariadb.operation": "QUERY",
            ".mariadb.object": "SELECT * from user where a='b,c'",
            ".mariadb.retcode": "0",
        },
    ),
    (
        "postgresql-csvlog-parser()",
        "flags(no-parse)",
        POSTGRES,
        {
            ".pgsql.username": "bob",
            ".pgsql.sql_state_code": "23505",
            "MESSAGE": 'duplicate key value violates "pk"',
            "PID": "4711",
            "LEVEL": "warning",
            "S_ISODATE": "2026-11-21T02:00:00+00:00",
        },
    ),
    (
        "extract-solaris-msgid()",
        "",
        SYSLOG + "su: [ID 366847 auth.notice] 'su root' succeeded for bob",
        {".solaris.msgid": "366847", "MESSAGE": "'su root' succeeded for bob"},
    ),
    (
        "extract-solaris-msgid()",
        "",
        SYSLOG + "su: no id",
        {".solaris.msgid": None, "MESSAGE": "no id"},
    ),
    (
        "postfix-parser()",
        "",
        SYSLOG
        + "postfix/smtp[9]: 3F1A2B4C5D: to=<a@x.example>, relay=mx.example[192.0.2.3]:25,"
        " delay=1.2, dsn=2.0.0, status=sent (250 ok: queued, as 7)",
        {
            ".postfix.qid": "3F1A2B4C5D",
            ".postfix.to": "a@x.example",
            ".postfix.relay": "mx.example[192.0.2.3]:25",
            ".postfix.status": "sent",
            ".postfix.reason": "250 ok: queued, as 7",
            ".postfix.process": "smtp",
        },
    ),
    (
        "postfix-parser()",
        "",
        SYSLOG + "postfix/qmgr[9]: 3F1A2B4C5D: removed",
        {".postfix.qid": "3F1A2B4C5D", ".postfix.text": "removed"},
    ),
]


@pytest.mark.parametrize(("parser", "source", "line", "expected"), ROWS)
def test_a_vendors_line_becomes_fields(
    parser: str, source: str, line: str, expected: dict[str, object]
) -> None:
    found = fields(f"parser {{ {parser}; }};", line, source)
    assert found is not None
    assert {name: _at(found, name) for name in expected} == expected


def _at(document: dict[str, Any], name: str) -> Any:
    """Return a field of nested JSON by its dotted name."""
    at: Any = document
    for step in [part for part in name.split(".") if part]:
        key = step if at is not document or not name.startswith(".") else f".{step}"
        if not isinstance(at, dict):
            return None
        at = at.get(key)
    return at


@pytest.mark.parametrize(
    ("parser", "line"),
    [
        ("sudo-parser()", "sudo: pam_unix(sudo:session): session opened for root"),
        ("cisco-parser()", "app: no triplet: here"),
        ("fortigate-parser()", "app: date=2026-11-21 time=01:58:59"),
        ("panos-parser()", "1,2026/11/21 02:00:00,0072,SYSTEM,general,0,x,vs1"),
        ("panos-parser()", PANOS_SYSTEM.replace("SYSTEM", "GTP").partition("fw ")[2]),
        ("netskope-parser()", "app: no JSON"),
        ("mariadb-audit-parser()", "app: db1,root,localhost,1"),
        ("postgresql-csvlog-parser()", "app: what else"),
        ("postfix-parser()", "postfix/smtpd[9]: connect from x[192.0.2.1]"),
    ],
)
def test_what_is_not_theirs_is_refused(parser: str, line: str) -> None:
    assert fields(f"parser {{ {parser}; }};", SYSLOG + line) is None


APPLICATIONS = [
    ("syslog", "", ROWS[0][2], "sudo"),
    ("syslog", "", ROWS[1][2], "iptables"),
    ("syslog", "", PANOS_SYSTEM, "panos"),
    ("syslog", "", ROWS[17][2], "postfix"),
    ("syslog", "", SYSLOG + 'app: @cee: {"a": 1}', "cee"),
    ("syslog-raw", "flags(no-parse)", ROWS[2][2], "cisco"),
    ("syslog-raw", "flags(no-parse)", ROWS[6][2], "fortigate"),
    ("syslog-raw", "flags(no-parse)", ROWS[9][2], "checkpoint"),
    ("syslog-raw", "flags(no-parse)", ROWS[10][2], "checkpoint"),
    ("syslog-raw", "flags(no-parse)", ROWS[11][2], "netskope"),
    ("syslog-raw", "flags(no-parse)", ROWS[12][2], "websense"),
]


@pytest.mark.parametrize(("topic", "source", "line", "name"), APPLICATIONS)
def test_an_application_recognises_its_messages(
    topic: str, source: str, line: str, name: str
) -> None:
    found = fields(f"parser {{ app-parser(topic({topic})); }};", line, source)
    assert found is not None
    assert found[".app"] == {"name": name}
    assert f".app.{name}" in found["TAGS"]
