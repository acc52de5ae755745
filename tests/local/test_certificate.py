"""The certificate of the local API Gateway is trusted by its functions, and by nobody else."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest

from chatops.local import certificate


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    server, bundle = tmp_path / "tls.pem", tmp_path / "ca-bundle.pem"
    certificate.create(server, bundle)
    return server, bundle


def handshake(server: Path, client: ssl.SSLContext, name: str) -> str | None:
    """The version of TLS that a client and a server agree on."""
    near, far = socket.socketpair()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server)

    def serve() -> None:
        try:
            context.wrap_socket(far, server_side=True).close()
        except OSError:
            far.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(near, server_hostname=name) as connection:
            return connection.version()
    finally:
        near.close()
        thread.join()


@pytest.mark.parametrize("name", certificate.NAMES)
def test_who_has_the_bundle_trusts_the_server_by_every_loopback_name(files: tuple[Path, Path], name: str) -> None:
    server, bundle = files
    assert handshake(server, ssl.create_default_context(cafile=str(bundle)), name) == "TLSv1.3"


def test_nobody_else_trusts_it_and_it_speaks_for_no_other_host(files: tuple[Path, Path]) -> None:
    server, bundle = files
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, ssl.create_default_context(), "localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, ssl.create_default_context(cafile=str(bundle)), "example.com")


def test_the_key_is_readable_by_its_user_alone_and_the_bundle_holds_none(files: tuple[Path, Path]) -> None:
    server, bundle = files
    assert stat.S_IMODE(server.stat().st_mode) == 0o600
    assert b"PRIVATE KEY" not in bundle.read_bytes()
    assert bundle.read_bytes().count(b"BEGIN CERTIFICATE") > 100, "the public authorities are in it"
