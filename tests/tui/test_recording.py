"""`make screenshots`: its keys lead to the screens that it names, and its pictures are there."""

import pytest
from PIL import Image

from screenshots import record
from screenshots.drawing import save_moving
from tests.tui.sampled import sample_app

EXPECTED = {
    "queue": "communication:email",
    "failed": "FAILED, ALL QUEUES",
    "job": "Traceback",
    "plan": "Cancel",
    "workers": "WORKERS",
    "events": "EVENTS",
    "recurring": "RECURRING",
    "help": "KEYS OF THIS SCREEN",
    "overview-80x24": "STATE",
    "overview-120x40": "PER MINUTE",
    "overview-200x60": "PER MINUTE",
}


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> record.Recording:
    monkeypatch.setattr(record, "_WATCHED_S", 0)
    monkeypatch.setattr(record, "_TICK_S", 0)
    return record.Recording("a test")


@pytest.mark.slow
async def test_each_scene_shows_what_its_name_says(recording, tmp_path):
    app, _ = sample_app()
    await record.record(app, recording)
    assert recording.stills.keys() == EXPECTED.keys()
    for name, text in EXPECTED.items():
        picture = recording.stills[name].replace("&#160;", " ")
        assert text in picture, name
        assert "a test" in picture, name
    save_moving(recording.frames[4:6], tmp_path / "two.gif")
    with Image.open(tmp_path / "two.gif") as moving:
        assert moving.n_frames == 2


def test_the_pictures_in_the_repository_are_those_of_the_scenes_and_small():
    files = {path.name for path in record.FOLDER.iterdir() if path.suffix in {".png", ".gif"}}
    assert files == {"demo.gif", *(f"{scene.name}.png" for scene in record.SCENES if scene.still)}
    assert (record.FOLDER / "demo.gif").stat().st_size < 3_000_000
    with Image.open(record.FOLDER / "demo.gif") as moving:
        scenes = [scene for scene in record.SCENES if scene.shown_ms]
        # Frames that are alike are one.
        assert len(scenes) < moving.n_frames <= record._OVERVIEW_FRAMES + len(scenes)
