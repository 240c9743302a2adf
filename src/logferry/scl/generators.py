"""
Blocks whose text depends on their arguments, or on the machine.

Each function gets the arguments of a block as text and returns configuration (see
``@module confgen`` in the library's files). What is handed on unchanged is handed on
as a reference between backticks: so it keeps its quotes, and its place in messages.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from logferry.errors import LogferryError

__all__ = [
    "default_network_drivers",
    "loki",
    "splunk_hec_raw",
    "system",
]

_pair = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'[^']*'|[^\s,=]+)\s*=>\s*("(?:[^"\\]|\\.)*"|'[^']*'|[^\s,]+)"""
)


def system(**more: str) -> str:
    """Return the drivers of this machine's own messages."""
    options = _options(more)
    if Path("/run/systemd/journal").is_dir():
        return f'unix-dgram("/run/systemd/journal/syslog" {options});'
    drivers = [f'unix-dgram("/dev/log" {options});']
    kernel = Path("/proc/kmsg")
    if os.access(kernel, os.R_OK):
        drivers.append(f'file("{kernel}" program-override("kernel") flags(kernel));')
    return "\n".join(drivers)


def default_network_drivers(
    *,
    udp_port: str = "514",
    tcp_port: str = "514",
    rfc5424_tls_port: str = "6514",
    rfc5424_tcp_port: str = "601",
    max_connections: str = "10",
    log_iw_size: str = "1000",
    log_msg_size: str = "65536",
    flags: str = "",
    tls: str = "",
    hook_commands: str = "",
    **more: str,
) -> str:
    """
    Return the listeners on the usual ports; TLS only when there are keys.

    With ``auto-parse(yes)`` messages go through the parsers of applications: those of
    raw messages first, as such a message may be no syslog at all.
    """
    asked = {name: more.pop(name) for name in _APP_PARSER if name in more}
    is_asking = asked.get("auto_parse", "no") in {"yes", "on", "true", "1"}
    given = {"flags": flags, "hook_commands": hook_commands, **more}
    more = {name: value for name, value in given.items() if value}
    shared = f"log-msg-size({log_msg_size}) {_options(more)}"
    raw = {name: value for name, value in more.items() if name != "flags"}
    unparsed = "no-parse, `flags`" if flags else "no-parse"
    legacy = (
        f"log-msg-size({log_msg_size}) flags({unparsed}) {_options(raw)}"
        if is_asking
        else shared
    )
    window = f"max-connections({max_connections}) log-iw-size({log_iw_size})"
    drivers = [
        f'network(transport("udp") port({udp_port}) {legacy});',
        f'network(transport("tcp") port({tcp_port}) {window} {legacy});',
    ]
    modern = [f'syslog(transport("tcp") port({rfc5424_tcp_port}) {window} {shared});']
    if tls:
        modern.append(
            f'syslog(transport("tls") port({rfc5424_tls_port}) tls(`tls`) {window} '
            f"{shared});"
        )
    if not is_asking:
        return "\n".join(drivers + modern)
    options = _options(asked)
    programs = f"parser {{ app-parser(topic(syslog) {options}); }};"
    return f"""
    channel {{
        source {{ {" ".join(drivers)} }};
        if {{
            parser {{ app-parser(topic(syslog-raw) {options}); }};
        }} else {{
            parser {{ syslog-parser(flags(syslog-protocol)); }};
            if {{ parser {{ ewmm-parser(); }}; }} elif {{ {programs} }} else {{ }};
        }};
    }};
    channel {{
        source {{ {" ".join(modern)} }};
        if {{ {programs} }};
    }};"""


_APP_PARSER = (
    "auto_parse",
    "auto_parse_exclude",
    "auto_parse_include",
    "allow_overlaps",
    "permissive",
)
"""What ``app-parser()`` takes besides its topic."""


def splunk_hec_raw(
    *,
    url: str,
    token: str,
    channel: str,
    template: str = "${MSG}",
    default_index: str = "",
    default_source: str = "",
    default_sourcetype: str = "",
    content_type: str = "text/plain",
    extra_headers: str = "",
    extra_queries: str = "",
    **more: str,
) -> str:
    """Return an ``http()`` whose URL carries what is the same for all lines."""
    queries = [
        f"{name}={value}"
        for name, value in (
            ("index", default_index),
            ("source", default_source),
            ("sourcetype", default_sourcetype),
            ("channel", channel),
        )
        if value
    ]
    headers = "`extra_headers`" if extra_headers else ""
    query = "&".join(queries) + extra_queries
    return f"""http(
        url({_quote(f"{url}/services/collector/raw?{query}")})
        method("POST")
        headers({_quote(f"Authorization: Splunk {token}")}
            {_quote(f"Content-Type: {content_type}")}
            {_quote(f"X-Splunk-Request-Channel: {channel}")} {headers})
        body({_quote(template)})
        delimiter("\\n") workers(8) batch-lines(5000) batch-bytes(4096kB)
        batch-timeout(300) timeout(10)
        {_options(more)}
    );"""


_STAMPS = {"current": "C", "received": "R", "msg": "S"}


def loki(
    *,
    url: str,
    labels: str = '"app" => "$PROGRAM" "host" => "$HOST"',
    template: str = "$ISODATE $HOST $MSGHDR$MSG",
    timestamp: str = "current",
    tenant_id: str = "",
    auth: str = "",
    **more: str,
) -> str:
    """
    Return an ``http()`` that pushes each message as a value of its stream.

    ``auth`` is what the reference's gRPC driver takes: ``insecure()`` or ``tls(…)``.
    """
    how, _, inside = auth.partition("(")
    if how.strip() not in {"", "insecure", "tls"}:
        raise LogferryError(f"auth() is insecure() or tls() here, not {how}()")
    tls = f"tls({inside}" if how.strip() == "tls" else ""
    scheme = "https" if tls else "http"
    stamp = _STAMPS.get(timestamp.strip("\"'"))
    if stamp is None:
        raise ValueError("timestamp() is current, received or msg")
    names = " ".join(
        f"{_plain(key)}={_argument(_plain(value))}"
        for key, value in _pair.findall(labels)
    )
    base = url.rstrip("/") if "://" in url else f"{scheme}://{url.rstrip('/')}"
    line = f"$(substr $(format-json --scope none m={_argument(template)}) 5 -1)"
    body = (
        f'{{"stream":$(format-json --scope none {names}),'
        f'"values":[["${{{stamp}_UNIXTIME}}${{{stamp}_USEC}}000",{line}]]}}'
    )
    tenant = _quote(f"X-Scope-OrgID: {tenant_id}") if tenant_id else ""
    return f"""http(
        url({_quote(f"{base}/loki/api/v1/push")})
        method("POST")
        headers("Content-Type: application/json" {tenant})
        body-prefix('{{"streams":[')
        body({_quote(body)})
        delimiter(",")
        body-suffix(']}}')
        batch-lines(1000) batch-timeout(1000) timeout(10) {tls}
        {_options(more)}
    );"""


def _options(more: dict[str, str]) -> str:
    """Return arguments as they were written, for the driver inside."""
    return " ".join(f"{name.replace('_', '-')}(`{name}`)" for name in more)


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _plain(text: str) -> str:
    """Return a string of the configuration without its quotes."""
    return text[1:-1] if text[:1] in "\"'" and len(text) > 1 else text


def _argument(text: str) -> str:
    """Return a template as one argument of a template function."""
    return f'"{text}"' if re.search(r"\s", text) else text
