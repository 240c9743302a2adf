"""
TLS on memory buffers: contexts from options, and a pipe between bytes and bytes.

TLS runs under our own transport (``ssl.MemoryBIO``), not inside the event loop's, so
that the number of cipher bytes of each write is known: only with it can the peer's
kernel acknowledgement be translated back into messages.

Name checks are OpenSSL's (SAN first, CN when there is no SAN), against each server's
own name or address.
"""

from __future__ import annotations

import fnmatch
import hashlib
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, cast

from logferry.errors import TlsFailed

if TYPE_CHECKING:
    from logferry.runtime.tls_options import TlsOptions

__all__ = ["TlsPipe", "client_context", "server_context", "verify_peer"]

_READ_SIZE = 256 * 1024
_VERSIONS = {
    "tlsv1_0": ssl.TLSVersion.TLSv1,
    "tlsv1_1": ssl.TLSVersion.TLSv1_1,
    "tlsv1_2": ssl.TLSVersion.TLSv1_2,
    "tlsv1_3": ssl.TLSVersion.TLSv1_3,
    "sslv3": ssl.TLSVersion.SSLv3,
}
_REFUSE = {
    "no-tlsv1": ssl.OP_NO_TLSv1,
    "no-tlsv11": ssl.OP_NO_TLSv1_1,
    "no-tlsv12": ssl.OP_NO_TLSv1_2,
    "no-tlsv13": ssl.OP_NO_TLSv1_3,
}


def client_context(options: TlsOptions) -> ssl.SSLContext:
    """
    Make the context of connections that we open.

    Raises ``TlsFailed`` when a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusted = options.peer_verify.endswith("-trusted")
    fingerprints = bool(options.trusted_fingerprints)
    context.check_hostname = (
        trusted
        and not fingerprints
        and "ignore-hostname-mismatch" not in options.ssl_options
    )
    # With fingerprints, trust is decided after the handshake (verify_peer).
    context.verify_mode = (
        ssl.CERT_REQUIRED if trusted and not fingerprints else ssl.CERT_NONE
    )
    _configure(context, options)
    return context


def server_context(options: TlsOptions, password: str | None = None) -> ssl.SSLContext:
    """
    Make the context of connections that we accept.

    Raises ``TlsFailed`` when a file cannot be used or the key needs a passphrase.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = {
        "required-trusted": ssl.CERT_REQUIRED,
        "optional-trusted": ssl.CERT_OPTIONAL,
    }.get(options.peer_verify, ssl.CERT_NONE)
    _configure(context, options, password)
    if options.dhparam_file:
        try:
            context.load_dh_params(options.dhparam_file)
        except (OSError, ssl.SSLError) as error:
            raise TlsFailed(
                f"cannot read dhparam-file('{options.dhparam_file}'): {error}"
            ) from error
    return context


def _configure(
    context: ssl.SSLContext, options: TlsOptions, password: str | None = None
) -> None:
    context.minimum_version = _VERSIONS.get(options.ssl_version, ssl.TLSVersion.TLSv1_2)
    # A renegotiation (TLS 1.2) would stop our writing until it is over, and lets a
    # peer burn our time (CVE-2011-1473); TLS 1.3 has none.
    context.options |= ssl.OP_NO_RENEGOTIATION
    for flag in options.ssl_options:
        context.options |= _REFUSE.get(flag, 0)
    if "ignore-unexpected-eof" in options.ssl_options:
        context.options |= getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    try:
        _load_files(context, options, password)
        if options.cipher_suite:
            context.set_ciphers(options.cipher_suite)
        if options.ecdh_curve_list:
            context.set_ecdh_curve(options.ecdh_curve_list.split(":")[0])
    except (OSError, ValueError, ssl.SSLError) as error:
        raise TlsFailed(f"cannot use the tls() options: {error}") from error
    if options.keylog_file:
        context.keylog_filename = options.keylog_file


def _load_files(
    context: ssl.SSLContext, options: TlsOptions, password: str | None
) -> None:
    if options.ca_file or options.ca_dir:
        context.load_verify_locations(options.ca_file or None, options.ca_dir or None)
    elif context.verify_mode is not ssl.CERT_NONE:
        context.load_default_certs(
            ssl.Purpose.SERVER_AUTH
            if context.protocol is ssl.PROTOCOL_TLS_CLIENT
            else ssl.Purpose.CLIENT_AUTH
        )
    if options.crl_dir and any(Path(options.crl_dir).iterdir()):
        context.load_verify_locations(capath=options.crl_dir)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    if options.cert_file:
        context.load_cert_chain(
            options.cert_file,
            options.key_file or None,
            # Never ask on a terminal: a daemon has none.
            password=(lambda: password or ""),
        )


def verify_peer(pipe: TlsPipe, options: TlsOptions) -> None:
    """
    Apply what OpenSSL does not check: fingerprints and subject names.

    Raises ``TlsFailed`` when the peer's certificate is not acceptable.
    """
    certificate = pipe.peer_certificate()
    lists = (*options.trusted_keys, *options.trusted_fingerprints)
    if lists and not _is_listed(certificate, lists):
        raise TlsFailed(
            "Certificate valid, but fingerprint constraints were not met, rejecting"
        )
    if options.trusted_dn:
        subject = pipe.peer_subject()
        if not any(fnmatch.fnmatchcase(subject, item) for item in options.trusted_dn):
            raise TlsFailed(
                "Certificate valid, but DN constraints were not met, rejecting: "
                + subject
            )


def _is_listed(certificate: bytes, fingerprints: tuple[str, ...]) -> bool:
    for fingerprint in fingerprints:
        name, _, digits = fingerprint.partition(":")
        try:
            digest = hashlib.new(name.lower().replace("-", ""), certificate)
        except ValueError:
            continue
        if digest.hexdigest().upper() == digits.replace(":", "").upper():
            return True
    return False


class TlsPipe:
    """
    One TLS connection without a socket: feed cipher bytes, take cipher bytes.

    Call ``feed`` with what the socket brought, then ``do_handshake`` until it
    returns true, ``read`` and ``write``; after each of them send what ``take``
    returns. Every OpenSSL error is raised as ``TlsFailed``.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        server_name: str | None = None,
    ) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming, self._outgoing, server_side, server_name
        )
        self.is_open = False
        self.at_eof = False

    @property
    def is_one_sided(self) -> bool:
        """The handshake may be over for us and not for the server (TLS 1.3)."""
        return self._object.version() == "TLSv1.3"

    def feed(self, data: bytes) -> None:
        """Take cipher bytes from the socket; an empty chunk is its end."""
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def take(self) -> bytes:
        """Return the cipher bytes to send now, maybe none."""
        return self._outgoing.read()

    def do_handshake(self) -> bool:
        """Go on with the handshake; true when it is complete."""
        if not self.is_open:
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                return False
            except (ssl.SSLError, ssl.CertificateError) as error:
                raise TlsFailed(describe_ssl_error(error)) from error
            self.is_open = True
        return True

    def read(self) -> bytes:
        """Return plain bytes that are complete; empty when there are none yet."""
        chunks = []
        try:
            while True:
                chunk = self._object.read(_READ_SIZE)
                if not chunk:
                    self.at_eof = True
                    break
                chunks.append(chunk)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.at_eof = True
        except ssl.SSLError as error:
            if chunks:  # deliver first, the error comes again with the next read
                return b"".join(chunks)
            raise TlsFailed(describe_ssl_error(error)) from error
        return b"".join(chunks) if len(chunks) != 1 else chunks[0]

    def write(self, data: bytes | memoryview) -> int:
        """
        Encrypt ``data`` and return how many cipher bytes now wait in ``take``.

        OpenSSL makes records of at most 16 KiB (RFC 8446, 5.1); a caller that wants
        to know where each record ends writes in pieces of that size.
        """
        try:
            written = self._object.write(data)
        except ssl.SSLError as error:
            raise TlsFailed(describe_ssl_error(error)) from error
        # A memory buffer takes everything: a short write cannot happen.
        assert written == len(data)
        return self._outgoing.pending

    def close(self) -> None:
        """Put a close_notify into the outgoing bytes; the answer is not awaited."""
        try:
            self._object.unwrap()
        except (ssl.SSLError, ValueError):
            return

    def peer_certificate(self) -> bytes:
        """Return the peer's certificate in DER, empty when it sent none."""
        return self._object.getpeercert(binary_form=True) or b""

    def peer_subject(self) -> str:
        """Return the subject as ``CN=…, O=…``; empty when it is not known."""
        certificate = self._object.getpeercert() or {}
        names = {"commonName": "CN", "organizationName": "O", "countryName": "C"}
        names["organizationalUnitName"] = "OU"
        parts = cast(
            "tuple[tuple[tuple[str, str], ...], ...]", certificate.get("subject", ())
        )
        return ", ".join(
            f"{names.get(key, key)}={value}" for part in parts for key, value in part
        )


def describe_ssl_error(error: ssl.SSLError) -> str:
    """Return OpenSSL's reason in words, without Python's source positions."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"Certificate validation failed: {error.verify_message}"
    reason = error.reason or (error.args[-1] if error.args else "unknown error")
    return str(reason).replace("_", " ").lower()
