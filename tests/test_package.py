"""The zip that Lambda runs: the same bytes everywhere, with what the handler imports and nothing else."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from chatops.config import load, shipped
from chatops.config.files import File, FileTooLarge, OutsideFile, UnusableFile, check, read
from chatops.package import NameTaken, Package, PackageTooLarge, package


def write(folder: Path, **files: str) -> Path:
    """Python files by module name; gives the first one's path."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder / f"{next(iter(files))}.py"


def names(packed: Package) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(packed.data)).namelist()


def test_the_same_files_give_the_same_bytes_whenever_and_wherever_they_are_packed(tmp_path: Path) -> None:
    data = []
    for folder, when, mode in (("one", 1_000_000_000, 0o600), ("two", 1_700_000_000, 0o755)):
        (tmp_path / folder).mkdir()
        source = write(tmp_path / folder, handler="import more\n", more="x = 1\n")
        for file in source.parent.iterdir():
            os.utime(file, (when, when))
            file.chmod(mode)
        data.append(package(source).data)
    assert data[0] == data[1]


def test_other_content_gives_another_hash(tmp_path: Path) -> None:
    one = package(write(tmp_path, handler="x = 1\n")).sha256
    assert package(write(tmp_path, handler="x = 2\n")).sha256 != one


def test_the_hash_is_lambdas_own(tmp_path: Path) -> None:
    packed = package(write(tmp_path, handler="x = 1\n"))
    assert packed.sha256 == base64.b64encode(hashlib.sha256(packed.data).digest()).decode()
    assert packed.read() == packed.data


def test_a_handler_without_neighbours_is_alone_in_its_zip(tmp_path: Path) -> None:
    source = write(tmp_path, handler="import json\nimport boto3\n", other="x = 1\n")
    assert names(package(source)) == ["handler.py"]


def test_the_neighbours_that_a_handler_imports_are_packed_and_those_that_they_import(tmp_path: Path) -> None:
    source = write(
        tmp_path,
        handler="import near\nfrom next_door import x\n",
        near="import far.deep as f\n",
        far="y = 1\n",
        next_door="def x():\n    import late\n",
        late="",
        unused="",
    )
    assert names(package(source)) == ["far.py", "handler.py", "late.py", "near.py", "next_door.py"]


def test_modules_that_import_each_other_are_packed_once(tmp_path: Path) -> None:
    source = write(tmp_path, handler="import other\n", other="import handler\nimport other\n")
    assert names(package(source)) == ["handler.py", "other.py"]


def test_a_relative_import_packs_nothing(tmp_path: Path) -> None:
    source = write(tmp_path, handler="from . import near\nfrom .near import x\n", near="")
    assert names(package(source)) == ["handler.py"]


@pytest.mark.parametrize("module", ["secrets", "test", "calendar"])
def test_a_neighbour_with_the_name_of_a_standard_module_takes_its_place_as_it_does_on_lambda(
    tmp_path: Path, module: str
) -> None:
    source = write(
        tmp_path, **{"handler": f"def f():\n    try:\n        import {module}\n    except E: pass\n", module: ""}
    )
    assert names(package(source)) == sorted(["handler.py", f"{module}.py"])


NEWER = f"python3.{sys.version_info[1] + 1}"
"""A runtime that is a newer Python than the one that runs the tests."""
NEWER_SYNTAX = """
import near, boto3
from other.inner import x
type X = ?
    from late import y
"""


def test_the_neighbours_of_code_for_a_newer_python_are_found_although_it_does_not_parse(tmp_path: Path) -> None:
    source = write(tmp_path, handler=NEWER_SYNTAX, near="", other="", late="", unrelated="")
    assert names(package(source, runtime=NEWER)) == ["handler.py", "late.py", "near.py", "other.py"]
    for runtime in ("python3.10", ""):
        with pytest.raises(SyntaxError):
            package(source, runtime=runtime)


@pytest.mark.parametrize(
    "line",
    [
        *(
            "type X = int ?",
            "class C[T]: ?",
            "async def f[T](): ?",
            "    except* ?",
            "x = f'{a ? }'",
            'x = rF"{a["b"] ?}"',
        ),
        *("y = t'{a ?}'", "except A, B: ?"),
    ],
)
def test_only_what_a_newer_python_may_know_is_left_to_it(tmp_path: Path, line: str) -> None:
    assert names(package(write(tmp_path, handler=line), runtime=NEWER)) == ["handler.py"]
    with pytest.raises(SyntaxError):
        package(write(tmp_path, handler="def g(:\n" + line), runtime=NEWER)


def test_a_handler_may_itself_have_the_name_of_a_standard_module(tmp_path: Path) -> None:
    assert names(package(write(tmp_path, queue="import near\n", near=""))) == ["near.py", "queue.py"]


def test_included_files_lie_at_the_root_of_the_zip(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "page.html").write_bytes(b"\x00\xff<p>")
    packed = package(write(tmp_path, handler=""), [tmp_path / "sub" / "page.html"])
    archive = zipfile.ZipFile(io.BytesIO(packed.data))
    assert archive.namelist() == ["handler.py", "page.html"]
    assert archive.read("page.html") == b"\x00\xff<p>"


def test_an_included_file_never_takes_the_place_of_a_neighbour(tmp_path: Path) -> None:
    source = write(tmp_path, handler="import near\n", near="")
    assert names(package(source, [tmp_path / "near.py"])) == ["handler.py", "near.py"]
    (tmp_path / "sub").mkdir()
    other = write(tmp_path / "sub", near="")
    with pytest.raises(NameTaken, match=r"near\.py"):
        package(source, [other])


def test_everybody_may_read_what_is_packed_and_nothing_is_compressed(tmp_path: Path) -> None:
    (info,) = zipfile.ZipFile(io.BytesIO(package(write(tmp_path, handler="x = 1\n")).data)).infolist()
    assert info.external_attr >> 16 == 0o100644
    assert (info.date_time, info.compress_type) == ((1980, 1, 1, 0, 0, 0), zipfile.ZIP_STORED)


@pytest.mark.parametrize("text", ["def f(:\n", "x = 'open\n", "\tx = 1\n  y = 2\n"])
def test_a_source_that_is_not_python_is_a_syntax_error_with_its_file_and_line(tmp_path: Path, text: str) -> None:
    source = write(tmp_path, handler=text)
    with pytest.raises(SyntaxError) as raised:
        package(source)
    assert raised.value.filename == str(source)
    assert raised.value.lineno


def test_a_neighbour_that_is_not_python_is_told_by_its_own_name(tmp_path: Path) -> None:
    source = write(tmp_path, handler="import near\n", near="def f(:\n")
    with pytest.raises(SyntaxError) as raised:
        package(source)
    assert raised.value.filename == str(tmp_path / "near.py")


@pytest.mark.parametrize("data", [b"x = 1\0\n", b"\xff\xfe", b"# coding: nothing\n", b"x" + b"(" * 500])
def test_bytes_that_are_not_python_are_a_syntax_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "handler.py").write_bytes(data)
    with pytest.raises(SyntaxError) as raised:
        package(tmp_path / "handler.py")
    assert raised.value.filename == str(tmp_path / "handler.py")


def test_a_source_that_is_missing_is_an_unusable_file(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match=r"handler\.py does not exist"):
        package(tmp_path / "handler.py")


def test_a_file_that_changes_after_it_was_checked_is_sent_as_it_was_checked(tmp_path: Path) -> None:
    source = write(tmp_path, handler="import near\n", near="x = 1\n")
    (tmp_path / "page.html").write_text("checked")
    packed = package(source, [tmp_path / "page.html"])
    write(tmp_path, handler="import evil\n", near="x = 2\n")
    (tmp_path / "page.html").write_text("changed")
    archive = zipfile.ZipFile(io.BytesIO(packed.data))
    assert [archive.read(name) for name in archive.namelist()] == [b"import near\n", b"x = 1\n", b"checked"]


def test_without_roots_only_the_folder_of_the_source_is_read(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "secret.py").write_text("")
    source = write(tmp_path / "sub", handler="import near\n")
    with pytest.raises(OutsideFile):
        package(source, [tmp_path / "secret.py"])
    (tmp_path / "sub" / "near.py").symlink_to("../secret.py")
    with pytest.raises(OutsideFile):
        package(source)
    assert names(package(source, [], [tmp_path])) == ["handler.py", "near.py"]


def of_size(path: Path, megabytes: float) -> Path:
    """A file of a size that takes no room on the disk."""
    with path.open("wb") as file:
        file.truncate(int(megabytes * 2**20))
    return path


def test_more_than_lambda_takes_is_refused_unread_with_the_biggest_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path, handler="")
    include = [of_size(tmp_path / f"{size}.bin", size) for size in (2, 30, 1, 42)]
    opened: list[str] = []

    def reads(path: Path, roots: Sequence[Path], *, limit: int) -> File:
        opened.append(path.name)
        return read(path, roots, limit=limit)

    monkeypatch.setattr("chatops.package.read", reads)
    with pytest.raises(PackageTooLarge) as raised:
        package(source, include)
    assert raised.value.reason == (
        "the zip has 75.0 MB, and Lambda takes 50.0 MB; the biggest files: "
        "42.bin (42.0 MB), 30.bin (30.0 MB), 2.bin (2.0 MB)"
    )
    assert opened == ["handler.py"]


def test_just_what_lambda_takes_is_packed(tmp_path: Path) -> None:
    packed = package(write(tmp_path, handler=""), [of_size(tmp_path / "a.bin", 50)])
    assert len(packed.data) < 50 * 2**20 + 1000


def test_files_that_grow_after_their_sizes_were_added_up_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path, handler="")
    include = [of_size(tmp_path / f"{at}.bin", 1) for at in (1, 2)]

    def then_grows(path: Path, roots: Sequence[Path]) -> tuple[Path, int]:
        checked = check(path, roots)
        of_size(path, 40)
        return checked

    monkeypatch.setattr("chatops.package.check", then_grows)
    with pytest.raises(PackageTooLarge):
        package(source, include)


def test_a_huge_source_is_refused_unread(tmp_path: Path) -> None:
    with pytest.raises(FileTooLarge, match=r"has 1024\.0 MB; the limit is 1\.0 MB"):
        package(of_size(tmp_path / "handler.py", 1024))


def test_an_import_with_a_name_that_no_file_can_have_packs_nothing(tmp_path: Path) -> None:
    assert names(package(write(tmp_path, handler=f"import {'a' * 300}\n"))) == ["handler.py"]


@pytest.mark.parametrize("text", ["-" * 200_000 + "1", "x" + ".a" * 200_000, "1" + "+1" * 200_000], ids=["-", ".", "+"])
def test_an_expression_that_is_too_deep_to_parse_is_a_syntax_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(SyntaxError) as raised:
        package(write(tmp_path, handler=text))
    assert raised.value.filename == str(tmp_path / "handler.py")


def test_the_shipped_handlers_are_packed_with_all_that_they_need() -> None:
    folder = shipped("handlers")
    for function in load(shipped("config.yaml")).functions.values():
        packed = package(function.source, function.include)
        assert function.source.name in names(packed)
        assert {path.name for path in function.include} <= set(names(packed))
        assert all((folder / name).is_file() for name in names(packed))
        assert len(packed.data) < 3_000_000
