"""Retrying all jobs that failed with the same error."""

EMAIL = ("j", "j", "j", "j")


async def test_retry_by_error_says_how_many_before_anything_happens(dash):
    async with dash(size=(80, 24)) as d:
        await d.press("2", "j")
        job_id = d.screen.jobs.cursor_key
        error = d.source.job(job_id).summary.error
        page = d.source.page(None, d.screen.state, offset=0, limit=999, search=error)
        assert 0 < page.total < 330
        await d.press("E")
        assert f"Retry {page.total} jobs: all failed of every queue with" in d.text()
        assert "apply" not in d.source.calls
        await d.press("tab", "enter")
        assert d.notices()[-1] == f"{page.total} jobs waiting again"
        assert d.source.page(None, d.screen.state, offset=0, limit=9, search=error).total == 0


async def test_retry_by_error_within_a_queue_and_from_a_job(dash):
    async with dash() as d:
        await d.press(*EMAIL, "enter", *["right_square_bracket"] * 3, "E")
        assert "all failed of communication:email with the error" in d.text()
        await d.press("escape", "enter", "E")
        assert "all failed of every queue with the error of" in d.text()
        assert "cefa0000" in d.text()


async def test_retry_by_error_needs_an_error(dash):
    async with dash() as d:
        await d.press("3", "E")
        assert "E retries failed jobs; these are stalled" in d.notices()
        await d.press("1", *EMAIL, "enter", "enter", "E")
        assert "E retries jobs with the same error; this one has none" in d.notices()


async def test_retry_by_error_of_a_job_that_is_gone_says_so(dash):
    async with dash() as d:
        await d.press("2")
        d.source.apply(d.source.plan_delete([d.screen.jobs.cursor_key]))
        await d.press("E")
        assert any(notice.startswith("No plan: no job") for notice in d.notices())


async def test_a_plan_of_a_hundred_keys_in_a_low_terminal_keeps_its_buttons(dash):
    async with dash(size=(60, 12), environment="production") as d:
        await d.press("2", "E")
        assert "Cancel" in d.text()
        assert "to confirm" in d.text()
