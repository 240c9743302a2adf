"""Functions that encode: hashes, base64, URLs, addresses as numbers."""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import urllib.parse
import uuid
from typing import TYPE_CHECKING

from logferry.codegen.functions.registry import Plain, Special, take_options
from logferry.codegen.functions.text import emit_call
from logferry.codegen.template_text import Function, TemplateError

if TYPE_CHECKING:
    from logferry.codegen.fields import Fields
    from logferry.codegen.macros import MacroContext

__all__ = ["ENCODING"]


def _hash(algorithm: str) -> Special:
    def emit(function: Function, fields: Fields, context: MacroContext) -> str:
        options, rest = take_options(
            function, {}, {"-l": "length", "--length": "length"}
        )
        length = None
        if "length" in options:
            if not options["length"].isdigit():
                raise TemplateError(f"$({function.name}): --length needs a number")
            length = int(options["length"]) or None
        if not rest.arguments:
            raise TemplateError(f"$({function.name}) needs an argument")

        if algorithm not in hashlib.algorithms_available:
            raise TemplateError(f"$({function.name}): this OpenSSL has no {algorithm}")

        def digest(*values: bytes) -> bytes:
            text = hashlib.new(
                algorithm, b"".join(values), usedforsecurity=False
            ).hexdigest()
            return text[:length].encode()

        return emit_call(rest, digest, fields, context)

    return Special(emit)


def _ipv4_to_int(*values: bytes) -> bytes:
    numbers = []
    for value in values:
        try:
            numbers.append(
                b"%d" % int(ipaddress.IPv4Address(value.decode("ascii", "replace")))
            )
        except ValueError:
            numbers.append(b"")
    return b",".join(numbers)


def _url_encode(*values: bytes) -> bytes:
    return b"".join(
        urllib.parse.quote_from_bytes(value, "").encode() for value in values
    )


def _url_decode(*values: bytes) -> bytes:
    decoded = []
    for value in values:
        parts = value.split(b"%")
        if any(not _is_hex(part[:2]) for part in parts[1:]):
            decoded.append(b"")  # as the reference: nothing for what is no URL text
        else:
            decoded.append(urllib.parse.unquote_to_bytes(value))
    return b"".join(decoded)


def _is_hex(digits: bytes) -> bool:
    return len(digits) == 2 and all(
        digit in b"0123456789abcdefABCDEF" for digit in digits
    )


def _base64_decode(*values: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(values))
    except binascii.Error:
        return b""


ENCODING: dict[str, Plain | Special] = {
    "hash": _hash("sha256"),
    "md4": _hash("md4"),
    "md5": _hash("md5"),
    "sha1": _hash("sha1"),
    "sha256": _hash("sha256"),
    "sha512": _hash("sha512"),
    "ipv4-to-int": Plain(_ipv4_to_int),
    "url-encode": Plain(_url_encode, 1),
    "urlencode": Plain(_url_encode, 1),
    "url-decode": Plain(_url_decode, 1),
    "base64-encode": Plain(lambda *values: base64.b64encode(b"".join(values)), 1),
    "base64-decode": Plain(_base64_decode, 1),
    "uuid": Plain(lambda: str(uuid.uuid4()).encode(), 0, 0),
}
"""Functions that encode, by name."""
