"""Every behaviour that is compared, in the order of the table."""

from . import handshake, authorization, messages, responses, limits, ends, connections, events  # noqa: F401, I001
from .behaviour import BEHAVIOURS, Behaviour

__all__ = ["BEHAVIOURS", "Behaviour"]
