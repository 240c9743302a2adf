"""
Drivers that the reference has and logferry has not, to say so by name.

Also the names of the library's blocks, for whoever forgot to include it.
"""

from __future__ import annotations

from functools import cache

from logferry.config.sources import LIBRARY, read_source

__all__ = [
    "ELSEWHERE",
    "INSTEAD",
    "INSTEAD_OF_TRANSFORMATIONS",
    "library_names",
    "remedy",
]

INSTEAD_OF_TRANSFORMATIONS = (
    "write what it does into a block filterx NAME() { … }, and filterx(NAME) where it "
    "belongs"
)
"""What to do about ``transformation``."""

ELSEWHERE = {
    "source": frozenset(
        """
        axosyslog-otlp darwin-oslog darwin-oslog-stream darwinosl
        ehttp elasticsearch-bulk example-diskq-source example-random-generator
        hypr-app-audit-trail hypr-audit-trail kubernetes mqtt openbsd opentelemetry
        pacct python-fetcher python-http random-choice-generator
        s-kubernetes snmptrap splunk-hec sun-stream sun-streams syslog-ng-otlp
        systemd-journal webhook webhook-json
        """.split()  # noqa: SIM905 - reads better
    ),
    "destination": frozenset(
        """
        amqp arrow-flight axosyslog-otlp azure-monitor azure-monitor-builtin
        azure-monitor-custom bigquery clickhouse elasticsearch elasticsearch2
        example-destination google-pubsub google-pubsub-grpc hdfs java kafka kafka-c
        logstore mongodb mqtt opentelemetry pseudofile redis riemann s3 smtp snmp sql
        stomp syslog-ng-otlp
        """.split()  # noqa: SIM905 - reads better
    ),
    "parser": frozenset(
        """
        app-transform geoip opentelemetry snmptrapd-parser windows-eventlog-parser
        """.split()  # noqa: SIM905 - reads better
    ),
}
"""Names by context; what has been added to logferry since is found before."""


INSTEAD = {
    ("source", "systemd-journal"): "write system(), and ForwardToSyslog=yes in "
    "journald.conf",
    ("source", "pacct"): "program() can run lastcomm",
    ("source", "webhook"): "python() can serve HTTP",
    ("source", "webhook-json"): "python() can serve HTTP",
    ("destination", "elasticsearch"): "write elasticsearch-http()",
    ("destination", "elasticsearch2"): "write elasticsearch-http()",
    ("destination", "logstore"): "write file()",
    ("destination", "smtp"): "program() can run a mailer",
    ("destination", "google-pubsub"): "http() has cloud-auth(gcp())",
    ("destination", "azure-monitor"): "http() has cloud-auth(azure())",
    ("destination", "pseudofile"): "write file()",
    ("parser", "geoip"): "write geoip2()",
}
"""What does the same, or nearly so; for most others there is ``python()``."""


def remedy(kind: str, name: str) -> str:
    """Return what to write instead of a driver that is not here."""
    return INSTEAD.get((kind, name)) or f"a {kind} python() can do its work"


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
