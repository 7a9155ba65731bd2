"""`atlas cron` against a real Redis."""

from tests.runtime.cli.conftest import Command


def test_set_list_pause_remove(atlas: Command):
    done = atlas(
        "cron", "set", "nightly", "echo", "--org", "o", "--cron", "0 2 * * *",
        "--timezone", "Europe/London",
    )  # fmt: skip
    assert done.out == "nightly runs echo 0 2 * * * Europe/London\n"
    (entry,) = atlas("cron", "list", "--json").json["recurring"]
    assert (entry["id"], entry["declared"], entry["paused"]) == ("nightly", False, False)
    assert entry["next_slot"] is not None
    assert "nightly is paused" in atlas("cron", "pause", "nightly").out
    assert "paused" in atlas("cron", "list").out
    assert "nightly is running" in atlas("cron", "resume", "nightly").out
    atlas("cron", "remove", "nightly")
    assert atlas("cron", "list").out == "no recurring jobs\n"


def test_what_is_wrong_is_one_line(atlas: Command):
    wrong = atlas("cron", "set", "x", "echo", "--org", "o", "--cron", "99 * * * *")
    assert (wrong.code, wrong.err.count("\n")) == (2, 1)
    assert "five fields" in wrong.err
    gone = atlas("cron", "remove", "nothing")
    assert (gone.code, gone.err.count("\n")) == (1, 1)
    assert "there are: none" in gone.err
