"""What a command returns, where it refuses, and that a stopped one can be gone on with."""

from __future__ import annotations

import json
import signal

import pytest

from .conftest import REGION, Boto, Chatops


@pytest.fixture
def remote(chatops: Chatops, boto: Boto) -> Chatops:
    """The command line as against real AWS: credentials and an endpoint from outside, no --local."""
    chatops.environment = {**boto.keys, "AWS_ENDPOINT_URL": boto.endpoint_url, "AWS_CONFIG_FILE": "/nonexistent"}
    return chatops


def test_without_a_region_nothing_happens(remote: Chatops, boto: Boto) -> None:
    refused = remote.run("up")
    assert refused.code == 2
    assert "No region is chosen" in refused.err
    assert "--region ap-northeast-2" in refused.err
    assert boto.everything() == []


def test_a_misspelt_region_is_refused_with_a_suggestion(remote: Chatops) -> None:
    refused = remote.run("up", "--region", "ap-notheast-2", "--json")
    assert refused.code == 2
    assert refused.last["event"] == "error"
    assert refused.last["hint"] == "Did you mean ap-northeast-2?"


def test_another_account_than_the_pinned_one_is_refused(remote: Chatops, boto: Boto) -> None:
    remote.write_config('account: "123456789012"\n')
    refused = remote.run("up", "--region", REGION)
    assert refused.code == 2
    assert "000000000000" in refused.err
    assert "123456789012" in refused.err
    assert boto.everything() == []


def test_a_wrong_config_lists_every_problem_with_its_line(remote: Chatops) -> None:
    remote.write_config("stakc: x\ntable:\n  name: 7\n")
    refused = remote.run("plan", "--region", REGION, "--json")
    assert refused.code == 2
    assert "config.yaml:1: stakc: unknown key; did you mean stack?" in refused.last["why"]
    assert "config.yaml:3: table.name: must be text" in refused.last["why"]


@pytest.mark.slow
def test_up_goes_on_without_a_terminal_and_down_refuses_without_yes(remote: Chatops, boto: Boto) -> None:
    created = remote.run("up", "--region", REGION, "--json")
    assert created.code == 0, created.err
    before = boto.everything()
    refused = remote.run("down", "--region", REGION)
    assert refused.code == 2
    assert "--yes" in refused.err
    assert boto.everything() == before
    assert remote.run("down", "--region", REGION, "--yes").code == 0
    assert boto.everything() == []


def test_where_flag_and_config_disagree_the_flag_wins_and_the_output_says_so(remote: Chatops) -> None:
    remote.write_config("region: us-east-1\n")
    told = remote.run("plan", "--region", REGION)
    assert f"--region {REGION} wins over region: us-east-1" in told.err
    assert f"region {REGION}" in told.err


def test_wrong_usage_is_exit_2_and_json_when_asked(chatops: Chatops) -> None:
    assert chatops.run("up", "--nonsense").code == 2
    refused = chatops.run("up", "--nonsense", "--json")
    assert refused.code == 2
    assert refused.last["event"] == "error"


@pytest.mark.slow
def test_an_interrupted_up_says_what_was_done_and_the_next_one_finishes(chatops: Chatops) -> None:
    process = chatops.start("up", "--local", "--json")
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        if lines[-1]["event"] == "finished":
            process.send_signal(signal.SIGINT)
            break
    lines += [json.loads(line) for line in process.stdout]
    assert process.stderr
    told = process.stderr.read()
    process.stderr.close()
    process.stdout.close()
    assert process.wait(60) == 130
    summary = lines[-1]
    assert summary["event"] == "summary"
    assert summary["created"]
    assert summary["skipped"]
    assert "Traceback" not in told
    assert chatops.local("up").last["failed"] == []
    assert chatops.must("plan", "--local", "--check").code == 0


@pytest.mark.slow
def test_what_exists_under_our_name_and_is_not_ours_blocks_until_adopted_and_survives_down(
    chatops: Chatops, boto: Boto
) -> None:
    dynamodb = boto.client("dynamodb")
    table = {
        "TableName": "websocket-connections",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "connectionId", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "connectionId", "AttributeType": "S"}],
    }
    dynamodb.create_table(**table)
    refused = chatops.run("up", "--local", "--json")
    assert refused.code == 1
    assert refused.last["resource"] == "table.websocket-connections"
    assert "--adopt" in refused.last["hint"]
    assert boto.everything() == ["websocket-connections"], "nothing was changed"
    chatops.local("down", "--yes")
    assert boto.everything() == ["websocket-connections"], "down never deletes what is not ours"
    assert chatops.local("up", "--adopt").last["adopted"] == ["table.websocket-connections"]
    chatops.local("down", "--yes")
    assert boto.everything() == []
    dynamodb.create_table(
        **{
            **table,
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        }
    )
    blocked = chatops.run("up", "--local", "--adopt", "--json")
    assert blocked.code == 1
    assert "cannot change key" in blocked.last["why"]
    dynamodb.delete_table(TableName="websocket-connections")


@pytest.mark.slow
def test_two_prefixes_are_two_stacks_and_a_renamed_function_leaves_nothing_behind(chatops: Chatops, boto: Boto) -> None:
    chatops.local("up")
    production = boto.everything()
    chatops.write_config("prefix: dev-\n")
    chatops.local("up")
    assert "dev-websocket-send" in boto.everything()
    chatops.local("down", "--yes")
    assert sorted(boto.everything()) == sorted(production)
    functions = "{talk: {source: handlers/send.py, timeout: 29, allow: [dynamodb:Scan, execute-api:ManageConnections]}}"
    chatops.write_config(f"functions: {functions}\nwebsocket: {{routes: {{$default: talk}}}}\nhttp_apis:\n")
    summary = chatops.local("up").last
    assert "function.websocket-send" in summary["deleted"]
    assert "log_group./aws/lambda/websocket-send" in summary["deleted"]
    assert "function.talk" in summary["created"]
    assert not [name for name in boto.everything() if "websocket-send" in name]
    assert chatops.must("plan", "--local", "--check").code == 0
