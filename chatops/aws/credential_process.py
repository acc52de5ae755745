"""The program that a profile names as `credential_process`: ended when it gives no credentials."""

from __future__ import annotations

import subprocess
from typing import Any

import botocore.credentials
from botocore.exceptions import CredentialRetrievalError

LIMIT_SECONDS = 60.0
"""The limit of AWS's SDK for Go. botocore has none.

https://pkg.go.dev/github.com/aws/aws-sdk-go-v2/credentials/processcreds#DefaultTimeout
"""


class _Process(subprocess.Popen[bytes]):
    """A process whose output is waited for LIMIT_SECONDS."""

    def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[bytes, bytes]:
        try:
            return super().communicate(input, LIMIT_SECONDS if timeout is None else timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            self.wait()
            why = f"{self.args[0]!r} gave no credentials within {LIMIT_SECONDS:.0f} seconds"  # type: ignore[index]
            raise CredentialRetrievalError(provider="credential_process", error_msg=why) from None


class LimitedProcessProvider(botocore.credentials.ProcessProvider):  # type: ignore[misc]
    """botocore's provider, with a limit."""

    def __init__(self, profile_name: str, load_config: Any, popen: Any = _Process) -> None:
        super().__init__(profile_name, load_config, popen)


def limit() -> None:
    """Let every session of botocore that is made from now on use the limit. There is no setting for it."""
    botocore.credentials.ProcessProvider = LimitedProcessProvider
