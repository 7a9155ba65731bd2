"""What a stock job names and is not there is told by its name."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from rq import Callback, Queue
from rq.serializers import JSONSerializer

from runtime.config.settings import Settings
from runtime.stock.job import StockJob
from tests.runtime.drive import PLAIN


@pytest.fixture
def shop(engine: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings that allow a package of a producer, which can be imported."""
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "tasks.py").write_text(
        "def send():\n    return 'sent'\n"
        "class Mail:\n    @staticmethod\n    def send():\n        return 'mailed'\n"
    )
    (package / "reports.py").write_text("import no_such_library\n")
    (package / "broken.py").write_text("raise ValueError('no SHOP_KEY')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield engine.model_copy(update={"allowed_functions": ("shop", "shops", "lonely")})
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


@pytest.fixture
def queue(raw: redis.Redis) -> Queue:
    return Queue(PLAIN, connection=raw, serializer=JSONSerializer)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("shop.tasks.nope", "there is no function 'nope' in 'shop.tasks'"),
        ("shop.tsks.send", "there is nothing named 'tsks' in 'shop'"),
        ("shop.tasks.Mail.nope", "there is no function 'nope' in 'shop.tasks.Mail'"),
        ("shop.tasks.Mial.send", "there is nothing named 'Mial' in 'shop.tasks'"),
        ("shops.tasks.send", "there is no module 'shops'"),
        (
            "shop.reports.daily",
            "the module 'shop.reports' cannot be imported: No module named 'no_such_library'",
        ),
        ("lonely", "'lonely' names no module: a function's name is module.function"),
        ("shop.broken.send", "no SHOP_KEY"),
    ],
)
def test_a_missing_function_is_named(
    shop: Settings, raw: redis.Redis, queue: Queue, function: str, words: str
) -> None:
    queue.enqueue(function, job_id="j")
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        StockJob(shop, raw, "j", 1)


def test_a_missing_callback_is_named(shop: Settings, raw: redis.Redis, queue: Queue) -> None:
    queue.enqueue("shop.tasks.send", job_id="j", on_failure=Callback("shop.tasks.told"))
    with pytest.raises(ValueError, match=r"^there is no function 'told' in 'shop\.tasks'$"):
        StockJob(shop, raw, "j", 1)


@pytest.mark.parametrize(
    ("function", "value"), [("shop.tasks.send", "sent"), ("shop.tasks.Mail.send", "mailed")]
)
def test_what_is_there_runs(
    shop: Settings, raw: redis.Redis, queue: Queue, function: str, value: str
) -> None:
    queue.enqueue(function, job_id="j")
    assert StockJob(shop, raw, "j", 1).perform() == {"value": value}
