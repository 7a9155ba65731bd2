"""The gyms of the demo and the people who come to them; all invented."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

FIRST_NAMES = (
    "Ana", "Ben", "Chloe", "Dev", "Elif", "Femi", "Grace", "Hugo", "Ines", "José", "Kofi", "Lena",
    "Mei", "Noah", "Olga", "Priya", "Quentin", "Rosa", "Sam", "Tariq", "Uma", "Viktor", "Wanjiru",
    "Xenia", "Yusuf", "Zoë",
)  # fmt: skip
LAST_NAMES = (
    "Adeyemi", "Bailey", "Costa", "Demir", "Evans", "Fischer", "Grant", "Haddad", "Ivanova",
    "Jones", "Kaur", "Lindqvist", "Mensah", "Nowak", "O'Brien", "Patel", "Quinn", "Rossi",
    "Singh", "Taylor", "Usman", "Varga", "Wong", "Young", "Zhang",
)  # fmt: skip
CLASSES = ("Spin", "Yoga Flow", "Boxing Basics", "Strength Club", "Pilates", "HIIT 45", "Aqua Fit")
COACHES = ("Marta", "Leon", "Aisha", "Callum", "Nia")
SOURCES = ("website", "walk-in", "instagram", "referral", "phone")
# Mail domains that belong to nobody (RFC 2606) and mobile numbers kept for drama (Ofcom).
_DOMAINS = ("example.com", "example.org", "example.net")
_MOBILE = "07700 900{:03d}"
_WRONG_NUMBER = "07700 9"
_WRONG_NUMBERS = 0.03


@dataclass(frozen=True, slots=True)
class Gym:
    """One organisation; `size` weighs how much happens there."""

    org: str
    name: str
    phone: str
    size: int


GYMS = (
    Gym("org_harbour", "Harbour Strength", "+441174960001", 5),
    Gym("org_northside", "Northside Fitness", "+441134960002", 3),
    Gym("org_riverbank", "Riverbank Yoga & Pilates", "+441614960003", 2),
    Gym("org_summit", "Summit Climbing", "+441144960004", 1),
)


def some_gym(rng: random.Random) -> Gym:
    """A gym, larger ones more often."""
    return rng.choices(GYMS, [gym.size for gym in GYMS])[0]


def person(rng: random.Random, number: int) -> dict[str, Any]:
    """Somebody new; one in thirty gave a number that is none."""
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    address = f"{first}.{last}.{number}".lower().replace("'", "").encode("ascii", "ignore").decode()
    wrong = rng.random() < _WRONG_NUMBERS
    return {
        "first_name": first,
        "last_name": last,
        "email": f"{address}@{rng.choice(_DOMAINS)}",
        "phone": _WRONG_NUMBER if wrong else _MOBILE.format(rng.randrange(1_000)),
        "source": rng.choice(SOURCES),
        "score": rng.randrange(10, 100),
    }


def headlines(rng: random.Random) -> Sequence[str]:
    """Three items of a newsletter."""
    items = [f"{name} with {rng.choice(COACHES)}: two new times a week" for name in CLASSES]
    return rng.sample(items, 3)
