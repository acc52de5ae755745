"""A certificate for the local API Gateway, and the bundle by which local functions trust it.

On AWS a handler posts to `https://{domainName}/{stage}`, and so it does here.
"""

from __future__ import annotations

import os
from pathlib import Path

NAMES = ("127.0.0.1", "localhost", "::1")
VARIABLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
"""What the AWS SDK, requests, and Python's ssl module read the bundle's path from."""


def create(server: Path, bundle: Path) -> None:
    """Write the key and the certificate of the server to one file, and the public authorities and its own to another.

    The authority is made for this alone, and its key is kept nowhere.
    """
    import botocore
    import trustme

    authority = trustme.CA(organization_name="chatops", organization_unit_name="the local AWS")
    issued = authority.issue_cert(*NAMES)
    with os.fdopen(os.open(server, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(issued.private_key_and_cert_chain_pem.bytes())
    public = Path(botocore.__file__).with_name("cacert.pem").read_bytes()
    bundle.write_bytes(public + b"\n" + authority.cert_pem.bytes())
