"""
Parsers: what takes text apart into name-value pairs; a failed one ends the path.

A parser is a callable on a message and its input text; it writes into the message and
tells whether it could. ``make_parser`` makes one from its options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from logferry.codegen.parsers.base import ParserFunction, ParserOptions
from logferry.codegen.parsers.context_data import (
    ContextDataOptions,
    make_context_data,
)
from logferry.codegen.parsers.csv import CsvOptions, make_csv
from logferry.codegen.parsers.date import DateOptions, make_date
from logferry.codegen.parsers.db import DbOptions, make_db
from logferry.codegen.parsers.geoip import GeoipOptions, make_geoip
from logferry.codegen.parsers.json import JsonOptions, make_json
from logferry.codegen.parsers.kv import AuditOptions, KvOptions, make_audit, make_kv
from logferry.codegen.parsers.pairs import (
    MapValuePairsOptions,
    MetricsProbeOptions,
    make_map_value_pairs,
    make_metrics_probe,
)
from logferry.codegen.parsers.python import PythonParserOptions, make_python
from logferry.codegen.parsers.regexp import RegexpOptions, make_regexp
from logferry.codegen.parsers.syslog import (
    SdataOptions,
    SyslogOptions,
    TagsOptions,
    make_sdata,
    make_syslog,
    make_tags,
)
from logferry.codegen.parsers.xml import (
    EventlogOptions,
    XmlOptions,
    make_eventlog,
    make_xml,
)
from logferry.codegen.template_text import parse_template
from logferry.codegen.templates import emit_template, pieces_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.codegen.fields import MessageFields
    from logferry.codegen.macros import MacroContext
    from logferry.config.nodes import Spec
    from logferry.config.schema import Options

__all__ = ["PARSERS", "emit_input", "emit_parser", "make_parser"]

_MAKERS: dict[str, tuple[type[ParserOptions], Callable[..., ParserFunction]]] = {
    "add-contextual-data": (ContextDataOptions, make_context_data),
    "csv-parser": (CsvOptions, make_csv),
    "date-parser": (DateOptions, make_date),
    "db-parser": (DbOptions, make_db),
    "geoip2": (GeoipOptions, make_geoip),
    "json-parser": (JsonOptions, make_json),
    "kv-parser": (KvOptions, make_kv),
    "linux-audit-parser": (AuditOptions, make_audit),
    "map-value-pairs": (MapValuePairsOptions, make_map_value_pairs),
    "metrics-probe": (MetricsProbeOptions, make_metrics_probe),
    "python": (PythonParserOptions, make_python),
    "regexp-parser": (RegexpOptions, make_regexp),
    "sdata-parser": (SdataOptions, make_sdata),
    "syslog-parser": (SyslogOptions, make_syslog),
    "tags-parser": (TagsOptions, make_tags),
    "windows-eventlog-xml-parser": (EventlogOptions, make_eventlog),
    "xml": (XmlOptions, make_xml),
}

PARSERS: dict[str, type[Options]] = {
    name: options for name, (options, _) in _MAKERS.items()
}
"""Parsers by name."""


def make_parser(spec: Spec, context: MacroContext) -> ParserFunction:
    """Return the parser that ``spec`` describes. Raises ``TemplateError`` and such."""
    _, make = _MAKERS[spec.kind]
    return make(spec.options, context)


def emit_parser(spec: Spec, fields: MessageFields, context: MacroContext) -> str:
    """Return a condition that parses and tells whether it could."""
    parse = make_parser(spec, context)
    text = emit_input(spec, fields, context)
    name = fields.constants.bind(parse, f"parse_{spec.kind.removesuffix('-parser')}")
    return f"{name}(m, {text})"


def emit_input(spec: Spec, fields: MessageFields, context: MacroContext) -> str:
    """Return an expression for what is parsed."""
    options = cast("ParserOptions", spec.options)
    if options.template is None:
        return "m.message"
    parts = parse_template(options.template.text)
    return emit_template(pieces_of(parts, fields, context), fields).code
