"""A certificate authority for tests, and what it issues."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Certificates:
    """A CA and what it issued, as files."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self._folder = folder
        self.ca = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.ca))

    def context(self, *identities: str, **options: object) -> ssl.SSLContext:
        """Return a server's context that demands a client certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(*identities, **options).configure_cert(context)
        self.authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def files(self, identity: str) -> tuple[Path, Path]:
        """Issue a certificate; return the paths of certificate and key."""
        issued = self.authority.issue_cert(identity)
        cert, key = (self._folder / f"{identity}.{kind}" for kind in ("pem", "key"))
        issued.cert_chain_pems[0].write_to_path(str(cert))
        issued.private_key_pem.write_to_path(str(key))
        return cert, key

    def client(self) -> str:
        """Return the tls() block of a client with a certificate."""
        cert, key = self.files("client.example")
        return f'tls(ca-file("{self.ca}") cert-file("{cert}") key-file("{key}"))'
