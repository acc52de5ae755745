"""How every error that chatops can give is brought about, by its code: where it arises, with fixed sample values."""

from .aws import THEIRS
from .ours import OURS
from .stranger import Stranger, Told

PROVOCATIONS = {**OURS, **THEIRS}

__all__ = ["PROVOCATIONS", "Stranger", "Told"]
