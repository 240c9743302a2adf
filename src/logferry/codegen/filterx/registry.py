"""All functions of FilterX by name, and the ones that are somewhere else."""

from __future__ import annotations

from logferry.codegen.filterx.calls import Function
from logferry.codegen.filterx.casts import CASTS
from logferry.codegen.filterx.containers import CONTAINERS
from logferry.codegen.filterx.dates import DATES
from logferry.codegen.filterx.event_formats import EVENT_FORMATS
from logferry.codegen.filterx.message import MESSAGE
from logferry.codegen.filterx.patterns import PATTERNS
from logferry.codegen.filterx.records import RECORDS
from logferry.codegen.filterx.texts import TEXTS
from logferry.codegen.filterx.xml import XML

__all__ = ["ELSEWHERE", "FUNCTIONS"]

FUNCTIONS: dict[str, Function] = {
    **CASTS,
    **CONTAINERS,
    **DATES,
    **EVENT_FORMATS,
    **MESSAGE,
    **PATTERNS,
    **RECORDS,
    **TEXTS,
    **XML,
}
"""Functions that take values."""

_PROTOBUF = "there is no protobuf here: format_json() prints a dict"
_OTEL = "there is no OpenTelemetry here: a dict does what a message needs"

ELSEWHERE: dict[str, str] = {
    "protobuf": _PROTOBUF,
    "protobuf_message": _PROTOBUF,
    "pubsub_message": _PROTOBUF,
    "otel_logrecord": _OTEL,
    "otel_resource": _OTEL,
    "otel_scope": _OTEL,
    "otel_kvlist": _OTEL,
    "otel_array": _OTEL,
    "load_vars": "AxoSyslog has removed it too: use declare",
    "failure_info": "counters and the debug log tell of failures",
    "failure_info_enable": "counters and the debug log tell of failures",
    "failure_info_clear": "counters and the debug log tell of failures",
    "failure_info_meta": "counters and the debug log tell of failures",
}
"""Functions of AxoSyslog that are not here, and what to do instead."""
