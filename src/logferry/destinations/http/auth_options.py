"""Options of tokens and of headers that Python code makes."""

from __future__ import annotations

from logferry.codegen.python.options import ClassOptions, check_class
from logferry.config.kinds import Block, Enum, Seconds, TextKind, YesNo
from logferry.config.schema import Option, Options, Scope

__all__ = ["CloudAuthOptions", "OAuth2Options", "PythonHeaderOptions"]


class OAuth2Options(Options):
    """Tokens by the client credentials grant (RFC 6749, 4.4)."""

    title = "oauth2"

    client_id = Option(TextKind(), "", doc="Our name.", required=True)
    client_secret = Option(TextKind(), "", doc="Our secret.", required=True)
    token_url = Option(
        TextKind("a URL"), "", doc="Where tokens are asked for.", required=True
    )
    scope = Option(TextKind(), "", doc="What the token is for.")
    resource = Option(TextKind(), "", doc="What it is for (RFC 8707).")
    audience = Option(TextKind(), "", doc="What it is for, as some servers say.")
    authorization_details = Option(
        TextKind("JSON"), "", doc="What it is for, in detail (RFC 9396)."
    )
    auth_method = Option(
        Enum(("basic", "post-body")),
        "basic",
        doc="Name and secret go in a header or in the body.",
    )
    refresh_offset = Option(
        Seconds(), 60.0, doc="A token is replaced so long before its end.", unit="s"
    )


class CloudAuthOptions(Options):
    """Where requests get their tokens from."""

    title = "cloud-auth"

    oauth2 = Option(Block(OAuth2Options), None, doc="OAuth 2 client credentials.")


class PythonHeaderOptions(ClassOptions):
    """Headers made by a class of one's own, such as signatures."""

    title = "python-http-header"

    mark_errors_as_critical = Option(
        YesNo(),
        default=True,
        doc="Do not send a request whose headers could not be made.",
    )

    def check(self, scope: Scope) -> None:
        """Find the class."""
        check_class(self, self.class_, scope)
