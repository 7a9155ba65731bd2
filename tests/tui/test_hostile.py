"""Text that tries to control the terminal, or to be markup, is shown and does nothing."""

import itertools
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.data.model import Alert, Event, LogLine, Pause, Progress, RecurringRun
from tui.sample.source import SampleSource
from tui.text.formatting import printable
from tui.text.lines import line

HOSTILE = (
    "\x1b]0;owned\x07 \x1b[2J\x1b[31m",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x9b31m c1 \x85\x90",
    "\u202egnp.exe \u2066isolate\u2069 \u200f",
    "[/nope] [red]not red[/] [@click=app.quit]x[/]",
    "line\r\nbreak\ttab\x08\x7f \x00",
    "wide 日本語 👩‍👩‍👧 e\u0301\u0301 zero\u200bwidth \ufeff",
    "\ud800 lone surrogate",
)
# Everything a terminal obeys instead of showing: C0, DEL, C1, bidi controls, surrogates.
FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff]"
)


class HostileSource(SampleSource):
    """A source whose every text is hostile, as if nobody had cleaned anything before."""

    def __init__(self, texts):
        super().__init__()
        self._texts = itertools.cycle(texts)

    @property
    def text(self):
        return next(self._texts)

    def snapshot(self):
        made = super().snapshot()
        queues = list(made.queues)
        for number, queue in enumerate(queues[1:], 1):
            queues[number] = replace(queue, worst_org=self.text, worst_org_wait_s=3.0)
        queues[0] = replace(
            queues[0], name=self.text, pause=Pause(by=self.text, at=self.now, reason=self.text)
        )
        return replace(
            made,
            environment=self.text,
            queues=tuple(queues),
            workers=tuple(
                replace(
                    w,
                    name=self.text + w.name,
                    hostname=self.text,
                    state=self.text,
                    current_jobs=("wafa0000",),
                )
                for w in made.workers
            ),
            providers=tuple(
                replace(r, name=self.text, forced_by=self.text, reason=self.text, state="open")
                for r in made.providers
            ),
            redis=replace(made.redis, version=self.text),
            alerts=(
                Alert("critical", self.text, self.text),
                Alert(self.text, self.text, self.text),
            ),
        )

    def page(self, *args, **kwargs):
        made = super().page(*args, **kwargs)
        jobs = (self._job(job) for job in made.jobs)
        return replace(made, jobs=tuple(jobs))

    def job(self, job_id):
        made = super().job("wafa0000")
        return replace(
            made,
            summary=self._job(made.summary),
            payload={self.text: [self.text, {"nested": self.text}]},
            attempts=tuple(
                replace(
                    a,
                    worker=self.text,
                    error=self.text,
                    error_class=self.text,
                    traceback=self.text * 3,
                    outcome=self.text,
                    return_value=self.text,
                    fingerprint=self.text,
                )
                for a in made.attempts
            ),
            timeline=tuple(replace(e, what=self.text, detail=self.text) for e in made.timeline),
            rq_queue=self.text, description=self.text, retry=self.text, parent=self.text,
            progress=Progress(1, 2, self.text), log=(LogLine(self.now, self.text),),
            unique_key=self.text, concurrency_key=self.text, headers={self.text: self.text},
        )  # fmt: skip

    def events(self, *, limit, after):
        names = ("job", "queue", "kind", "error", "worker", "state", "by", self.text)
        return tuple(
            Event(f"{number}-0", self.now, self.text, dict.fromkeys(names, self.text))
            for number in range(1, 9)
        )

    def recurring(self):
        return tuple(
            replace(
                job, id=f"\x1b[31m[red]\u202e{job.id}", kind=self.text, org=self.text,
                when=self.text, missed=self.text, problem=self.text if job.paused else "",
            )
            for job in super().recurring()
        )  # fmt: skip

    def recurring_runs(self, recurring_id):
        return (RecurringRun(self.now, self.now, self.text),)

    def pause_recurring(self, recurring_id, *, paused, reason=""):
        return replace(super().pause_recurring("health", paused=paused), message=self.text)

    def plan_retry(self, **kwargs):
        return replace(super().plan_retry(**kwargs), warnings=(self.text,))

    def apply(self, plan, *, reason=""):
        return replace(super().apply(plan), message=self.text, errors=(self.text,))

    def _job(self, job):
        return replace(
            job,
            kind=self.text,
            org=self.text,
            hint=self.text,
            error=self.text,
            worker=self.text,
            queue=self.text,
        )


def strips(d):
    return d.app.screen._compositor.render_strips()


def check(d):
    for strip in strips(d):
        for segment in strip:
            assert not FORBIDDEN.search(segment.text), repr(segment.text)
            assert "@click" not in str(segment.style.meta if segment.style else "")


@pytest.mark.parametrize("texts", [HOSTILE, HOSTILE[3:] + HOSTILE[:3]], ids=["as is", "rotated"])
async def test_no_control_character_reaches_a_rendered_line(dash, texts):
    async with dash(size=(120, 40), source=HostileSource(texts)) as d:
        check(d)
        for keys in (
            ("enter",), ("escape", "P"), ("escape", "2"), ("space", "R"), ("tab", "enter"),
            ("escape", "enter"), ("G",), ("4",), ("enter",), ("question_mark",),
            ("escape", "5"), ("slash", "x", "escape"), ("g", "enter"), ("6",), ("P",),
            ("tab", "enter"), ("escape", "escape", "tab", "enter"), ("4", "a", "W"), ("escape",),
        ):  # fmt: skip
            await d.press(*keys)
            check(d)
        d.source.down = texts[0] + texts[5]
        await d.press("escape")
        await d.tick()
        check(d)


async def test_markup_is_shown_as_it_is(dash):
    async with dash(source=HostileSource(["[/nope] [red]x[/]"])) as d:
        await d.press("2")
        assert "[/nope] [red]x[/]" in d.text()
        await d.press("X", "tab", "enter")
        assert "[/nope]" in d.text()


async def test_a_hostile_result_is_harmless_in_a_notice_too(dash):
    class Source(HostileSource):
        def apply(self, plan, *, reason=""):
            return replace(super().apply(plan), errors=())

    async with dash(source=Source([HOSTILE[0] + HOSTILE[4]])) as d:
        await d.press("2", "X", "tab", "enter")
        await d.pilot.pause(0.1)
        assert d.notices()
        check(d)


@given(st.text())
def test_printable_leaves_nothing_that_controls_a_terminal(text):
    assert not FORBIDDEN.search(printable(text))


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"])))
def test_printable_changes_nothing_that_is_harmless(text):
    invisible = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
    assert printable(text) == re.sub(f"[{invisible}]", "·", text)


@given(st.lists(st.text()))
def test_a_line_is_harmless_whatever_it_is_made_of(texts):
    assert not FORBIDDEN.search(line(*texts).text)
