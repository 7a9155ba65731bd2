"""Lists of jobs, page by page."""

from collections.abc import Iterator, Sequence

from runtime.broker.reads import bounded
from runtime.broker.reads.pages import IdPage, page_chained, page_scored, page_waiting
from runtime.view.deployment import Deployment, OnDeployment
from runtime.view.from_redis import JobView
from runtime.view.snapshot import JobPage, JobState, JobSummary

# A search looks through so many jobs of a list at most; the page says so.
SCAN_LIMIT = 2_000
# How many of a long list are in our memory at a time.
_AT_A_TIME = 200


class JobPages(OnDeployment):
    """Reads pages of jobs."""

    def __init__(self, deployment: Deployment, view: JobView) -> None:
        super().__init__(deployment)
        self._view = view

    def page(
        self, queue: str | None, state: JobState, *, offset: int, limit: int, search: str
    ) -> JobPage:
        """See `Reader.page`."""
        names = [self._catalogue.queue(queue).name] if queue else list(self._catalogue.queues)
        if not search:
            ids = self._ids(names, state, offset, limit)
            return JobPage(queue, state, offset, limit, ids.total, self._summaries(ids))
        ids = self._ids(names, state, 0, SCAN_LIMIT)
        found = [job for job in self._summaries(ids) if _matches(job, search)]
        page = tuple(found[offset : offset + limit])
        return JobPage(queue, state, offset, limit, len(found), page, len(ids.ids), ids.total)

    def _ids(self, names: Sequence[str], state: JobState, offset: int, limit: int) -> IdPage:
        connection, keys = self._broker.connection, self._broker.keys
        lanes = [lane for name in names for lane in self._names.lanes(name)]
        queues = [self._names.full(name) for name in names]
        match state:
            case JobState.WAITING:
                return page_waiting(connection, keys, lanes, offset, limit)
            case JobState.ACTIVE:
                page = page_scored(
                    connection, [keys.leases(q) for q in queues], offset, limit, newest_first=False
                )
                ids = [member.rpartition(":")[0] for member in page.ids]
                return IdPage(ids, page.scores, page.total)
            case JobState.STALLED:
                sets = [keys.stalled(q) for q in queues]
            case JobState.SCHEDULED:
                # Those that wait for other jobs come after those that wait for a time.
                return page_chained(
                    connection,
                    [keys.scheduled(lane) for lane in lanes],
                    [keys.deferred(lane) for lane in lanes],
                    offset,
                    limit,
                )
            case JobState.FAILED:
                sets = [keys.failed(lane) for lane in lanes]
            case JobState.FINISHED:
                sets = [keys.finished(lane) for lane in lanes]
            case JobState.CANCELED:
                sets = [keys.canceled(lane) for lane in lanes]
        return page_scored(connection, sets, offset, limit, newest_first=True)

    def _summaries(self, page: IdPage) -> tuple[JobSummary, ...]:
        found: list[JobSummary] = []
        for start in range(0, len(page.ids), _AT_A_TIME):
            ids = page.ids[start : start + _AT_A_TIME]
            found += self._some_summaries(ids, page.scores[start : start + _AT_A_TIME])
        return tuple(found)

    def _some_summaries(self, ids: Sequence[str], scores: Sequence[float]) -> Iterator[JobSummary]:
        connection, keys = self._broker.connection, self._broker.keys
        jobs = bounded.read_hashes(connection, keys, ids, most_bytes=bounded.LISTED_BYTES)
        results = bounded.read_last_results(connection, keys, ids)
        for job_id, score, fields, result in zip(ids, scores, jobs, results, strict=True):
            yield self._view.summary(job_id, fields or {}, result, due_s=score)


def _matches(job: JobSummary, search: str) -> bool:
    needle = search.casefold()
    fields = (job.id, job.kind, job.org, job.hint, job.error, job.worker, job.queue)
    return any(needle in field.casefold() for field in fields)
