"""TLS contexts of ``http()`` targets."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from logferry.errors import TlsFailed

if TYPE_CHECKING:
    from logferry.destinations.http.options import HttpTlsOptions

__all__ = ["context_of"]

_VERSIONS = {
    "tlsv1_0": ssl.TLSVersion.TLSv1,
    "tlsv1_1": ssl.TLSVersion.TLSv1_1,
    "tlsv1_2": ssl.TLSVersion.TLSv1_2,
    "tlsv1_3": ssl.TLSVersion.TLSv1_3,
}


def context_of(options: HttpTlsOptions) -> ssl.SSLContext:
    """
    Make the context of connections to one target.

    Raises ``TlsFailed`` when a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not options.peer_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if options.ssl_version != "default":
        context.minimum_version = _VERSIONS[options.ssl_version]
    name = ""
    try:
        if options.cipher_suite:
            name = options.cipher_suite
            context.set_ciphers(options.cipher_suite)
        if options.ca_file or options.ca_dir:
            name = options.ca_file or options.ca_dir
            context.load_verify_locations(
                options.ca_file or None, options.ca_dir or None
            )
        if options.use_system_cert_store or not (options.ca_file or options.ca_dir):
            context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        if options.cert_file:
            name = options.cert_file
            # An empty password: a key with a passphrase is an error, not a prompt.
            context.load_cert_chain(
                options.cert_file, options.key_file or None, password=""
            )
    except (OSError, ssl.SSLError) as error:
        raise TlsFailed(f"'{name}' cannot be used: {error}") from error
    return context
