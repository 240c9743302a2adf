"""The ``tls()`` block of network drivers (reference: tls() options)."""

from __future__ import annotations

from logferry.config.ciphers import CipherSuite
from logferry.config.kinds import Enum, Flags, Pairs, TextKind, Words, YesNo
from logferry.config.schema import Option, Options, Scope

__all__ = ["TlsOptions"]

_PATH = TextKind("a path")


class TlsOptions(Options):
    """Keys, certificates and what is demanded of the other side."""

    title = "tls"

    key_file = Option(_PATH, "", doc="Our private key, PEM.", is_read=True)
    cert_file = Option(
        _PATH, "", doc="Our certificate and its chain, PEM.", is_read=True
    )
    pkcs12_file = Option(_PATH, "", doc="Our key, certificate and CAs in one file.")
    ca_dir = Option(
        _PATH, "", doc="Trusted CAs: a directory with OpenSSL hashes.", is_read=True
    )
    ca_file = Option(_PATH, "", doc="Trusted CAs: a PEM bundle.", is_read=True)
    crl_dir = Option(
        _PATH, "", doc="Revocation lists: a directory with hashes.", is_read=True
    )
    dhparam_file = Option(
        _PATH, "", doc="Diffie-Hellman parameters of a listener.", is_read=True
    )
    ecdh_curve_list = Option(
        TextKind(), "", doc="Curves to offer, colon separated.", aliases=("curve-list",)
    )
    cipher_suite = Option(CipherSuite(), "", doc="Ciphers of TLS 1.2 and older.")
    sigalgs = Option(
        TextKind(),
        "",
        doc="Signature algorithms.",
        no_effect="Python's ssl module does not offer them",
    )
    client_sigalgs = Option(
        TextKind(),
        "",
        doc="Signature algorithms of clients.",
        no_effect="Python's ssl module does not offer them",
    )
    ssl_version = Option(
        Enum(
            ("default", "tlsv1_0", "tlsv1_1", "tlsv1_2", "tlsv1_3", "sslv3"),
            (("tlsv1", "tlsv1_0"),),
        ),
        "default",
        doc="The oldest protocol version that is spoken.",
    )
    ssl_options = Option(
        Flags(
            (
                "no-sslv2",
                "no-sslv3",
                "no-tlsv1",
                "no-tlsv11",
                "no-tlsv12",
                "no-tlsv13",
                "ignore-unexpected-eof",
                "ignore-hostname-mismatch",
                "ignore-validity-period",
                "none",
            )
        ),
        frozenset({"no-sslv2"}),
        doc="Protocol versions to refuse, and checks to leave out.",
    )
    peer_verify = Option(
        Enum(
            (
                "required-trusted",
                "required-untrusted",
                "optional-trusted",
                "optional-untrusted",
            ),
            (
                ("yes", "required-trusted"),
                ("on", "required-trusted"),
                ("no", "optional-untrusted"),
                ("off", "optional-untrusted"),
                ("none", "optional-untrusted"),
            ),
        ),
        "required-trusted",
        doc="What the peer's certificate must be: yes means present and trusted.",
    )
    trusted_keys = Option(
        Words(), (), doc="Fingerprints; a trusted certificate must also be among them."
    )
    trusted_fingerprints = Option(
        Words(), (), doc="Fingerprints that are accepted, whatever the chain says."
    )
    trusted_dn = Option(Words(), (), doc="Patterns of subject names that are accepted.")
    allow_compress = Option(
        YesNo(),
        default=False,
        doc="TLS compression.",
        no_effect="OpenSSL is built without it, for good reasons (CRIME)",
    )
    keylog_file = Option(_PATH, "", doc="Write session keys here, for debugging.")
    sni = Option(
        YesNo(),
        default=True,
        doc="Send the server's name in the handshake; it is always sent, because the "
        "check of the certificate's name needs it.",
    )
    ocsp_stapling_verify = Option(
        YesNo(),
        default=False,
        doc="Demand a stapled OCSP answer.",
        no_effect="Python's ssl module cannot read stapled answers",
    )
    extended_key_usage_verify = Option(
        YesNo(),
        default=False,
        doc="Check the extended key usage of the peer's certificate.",
        no_effect="OpenSSL's purpose check, which is always on, covers it",
    )
    openssl_conf_cmds = Option(
        Pairs(),
        (),
        doc="OpenSSL configuration commands.",
        no_effect="Python's ssl module does not offer them",
    )

    def check(self, scope: Scope) -> None:
        """Report what Python's ssl module cannot do."""
        if "sni" in self.given and not self.sni:
            scope.diagnostics.warning(
                "sni(no) has no effect: the server's name is always sent",
                self.given["sni"],
                rule="no-effect",
            )
        if self.pkcs12_file:
            scope.diagnostics.error(
                "pkcs12-file() cannot be read: Python's ssl module knows PEM only",
                self.given["pkcs12_file"],
                f"openssl pkcs12 -in {self.pkcs12_file} -nodes -out own.pem, and write"
                ' key-file("own.pem") cert-file("own.pem")',
            )
