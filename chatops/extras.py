"""The packages that only some commands need, and that not everybody installs."""

from __future__ import annotations

from importlib.util import find_spec

from .errors import UsageError


def require(extra: str, *packages: str) -> None:
    """Raises UsageError when the packages of an extra are not installed."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise UsageError(
            "extra-missing",
            f"This needs chatops with its extra [{extra}]",
            f"{', '.join(missing)} {'are' if len(missing) > 1 else 'is'} not installed",
            f"In the environment that has chatops: pip install 'chatops[{extra}]'. "
            f"With pipx, in a checkout of its repository: pipx install --force '.[{extra}]'",
        )
