"""The access key of the local account's root user: random, made at start, and readable by its user only."""

from __future__ import annotations

import hmac
import json
import os
import secrets
import string
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

ACCESS_KEY_LETTERS = string.ascii_uppercase + "234567"
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids"""

CERTIFICATE = "tls.pem"
"""The file of the local API Gateway's certificate and its key, beside the file of the keys."""


@dataclass(frozen=True)
class LocalKeys:
    """The root access key of one local AWS, and what its own processes derive from it."""

    access_key: str
    secret_key: str

    @property
    def pair(self) -> tuple[str, str]:
        return self.access_key, self.secret_key

    @property
    def forward_token(self) -> str:
        """Proves that a request was forwarded by the local API Gateway, which checked its Host and Origin."""
        return self._derived("forward")

    @property
    def function_salt(self) -> str:
        """Makes the keys of functions unpredictable: MiniStack derives them from ARNs, which everybody can guess."""
        return self._derived("functions")[:32]

    def write(self, file: Path) -> None:
        """Write the key to a file with mode 0600. Raise OSError."""
        fresh = file.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            json.dump(asdict(self), opened)
        fresh.replace(file)

    @classmethod
    def create(cls) -> LocalKeys:
        """Return a new random key in the form of AWS's."""
        letters = "".join(secrets.choice(ACCESS_KEY_LETTERS) for _ in range(16))
        return cls(f"AKIA{letters}", secrets.token_urlsafe(30))

    @classmethod
    def read(cls, file: Path) -> LocalKeys:
        """Return the key in a file. Raise OSError or ValueError when there is none."""
        data = json.loads(file.read_text())
        try:
            return cls(str(data["access_key"]), str(data["secret_key"]))
        except (TypeError, KeyError) as error:
            raise ValueError(f"{file} holds no access key") from error

    def _derived(self, purpose: str) -> str:
        return hmac.new(self.secret_key.encode(), f"chatops {purpose}".encode(), sha256).hexdigest()
