"""Logs of servers that people have at home."""

from __future__ import annotations

import pytest

from helpers.configs import loaded
from helpers.programs import NOW, ORIGIN
from logferry.daemon.queue_store import QueueStore
from logferry.daemon.topology import build_topology
from logferry.runtime.environment import Environment

TEMPLATE = "$PROGRAM|$SEVERITY|$S_ISODATE|${.p.module}|$MSG"


def parsed(parser: str, text: bytes) -> bytes:
    """Return what the parser makes of a text."""
    configuration, _ = loaded(
        '@include "scl.conf"\n'
        'source s { network(port(0) flags(no-parse) time-zone("UTC")); };\n'
        f"log {{ source(s); parser {{ {parser}; }}; "
        f'destination {{ file("/dev/null" frac-digits(3) template("{TEMPLATE}")); }}; }};'
    )
    environment = Environment(time_zone="UTC", host_name="relay")
    topology = build_topology(configuration, environment, QueueStore(environment))
    _, ((batch,),) = topology.programs["s#0"].lines(text + b"\n", ORIGIN, NOW)
    (record,) = batch.records()
    return bytes(record)


@pytest.mark.parametrize(
    ("parser", "text", "expected"),
    [
        (
            'arr-internal(program("Radarr") prefix(".p."))',
            b"2026-11-20 10:11:12.5|Warn|Import|disk | full",
            b"Radarr|warning|2026-11-20T10:11:12.500+00:00|Import|disk | full",
        ),
        (
            'arr-internal(program("Sonarr") prefix(".p."))',
            b"2026-11-20 10:11:12.5|Error|Api|no",
            b"Sonarr|err|2026-11-20T10:11:12.500+00:00|Api|no",
        ),
        (
            "jellyfin()",
            b"[2026-11-20 10:11:12.345 +02:00] [ERR] [17] Player: gone",
            b"Jellyfin|err|2026-11-20T10:11:12.345+02:00||Player: gone",
        ),
        (
            "pihole-ftl()",
            b"[2026-11-20 10:11:12.345 UTC 77/T9] WARNING: slow upstream",
            b"Pi-hole|warning|2026-11-20T10:11:12.345+00:00||slow upstream",
        ),
        (
            "pihole-ftl()",
            b"[2026-11-20 10:11:12.345 77M] blocking",
            b"Pi-hole|notice|2026-11-20T10:11:12.345+00:00||blocking",
        ),
        (
            "qbittorrent()",
            b"(C) 2026-11-20T10:11:12 - no port",
            b"qBittorrent|crit|2026-11-20T10:11:12.000+00:00||no port",
        ),
        (
            "qbittorrent()",
            b"(N) 2026-11-20T10:11:12 - seeding",
            b"qBittorrent|notice|2026-11-20T10:11:12.000+00:00||seeding",
        ),
    ],
)
def test_a_line_becomes_a_message(parser: str, text: bytes, expected: bytes) -> None:
    assert parsed(parser, text) == expected


@pytest.mark.parametrize(
    "driver",
    [
        *(
            f'{name}(dir("/var/lib/x"))'
            for name in "radarr sonarr lidarr prowlarr readarr whisparr".split()  # noqa: SIM905
        ),
        'jellyfin(base-dir("/var/lib/x") filename-pattern("log_*.log"))',
        "pihole-ftl()",
        'qbittorrent(dir("/var/lib/x"))',
    ],
)
def test_their_sources_follow_files(driver: str) -> None:
    configuration, _ = loaded(
        f'@include "scl.conf"\nsource s {{ {driver}; }};\n'
        'log { source(s); destination { file("/dev/null"); }; };'
    )
    assert "s" in configuration.sources
