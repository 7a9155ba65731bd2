"""What people do in the gyms: each method makes the jobs of one thing that happens."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from processors.database.models import utc_now
from processors.demo.gyms import CLASSES, COACHES, GYMS, Gym, headlines, person, some_gym
from processors.demo.workflows import QUICKER
from runtime.catalogue.catalogue import Priority
from runtime.client import NewJob

_REPEATS = 0.01


class Afternoon:
    """Makes jobs; all randomness comes from one seed, and the time from `now`."""

    def __init__(self, seed_number: int, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self.rng = random.Random(seed_number)  # noqa: S311 - invented people, no secret
        self._prefix = f"demo-{seed_number}"
        self._count = 0
        self._known: list[tuple[Gym, dict[str, Any]]] = []

    def lead(self) -> list[NewJob]:
        """Somebody asks about a gym; one event in a hundred arrives twice, a third book a trial."""
        gym = some_gym(self.rng)
        lead = self._person()
        self._known = [*self._known[-499:], (gym, lead)]
        job = self._trigger(gym, "lead_created", {"contact": lead})
        jobs = [job, job] if self.rng.random() < _REPEATS else [job]
        if self.rng.random() < 1 / 3:
            jobs += self._trial(gym, lead)
        return jobs

    def _trial(self, gym: Gym, lead: dict[str, Any]) -> list[NewJob]:
        """A trial in some 30 hours, which are seconds here; two of three come."""
        place = self._place(30)
        jobs = [self._trigger(gym, "trial_booked", {"contact": lead, **place})]
        if self.rng.random() < 2 / 3:
            jobs += [
                self._later(self._trigger(gym, event, {"contact": lead, **place, **data}), 32)
                for event, data in (("trial_attended", {}), ("first_session", self._coach()))
            ]
        return jobs

    def _coach(self) -> dict[str, Any]:
        """The coach of a session; now and then nobody wrote down who it was."""
        name = self.rng.choice(COACHES)
        known = {"name": name, "email": f"{name.lower()}@coaches.example"}
        return {"coach": known} if self.rng.random() < 0.8 else {}

    def booking(self) -> list[NewJob]:
        """Somebody books a class; one in eight cancels it again."""
        gym, lead = self._member()
        data = {"contact": lead, **self._place(self.rng.uniform(26, 60))}
        jobs = [self._trigger(gym, "booking_confirmed", data)]
        if self.rng.random() < 1 / 8:
            jobs.append(self._later(self._trigger(gym, "booking_cancelled", data), 10))
        return jobs

    def payment(self) -> list[NewJob]:
        """A payment is declined; half of them are made within four days."""
        gym, lead = self._member()
        data = {"contact": lead, "amount": f"£{self.rng.choice((29, 39, 49, 65))}"}
        jobs = [self._trigger(gym, "payment.failed", data)]
        if self.rng.random() < 0.5:
            jobs.append(self._later(self._trigger(gym, "payment_received", data), 90))
        return jobs

    def waitlist(self) -> list[NewJob]:
        """A place in a class is free; the first on the list answers, or does not."""
        gym, lead = self._member()
        place = {
            "class_name": self.rng.choice(CLASSES),
            "class_starts_at": self._in_hours(self.rng.uniform(3, 20)),
        }
        jobs = [self._trigger(gym, "waitlist_place_free", {"contact": lead, **place})]
        return jobs + self._reply(gym, lead, ("Yes please", "yes!", "No, sorry"), within_s=0.4)

    def freeze(self) -> list[NewJob]:
        """A member asks to pause; the gym asks back, and most answer."""
        gym, lead = self._member()
        job = self._trigger(gym, "freeze_requested", {"contact": lead})
        return [job, *self._reply(gym, lead, ("YES", "no", "who is this?"), within_s=30)]

    def absence(self) -> list[NewJob]:
        """Somebody has not come for two weeks; a third answer one of the texts."""
        gym, lead = self._member()
        event = self.rng.choice(("member_absent", "days_since_last_visit"))
        job = self._trigger(gym, event, {"contact": lead})
        replies = self._reply(gym, lead, ("Saturday?", "I moved away"), within_s=200)
        return [job, *replies] if self.rng.random() < 1 / 3 else [job]

    def membership(self) -> list[NewJob]:
        """Memberships begin and end, friends are referred, birthdays come."""
        gym, lead = self._member()
        event = self.rng.choice(
            ("new_client", "membership_started", "membership_cancelled", "referral_received",
             "birthday_trigger", "offer_released", "class_full")
        )  # fmt: skip
        data = {"contact": lead, "class_name": self.rng.choice(CLASSES)}
        return [self._trigger(gym, event, data)]

    def check_ins(self) -> list[NewJob]:
        """Members check in; the third visit of one of them is known."""
        gym, lead = self._member()
        visit = {"contact": {**lead, "visits": self.rng.randrange(1, 8)}}
        return [
            self._job(
                "track_event", some_gym(self.rng), {"event": "check_in", "data": {"door": 1}}
            ),
            self._trigger(gym, "check_in", visit),
        ]

    def crm(self) -> list[NewJob]:
        """Somebody at a desk changes a contact."""
        # The newest are not stored yet.
        if not (stored := self._known[:-5]):
            return []
        gym, lead = self.rng.choice(stored)
        if self.rng.random() < 0.5:
            return [self._job("add_tag", gym, {"lead_id": lead["id"], "tag": "visited"})]
        updates = {"score": self.rng.randrange(100)}
        return [self._job("update_lead", gym, {"lead_id": lead["id"], "updates": updates})]

    def full_class(self) -> list[NewJob]:
        """Booking opens for one gym's evening class, and 40 people want it."""
        gym = some_gym(self.rng)
        place = self._place(28)
        return [
            self._trigger(gym, "booking_confirmed", {"contact": self._person(), **place})
            for _ in range(40)
        ]

    def texts_for_later(self) -> list[NewJob]:
        """Texts that somebody wrote for later today."""
        jobs = []
        for _ in range(4):
            gym, lead = self._member()
            payload = {
                "to": lead["phone"],
                "message": f"Your plan for the week is ready at {gym.name}.",
                "purpose": "transactional",
            }
            jobs.append(self._later(self._job("send_sms", gym, payload), self.rng.uniform(30, 600)))
        return jobs

    def newsletter(self) -> list[NewJob]:
        """The largest gym writes to everybody, while the others' mails must not wait for it."""
        gym = GYMS[0]
        data = {
            "title": f"This week at {gym.name}",
            "items": list(headlines(self.rng)),
            "organisation": {"name": gym.name},
        }
        return [
            replace(
                self._job(
                    "send_email",
                    gym,
                    {
                        "to": lead["email"],
                        "subject": data["title"],
                        "template": "newsletter",
                        "template_data": {**data, "lead": {"first_name": lead["first_name"]}},
                    },
                ),
                priority=Priority.LOW,
            )
            for lead in (self._person() for _ in range(200))
        ]

    def health(self) -> list[NewJob]:
        """A health check that somebody asks for."""
        return [self._job("check_health", GYMS[0], {})]

    def clean_up(self) -> list[NewJob]:
        """A clean-up that somebody asks for."""
        return [self._job("clean_up", GYMS[0], {"retention_days": 7})]

    def _person(self) -> dict[str, Any]:
        self._count += 1
        return {"id": f"lead_{self._count}", **person(self.rng, self._count)}

    def _member(self) -> tuple[Gym, dict[str, Any]]:
        if self._known and self.rng.random() < 0.8:
            return self.rng.choice(self._known)
        return some_gym(self.rng), self._person()

    def _place(self, hours: float) -> dict[str, Any]:
        """A place in a class that starts in so many hours, which are seconds here."""
        self._count += 1
        return {
            "booking": {
                "id": f"booking_{self._count}",
                "name": self.rng.choice(CLASSES),
                "starts_at": self._in_hours(hours),
                "instructor": self.rng.choice(COACHES),
            }
        }

    def _in_hours(self, hours: float) -> str:
        at = self._now() + timedelta(hours=hours) / QUICKER
        return at.isoformat(timespec="milliseconds")

    def _reply(
        self, gym: Gym, lead: dict[str, Any], texts: Sequence[str], *, within_s: float
    ) -> list[NewJob]:
        data = {"contact": lead, "channel": "sms", "text": self.rng.choice(texts)}
        job = self._trigger(gym, "message_received", data)
        return [self._later(job, within_s * self.rng.uniform(0.5, 0.9))]

    def _later(self, job: NewJob, seconds: float) -> NewJob:
        return replace(job, delay=timedelta(seconds=seconds))

    def _trigger(self, gym: Gym, event: str, data: dict[str, Any]) -> NewJob:
        return self._job("process_trigger", gym, {"trigger_type": event, "trigger_data": data})

    def _job(self, kind: str, gym: Gym, payload: dict[str, Any]) -> NewJob:
        self._count += 1
        return NewJob(kind, gym.org, payload, job_id=f"{self._prefix}-{self._count}")
