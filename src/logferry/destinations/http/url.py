"""
URLs with templates in them, and the expressions whose values a routing key carries.

A queue keeps rendered records, and its routing keys must survive a change of the
configuration. So a key does not hold a finished URL but the values of the template
expressions that URLs, headers and prefixes use: ``%24%7BHOST%7D=web1&…``, both sides
percent-encoded. A :class:`UrlTemplate` is filled with them once for each key. An
expression that a stored key does not know is empty.

Expressions may stand in path, query and fragment. Scheme, host, port and credentials
decide who gets the logs, so they cannot come from a log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote

from logferry.codegen.template_text import Literal, parse_template, part_text

__all__ = [
    "TemplateInPlace",
    "UrlTemplate",
    "ValueTemplate",
    "key_template",
    "values_of_key",
]

_URL_SAFE = "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~"  # left as typed; the rest cannot be sent
_MARK = "\ue000"  # stands for an expression while the parts of a URL are told apart
_url = re.compile(
    r"(?P<scheme>[^:/?#]*)://"
    r"(?:(?P<user>[^/?#@:]*)(?::(?P<password>[^/?#@]*))?@)?"
    r"(?P<host>\[[^\]]*\]|[^:/?#]*)"
    r"(?::(?P<port>[^/?#]*))?"
    r"(?P<rest>.*)",
    re.DOTALL,
)


_without_scheme = re.compile(r"[A-Za-z0-9._-]+:\d+(?:/.*)?", re.DOTALL)


class TemplateInPlace(ValueError):
    """A URL cannot be used; the text says why."""


class ValueTemplate:
    """
    A template whose expressions get their values from a routing key.

    Raises ``TemplateError`` for text that is no template.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts: list[tuple[bool, str]] = []
        for part in parse_template(text):
            if isinstance(part, Literal):
                self._parts.append((False, part.text))
            else:
                self._parts.append((True, part_text(part)))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.text == getattr(other, "text", None)

    def __hash__(self) -> int:
        return hash(self.text)

    @property
    def expressions(self) -> tuple[str, ...]:
        """The expressions in order, as templates."""
        return tuple(text for is_expression, text in self._parts if is_expression)

    @property
    def is_static(self) -> bool:
        """It has no expressions."""
        return not self.expressions

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the text with plain values."""
        return "".join(
            unquote(values.get(text, ""), errors="surrogateescape")
            if is_expression
            else text
            for is_expression, text in self._parts
        )

    def fill_encoded(self, values: Mapping[str, str]) -> str:
        """Return the text with values as they stand in the key: percent-encoded."""
        return "".join(
            values.get(text, "") if is_expression else text
            for is_expression, text in self._parts
        )

    def marked(self) -> str:
        """Return the text with a mark for each expression."""
        return "".join(
            _MARK if is_expression else text for is_expression, text in self._parts
        )


class UrlTemplate(ValueTemplate):
    """
    A URL of a target.

    Raises ``TemplateInPlace`` when an expression stands where none may, or when it is
    no URL of ``http`` or ``https``.
    """

    def __init__(self, text: str) -> None:
        if _without_scheme.fullmatch(text):
            text = f"http://{text}"  # as curl reads it
        super().__init__(text)
        match = _url.fullmatch(self.marked())
        if match is None:
            raise TemplateInPlace(f"'{text}' is no URL")
        for part in ("scheme", "host", "port", "user", "password"):
            if _MARK in (match[part] or ""):
                raise TemplateInPlace(
                    f"{part} part of URL cannot contain templates: {text}"
                )
        if match["scheme"].lower() not in {"http", "https"}:
            raise TemplateInPlace(f"'{text}' is no URL of http or https")
        if not match["host"]:
            raise TemplateInPlace(f"'{text}' names no host")
        port = match["port"]
        if port and not (port.isdigit() and 0 < int(port) < 65536):
            raise TemplateInPlace(f"'{port}' is no port in {text}")
        self.is_tls = match["scheme"].lower() == "https"
        self.user = unquote(match["user"] or "")
        self.password = unquote(match["password"] or "")
        host = match["host"]
        try:
            host = host if host.isascii() else host.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise TemplateInPlace(f"'{host}' is no host name") from error
        self.base = f"{match['scheme'].lower()}://{host}{':' + port if port else ''}"
        self.name = self._without_credentials()
        self._parts[0] = (False, self._parts[0][1][match.start("rest") :])
        self._parts = [
            (is_expression, text if is_expression else quote(text, safe=_URL_SAFE))
            for is_expression, text in self._parts
        ]

    def _without_credentials(self) -> str:
        """Return the URL as it may stand in a log."""
        return re.sub(r"(?<=://)[^/?#@]*@", "", self.text, count=1)

    def fill_encoded(self, values: Mapping[str, str]) -> str:
        """Return the URL of one key, without credentials."""
        return self.base + super().fill_encoded(values)


def key_template(expressions: Iterable[str]) -> str:
    """Return the template of routing keys that carry ``expressions``, each once."""
    return "&".join(
        f"{quote(text, safe='')}={text}" for text in dict.fromkeys(expressions)
    )


def values_of_key(key: bytes) -> dict[str, str]:
    """Return the values in a routing key, still encoded, by expression."""
    pairs = (item.partition("=") for item in key.decode("ascii", "replace").split("&"))
    return {unquote(name): value for name, _, value in pairs if name}
