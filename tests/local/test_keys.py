from __future__ import annotations

import stat
from pathlib import Path

import pytest

from chatops.local.keys import LocalKeys
from chatops.text import redacted


def test_each_key_is_new_and_looks_like_one_of_aws() -> None:
    made = [LocalKeys.create() for _ in range(50)]
    assert len({one.access_key for one in made}) == len({one.secret_key for one in made}) == 50
    assert all(one.access_key.startswith("AKIA") and len(one.access_key) == 20 for one in made)
    assert redacted(made[0].access_key) != made[0].access_key


def test_only_its_user_can_read_the_file(tmp_path: Path) -> None:
    file, keys = tmp_path / "keys.json", LocalKeys.create()
    file.write_text("an older one")
    file.chmod(0o644)
    keys.write(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert LocalKeys.read(file) == keys


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"access_key": "a"}', "\udcff"])
def test_a_damaged_file_is_a_value_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ValueError):
        LocalKeys.read(file)


def test_derived_secrets_differ_by_key_and_purpose() -> None:
    one, other = LocalKeys("a", "b"), LocalKeys("a", "c")
    assert len({one.forward_token, one.function_salt, other.forward_token, other.function_salt}) == 4
