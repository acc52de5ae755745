"""The packages that only some commands need, and that not everybody installs."""

from __future__ import annotations

import json
import shlex
import sys
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from .errors import MissingExtra

PACKAGES = {
    "local": ("ministack", "filelock", "platformdirs", "psutil", "websockets", "h11", "trustme"),
    "chat": ("websockets", "prompt_toolkit"),
}
"""The modules of each extra of pyproject.toml."""
EXTRAS = f"[{','.join(PACKAGES)}]"
"""All of them at once: an installation with one extra only would take another one away where pipx made it."""


def require(extra: str, *packages: str) -> None:
    """Raise UsageError when packages of an extra are not installed; without `packages`, all of them are meant."""
    missing = [name for name in packages or PACKAGES[extra] if find_spec(name) is None]
    if missing:
        raise MissingExtra(extra, missing, install_command())


def explain_missing(module: str | None) -> MissingExtra | None:
    """Return the error for a module that could not be imported, when it belongs to an extra."""
    name = (module or "").partition(".")[0]
    extra = next((extra for extra, packages in PACKAGES.items() if name in packages), None)
    return MissingExtra(extra, [str(module)], install_command()) if extra else None


def install_command() -> str:
    """Return the command that installs every extra into the environment that chatops runs in.

    It never names chatops alone: on PyPI that is another project.
    """
    source = _source(_direct_url())
    if source is None:
        return f"pip install -e '.{EXTRAS}' in a checkout of chatops's repository"
    editable, target = source
    prefix = Path(sys.prefix)
    if (prefix / "pipx_metadata.json").exists():
        return f"pipx install --force {'--editable ' if editable else ''}{target}"
    if (prefix / "uv-receipt.toml").exists():
        return f"uv tool install --force {'--editable ' if editable else ''}{target}"
    python = shlex.quote(sys.executable)
    pip = f"{python} -m pip install" if find_spec("pip") else f"uv pip install --python {python}"
    return f"{pip} {'-e ' if editable else ''}{target}"


def _source(direct_url: dict[str, Any]) -> tuple[bool, str] | None:
    """Return whether chatops is installed editably, and from where as pip takes it; None when that is not known.

    https://packaging.python.org/en/latest/specifications/direct-url/
    """
    url = urlsplit(str(direct_url.get("url", "")))
    if url.scheme == "file":
        path = Path(unquote(url.path))
        editable = bool(direct_url.get("dir_info", {}).get("editable"))
        return (editable, shlex.quote(f"{path}{EXTRAS}")) if path.exists() else None
    if url.scheme not in ("https", "ssh") or not url.hostname:
        return None
    # Without the password, because the hint may be shown to others. For https the user name may be a token, too;
    # for ssh it is a name that the server needs, such as git.
    user = f"{url.username}@" if url.scheme == "ssh" and url.username else ""
    host = user + url.hostname + (f":{url.port}" if url.port else "")
    vcs = direct_url.get("vcs_info", {})
    at = f"@{vcs['commit_id']}" if vcs.get("commit_id") else ""
    kind = f"{vcs['vcs']}+" if vcs.get("vcs") else ""
    return False, shlex.quote(f"chatops{EXTRAS} @ {kind}{url.scheme}://{host}{url.path}{at}")


def _direct_url() -> dict[str, Any]:
    try:
        found = json.loads(distribution("chatops").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError, OSError):
        return {}
    return found if isinstance(found, dict) else {}
