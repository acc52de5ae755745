"""A behaviour of API Gateway: what AWS does, and a way to see what a target does."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass

from ..targets import Target

See = Callable[[Target], str]

GUIDE = "https://docs.aws.amazon.com/apigateway/latest/developerguide/"
WRITTEN: dict[str, str | Callable[[re.Match[str]], str]] = {
    r"(the )?(connect|disconnect) route": r"`$\2`",
    r"(the )?default route": "`$default`",
    r"(\w+) s": r"\1's",
    r"(api|iam|json|kb|url)": lambda found: found[0].upper(),
    "utf 8": "UTF-8",
    "cloudwatch logs": "CloudWatch Logs",
    "permessage deflate": "permessage-deflate",
}
REFERENCE = "https://docs.aws.amazon.com/apigatewaymanagementapi/latest/APIReference/"


@dataclass(frozen=True)
class Behaviour:
    """`aws` is what `see` finds on AWS. `settled`: AWS's documentation, or somebody's measurement, says so."""

    name: str
    group: str
    aws: str
    page: str
    settled: bool
    see: See

    @property
    def sentence(self) -> str:
        """The name as a person writes it."""
        text = self.name.replace("_", " ")
        for pattern, written in WRITTEN.items():
            text = re.sub(rf"\b{pattern}\b", written, text)
        return text if text.startswith("`") else text[0].upper() + text[1:]


BEHAVIOURS: list[Behaviour] = []


def behaviour(aws: str, *, settled: bool = True) -> Callable[[See], See]:
    """Registers a function whose name is the behaviour and whose docstring names AWS's page about it."""

    def register(see: See) -> See:
        page = re.search(r"[\w-]+\.html", see.__doc__ or "")
        assert page, f"{see.__name__} names no page"
        url = (REFERENCE if page[0].startswith("API_") else GUIDE) + page[0]
        group = str(sys.modules[see.__module__].__doc__).partition("\n")[0].rstrip(".")
        BEHAVIOURS.append(Behaviour(see.__name__, group, aws, url, settled, see))
        return see

    return register
