"""The domain's recurring jobs."""

from runtime.catalogue.recurring import Recurring

# Jobs that belong to no gym.
SYSTEM_ORG = "system"

RECURRING = (
    # At night in London, where the gyms are; after nights without a worker it runs once.
    Recurring("clean-up", "clean_up", SYSTEM_ORG, cron="0 2 * * *", timezone="Europe/London"),
    # A report on a time without workers is of no use afterwards.
    Recurring("check-health", "check_health", SYSTEM_ORG, every_s=60, missed="skip"),
    # What a crash left behind is found within a minute.
    Recurring("repair-executions", "repair_executions", SYSTEM_ORG, every_s=30, missed="skip"),
    # Birthdays and the like, each at its own time of day; a day that nobody scanned stays unsent.
    Recurring("scan-dates", "scan_dates", SYSTEM_ORG, every_s=900, missed="once"),
    # Providers are asked about a lost answer five minutes later.
    Recurring("reconcile-messages", "reconcile_messages", SYSTEM_ORG, every_s=60, missed="skip"),
    Recurring("audit", "audit", SYSTEM_ORG, every_s=600, missed="skip"),
)
