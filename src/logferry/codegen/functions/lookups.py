"""
Functions that look something up: names of hosts, entries of users, places of addresses.

None of them waits: see ``runtime/directory.py``. ``$(geoip2 …)`` reads a database that
is in memory (``codegen/geoip.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from logferry.codegen.functions.registry import Plain, Special, take_options
from logferry.codegen.functions.text import emit_call
from logferry.codegen.geoip import DEFAULT_FIELD, GeoDatabase
from logferry.codegen.template_text import Function, TemplateError

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.codegen.macros import MacroContext

__all__ = ["LOOKUPS"]

_YES = {"yes": True, "on": True, "true": True, "1": True}
_NO = {"no": False, "off": False, "false": False, "0": False}
_DATABASES = ("group", "passwd", "services", "protocols")
_HOST_OPTIONS = {
    "--use-dns": "use-dns",
    "-d": "use-dns",
    "--use-fqdn": "use-fqdn",
    "-f": "use-fqdn",
    "--dns-cache": "dns-cache",
    "-c": "dns-cache",
    "--normalize-hostnames": "normalize-hostnames",
    "-n": "normalize-hostnames",
}


def _emit_dns_resolve_ip(
    function: Function, fields: Fields, context: MacroContext
) -> str:
    """``$(dns-resolve-ip [--use-dns yes] … address)``."""
    options, rest = take_options(function, {}, _HOST_OPTIONS)
    switches: dict[str, bool] = {}
    for name, value in options.items():
        switch = (_YES | _NO).get(value.lower())
        if switch is None:
            raise TemplateError(f"$(dns-resolve-ip): --{name} is yes or no")
        switches[name] = switch
    if switches.get("dns-cache") is False:
        raise TemplateError(
            "$(dns-resolve-ip) always has a cache: a name is looked up while messages "
            "go on"
        )
    if len(rest.arguments) != 1:
        raise TemplateError("$(dns-resolve-ip) takes one address")
    return emit_call(rest, context.directory.hosts(switches), fields, context)


def _emit_getent(function: Function, fields: Fields, context: MacroContext) -> str:
    """``$(getent passwd|group|services|protocols key [member])``."""
    if len(function.arguments) not in {2, 3}:
        raise TemplateError("$(getent) takes two or three arguments")
    database = function.raw[0]
    if database not in _DATABASES:
        raise TemplateError(f"$(getent) knows {', '.join(_DATABASES)}, not {database}")
    look_up = context.directory.entry

    def entry_of(key: bytes, member: bytes = b"") -> bytes:
        return look_up(database, key, member.decode("ascii", "replace"))

    rest = Function(
        function.name, function.arguments[1:], function.raw[1:], function.back
    )
    return emit_call(rest, entry_of, fields, context)


def _emit_geoip2(function: Function, fields: Fields, context: MacroContext) -> str:
    """``$(geoip2 [--database file] [--field path] address)``."""
    options, rest = take_options(
        function,
        {},
        {"--database": "database", "-d": "database", "--field": "field", "-f": "field"},
    )
    if len(rest.arguments) != 1:
        raise TemplateError("$(geoip2) takes one address")
    database = GeoDatabase(options.get("database", ""))
    field = tuple(options.get("field", DEFAULT_FIELD).split("."))

    def place_of(address: bytes) -> bytes:
        return database.field(address, field)

    return emit_call(rest, place_of, fields, context)


def _emit_slog(function: Function, fields: Fields, context: MacroContext) -> str:
    del function, fields, context
    raise TemplateError(
        "$(slog) is not supported: sign or encrypt files where they are kept, "
        "or send messages over tls()"
    )


LOOKUPS: dict[str, Plain | Special] = {
    "dns-resolve-ip": Special(_emit_dns_resolve_ip),
    "getent": Special(_emit_getent),
    "geoip2": Special(_emit_geoip2),
    "slog": Special(_emit_slog),
}
"""Functions that look something up, by name."""
