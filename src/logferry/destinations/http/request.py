"""
What a request looks like: URL, headers and body of a batch for a target.

Everything that depends only on target and key is made once for each of them and kept
(``Prepared``); a static URL with static headers is made once at all. The body is the
joined records with prefix and suffix, compressed where that was asked for.
"""

from __future__ import annotations

import base64
import gzip
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from multidict import CIMultiDict
from yarl import URL

import logferry
from logferry.config.nodes import TemplateText
from logferry.destinations.http.url import (
    ValueTemplate,
    key_template,
    values_of_key,
)
from logferry.message.batch import RecordBatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from logferry.destinations.http.options import HttpDestinationOptions

__all__ = [
    "Prepared",
    "Requests",
    "body_template",
    "buckets_of",
    "compressor",
    "encode_head",
    "head_of",
    "key_of",
    "partition_of",
]

_PREPARED_MAX: Final = 4096
"""Keys whose URLs and headers are remembered."""

_SYSLOG_HEADERS: Final = (
    ("X-Syslog-Host", "${HOST}"),
    ("X-Syslog-Program", "${PROGRAM}"),
    ("X-Syslog-Facility", "${FACILITY}"),
    ("X-Syslog-Level", "${LEVEL}"),
)
_FORBIDDEN: Final = "\r\n\0"
_ENCODINGS: Final = {
    "all": "gzip, deflate",
    "gzip": "gzip",
    "deflate": "deflate",
    "identity": "identity",
}


def key_of(options: HttpDestinationOptions) -> TemplateText | None:
    """Return the template of routing keys, ``None`` when all records have the same."""
    expressions = [*partition_of(options), *buckets_of(options)]
    if options.is_batched:
        expressions += _request_expressions(options)
    if not expressions:
        return None
    return TemplateText(key_template(expressions), options.span)


def head_of(options: HttpDestinationOptions) -> TemplateText | None:
    """Return the template of the line before each record that travels alone."""
    if options.is_batched:
        return None
    expressions = [
        *_request_expressions(options),
        *(text for _, text in _SYSLOG_HEADERS),
    ]
    return TemplateText(key_template(expressions), options.span)


def partition_of(options: HttpDestinationOptions) -> tuple[str, ...]:
    """Return the expressions of ``worker-partition-key()``."""
    if options.worker_partition_key is None:
        return ()
    return ValueTemplate(options.worker_partition_key.text).expressions


def buckets_of(options: HttpDestinationOptions) -> tuple[str, ...]:
    """Return the expressions of ``worker-partition-buckets()``."""
    if options.worker_partition_buckets is None or options.ordered:
        return ()
    return ValueTemplate(options.worker_partition_buckets.text).expressions


def _request_expressions(options: HttpDestinationOptions) -> list[str]:
    """Return what URLs, headers and prefix need to know of messages."""
    return [
        *(
            text
            for target in options.targets()
            for url in target.url
            for text in url.expressions
        ),
        *(
            text
            for header in _headers_of(options)
            for text in ValueTemplate(header).expressions
        ),
        *ValueTemplate(options.body_prefix.text).expressions,
    ]


def body_template(options: HttpDestinationOptions) -> TemplateText:
    """Return the template of one record: the body, and the delimiter in batches."""
    body = options.body
    if not options.is_batched:
        return body
    delimiter = options.delimiter.replace("$", "$$")
    return TemplateText(body.text + delimiter, body.span, body.hint)


def _headers_of(options: HttpDestinationOptions) -> tuple[str, ...]:
    return options.headers + tuple(
        header for target in options.targets() for header in target.headers
    )


def compressor(name: str) -> Callable[[bytes], bytes] | None:
    """Return what compresses a body for ``Content-Encoding`` ``name``."""
    match name:
        case "gzip":
            # A fixed time stamp: the same body is the same bytes when sent again.
            return lambda body: gzip.compress(body, 6, mtime=0)
        case "deflate":
            return lambda body: zlib.compress(body, 6)
        case "zstd":
            import zstandard  # an extra, and only some need it

            return zstandard.ZstdCompressor().compress
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Prepared:
    """URL, headers, request head and body prefix of one target and key."""

    url: URL
    headers: CIMultiDict[str]
    head: bytes
    prefix: bytes


class Requests:
    """Makes the requests of one destination."""

    def __init__(self, options: HttpDestinationOptions) -> None:
        self._options = options
        self._targets = options.targets()
        self._headers = [
            [_header_template(text) for text in (*options.headers, *target.headers)]
            for target in self._targets
        ]
        self._prefix = ValueTemplate(options.body_prefix.text)
        self._suffix = options.body_suffix.encode("utf-8", "surrogateescape")
        self._delimiter = options.delimiter.encode("utf-8", "surrogateescape")
        self._compress = compressor(options.content_compression)
        self.method = options.method.upper()
        if self.method not in {"POST", "PUT"}:
            self.method = "POST"
        self.prepared = lru_cache(maxsize=_PREPARED_MAX)(self._prepare)

    @staticmethod
    def split_head(record: bytes) -> tuple[bytes, bytes]:
        """Return the line before a record that travels alone, and the record."""
        head, _, body = record.partition(b"\n")
        return head, body

    def without_delimiter(self, records: bytes) -> bytes:
        """Return joined records without the last delimiter."""
        return records.removesuffix(self._delimiter)

    def revive(self, payload: bytes, key: str) -> RecordBatch:
        """Return the record that a dead letter was made of."""
        line = key.encode("utf-8", "surrogateescape")
        if self._options.is_batched:
            return RecordBatch.of([payload + self._delimiter], line)
        return RecordBatch.of([line + b"\n" + payload])

    def _prepare(self, position: int, key: bytes) -> Prepared:
        """Return what target number ``position`` is sent for ``key``."""
        target, options = self._targets[position], self._options
        values = values_of_key(key)
        url = target.url[0]
        headers: CIMultiDict[str] = CIMultiDict(
            {
                "User-Agent": options.user_agent or f"logferry/{logferry.__version__}",
                "Accept": "*/*",
                "Accept-Encoding": _ENCODINGS[options.accept_encoding],
                "Content-Type": "application/x-www-form-urlencoded",
            }
        )
        user, password = options.user or url.user, options.password or url.password
        if user:
            pair = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
            headers["Authorization"] = f"Basic {pair}"
        if not options.is_batched:
            for name, text in _SYSLOG_HEADERS:
                headers[name] = _header_value(ValueTemplate(text).fill(values))
        given = {name.lower() for name, _ in self._headers[position]}
        for name in [item for item in headers if item.lower() in given]:
            del headers[name]
        for name, template in self._headers[position]:
            value = _header_value(template.fill(values))
            if value:
                headers.add(name, value)
        prefix = self._prefix.fill(values).encode("utf-8", "surrogateescape")
        filled = URL(url.fill_encoded(values), encoded=True)
        head = encode_head(self.method, filled, headers)
        return Prepared(filled, headers, head, prefix)

    def body(self, prepared: Prepared, records: bytes) -> tuple[bytes, str]:
        """Return the body of a batch and its content encoding, empty for none."""
        body = records
        if prepared.prefix or self._suffix:
            body = b"".join((prepared.prefix, records, self._suffix))
        if self._compress is None:
            return body, ""
        packed = self._compress(body)
        if len(packed) < len(body) or self._options.force_content_compression:
            return packed, self._options.content_compression
        return body, ""


def _header_template(text: str) -> tuple[str, ValueTemplate]:
    name, _, value = text.partition(":")
    return name.strip(), ValueTemplate(value.strip())


def _header_value(text: str) -> str:
    """Return ``text`` as it may stand in a header: control characters are spaces."""
    return "".join(char if char.isprintable() else " " for char in text).strip()


def encode_head(method: str, url: URL, headers: CIMultiDict[str]) -> bytes:
    """
    Return a request as bytes, up to the value of ``Content-Length``.

    Raises ``ValueError`` when a header would not be one line.
    """
    lines = [
        f"{method} {url.raw_path_qs} HTTP/1.1",
        f"Host: {url.host_port_subcomponent}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    for line in lines:
        if any(char in line for char in _FORBIDDEN):
            raise ValueError(f"{line!r} is no line of a request")
    return ("\r\n".join(lines) + "\r\nContent-Length: ").encode("utf-8")
