"""The twelve queues, the providers and all kinds of jobs, as data."""

from processors.payloads.campaigns import LoadCampaign, SendBatch
from processors.payloads.compliance import RecordConsent
from processors.payloads.crm import AddTag, TrackEvent, UpdateLead, UpsertRecords
from processors.payloads.messaging import (
    ReconcileMessages,
    ResendMessage,
    SendEmail,
    SendSms,
    SendWhatsapp,
)
from processors.payloads.system import (
    Audit,
    CheckHealth,
    CleanUp,
    RepairExecutions,
    RequeueDeadLetters,
)
from processors.payloads.webhooks import ProcessWebhook
from processors.payloads.workflow import (
    AdvanceExecution,
    ContinueWait,
    ExecuteNode,
    ExecuteWorkflow,
    ProcessTrigger,
    RequestHttp,
    RunAction,
    ScanDates,
    StartOnDate,
    StopWorkflows,
)
from runtime.catalogue.catalogue import (
    Breaker,
    Catalogue,
    Kind,
    Priority,
    Provider,
    Queue,
    RateLimit,
)
from runtime.catalogue.retry import RetryPolicy, RetryRule
from runtime.jobs.dead_letter import DeadLetterRecord

# The providers. A sender says itself what is its provider's fault (away, no answer, login refused)
# and what is not (a refused recipient, 429): it raises Retry with `fault`; besides that, only an
# attempt that hangs counts. Breakers open before one lone job has used up its attempts (5 for
# e-mail, 3 for texts), so that a quiet night's messages outlast an outage too. No rate: the queues
# have theirs, and the rules name one (2 to 5 a second) only for a provider that is not used.
_HANGS = ("HandlerTimeoutError",)
_TEXTS = Breaker(least=3, most_s=300, errors=_HANGS)
PROVIDERS = (
    Provider("email", breaker=Breaker(least=5, most_s=300, errors=_HANGS)),
    Provider("sms", breaker=_TEXTS),
    Provider("whatsapp", breaker=_TEXTS),
)

_WORKFLOW = "processors.workflow.execution.handlers"
_DATES = "processors.workflow.dates.handlers"
_MESSAGING = "processors.messaging.handlers"
_CRM = "processors.crm.handlers"
_CAMPAIGNS = "processors.campaigns.handlers"

QUEUES = (
    Queue("workflow:triggers", slots=20, rate=RateLimit(100), fair=True),
    Queue("workflow:actions", slots=15, rate=RateLimit(50), fair=True),
    Queue("workflow:scheduled", slots=10, rate=RateLimit(30)),
    Queue("workflow:wait", slots=5, rate=RateLimit(20)),
    Queue("communication:email", slots=10, rate=RateLimit(30), fair=True, provider="email"),
    Queue("communication:sms", slots=8, rate=RateLimit(20), fair=True, provider="sms"),
    Queue("communication:whatsapp", slots=5, rate=RateLimit(10), fair=True, provider="whatsapp"),
    # Its jobs wait for one commit together: the more of them, the less each costs. No rate, or it
    # would fall behind what the others enqueue.
    Queue("system:analytics", slots=100),
    Queue("system:cleanup", slots=1, scale_in_production=False),
    Queue("system:health", slots=1, rate=RateLimit(1, per_s=5), scale_in_production=False),
    # A retried job stays in its own queue; here dead letters are requeued, thousands a job, and
    # executions repaired, which must not wait for clean-up.
    Queue("system:retry", slots=3, rate=RateLimit(10)),
    Queue("system:dead-letter", slots=1, rate=RateLimit(5), scale_in_production=False),
)

# A database that is away is not back in two seconds.
_DATABASE = RetryRule("retry", errors=("DatabaseUnavailableError",), after_s=15)
# No retry repairs a workflow or a template; a person has to.
_DEFINITION = RetryRule("dead_letter", errors=("DefinitionError", "TemplateError"))
# The outbox and the step show it, and nobody can do anything about it.
_RECIPIENT = RetryRule("never", errors=("RecipientError",))
_RULES = (_DATABASE, _DEFINITION)

_SEND_EMAIL = RetryPolicy(attempts=5, base_s=2, rules=(*_RULES, _RECIPIENT))
_SEND_TEXT = RetryPolicy(attempts=3, base_s=1, rules=(*_RULES, _RECIPIENT))
_EXECUTE_WORKFLOW = RetryPolicy(attempts=5, base_s=3, rules=_RULES)
_UPDATE_LEAD = RetryPolicy(attempts=3, backoff="fixed", base_s=5, rules=_RULES)
_OTHERS = RetryPolicy(attempts=3, base_s=2, rules=_RULES)
# Another system may be away for some minutes.
_CALL = RetryPolicy(attempts=6, base_s=5, rules=_RULES)
# A database that does not answer is what a health check must report, and soon.
_HEALTH = RetryPolicy(attempts=3, base_s=2)
# The next one comes in ten minutes.
_AUDIT = RetryPolicy(attempts=1)
# A record outlasts a database that is away for hours.
_RECORD = RetryPolicy(attempts=200, base_s=2, cap_s=300)
# A campaign outlasts a database that is away for hours; nobody would start it again.
_CAMPAIGN = RetryPolicy(attempts=200, base_s=2, cap_s=300, rules=(_DEFINITION,))
# The next one does not start before this one has ended.
_REPAIR = RetryPolicy(attempts=200, base_s=2, cap_s=30)

KINDS = (
    Kind(
        "process_trigger",
        "workflow:triggers",
        ProcessTrigger,
        "processors.workflow.execution.triggering:process_trigger",
        retry=_OTHERS,
        timeout_s=30,
        priority=Priority.HIGH,
        hint=("trigger_type",),
    ),
    Kind(
        "execute_workflow",
        "workflow:actions",
        ExecuteWorkflow,
        f"{_WORKFLOW}:execute_workflow",
        retry=_EXECUTE_WORKFLOW,
        timeout_s=60,
        hint=("workflow_id", "trigger_type"),
    ),
    Kind(
        "advance_execution",
        "workflow:actions",
        AdvanceExecution,
        f"{_WORKFLOW}:advance_execution",
        retry=_OTHERS,
        timeout_s=60,
        hint=("node_id", "execution_id"),
    ),
    Kind(
        "stop_workflows",
        "workflow:actions",
        StopWorkflows,
        f"{_WORKFLOW}:stop_workflows",
        retry=_OTHERS,
        timeout_s=60,
        hint=("workflow_id",),
    ),
    Kind(
        # What earlier versions have enqueued.
        "execute_node",
        "workflow:actions",
        ExecuteNode,
        f"{_WORKFLOW}:advance_execution",
        retry=_OTHERS,
        timeout_s=30,
        hint=("node_id",),
    ),
    Kind(
        "run_action",
        "workflow:actions",
        RunAction,
        "processors.workflow.actions.jobs:run_action",
        retry=_OTHERS,
        timeout_s=60,
        hint=("action", "node_id"),
    ),
    Kind(
        "request_http",
        "workflow:actions",
        RequestHttp,
        "processors.workflow.actions.jobs:request_http",
        retry=_CALL,
        timeout_s=60,
        hint=("node_id",),
    ),
    Kind(
        "execute_scheduled_workflow",
        "workflow:scheduled",
        ExecuteWorkflow,
        f"{_WORKFLOW}:execute_workflow",
        retry=_EXECUTE_WORKFLOW,
        timeout_s=60,
        hint=("workflow_id",),
    ),
    Kind(
        "scan_dates",
        "workflow:scheduled",
        ScanDates,
        f"{_DATES}:scan_dates",
        retry=_OTHERS,
        timeout_s=60,
    ),
    Kind(
        "start_on_date",
        "workflow:scheduled",
        StartOnDate,
        f"{_DATES}:start_on_date",
        retry=_OTHERS,
        timeout_s=300,
        hint=("workflow_id", "day"),
    ),
    Kind(
        "continue_wait",
        "workflow:wait",
        ContinueWait,
        f"{_WORKFLOW}:continue_wait",
        retry=_OTHERS,
        timeout_s=30,
        hint=("node_id",),
    ),
    Kind(
        "update_lead",
        "workflow:actions",
        UpdateLead,
        f"{_CRM}:update_lead",
        retry=_UPDATE_LEAD,
        timeout_s=30,
        hint=("lead_id",),
    ),
    Kind(
        "add_tag",
        "workflow:actions",
        AddTag,
        f"{_CRM}:add_tag",
        retry=_OTHERS,
        timeout_s=30,
        hint=("lead_id", "tag"),
    ),
    Kind(
        "record_consent",
        "workflow:actions",
        RecordConsent,
        "processors.compliance.handlers:record_consent",
        retry=_OTHERS,
        timeout_s=30,
        priority=Priority.HIGH,
        hint=("channel", "status"),
    ),
    Kind(
        "upsert_records",
        "workflow:actions",
        UpsertRecords,
        "processors.crm.upserts:upsert_records",
        retry=_UPDATE_LEAD,
        timeout_s=60,
    ),
    Kind(
        "send_email",
        "communication:email",
        SendEmail,
        f"{_MESSAGING}:send_email",
        retry=_SEND_EMAIL,
        timeout_s=60,
        hint=("to", "subject"),
    ),
    Kind(
        "send_sms",
        "communication:sms",
        SendSms,
        f"{_MESSAGING}:send_sms",
        retry=_SEND_TEXT,
        timeout_s=60,
        hint=("to",),
    ),
    Kind(
        "send_whatsapp",
        "communication:whatsapp",
        SendWhatsapp,
        f"{_MESSAGING}:send_whatsapp",
        retry=_SEND_TEXT,
        timeout_s=60,
        hint=("to", "template"),
    ),
    *(
        Kind(
            f"resend_{channel}",
            f"communication:{channel}",
            ResendMessage,
            "processors.messaging.resending:resend",
            retry=_SEND_EMAIL if channel == "email" else _SEND_TEXT,
            timeout_s=60,
            hint=("message_id",),
        )
        for channel in ("email", "sms", "whatsapp")
    ),
    Kind(
        "reconcile_messages",
        "system:retry",
        ReconcileMessages,
        "processors.messaging.reconciling:reconcile_messages",
        retry=_OTHERS,
        timeout_s=120,
        priority=Priority.LOW,
    ),
    Kind(
        "process_webhook",
        "workflow:triggers",
        ProcessWebhook,
        "processors.webhooks.handlers:process_webhook",
        retry=_OTHERS,
        timeout_s=60,
        hint=("provider",),
    ),
    Kind(
        "load_campaign",
        "workflow:scheduled",
        LoadCampaign,
        f"{_CAMPAIGNS}:load_campaign",
        retry=_CAMPAIGN,
        timeout_s=60,
        priority=Priority.LOW,
        hint=("campaign_id", "part"),
    ),
    # In the queue that they fill: behind what the batch before them left, so that a campaign waits
    # for its provider in the database, and not in Redis.
    *(
        Kind(
            f"bulk_{channel}",
            f"communication:{channel}",
            SendBatch,
            f"{_CAMPAIGNS}:send_batch",
            retry=_CAMPAIGN,
            timeout_s=60,
            priority=Priority.LOW,
            hint=("campaign_id", "batch"),
        )
        for channel in ("email", "sms", "whatsapp")
    ),
    Kind(
        "track_event",
        "system:analytics",
        TrackEvent,
        "processors.analytics.handlers:track_event",
        retry=_OTHERS,
        timeout_s=30,
        priority=Priority.BACKGROUND,
        hint=("event",),
    ),
    Kind(
        "clean_up",
        "system:cleanup",
        CleanUp,
        "processors.maintenance.cleanup:clean_up",
        retry=_OTHERS,
        timeout_s=300,
        priority=Priority.LOW,
        hint=("retention_days",),
    ),
    Kind(
        # In clean-up's queue, which can wait: health checks must not wait for it.
        "audit",
        "system:cleanup",
        Audit,
        "processors.maintenance.audit:audit",
        retry=_AUDIT,
        timeout_s=300,
        priority=Priority.BACKGROUND,
    ),
    Kind(
        "check_health",
        "system:health",
        CheckHealth,
        "processors.health.handlers:check_health",
        retry=_HEALTH,
        timeout_s=30,
        hint=("level",),
    ),
    Kind(
        "record_dead_letter",
        "system:dead-letter",
        DeadLetterRecord,
        "processors.dead_letters.handlers:record_dead_letter",
        retry=_RECORD,
        timeout_s=60,
        hint=("job_id", "kind"),
    ),
    Kind(
        "repair_executions",
        "system:retry",
        RepairExecutions,
        "processors.maintenance.executions:repair_executions",
        retry=_REPAIR,
        timeout_s=120,
    ),
    Kind(
        "requeue_dead_letters",
        "system:retry",
        RequeueDeadLetters,
        "processors.dead_letters.handlers:requeue_dead_letters",
        retry=_OTHERS,
        timeout_s=120,
        hint=("group", "queue"),
    ),
)

CATALOGUE = Catalogue(QUEUES, KINDS, PROVIDERS, dead_letter="record_dead_letter")
