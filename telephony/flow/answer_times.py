"""How long callers wait for an answer, and what they wait for: the figures behind «the assistant is slow»."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram, generate_latest

_SECONDS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0)


class AnswerTimes:
    """Of each answer that followed a spoken sentence; one for each telephony process."""

    def __init__(self) -> None:
        """Nothing was observed."""
        self._registry = CollectorRegistry()
        self._parts = Histogram(
            "hotline_answer_seconds",
            "End of the caller's words to the answer: hearing (the pause that ends a sentence, decoding), bot, voice, whole",
            ["part"],
            buckets=_SECONDS,
            registry=self._registry,
        )

    def observe(self, *, hearing_s: float, bot_s: float, voice_s: float) -> None:
        """One answer is ready to be played."""
        for part, seconds in (("hearing", hearing_s), ("bot", bot_s), ("voice", voice_s), ("whole", hearing_s + bot_s + voice_s)):
            self._parts.labels(part).observe(seconds)

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._registry)
