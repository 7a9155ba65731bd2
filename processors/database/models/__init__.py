"""The tables, one class each. Field names follow the CRM's own schema where it has one."""

from processors.database.models.activities import (
    Activity,
    AnalyticsEvent,
    FollowingEvents,
)
from processors.database.models.base import (
    NAMING,
    Base,
    utc_now,
)
from processors.database.models.business import (
    BOOKING_STATUSES,
    MEMBERSHIP_STATUSES,
    PAYMENT_STATUSES,
    Booking,
    ClassSession,
    Membership,
    Payment,
)
from processors.database.models.campaigns import (
    CAMPAIGN_STATUSES,
    RECIPIENT_STATUSES,
    Campaign,
    CampaignRecipient,
    Segment,
)
from processors.database.models.consent import (
    CHANNELS,
    CONSENT_STATUSES,
    SUPPRESSION_REASONS,
    Consent,
    Suppression,
)
from processors.database.models.follow_up import (
    OPPORTUNITY_STATUSES,
    TASK_STATUSES,
    Note,
    Opportunity,
    Task,
)
from processors.database.models.messages import (
    DELIVERY_STATUSES,
    MESSAGE_STATUSES,
    Message,
    ProviderEvent,
)
from processors.database.models.operations import (
    HealthReport,
    StoredDeadLetter,
)
from processors.database.models.people import (
    CONTACT_TYPES,
    Contact,
    Holiday,
    Organisation,
    ScoreChange,
    User,
)
from processors.database.models.templates import (
    PURPOSES,
    Template,
    TemplateVersion,
)
from processors.database.models.workflows import (
    EXECUTION_STATUSES,
    STEP_STATUSES,
    WORKFLOW_STATUSES,
    Workflow,
    WorkflowExecution,
    WorkflowStep,
    WorkflowVersion,
    WorkflowWait,
)

__all__ = [
    "BOOKING_STATUSES",
    "CAMPAIGN_STATUSES",
    "CHANNELS",
    "CONSENT_STATUSES",
    "CONTACT_TYPES",
    "DELIVERY_STATUSES",
    "EXECUTION_STATUSES",
    "MEMBERSHIP_STATUSES",
    "MESSAGE_STATUSES",
    "NAMING",
    "OPPORTUNITY_STATUSES",
    "PAYMENT_STATUSES",
    "PURPOSES",
    "RECIPIENT_STATUSES",
    "STEP_STATUSES",
    "SUPPRESSION_REASONS",
    "TASK_STATUSES",
    "WORKFLOW_STATUSES",
    "Activity",
    "AnalyticsEvent",
    "Base",
    "Booking",
    "Campaign",
    "CampaignRecipient",
    "ClassSession",
    "Consent",
    "Contact",
    "FollowingEvents",
    "HealthReport",
    "Holiday",
    "Membership",
    "Message",
    "Note",
    "Opportunity",
    "Organisation",
    "Payment",
    "ProviderEvent",
    "ScoreChange",
    "Segment",
    "StoredDeadLetter",
    "Suppression",
    "Task",
    "Template",
    "TemplateVersion",
    "User",
    "Workflow",
    "WorkflowExecution",
    "WorkflowStep",
    "WorkflowVersion",
    "WorkflowWait",
    "utc_now",
]
