"""What a citizen can want in one turn. Rasa and the fallback both answer in these words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Intent(StrEnum):
    """The coarse dialogue intents; the names are Rasa's intent names (chatbot/rasa/domain.yml, held together by a test)."""

    ASK_GUIDE = "ask_guide"
    FILE_COMPLAINT = "file_complaint"
    FEEDBACK = "feedback"
    """Suggestion or praise: a ticket too."""
    QUERY_PROGRESS = "query_progress"
    WANT_PERSON = "want_person"
    EMERGENCY = "emergency"
    GREET = "greet"
    GOODBYE = "goodbye"
    THANKS = "thanks"
    AFFIRM = "affirm"
    DENY = "deny"
    SKIP = "skip"
    CANCEL = "cancel"
    INFORM = "inform"
    """A piece of information without a wish: a place, a time, a name, a number."""
    ABOUT_BOT = "about_bot"
    OUT_OF_SCOPE = "out_of_scope"
    UNKNOWN = "nlu_fallback"
    """Rasa's own name for «not sure»."""


@dataclass(frozen=True)
class Hint:
    """What the classifier believes; `confidence` from 0 to 1."""

    intent: Intent
    confidence: float
    danger: float = 0.0
    """How likely it thinks that somebody is in danger, also when something else is likelier."""

    def is_(self, *intents: Intent, least: float = 0.0) -> bool:
        """Whether it is one of these with at least this confidence."""
        return self.intent in intents and self.confidence >= least


UNSURE = Hint(Intent.UNKNOWN, 0.0)
