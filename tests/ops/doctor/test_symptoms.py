"""Every symptom in the table is provoked: on the local AWS where it can be, else by AWS's own words."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from chatops.aws import Aws
from chatops.ops import addresses
from chatops.ops.doctor import causes_of, examine
from chatops.ops.doctor.symptom import Symptom
from chatops.ops.doctor.symptoms import SYMPTOMS, in_log, recognise
from chatops.stack import Stack

from ...sizes import every
from ..stand_ins import KEYS, REGION, SMALL, Proxy, front_of, stack_of, up
from .breakages import again, api_id, repair, say

TABLE = "websocket-connections"
TROUBLESHOOTING = Path(__file__).parents[3] / "docs" / "troubleshooting.md"


def named(name: str) -> Symptom:
    return next(one for one in SYMPTOMS if one.name == name)


@pytest.fixture(scope="module")
def chat(standing: tuple[Proxy, Stack], ministack: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack with API Gateway's WebSocket side before it, of which its functions are told for as long."""
    proxy, stack = standing
    with front_of(ministack, tmp_path_factory.mktemp("front")) as front:
        yield up(Stack(stack.config, Aws(REGION, endpoint_url=proxy.url, front_url=front, keys=KEYS)))
    up(again(stack))


@pytest.fixture
def stack(proxy: Proxy, chat: Stack) -> Iterator[Stack]:
    """The chat's stack, to be broken: afterwards it is repaired."""
    yield chat
    proxy.forget()
    repair(chat)


def join(stack: Stack) -> ClientConnection:
    """A client of the chat."""
    return connect(addresses.url(stack), proxy=None, compression=None, open_timeout=20, max_size=None)


def invoke(stack: Stack, function: str, event: dict[str, Any]) -> None:
    stack.aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())


def event(stack: Stack, route: str, body: str | None = None) -> dict[str, Any]:
    """An event as API Gateway sends it, of a connection that never was."""
    request = {
        "routeKey": route,
        "connectionId": "gone=",
        "requestId": "r",
        "apiId": api_id(stack.aws),
        "stage": "demo",
    }
    return {"requestContext": request, "body": body, "isBase64Encoded": False}


SAY = json.dumps({"action": "sendMessage", "message": "hi"})


def forbid(stack: Stack, function: str, action: str) -> None:
    """Takes an action from a function's role."""
    iam, role = stack.aws.client("iam"), f"{function}-{REGION}"
    document = iam.get_role_policy(RoleName=role, PolicyName="chatops")["PolicyDocument"]
    for statement in document["Statement"]:
        statement["Action"] = [one for one in statement["Action"] if one != action]
    document["Statement"] = [one for one in document["Statement"] if one["Action"]]
    iam.put_role_policy(RoleName=role, PolicyName="chatops", PolicyDocument=json.dumps(document))


def put_code(stack: Stack, function: str, source: str, **configuration: Any) -> None:
    """Gives a function other code, by hand."""
    data = io.BytesIO()
    module = stack.config.functions[function].handler.partition(".")[0]
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(f"{module}.py", source)
    client = stack.aws.client("lambda")
    client.update_function_code(FunctionName=function, ZipFile=data.getvalue())
    client.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 0.1})
    if configuration:
        client.update_function_configuration(FunctionName=function, **configuration)
        client.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 0.1})


# In the functions' logs: the doctor itself finds them.


def post_without_permission(stack: Stack) -> None:
    forbid(stack, "websocket-send", "execute-api:ManageConnections")
    stack.aws.client("dynamodb").put_item(TableName=TABLE, Item={"connectionId": {"S": "gone="}})
    invoke(stack, "websocket-send", event(stack, "sendMessage", SAY))


def connect_without_permission(stack: Stack) -> None:
    forbid(stack, "websocket-connect", "dynamodb:PutItem")
    with pytest.raises(InvalidStatus):
        join(stack)


def speak_without_a_table(stack: Stack) -> None:
    stack.aws.client("dynamodb").delete_table(TableName=TABLE)
    invoke(stack, "websocket-send", event(stack, "sendMessage", SAY))


def sleep_too_long(stack: Stack) -> None:
    put_code(stack, "websocket-send", "import time\ndef lambda_handler(*_): time.sleep(5)\n", Timeout=1)
    invoke(stack, "websocket-send", {})


def post_to_one_who_is_gone(stack: Stack) -> None:
    """As handlers do that do not expect it."""
    url = f"{stack.aws.front_url}/{api_id(stack.aws)}/demo"
    source = (
        "import boto3\ndef lambda_handler(*_):\n"
        f"    client = boto3.client('apigatewaymanagementapi', endpoint_url='{url}')\n"
        "    client.post_to_connection(ConnectionId='L0SM9cOFvHcCIhw=', Data=b'hi')\n"
    )
    put_code(stack, "websocket-send", source)
    invoke(stack, "websocket-send", {})


def post_too_much(stack: Stack) -> None:
    """The chat's own function refuses it before API Gateway does; so one that does not."""
    put_code(stack, "websocket-send", POST_TOO_MUCH)
    with join(stack):
        rows = stack.aws.client("dynamodb").scan(TableName=TABLE)["Items"]
        url = f"{stack.aws.front_url}/{api_id(stack.aws)}/demo"
        invoke(stack, "websocket-send", {"url": url, "id": rows[0]["connectionId"]["S"]})


POST_TOO_MUCH = """
import json
import boto3
def lambda_handler(event, _):
    client = boto3.client('apigatewaymanagementapi', endpoint_url=event['url'])
    try:
        client.post_to_connection(ConnectionId=event['id'], Data=b'x' * 200_000)
    except client.exceptions.ClientError as error:
        status = error.response['ResponseMetadata']['HTTPStatusCode']
        print(json.dumps({"event": "post_failed", "connectionId": "x", "status": status, "error": str(error)}))
"""


def stumble(stack: Stack) -> None:
    put_code(stack, "websocket-send", "def lambda_handler(event, _): return event['nothing']\n")
    invoke(stack, "websocket-send", {})


def answer_without_an_object(stack: Stack) -> None:
    put_code(stack, "websocket-send", "def lambda_handler(*_): return None\n")
    assert "Internal server error" in hears(stack, SAY)


def come_from_another_page(stack: Stack) -> None:
    client = stack.aws.client("lambda")
    now = client.get_function_configuration(FunctionName="websocket-connect")["Environment"]["Variables"]
    variables = {**now, "ALLOWED_ORIGINS": "https://chat.example.com"}
    client.update_function_configuration(FunctionName="websocket-connect", Environment={"Variables": variables})
    with pytest.raises(InvalidStatus):
        connect(addresses.url(stack), proxy=None, origin=Origin("http://localhost"), open_timeout=20)


def saying(line: str) -> Callable[[Stack], None]:
    """What AWS writes and the local AWS does not."""
    return lambda stack: say(stack, line)


KILLED = "RequestId: 7c64dad4 Error: Runtime exited with error: signal: killed"

THROTTLED = (
    '{"event": "post_failed", "connectionId": "x", "status": 429, "error": "{\\"message\\": \\"Too Many Requests\\"}"}'
)

NOT_LOADED = "[ERROR] Runtime.ImportModuleError: Unable to import module 'send': No module named 'x'\rTraceback (most"

NO_URL = '{"event": "page", "status": 500, "error": "NoWebSocketUrl"}'

PROVOKED_IN_LOGS: list[tuple[str, Callable[[Stack], None]]] = [
    ("403 on post", post_without_permission),
    ("410 on post", post_to_one_who_is_gone),
    ("413 on post", post_too_much),
    ("429 on post", saying(THROTTLED)),
    ("AccessDenied in a function", connect_without_permission),
    ("The table is not there", speak_without_a_table),
    ("Task timed out", sleep_too_long),
    ("Out of memory", saying(KILLED)),
    ("The function cannot be loaded", saying(NOT_LOADED)),
    ("Malformed Lambda proxy response", answer_without_an_object),
    ("The page does not know its chat", saying(NO_URL)),
    ("A page may not open the chat", come_from_another_page),
    ("A handler failed", stumble),
]


@pytest.mark.e2e
@pytest.mark.parametrize(("name", "provoke"), every(6, PROVOKED_IN_LOGS), ids=[name for name, _ in PROVOKED_IN_LOGS])
def test_the_doctor_finds_it_in_a_functions_log_with_its_cause_and_cure(
    stack: Stack, name: str, provoke: Callable[[Stack], None]
) -> None:
    provoke(stack)
    symptom = named(name)
    found = [one for one in examine(lambda: again(stack)).findings if f": {name}, " in one.what]
    assert len(found) == 1, [one.what for one in examine(lambda: again(stack)).findings]
    assert found[0].severity is symptom.severity
    assert symptom.causes[0].why in found[0].why
    assert found[0].hint == symptom.causes[0].hint
    logs = stack.aws.client("logs")
    groups = [f"/aws/lambda/{one}" for one in stack.config.functions]
    events = [one for group in groups for one in logs.filter_log_events(logGroupName=group)["events"]]
    lines = [one["message"] for one in events if in_log(one["message"]) is symptom]
    assert lines and all(any(term in line for term in symptom.terms) for line in lines), "what CloudWatch searches for"


# What a client or AWS says: recognised wherever it is shown.


def hears(stack: Stack, message: str) -> str:
    with join(stack) as client:
        client.send(message)
        return str(client.recv(timeout=40))


def a_message_without_a_route(stack: Stack, proxy: Proxy) -> str:
    without = SMALL + "websocket: {routes: {$connect: websocket-connect, sendMessage: websocket-send}}\n"
    up(stack_of(stack.config.file.parent, stack.aws, without))
    try:
        return hears(stack, '{"action": "dance"}')
    finally:
        stack.config.file.write_text(SMALL)


def a_handshake_at_no_stage(stack: Stack, proxy: Proxy) -> str:
    with pytest.raises(InvalidStatus) as refused:
        connect(addresses.url(stack) + "x", proxy=None)
    return f"Unexpected server response: {refused.value.response.status_code}"  # as wscat says it


def a_function_nobody_may_invoke(stack: Stack, proxy: Proxy) -> str:
    client = stack.aws.client("lambda")
    for one in json.loads(client.get_policy(FunctionName="websocket-send")["Policy"])["Statement"]:
        client.remove_permission(FunctionName="websocket-send", StatementId=one["Sid"])
    return hears(stack, SAY)


def a_function_that_fails(stack: Stack, proxy: Proxy) -> str:
    put_code(stack, "websocket-send", "def lambda_handler(*_): raise KeyError('x')\n")
    return hears(stack, SAY)


def a_function_that_takes_too_long(stack: Stack, proxy: Proxy) -> str:
    put_code(stack, "websocket-send", "import time\ndef lambda_handler(*_): time.sleep(3)\n")
    wait_for_functions(stack, 1000)
    try:
        return hears(stack, SAY)
    finally:
        wait_for_functions(stack, 29000)


def wait_for_functions(stack: Stack, milliseconds: int) -> None:
    """Sets for how long API Gateway waits for the send function; by hand, for chatops leaves that at 29 seconds."""
    gateway, api = stack.aws.client("apigatewayv2"), api_id(stack.aws)
    for one in gateway.get_integrations(ApiId=api)["Items"]:
        if "websocket-send" in one["IntegrationUri"]:
            gateway.update_integration(ApiId=api, IntegrationId=one["IntegrationId"], TimeoutInMillis=milliseconds)
    made = gateway.create_deployment(ApiId=api, Description="by hand")
    gateway.update_stage(ApiId=api, StageName="demo", DeploymentId=made["DeploymentId"])


def a_message_that_is_too_long(stack: Stack, proxy: Proxy) -> str:
    with join(stack) as client, pytest.raises(ConnectionClosed) as closed:
        client.send("x" * 200_000)
        client.recv(timeout=20)
    return str(closed.value)


def an_unknown_key(stack: Stack, proxy: Proxy) -> str:
    return refused(lambda: Aws(REGION, endpoint_url=proxy.url, keys=("AKIANOBODYNOBODY", "x")).account)


def a_switched_off_function(stack: Stack, proxy: Proxy) -> str:
    client = stack.aws.client("lambda")
    client.put_function_concurrency(FunctionName="websocket-send", ReservedConcurrentExecutions=0)
    config = Config(retries={"total_max_attempts": 1})
    where = {"region_name": REGION, "endpoint_url": proxy.url}
    at_once = boto3.client("lambda", **where, aws_access_key_id=KEYS[0], aws_secret_access_key=KEYS[1], config=config)
    try:
        return refused(lambda: at_once.invoke(FunctionName="websocket-send", Payload=b"{}"))
    finally:
        client.delete_function_concurrency(FunctionName="websocket-send")


def answered(code: str, message: str, call: Callable[[Aws], Any]) -> Callable[[Stack, Proxy], str]:
    """AWS's own answer, which the local AWS never gives."""

    def provoke(stack: Stack, proxy: Proxy) -> str:
        proxy.refuse(lambda _: True, code, message)
        return refused(lambda: call(Aws(REGION, endpoint_url=proxy.url, keys=KEYS)))

    return provoke


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as error:
        call()
    return str(error.value)


def create_a_function(aws: Aws) -> Any:
    return aws.client("lambda").create_function(
        FunctionName="x",
        Role="arn:aws:iam::000000000000:role/x",
        Code={"ZipFile": b""},
        Handler="x.x",
        Runtime="python3.12",
    )


def log_a_stage(aws: Aws) -> Any:
    settings = {"LoggingLevel": "INFO"}
    return aws.client("apigatewayv2").update_stage(ApiId="x", StageName="demo", DefaultRouteSettings=settings)


ASSUMED = "The role defined for the function cannot be assumed by Lambda."

LOG_ROLE = "CloudWatch Logs role ARN must be set in account settings to enable logging"

EXPIRED = "Signature expired: 20250101T000000Z is now earlier than 20250101T001000Z (20250101T001500Z - 5 min.)"

SESSION_OVER = "The security token included in the request is expired"

PROVOKED_ELSEWHERE: list[tuple[str, Callable[[Stack, Proxy], str]]] = [
    ("Forbidden", a_message_without_a_route),
    ("Forbidden", a_handshake_at_no_stage),
    ("Internal server error", a_function_nobody_may_invoke),
    ("Internal server error", a_function_that_fails),
    ("Endpoint request timed out", a_function_that_takes_too_long),
    ("Closed with 1009", a_message_that_is_too_long),
    ("The security token is invalid", an_unknown_key),
    ("Too Many Requests", a_switched_off_function),
    ("cannot be assumed by Lambda", answered("InvalidParameterValueException", ASSUMED, create_a_function)),
    ("CloudWatch Logs role ARN", answered("BadRequestException", LOG_ROLE, log_a_stage)),
    ("The clock is wrong", answered("SignatureDoesNotMatch", EXPIRED, lambda aws: aws.account)),
    ("The security token is expired", answered("ExpiredToken", SESSION_OVER, lambda aws: aws.account)),
    ("Closed with 1001", lambda stack, proxy: "Disconnected (code: 1001, reason: Going away)"),
]


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("name", "provoke"),
    every(6, PROVOKED_ELSEWHERE),
    ids=[f"{name} {one.__name__}" for name, one in PROVOKED_ELSEWHERE],
)
def test_what_a_client_or_aws_says_is_recognised(
    stack: Stack, proxy: Proxy, name: str, provoke: Callable[[Stack, Proxy], str]
) -> None:
    said = provoke(stack, proxy)
    symptom = recognise(said)
    assert symptom and symptom.name == name, said
    assert [one.hint for one in causes_of(said)] == [cause.hint for cause in symptom.causes]


def test_every_symptom_is_provoked() -> None:
    provoked = {name for name, _ in (*PROVOKED_IN_LOGS, *PROVOKED_ELSEWHERE)}
    assert {one.name for one in SYMPTOMS} == provoked


@pytest.mark.parametrize(
    "line",
    [
        "START RequestId: 7c64dad4 Version: $LATEST",
        "REPORT RequestId: 7c64dad4\tDuration: 403.10 ms\tBilled Duration: 410 ms\tMemory Size: 512 MB",
        '{"event": "connected", "connectionId": "410="}',
        '{"event": "broadcast", "connectionId": "a=", "sent": 403, "gone": 410, "failed": 0, "unreached": 0}',
        '{"event": "message", "connectionId": "a=", "bytes": 1009}',
        '{"event": "refused", "connectionId": "a=", "error": "InvalidJson"}',
        '{"event": "page", "status": 304}',
    ],
)
def test_what_a_healthy_chat_says_is_no_symptom(line: str) -> None:
    assert in_log(line) is None


def test_the_handbook_names_every_symptom_with_its_causes_and_cures() -> None:
    text = TROUBLESHOOTING.read_text()
    sections = {part.partition("\n")[0].strip(): part for part in text.split("\n### ")[1:]}
    assert set(sections) == {one.name for one in SYMPTOMS}
    for one in SYMPTOMS:
        for cause in one.causes:
            assert f"- {cause.why}: `{cause.hint}`" in sections[one.name], (one.name, cause)
