"""What the domain does again and again, by itself."""

from runtime.catalogue.recurring import Recurring

# Jobs that belong to no gym.
SYSTEM_ORG = "system"

RECURRING = (
    # At night in London, where the gyms are; a night without a worker is made up for once.
    Recurring("clean-up", "clean_up", SYSTEM_ORG, cron="0 2 * * *", timezone="Europe/London"),
    # What a report would have said of a time without workers is no use afterwards.
    Recurring("check-health", "check_health", SYSTEM_ORG, every_s=60, missed="skip"),
    Recurring("audit", "audit", SYSTEM_ORG, every_s=600, missed="skip"),
)
