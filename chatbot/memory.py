"""What the bot remembers of a conversation between turns: `conversation.bot_state`, with names instead of strings.

offer: what the last answer offered, so that «yes», «the first» or «no, thanks» mean something:
    register (question, kind), person, choices (choices), district (question), number, code, more (article), fulltext (article), helped.
"""

from __future__ import annotations

from typing import Any

from ticketing.conversation.models import Conversation

_OFFER_KEYS = ("offer", "choices", "number", "article")


class Memory:
    """A changeable view; `save` writes it back."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self.state: dict[str, Any] = dict(conversation.bot_state or {})

    def save(self) -> None:
        """Write back into the conversation (a new dictionary, so that the change is seen)."""
        self._conversation.bot_state = dict(self.state)

    @property
    def offer(self) -> str:
        """What was offered last, or an empty string."""
        return str(self.state.get("offer", ""))

    def make_offer(self, offer: str, **details: Any) -> None:
        """Remember what the next «yes» means."""
        self.forget_offer()
        self.state.update(offer=offer, **details)

    def forget_offer(self) -> None:
        """The offer was taken up, or the talk went on."""
        for key in _OFFER_KEYS:
            self.state.pop(key, None)

    @property
    def choices(self) -> list[dict[str, Any]]:
        """The articles offered: {"id", "title"}."""
        return list(self.state.get("choices", []))

    @property
    def question(self) -> str:
        """The last question that was not answered, or the emergency that was told."""
        return str(self.state.get("question", ""))

    @property
    def misses(self) -> int:
        """Questions in a row without an answer."""
        return int(self.state.get("misses", 0))

    def miss(self, question: str) -> int:
        """Count one more question without answer; returns how many in a row."""
        misses = self.misses + 1
        self.state.update(misses=misses, question=question[:1000])
        return misses

    def hit(self) -> None:
        """Something was answered."""
        self.state.pop("misses", None)
        self.state.pop("question", None)
        self.forget_offer()
