"""The errors that come from AWS: what blocks a step, what does not get ready, what is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import ConnectionClosedError
from botocore.stub import Stubber

from chatops.aws import Aws
from chatops.deploy.resource import Change, Live
from chatops.resources import deployment

from ..deploy import fake_cloud
from ..resources import stand
from ..resources.stand import STACK, Scripted, ScriptedAws
from .stranger import ACCOUNT, SEOUL, Stranger, Told, nothing


def several_apis(one: Stranger) -> Told:
    made: dict[str, Any] = {"Name": "chat", "ProtocolType": "WEBSOCKET", "CreatedDate": "2025-01-31T12:00:00Z"}
    apis = [{**made, "ApiId": api_id, "Tags": {}} for api_id in ("a1b2c3", "d4e5f6")]
    return one.plans(stand.websocket(), ScriptedAws(apigatewayv2=Scripted(get_apis={"Items": apis})))


def table(key: str, owner: str | None) -> Live:
    properties = {"key": {key: "S"}, "billing": "PAY_PER_REQUEST", "time_to_live": "expiresAt"}
    return Live(properties, owner=owner)


def function_that_is(**found: Any) -> ScriptedAws:
    made = {"FunctionName": "send", "FunctionArn": "arn", "Role": "role", "MemorySize": 128, "Timeout": 3}
    return ScriptedAws(
        lambda_=Scripted(get_function={"Configuration": {**made, "CodeSha256": "", **found}, "Tags": {}})
    )


def table_in_use(one: Stranger) -> Told:
    aws = ScriptedAws(dynamodb=Scripted(scan={"Items": [{"connectionId": {"S": "L0SM9cOFvHcCIhw="}}]}))
    return one.meets(lambda: replace(stand.table(), spares_rows=True).delete(aws, nothing))


def time_to_live_changed(one: Stranger) -> Told:
    text = "Time to live has been modified multiple times within a fixed interval"
    dynamodb = Scripted(
        describe_table={"Table": {"TableStatus": "ACTIVE"}},
        describe_time_to_live={"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}},
        update_time_to_live=stand.client_error("ValidationException", text, "UpdateTimeToLive"),
    )
    change = [Change("time_to_live", None, "expiresAt")]
    return one.meets(lambda: stand.table().update(ScriptedAws(dynamodb=dynamodb), change, {}, nothing))


def not_converged(one: Stranger) -> Told:
    cloud = fake_cloud.Cloud()
    cloud.put("thing.a", memory=128)
    cloud.lag["thing.a"] = 10**9
    outcome, _ = fake_cloud.run(fake_cloud.up(cloud, [fake_cloud.Thing(fake_cloud.OURS, "a", {"memory": 256})]), cloud)
    return one.meets(lambda: raised(outcome.failed["thing.a"]))


def raised(error: BaseException) -> None:
    raise error


def interrupted(one: Stranger) -> Told:
    stop = threading.Event()
    stop.set()
    return one.meets(lambda: Aws(SEOUL, stop=stop).pause(1))


def timed_out(one: Stranger) -> Told:
    aws = ScriptedAws()
    with aws.time_flies():
        return one.meets(lambda: aws.wait_until(lambda: None, what="function send becoming Active"))


def function_failed(one: Stranger) -> Told:
    failed = {"State": "Failed", "StateReason": "The runtime python3.7 is not supported"}
    aws = ScriptedAws(lambda_=Scripted(get_function_configuration=failed))
    return one.meets(lambda: stand.function()._wait_until_ready(aws))


def deployment_failed(one: Stranger) -> Told:
    failed = {"DeploymentStatus": "FAILED", "DeploymentStatusMessage": "a route has no integration"}
    client = Scripted(create_deployment={"DeploymentId": "d1"}, get_deployment=failed)
    return one.meets(lambda: deployment.deploy(ScriptedAws(apigatewayv2=client), "a1b2c3", "", lambda: True))


def no_credentials(one: Stranger) -> Told:
    one.patch.delenv("AWS_ACCESS_KEY_ID")
    one.patch.delenv("AWS_SECRET_ACCESS_KEY")
    return one.meets(lambda: Aws(SEOUL).account)


def sso_session_over(one: Stranger) -> Told:
    sso = {"start_url": "https://x.example", "region": SEOUL, "account_id": ACCOUNT, "role_name": "operator"}
    one.writes("[profile work]\n" + "".join(f"sso_{key} = {value}\n" for key, value in sso.items()), "aws")
    one.patch.setenv("AWS_CONFIG_FILE", "aws")
    one.patch.setenv("HOME", str(one.folder))
    return one.meets(lambda: Aws(SEOUL, profile="work").account)


def aws_config_unreadable(one: Stranger) -> Told:
    one.writes("[profile work\n", "aws")
    one.patch.setenv("AWS_CONFIG_FILE", "aws")
    return one.types("status")


def connection_broke(one: Stranger) -> Told:
    def closed(*_: object) -> None:
        raise ConnectionClosedError(endpoint_url="https://sts.ap-northeast-2.amazonaws.com/")

    one.patch.setattr("botocore.httpsession.URLLib3Session.send", closed)
    one.patch.setattr("chatops.aws.attempts.RETRY_SECONDS", 0)
    return one.meets(lambda: Aws(SEOUL).account)


def refused(name: str, message: str) -> Callable[[Stranger], Told]:
    """What is told when AWS answers with this error code and message."""

    def provoke(one: Stranger) -> Told:
        client = Aws(SEOUL).client("lambda")
        with Stubber(client) as stub:
            stub.add_client_error("list_functions", name, message)
            return one.meets(client.list_functions)

    return provoke


THEIRS: Mapping[str, Callable[[Stranger], Told]] = {
    "several-apis": several_apis,
    "function-is-image": lambda one: one.plans(stand.function(), function_that_is(PackageType="Image")),
    "function-in-vpc": lambda one: one.plans(stand.function(), function_that_is(VpcConfig={"VpcId": "vpc-1"})),
    "of-another-stack": lambda one: one.plans(stand.table(), ScriptedAws(), table("connectionId", "other-chat")),
    "not-ours": lambda one: one.plans(stand.table(), ScriptedAws(), table("connectionId", None)),
    "cannot-change": lambda one: one.plans(stand.table(), ScriptedAws(), table("id", STACK)),
    "table-in-use": table_in_use,
    "time-to-live-changed": time_to_live_changed,
    "interrupted": interrupted,
    "not-converged": not_converged,
    "timed-out": timed_out,
    "function-failed": function_failed,
    "deployment-failed": deployment_failed,
    "no-credentials": no_credentials,
    "no-such-profile": lambda one: one.types("up", "--profile", "nobody"),
    "sso-session-over": sso_session_over,
    "aws-unreachable": lambda one: one.meets(lambda: Aws(SEOUL, endpoint_url="http://127.0.0.1:1").account),
    "connection-broke": connection_broke,
    "aws-config-unreadable": aws_config_unreadable,
    "botocore-refused": lambda one: one.meets(lambda: Aws(SEOUL).client("sts").assume_role()),
    "credentials-expired": refused("ExpiredTokenException", "The security token included in the request is expired"),
    "request-expired": refused("RequestExpired", "Request has expired."),
    "unknown-access-key": refused(
        "UnrecognizedClientException", "The security token included in the request is invalid."
    ),
    "wrong-signature": refused(
        "InvalidSignatureException", "The request signature we calculated does not match the signature you provided."
    ),
    "wrong-credentials": refused("AuthFailure", "AWS was not able to validate the provided access credentials"),
    "access-denied": refused(
        "AccessDeniedException",
        f"User: arn:aws:iam::{ACCOUNT}:user/yu is not authorized to perform: lambda:ListFunctions on resource: *",
    ),
    "region-not-enabled": refused("OptInRequired", "You are not subscribed to this service."),
    "throttled": refused("TooManyRequestsException", "Rate exceeded"),
    "quota-used-up": refused("LimitExceededException", "Subscriber limit exceeded"),
    "code-storage-full": refused("CodeStorageExceededException", "Code storage limit exceeded."),
    "aws-refused": refused("ServiceException", "An error occurred and the request cannot be processed."),
}
