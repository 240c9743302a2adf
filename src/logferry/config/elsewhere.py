"""
Drivers that the reference has and logferry has not, to say so by name.

Also the names of the library's blocks, for whoever forgot to include it.
"""

from __future__ import annotations

from functools import cache

from logferry.config.sources import LIBRARY, read_source

__all__ = ["ELSEWHERE", "INSTEAD_OF_FILTERX", "library_names"]

INSTEAD_OF_FILTERX = (
    "another language: 'Instead of filterx' in docs/config/language.md shows what "
    "filter, rewrite and parser objects do"
)
"""What to do about ``filterx``."""

ELSEWHERE = {
    "source": frozenset(
        """
        arr-internal axosyslog-otlp darwin-oslog darwin-oslog-stream darwinosl
        ehttp elasticsearch-bulk example-diskq-source example-random-generator jellyfin
        kubernetes lidarr linux-audit mbox mqtt nodejs openbsd opentelemetry osquery
        pacct pihole-ftl prowlarr python python-fetcher python-http qbittorrent radarr
        random-choice-generator readarr snmptrap sonarr splunk-hec sun-stream
        sun-streams syslog-ng-otlp systemd-journal webhook whisparr
        """.split()  # noqa: SIM905 - reads better
    ),
    "destination": frozenset(
        """
        amqp arrow-flight axosyslog-otlp azure-monitor bigquery clickhouse collectd
        elasticsearch-datastream elasticsearch2 example-destination google-pubsub
        google-pubsub-grpc graphite hdfs java kafka kafka-c mongodb mqtt opentelemetry
        osquery pseudofile python redis riemann smtp snmp sql stomp sumologic-syslog
        syslog-ng-otlp
        """.split()  # noqa: SIM905 - reads better
    ),
    "parser": frozenset(
        """
        app-parser app-transform checkpoint-parser cisco-parser cisco-timestamp-parser
        cisco-triplet-parser db-parser extract-solaris-msgid fortigate-parser geoip2
        iptables-parser jellyfin linux-audit-parser
        mariadb-audit-parser netskope-parser opentelemetry panos-parser pihole-ftl
        postgresql-csvlog-parser python qbittorrent snmptrapd-parser sudo-parser
        websense-parser windows-eventlog-parser windows-eventlog-xml-parser
        """.split()  # noqa: SIM905 - reads better
    ),
}
"""Names by context; what has been added to logferry since is found before."""


@cache
def library_names() -> frozenset[tuple[str, str]]:
    """Return context and name of the library's blocks."""
    found = set()
    for path in LIBRARY.glob("*.conf"):
        for line in read_source(path).splitlines():
            words = line.replace("(", " ( ").replace(")", " ) ").split()
            if words[:1] == ["block"] and len(words) > 3:
                found.add((words[1], words[2]))
            elif words[:2] == ["@module", "confgen"] and "name" in words:
                context, name = words.index("context"), words.index("name")
                found.add((words[context + 2], words[name + 2]))
    return frozenset(found)
