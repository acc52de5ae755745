"""Text that CloudFormation fills in: every account and region at once, and what takes their place in a template.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..aws import Aws

MARK = "\0"
"""Stands around the name of something that CloudFormation knows; no config can hold it."""


class Anywhere(Aws):
    """Every account and region of every partition: what would differ between them is a reference.

    What stands in for AWS, where there is something, has addresses of its own.
    """

    def __init__(self, like: Aws | None = None) -> None:
        super().__init__(
            ref("AWS::Region"),
            endpoint_url=like.endpoint_url if like else None,
            front_url=like.front_url if like else None,
        )
        self.__dict__.update(
            account=ref("AWS::AccountId"), partition=ref("AWS::Partition"), dns_suffix=ref("AWS::URLSuffix")
        )


def ref(name: str) -> str:
    """What stands for something that CloudFormation knows by this name, or for an attribute of it after a dot."""
    return f"{MARK}{name}{MARK}"


def capitalized(*words: str) -> str:
    """Words as part of a logical name: letters and digits, references left out."""
    parts = re.findall(r"[A-Za-z0-9]+", re.sub(f"{MARK}.*?{MARK}", "", " ".join(words)))
    return "".join(part[0].upper() + part[1:] for part in parts)


def referring(value: Any) -> Any:
    """A value with CloudFormation's references in place of ours."""
    if isinstance(value, Mapping):
        return {key: referring(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [referring(one) for one in value]
    if not isinstance(value, str) or MARK not in value:
        return value
    texts = value.split(MARK)
    if len(texts) == 3 and not (texts[0] or texts[2]):
        name, _, attribute = texts[1].partition(".")
        return {"Fn::GetAtt": [name, attribute]} if attribute else {"Ref": name}
    # Every second part is a name; "${" in the others means itself.
    parts = [f"${{{one}}}" if number % 2 else one.replace("${", "${!") for number, one in enumerate(texts)]
    return {"Fn::Sub": "".join(parts)}
