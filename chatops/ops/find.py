"""Where a stack exists: every region of the account is asked, all at the same time.

Which regions there are is asked of the account service, which says what the account has enabled, for one permission
(account:ListRegions) that has nothing to do with EC2. Where that is refused, all regions that botocore knows are asked,
and those that are not enabled are told by what they answer.
https://docs.aws.amazon.com/accounts/latest/reference/API_ListRegions.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass

from botocore.exceptions import ClientError

from .. import plans
from ..aws import STACK_TAG, Aws, Interrupted
from ..aws.refusal import absent_is_fine, code
from ..config import Config
from ..deploy.plan import Action
from ..deploy.threads import result_of, thread_pool
from ..errors import explain
from ..resources import function
from ..resources.role import role_path
from ..resources.table import table_owner
from ..stack import Stack

REGIONS_AT_A_TIME = 40
ROLES_PATH = "/chatops/"
"""Where the roles of all stacks are. They belong to the account, and outlive what else was deleted by hand."""
ENABLED = ["ENABLED", "ENABLED_BY_DEFAULT"]
NOT_ENABLED = {"AuthFailure", "InvalidClientTokenId", "InvalidToken", "OptInRequired", "UnrecognizedClientException"}
"""What the regions that an account has not enabled answer to keys that are good elsewhere."""


@dataclass(frozen=True)
class Found:
    """A resource of the stack's, or one with a name of the stack's; `owner` is the stack in its tag, if it has one."""

    name: str
    owner: str | None


@dataclass(frozen=True)
class Place:
    """One region: what was found in it, or why it could not be asked. `is_enabled` is about the account."""

    region: str
    owned: tuple[str, ...] = ()
    strangers: tuple[Found, ...] = ()
    refusal: str | None = None
    is_enabled: bool = True

    @property
    def state(self) -> str:
        """`stack`, `twin` (our names, not our tag), `nothing`, `refused` or `disabled`."""
        if not self.is_enabled:
            return "disabled"
        if self.refusal:
            return "refused"
        if self.owned:
            return "stack"
        return "twin" if self.strangers else "nothing"


def find(aws: Aws, config: Config) -> list[Place]:
    """Every region of the account, and what of the stack is in it. A region that refuses is told, and no more."""
    _ = aws.account  # the first call: wrong credentials end here
    enabled, disabled = regions(aws)
    roles = _roles(aws, config)
    with thread_pool(REGIONS_AT_A_TIME, "find") as pool:
        asking = [
            pool.submit(copy_context().run, look, aws.elsewhere(region), config, roles.get(region, ()))
            for region in enabled
        ]
        asked = [result_of(one) for one in asking]
    return sorted([*asked, *(Place(one, is_enabled=False) for one in disabled)], key=lambda one: one.region)


def regions(aws: Aws) -> tuple[list[str], list[str]]:
    """The regions that the account may use, and those that it has not enabled, as far as that is known."""
    known = aws.regions("lambda")
    try:
        listed = {one["RegionName"]: one["RegionOptStatus"] for one in aws.pages("account", "list_regions", "Regions")}
    except Interrupted:
        raise
    except Exception:
        return known, []
    enabled = [name for name, status in listed.items() if status in ENABLED]
    return enabled, sorted(set(listed) - set(enabled))


def look(aws: Aws, config: Config, roles: Iterable[Found] = ()) -> Place:
    """What of the stack exists in one region: by its tag, by its names, and these roles.

    Where there is anything of it, every resource is asked for by itself.
    """
    calls: list[Callable[[], Iterable[Found]]] = [
        lambda: _tagged(aws, config),
        lambda: _apis(aws, config),
        lambda: _table(aws, config),
        *(lambda name=one.name: _function(aws, name) for one in config.functions.values()),
        lambda: roles,
    ]
    try:
        # By its owner too: an API's name may be there twice, ours and a twin's.
        found = {(one.name, one.owner): one for call in calls for one in call()}
    except Interrupted:
        raise
    except ClientError as error:
        if code(error) in NOT_ENABLED:
            return Place(aws.region, refusal=f"{code(error)}: the account has not enabled it", is_enabled=False)
        return Place(aws.region, refusal=_why(error))
    except Exception as error:
        return Place(aws.region, refusal=_why(error))
    owned = sorted(one.name for one in found.values() if one.owner == config.stack)
    if owned:
        owned = _owned(aws, config) or owned
    strangers = sorted((one for one in found.values() if one.owner != config.stack), key=lambda one: one.name)
    return Place(aws.region, tuple(owned), tuple(strangers))


def _owned(aws: Aws, config: Config) -> list[str]:
    """Return every resource that exists and is the stack's, the same ones that `status` counts in its region.

    Nothing when the region refuses to show one of them: less of the stack is known there then.
    """
    try:
        steps = plans.down(Stack(config, aws)).of(Action.DELETE)
    except Interrupted:
        raise
    except Exception:
        return []
    return sorted(step.name for step in steps)


def _why(error: Exception) -> str:
    told = explain(error)
    return f"{told.what}: {told.why}"


def _tagged(aws: Aws, config: Config) -> Iterator[Found]:
    """Whatever carries the stack's tag, under whichever name. APIs are told by their names, below."""
    filters = [{"Key": STACK_TAG, "Values": [config.stack]}]
    tagged = ("resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList")
    kinds = {"dynamodb": "table", "lambda": "function", "logs": "log_group"}
    for one in aws.pages(*tagged, TagFilters=filters):
        service, what = one["ResourceARN"].split(":", 5)[2::3]
        if service in kinds:
            title = what.partition("/" if service == "dynamodb" else ":")[2].removesuffix(":*")
            yield Found(f"{kinds[service]}.{title}", config.stack)


def _roles(aws: Aws, config: Config) -> dict[str, list[Found]]:
    """The stack's roles by region, which their path names. Who may not list them does not learn of any."""
    found: dict[str, list[Found]] = {}
    with suppress(ClientError):
        for one in aws.pages("iam", "list_roles", "Roles", PathPrefix=ROLES_PATH):
            region = one["Path"].removeprefix(ROLES_PATH).partition("/")[0]
            if one["Path"] == role_path(config.stack, region):
                found.setdefault(region, []).append(Found(f"role.{one['RoleName']}", config.stack))
    return found


def _apis(aws: Aws, config: Config) -> Iterator[Found]:
    kinds = {"WEBSOCKET": "websocket_api", "HTTP": "http_api"}
    names = {("WEBSOCKET", config.websocket.name), *(("HTTP", one.name) for one in config.http_apis.values())}
    for one in aws.pages("apigatewayv2", "get_apis", "Items"):
        owner = one.get("Tags", {}).get(STACK_TAG)
        if owner == config.stack or (one["ProtocolType"], one["Name"]) in names:
            yield Found(f"{kinds.get(one['ProtocolType'], 'api')}.{one['Name']}", owner)


def _table(aws: Aws, config: Config) -> Iterator[Found]:
    with absent_is_fine():
        arn = aws.client("dynamodb").describe_table(TableName=config.table.name)["Table"]["TableArn"]
        yield Found(f"table.{config.table.name}", table_owner(aws, config.table.name, arn))


def _function(aws: Aws, name: str) -> Iterator[Found]:
    with absent_is_fine():
        found = aws.client("lambda").get_function(FunctionName=name)
        yield Found(f"function.{name}", function.owner(aws, found))
