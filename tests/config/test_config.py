"""The config: its defaults, and where it is found."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from chatops import config as config_module
from chatops.config import Config, load, shipped, stack_id
from chatops.errors import UsageError
from chatops.resources.role import role_path

from .reading import HTTP, read


def same(one: Config, other: Config) -> bool:
    """Whether two configs differ in nothing but the file that they come from."""
    return dataclasses.replace(one, file=other.file) == other


def test_an_empty_file_means_the_shipped_one() -> None:
    assert same(read(""), load(shipped("config.yaml")))
    assert same(read("# nothing but a comment\n"), load(shipped("config.yaml")))


def test_a_file_with_every_key_left_empty_means_the_shipped_one_too() -> None:
    assert same(read("table:\nwebsocket:\n"), load(shipped("config.yaml")))


def test_the_shipped_file_written_out_again_means_the_same() -> None:
    assert same(read(shipped("config.yaml").read_bytes()), load(shipped("config.yaml")))


def test_the_defaults_are_the_tutorials() -> None:
    config = read("")
    assert (config.stack, config.prefix, config.region, config.account) == ("websocket-chat", "", None, None)
    assert (config.table.name, config.table.key) == ("websocket-connections", "connectionId")
    assert (config.websocket.name, config.websocket.stage) == ("websocket-api", "demo")
    assert (config.websocket.route_selection, config.websocket.auth) == ("$request.body.action", "none")
    assert config.websocket.routes == {
        "$connect": "websocket-connect",
        "$disconnect": "websocket-disconnect",
        "sendMessage": "websocket-send",
        "$default": "websocket-send",
    }
    assert {key: one.routes for key, one in config.http_apis.items()} == {
        "api-gateway-lambda": {"GET /": "aws-gateway-lambda"},
        "api-gateway-lambda2": {"GET /user/{userId}": "aws-gateway-lambda2"},
    }
    assert {one.runtime for one in config.functions.values()} == {"python3.12"}


def test_each_function_may_do_what_it_needs_and_no_more_by_default() -> None:
    allowed = {key: {one.action for one in function.allow} for key, function in read("").functions.items()}
    assert allowed == {
        "websocket-connect": {"dynamodb:PutItem"},
        "websocket-disconnect": {"dynamodb:DeleteItem"},
        "websocket-send": {"dynamodb:Scan", "dynamodb:DeleteItem", "execute-api:ManageConnections"},
        "aws-gateway-lambda": set(),
        "aws-gateway-lambda2": set(),
    }


def test_every_default_handler_is_there_and_has_the_handler_that_it_is_called_by() -> None:
    for function in read("").functions.values():
        module, _, name = function.handler.rpartition(".")
        assert function.source.stem == module
        assert f"def {name}(" in function.source.read_text()


def test_a_config_is_frozen() -> None:
    config = read("")
    for one in (config, config.table, config.websocket, *config.functions.values(), *config.http_apis.values()):
        with pytest.raises(dataclasses.FrozenInstanceError):
            one.name = "other"  # type: ignore[attr-defined]


def test_a_config_in_the_folder_is_found_and_without_one_the_default_is_used(folder: Path) -> None:
    assert load() == load(shipped("config.yaml"))
    (folder / "config.yaml").write_text("stack: here\n")
    assert load().stack == "here"
    assert load().file == Path("config.yaml")


@pytest.mark.parametrize("route", ["GET /", "ANY /", "$default"])
def test_the_stacks_own_page_can_be_the_only_origin_wherever_its_root_leads_to_it(route: str) -> None:
    config = read("websocket: {allowed_origins: [own]}\n" + HTTP % route)
    assert (config.websocket.allowed_origins, config.pages) == (("own",), ["page"])


def test_a_page_that_another_route_hides_is_none() -> None:
    other = HTTP % "$default" + "      GET /: aws-gateway-lambda2\n"
    assert read(other).pages == []


def test_a_folder_is_no_config(folder: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load(folder)
    (folder / "config.yaml").mkdir()
    assert load() == load(shipped("config.yaml")), "a folder of that name is not the folder's config"


def test_a_name_that_no_file_can_have_is_wrong_usage() -> None:
    with pytest.raises(UsageError):
        load(Path("a" * 5000))


def test_the_shipped_file_is_the_repositorys() -> None:
    root = Path(config_module.__file__).parents[2]
    assert shipped("config.yaml").read_bytes() == (root / "config.yaml").read_bytes()


def test_a_config_says_where_it_comes_from(folder: Path) -> None:
    assert (load().is_built_in, load().origin) == (True, "built-in defaults")
    (folder / "config.yaml").write_text("")
    assert (load().is_built_in, load().origin) == (False, "config.yaml")
    other = Path("..") / folder.name / "config.yaml"
    assert load(other).origin == str(other)


def test_the_shipped_file_is_a_config_like_another_where_it_is_named_or_found(monkeypatch: pytest.MonkeyPatch) -> None:
    named = load(shipped("config.yaml"))
    assert (named.is_built_in, named.origin) == (False, str(shipped("config.yaml")))
    monkeypatch.chdir(shipped("config.yaml").parent)
    assert (load().is_built_in, load().origin) == (False, "config.yaml")


def test_another_prefix_or_another_stack_is_another_owner() -> None:
    parts = ("", "a", "-", "_", "a-", "-a", "a-b", "ab")
    pairs = [(prefix, stack) for prefix in parts for stack in (*parts[1:], "a.b", "-a-b")]
    assert len({stack_id(*pair) for pair in pairs}) == len(pairs)
    assert all(stack_id("", stack) == stack for _, stack in pairs), "a stack without a prefix keeps its tag"


def test_an_owner_is_a_tag_value_and_part_of_a_role_arn_that_lambda_takes() -> None:
    import botocore.session

    longest = stack_id("p-" * 10, "s_." * 21 + "s")
    model = botocore.session.get_session().get_service_model("lambda")
    arn = f"arn:aws:iam::123456789012:role{role_path(longest, 'ap-northeast-2')}name"
    assert re.fullmatch(model.shape_for("RoleArn").metadata["pattern"], arn)
    assert re.fullmatch(r"[\w .:/=+@-]{1,256}", longest)
