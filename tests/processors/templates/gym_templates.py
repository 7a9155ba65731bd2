"""Templates as gyms keep them: the variables, lengths and letters of real ones, in our words.

`chars` is how long the real one is. Longer e-mails are made of paragraphs that say what the short
ones do.
"""

from dataclasses import dataclass

from processors.templates.saving import NewTemplate
from processors.texts.interpolation import Variable

_MORE = (
    "Our team is here from six in the morning until ten at night, and shows you every machine. ",
    "Bring a towel, a bottle and shoes that you do not wear outside; lockers take a coin. ",
    "If something does not suit you, reply to this message: a person reads it the same day. ",
    "Classes fill up quickly on Mondays; a place on the waiting list is often free by evening. ",
)


@dataclass(frozen=True)
class GymTemplate:
    name: str
    channel: str
    body: str
    chars: int
    declared: tuple[str, ...] | None = None
    uses_ucs2: bool = False

    def new(self) -> NewTemplate:
        """As it is saved; e-mails of some length are HTML."""
        body = self.body
        while len(body) < self.chars - 40:
            body += " " + _MORE[len(body) % len(_MORE)]
        body = body[: max(self.chars, len(self.body))].strip()
        email = self.channel == "email"
        declared = None if self.declared is None else [Variable(name) for name in self.declared]
        return NewTemplate(
            channel=self.channel,
            name=self.name,
            body=body,
            subject=self.name if email else None,
            is_html=email and self.chars > 200,
            variables=declared,
        )


GYM_TEMPLATES = (
    GymTemplate("Welcome aboard", "email", "<p>Hello {{firstName}}, welcome to "
                "{{organizationName}}.</p>", 815, ("firstName", "organizationName")),
    GymTemplate("Shall we start?", "email", "<p>{{firstName}}, it is {{currentDate}}, "
                "{{currentTime}}, and {{organizationName}} is open — shall we start?</p>", 793,
                ("firstName", "organizationName", "currentDate", "currentTime"), True),
    GymTemplate("Your class is booked", "email", "<p>{{firstName}}, {{className}} with "
                "{{instructorName}} is on {{classDate}} at {{classTime}} — {{location}}. Yours, "
                "{{organizationName}}</p>", 615,
                ("firstName", "className", "classDate", "classTime", "instructorName", "location",
                 "organizationName"), True),
    GymTemplate("Your membership ends soon", "email", "<p>{{firstName}}, your {{membershipType}} "
                "at {{organizationName}} ends on {{expiryDate}} — {{daysUntilExpiry}} days.</p>",
                823, ("firstName", "organizationName", "membershipType", "expiryDate",
                      "daysUntilExpiry"), True),
    GymTemplate("Come back", "email", "<p>{{firstName}}, {{organizationName}} has kept your locker "
                "— ring {{phoneNumber}}.</p>", 1086,
                ("firstName", "organizationName", "phoneNumber"), True),
    GymTemplate("Many happy returns", "email", "<p>{{firstName}}, happy birthday {{currentYear}} "
                "from {{organizationName}} 🎂</p>", 884,
                ("firstName", "organizationName", "currentYear"), True),
    GymTemplate("Text for new leads", "sms", "Hi {{firstName}}, thanks for asking about "
                "{{organizationName}} 💪 Your first week costs nothing: choose a day at "
                "{{bookingLink}} or reply to this text.", 162,
                ("firstName", "organizationName", "bookingLink"), True),
    GymTemplate("Text before a class", "sms", "{{firstName}}, {{className}} starts at "
                "{{classTime}} ⏰ Cannot come? Reply NO and somebody else gets your place.", 120,
                ("firstName", "className", "classTime"), True),
    GymTemplate("Quick answer", "whatsapp", "Hi {{firstName}} 👋 this is {{organizationName}}. "
                "What would you like to know: prices, times or classes?", 244,
                ("firstName", "organizationName"), True),
    GymTemplate("Booking notice", "email", "<p>{customer_name}: {class_name} on {class_date}, "
                "{class_time}, {location}, {instructor_name} — {booking_reference}. Cancel up to "
                "{cancellation_cutoff_hours} hours before. {special_requirements}</p>", 447,
                None, True),
    GymTemplate("Tomorrow", "email", "<p>{customer_name}: {class_name} with {instructor_name} on "
                "{class_date} at {class_time} — {location}. {special_requirements}</p>", 365,
                None, True),
    GymTemplate("In two hours", "sms", "{class_name} starts at {class_time}, {location}. See you "
                "in two hours, and bring a towel please!", 102),
    GymTemplate("Cancelled", "email", "<p>{customer_name}: {class_name} on {class_date}, "
                "{class_time} ({booking_reference}) is cancelled: {cancellation_reason}</p>", 264),
    GymTemplate("On the list", "email", "<p>{customer_name}, you are number {waitlist_position} "
                "for {class_name} on {class_date}, {class_time} — booked at once: {auto_book}</p>",
                282, None, True),
    GymTemplate("A place is free", "email", "<p>{customer_name}, a place in {class_name} is free — "
                "{class_date}, {class_time}.</p>", 327, None, True),
    GymTemplate("Short welcome", "email", "Hello {{firstName}}, it is good to have you here.", 134,
                ("firstName",)),
    GymTemplate("Short booking", "email", "{{firstName}}, {{className}} is booked for {{date}} at "
                "{{time}}.", 123, ("firstName", "className", "date", "time")),
    GymTemplate("Short payment", "email", "{{firstName}}, {{amount}} is due on {{dueDate}}.", 130,
                ("firstName", "amount", "dueDate")),
    GymTemplate("Text welcome", "sms", "Welcome to {{gym_name}}! Reply to this text whenever you "
                "have a question.", 78, ("gym_name",)),
    GymTemplate("Text booking", "sms", "{{customer_name}}: {{class_name}} is booked for {{date}} "
                "at {{time}}. See you!", 85, ("customer_name", "class_name", "date", "time")),
    GymTemplate("Text payment", "sms", "{{customer_name}}, {{amount}} is due on {{due_date}}. "
                "Questions? Reply.", 84, ("customer_name", "amount", "due_date")),
    GymTemplate("Answer to STOP", "sms", "You get no more texts from us. Reply START if you want "
                "them again.", 73, ()),
    GymTemplate("Answer to START", "sms", "You get texts again. Reply STOP to end them.", 56, ()),
    GymTemplate("Answer to HELP", "sms", "Reply to this text, or ring the desk. STOP ends these "
                "texts.", 69, ()),
)  # fmt: skip
