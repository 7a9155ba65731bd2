"""Attachments by name: nothing outside the directory, nothing too large, one line for the rest."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from processors.content.files import MAX_BYTES, read_file
from processors.errors import ContentError, DefinitionError
from processors.messaging.content import files_of
from processors.payloads.messaging import SendEmail
from tests.processors.harness import ORG


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "files" / "org_other").mkdir(parents=True)
    (tmp_path / "files" / "org_other" / "a").write_text("theirs")
    root = tmp_path / "files" / ORG
    (root / "2026").mkdir(parents=True)
    (root / "2026" / "a.pdf").write_bytes(b"%PDF")
    (tmp_path / "secret").write_text("s")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "in").symlink_to(root / "2026" / "a.pdf")
    (root / "loop").symlink_to(root / "loop")
    os.mkfifo(root / "pipe")
    with (root / "large").open("wb") as large:
        large.truncate(MAX_BYTES + 1)
    return tmp_path / "files"


def test_a_file_is_read_whole(files: Path) -> None:
    assert read_file(files, ORG, "2026/a.pdf") == b"%PDF"
    assert read_file(files, ORG, "in") == b"%PDF"
    assert read_file(files, ORG, "2026/a.pdf", room=4) == b"%PDF"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("../secret", "is not below ATTACHMENTS_DIR"),
        ("/etc/passwd", "is not below ATTACHMENTS_DIR"),
        ("../org_other/a", f"is not below ATTACHMENTS_DIR/{ORG}"),
        ("out", "is not below ATTACHMENTS_DIR"),
        ("gone", "cannot be read: No such file"),
        ("2026", "cannot be read: Is a directory"),
        ("pipe", "cannot be read: Not a file"),
        ("loop", "cannot be read"),
        ("a\x00b", "its name cannot be used"),
        ("x" * 300, "cannot be read"),
        ("large", "is too large; all of an e-mail may have 26,214,400 bytes"),
    ],
)
def test_what_cannot_be_attached_is_told_in_one_line(files: Path, name: str, says: str) -> None:
    with pytest.raises(ContentError) as caught:
        read_file(files, ORG, name)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("org", ["..", ".", "", "org_other/..", "/etc", "org_other/../org_other"])
def test_an_organisation_is_one_directory(files: Path, org: str) -> None:
    if org == "org_other/../org_other":
        assert read_file(files, org, "a") == b"theirs", "its own, however its id is written"
        return
    with pytest.raises(ContentError, match=r"ATTACHMENTS_DIR|cannot be read"):
        read_file(files, org, "a")


def test_a_jobs_files_are_those_it_names(files: Path, make_settings) -> None:
    resources = SimpleNamespace(settings=make_settings(ATTACHMENTS_DIR=str(files)))
    ctx: Any = SimpleNamespace(org=ORG, resources=resources)
    named = {"filename": "t.pdf", "file": "2026/a.pdf", "content_type": "application/pdf"}
    empty = {"filename": "e.txt", "content": ""}
    mail = {"to": "a@b.co", "subject": "x", "text": "x", "attachments": [named, empty]}
    found = files_of(ctx, SendEmail.model_validate(mail))
    assert [(file.filename, file.content) for file in found] == [("t.pdf", b"%PDF"), ("e.txt", b"")]
    mail["attachments"] = [named | {"file": "gone"}]
    with pytest.raises(DefinitionError, match="the attachment 'gone' cannot be read"):
        files_of(ctx, SendEmail.model_validate(mail))


def test_what_is_left_of_the_room_counts(files: Path) -> None:
    with pytest.raises(ContentError, match="too large"):
        read_file(files, ORG, "2026/a.pdf", room=3)
    with pytest.raises(ContentError, match="needs ATTACHMENTS_DIR, which is not set"):
        read_file(None, ORG, "a.pdf")


@pytest.mark.parametrize(
    ("attachment", "says"),
    [
        ({"content": "eA==", "file": "a"}, "exactly one of content, file"),
        ({}, "exactly one of content, file"),
        ({"content": "QUFB" * 90_000}, "put it into ATTACHMENTS_DIR and name it by `file`"),
    ],
)
def test_a_job_carries_only_small_files(attachment: dict[str, str], says: str) -> None:
    mail = {"to": "a@b.co", "subject": "x", "text": "x"}
    with pytest.raises(ValidationError, match=says):
        SendEmail.model_validate(mail | {"attachments": [{"filename": "f", **attachment}]})
