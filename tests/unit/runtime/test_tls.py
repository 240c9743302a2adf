"""Each handshake stands for itself."""

from __future__ import annotations

import ssl

import pytest
import trustme

from logferry.runtime.tls import TlsPipe, client_context
from logferry.runtime.tls_options import TlsOptions


def connect(client: ssl.SSLContext, server: ssl.SSLContext) -> ssl.SSLObject:
    """Connect two pipes; return the server's end after it has sent its tickets."""
    ours = TlsPipe(client, server_side=False, server_name="logs.example")
    theirs = TlsPipe(server, server_side=True)
    for _ in range(4):
        for one, other in ((ours, theirs), (theirs, ours)):
            one.do_handshake()
            if data := one.take():
                other.feed(data)
    assert ours.is_open
    assert ours.read() == b""  # takes the tickets in
    return theirs._object


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_no_session_is_resumed_however_often_a_server_is_connected_to(
    tmp_path, version: str
):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.maximum_version = ssl.TLSVersion[version]
    authority.issue_cert("logs.example").configure_cert(server)
    client = client_context(TlsOptions({"ca_file": str(tmp_path / "ca.pem")}))
    for _ in range(3):
        assert connect(client, server).session_reused is False
    assert server.session_stats()["hits"] == 0
