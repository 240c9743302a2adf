"""
Names of modules that ``@module`` and ``@requires`` may ask for.

Everything logferry can do is built in, so a name is only looked up: one that the
reference has and logferry has not is an unmet requirement, one that nobody knows is a
mistake.
"""

from __future__ import annotations

__all__ = ["BUILT_IN", "ELSEWHERE"]

BUILT_IN = frozenset(
    """
    add-contextual-data affile afprog afsocket afuser appmodel azure-auth-header
    basicfuncs builtin-filters builtin-parsers builtin-rewrites cef confgen
    correlation csvparser date dbparser disk-buffer diskq ewmm examples
    format-cef-extension format-json format-welf getent graphite hook-commands http
    json json-plugin kvformat linux-kmsg-format linux-kvm-format map-value-pairs
    metrics-probe native pacctformat pseudofile python rate-limit rate-limit-filter
    regexp-parser sdata-parser sdjournal secure-logging stardate sync syslogformat
    system-source tagsparser tags-parser tfgetent throttle timestamp xml
    """.split()  # noqa: SIM905 - reads better
)
"""Modules whose work is part of logferry, or that load nothing a user could miss."""

ELSEWHERE = frozenset(
    """
    afamqp afmongodb afsmtp afsnmp afsql afstomp arrow-flight bigquery clickhouse
    cloud-auth cloud_auth darwinosl ebpf geoip2 geoip2-plugin hdfs java java-common
    java-modules kafka loki mod-java mod-python mqtt opentelemetry otel pubsub redis
    riemann sun-streams
    """.split()  # noqa: SIM905 - reads better
)
"""Modules of the reference that have no counterpart here."""
