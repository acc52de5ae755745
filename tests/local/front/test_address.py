from __future__ import annotations

import pytest

from chatops.local.front.address import Address, is_local_host, is_local_origin, parse


@pytest.mark.parametrize(
    ("target", "address"),
    [
        ("/demo", Address(None, "demo")),
        ("/demo/", Address(None, "demo")),
        ("/demo?token=a/b", Address(None, "demo")),
        ("/abc123/demo", Address("abc123", "demo")),
        ("/abc123/demo/@connections/Ab-1%3D", Address("abc123", "demo", "Ab-1=")),
        ("/demo/%40connections/Ab-1=", Address(None, "demo", "Ab-1=")),
    ],
)
def test_a_path_names_a_stage_and_maybe_an_api_and_a_connection(target: str, address: Address) -> None:
    assert parse(target) == address


@pytest.mark.parametrize("target", ["/", "", "//", "/a/b/c", "/a//b", "/a/b/c/@connections/x"])
def test_another_path_names_nothing(target: str) -> None:
    assert parse(target) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:4567", "localhost:1", "LOCALHOST", "[::1]:4567"])
def test_a_host_of_this_machine_is_local(host: str) -> None:
    assert is_local_host(host)


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "example.com",
        "127.0.0.1.example.com:80",
        "localhost.example.com",
        "a@localhost",
        "127.0.0.1:x",
        "[::1",
    ],
)
def test_a_name_that_only_resolves_to_this_machine_is_not_local(host: str | None) -> None:
    assert not is_local_host(host)


@pytest.mark.parametrize("origin", [None, "http://localhost:3000", "https://127.0.0.1", "http://[::1]:5173"])
def test_a_page_of_this_machine_and_no_page_are_local(origin: str | None) -> None:
    assert is_local_origin(origin)


@pytest.mark.parametrize(
    "origin", ["null", "https://example.com", "http://localhost.example.com", "file://", "localhost"]
)
def test_another_page_is_not_local(origin: str) -> None:
    assert not is_local_origin(origin)
