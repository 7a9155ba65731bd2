"""STOP, START and HELP, as people write them.

English: Twilio's default words, and what 47 CFR 64.1200(a)(10) names as definitive. A keyword is
the whole text, whatever its case and marks: "Stop!" is one, "please stop by" is not
(twilio.com/docs/messaging/tutorials/advanced-opt-out).
"""

import unicodedata

from processors.webhooks.event import Keyword

_WORDS: dict[Keyword, tuple[str, ...]] = {
    "stop": (
        # English
        "stop", "stopall", "stop all", "unsubscribe", "unsubscribe all", "end", "quit", "revoke",
        "optout", "opt out", "cancel",
        # French, German, Spanish, Italian, Portuguese, Dutch, Polish
        "arret", "arreter", "arretez", "stopp", "abmelden", "abbestellen", "parar", "alto", "baja",
        "cancelar", "ferma", "basta", "annulla", "disiscrivi", "pare", "sair", "afmelden",
        "uitschrijven", "rezygnuje", "wypisz",
    ),
    "start": (
        "start", "unstop", "yes", "subscribe", "optin", "opt in",
        "commencer", "oui", "anmelden", "ja", "empezar", "alta", "inizia", "comecar", "aanmelden",
    ),
    "help": (
        "help", "info",
        "aide", "hilfe", "ayuda", "aiuto", "ajuda", "hulp", "pomoc",
    ),
}  # fmt: skip
_BY_WORD = {word: keyword for keyword, words in _WORDS.items() for word in words}
# An answer to a question, unless the sender is known to have objected before.
ANSWERS = frozenset({"yes", "oui", "ja"})
_LONGEST = 60


def keyword_of(text: str) -> Keyword | None:
    """What a text asks for, if it is a keyword and nothing else."""
    return _BY_WORD.get(_bare(text))


def is_answer(text: str) -> bool:
    """Whether it may as well be a plain yes to a question that a workflow asked."""
    return _bare(text) in ANSWERS


def _bare(text: str) -> str:
    """Letters without case and accents, one space between words; no marks around them."""
    if len(text) > _LONGEST:
        return ""
    parts = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(" " if not char.isalpha() else char for char in parts
                   if not unicodedata.combining(char))  # fmt: skip
    return " ".join(kept.split())
