"""Options of tokens and of headers that Python code makes."""

from __future__ import annotations

import base64
from importlib.util import find_spec

from logferry.codegen.python.options import ClassOptions, check_class
from logferry.config.kinds import Block, Enum, Seconds, TextKind, YesNo
from logferry.config.schema import Option, Options, Scope

__all__ = [
    "AzureHeaderOptions",
    "AzureMonitorOptions",
    "AzureOptions",
    "CloudAuthOptions",
    "GcpOptions",
    "GcpServiceAccountOptions",
    "GcpUserManagedOptions",
    "OAuth2Options",
    "PythonHeaderOptions",
]


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


class AzureMonitorOptions(Options):
    """Tokens for Azure Monitor."""

    title = "monitor"

    tenant_id = Option(TextKind(), "", doc="The directory's id.", required=True)
    app_id = Option(TextKind(), "", doc="The application's id.", required=True)
    app_secret = Option(
        TextKind(), "", doc="Its secret.", required=True, aliases=("client-secret",)
    )
    scope = Option(
        TextKind(), "https://monitor.azure.com//.default", doc="What the token is for."
    )
    auth_url = Option(
        TextKind("a URL"),
        "",
        doc="Where tokens are asked for; the default is that of the tenant.",
    )


class AzureOptions(Options):
    """Tokens of Azure."""

    title = "azure"

    monitor = Option(Block(AzureMonitorOptions), None, doc="For Azure Monitor.")


class GcpUserManagedOptions(Options):
    """Tokens of the service account that a machine of Google's cloud runs as."""

    title = "user-managed-service-account"

    name = Option(TextKind(), "default", doc="The account's name or e-mail address.")
    metadata_url = Option(
        TextKind("a URL"),
        "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts",
        doc="Where the machine's metadata server answers.",
    )


class GcpServiceAccountOptions(Options):
    """Tokens that a service account of Google's cloud makes with its own key."""

    title = "service-account"

    key = Option(
        TextKind("a path"),
        "",
        doc="The account's key file, JSON.",
        required=True,
        is_read=True,
    )
    audience = Option(TextKind(), "", doc="Whom the token is for (``aud``).")
    scope = Option(TextKind(), "", doc="What the token is for.")
    token_validity_duration = Option(
        Seconds(minimum=1), 3600.0, doc="How long a token is good.", unit="s"
    )

    def check(self, scope: Scope) -> None:
        """Report a token that is for nothing, and what is missing to sign it."""
        span = self.given.get("key", self.span)
        if not self.audience and not self.scope:
            scope.diagnostics.error(
                "service-account() has neither audience() nor scope()",
                span,
                'write audience("https://…"), as the service\'s page says',
            )
        if find_spec("cryptography") is None:
            scope.diagnostics.error(
                "service-account() needs the package cryptography",
                span,
                "install logferry[gcp]",
            )


class GcpOptions(Options):
    """Tokens of Google's cloud."""

    title = "gcp"

    user_managed_service_account = Option(
        Block(GcpUserManagedOptions), None, doc="The account of the machine."
    )
    service_account = Option(
        Block(GcpServiceAccountOptions), None, doc="An account with a key file."
    )


class AzureHeaderOptions(Options):
    """Signed requests to the HTTP Data Collector API of Azure Monitor."""

    title = "azure-auth-header"

    workspace_id = Option(TextKind(), "", doc="The workspace's id.", required=True)
    secret = Option(
        TextKind("a key in base64"), "", doc="The workspace's key.", required=True
    )
    method = Option(TextKind(), "POST", doc="The method that is signed.")
    path = Option(TextKind("a path"), "/api/logs", doc="The path that is signed.")
    content_type = Option(
        TextKind(), "application/json", doc="The content type that is signed."
    )

    def check(self, scope: Scope) -> None:
        """Report a key that is none."""
        try:
            base64.b64decode(self.secret, validate=True)
        except ValueError:
            scope.diagnostics.error(
                "the secret is not base64", self.given.get("secret", self.span)
            )


class CloudAuthOptions(Options):
    """Where requests get their tokens from."""

    title = "cloud-auth"

    oauth2 = Option(Block(OAuth2Options), None, doc="OAuth 2 client credentials.")
    azure = Option(Block(AzureOptions), None, doc="Tokens of Azure.")
    gcp = Option(Block(GcpOptions), None, doc="Tokens of Google's cloud.")


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
