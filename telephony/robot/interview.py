"""One callback by the robot, from the moment the citizen picks up to the result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from telephony.flow.ear import Ear, Key, Quiet, Silence
from telephony.flow.mouth import Mouth
from telephony.robot.answers import by_key, by_words, only_listens, somebody_else, wants_person
from telephony.robot.script import Script
from telephony.speech.transcriber import Heard
from ticketing.callback.rules import Question
from ticketing.conversation.models import Author
from ticketing.conversation.outgoing import Line
from ticketing.ticket.states import Satisfaction

Outcome = Literal["answered", "person", "handed_over", "wrong_number", "no_answer"]
_TRIES = 2
"""A question that is not answered twice ends the call: nobody is held."""
_BARGE_IN_S = 0.3
"""So much of the citizen's voice stops ours."""


@dataclass
class Result:
    """How it ended."""

    outcome: Outcome
    answers: dict[str, str] = field(default_factory=dict)
    """By the questions' keys, as `ticketing.callback.robot.record_answers` takes them; not all when a person was asked for."""


class Interview:
    """Asks the questions of one task. Keys and words are equal; `0` or 人工 at any moment leads to a person."""

    def __init__(self, script: Script, ear: Ear, mouth: Mouth, *, patience_s: float) -> None:
        """`patience_s`: silence after which the question is asked once more."""
        self.said: list[Line] = []
        """The transcript so far."""
        self.answers: dict[str, str] = dict(script.task.answered)
        """What was answered so far, by the questions' keys; an earlier call that broke off included."""
        self._outcome: Outcome = "no_answer"
        self._script = script
        self._ear = ear
        self._mouth = mouth
        self._patience_s = patience_s

    async def run(self) -> Result:
        """The conversation; raises `telephony.flow.parts.CallerGone` when the citizen hangs up.

        Who wants a person has heard no goodbye: whether one is there, the caller of this finds out (`say_line`).
        """
        owner = Question(key="own", kind="yes_no", text="", required=True)
        answers = self.answers
        try:
            if await self._ask(self._script.opening(), owner) == "no":
                return await self._end(Result("wrong_number"), "not_you")
            lead = self._script.matter()
            for question in self._script.task.questions:
                if question.required and question.kind != "text" and question.key not in answers:
                    answers[question.key] = await self._ask(lead + self._script.question(question), question)
                    lead = ""
        except _Leads as leads:
            if leads.outcome == "person":
                return Result("person", answers)
            return await self._end(Result(leads.outcome, answers), "not_you" if leads.outcome == "wrong_number" else "no_answer")
        return await self._end(Result("answered", answers), "sorry" if self._dissatisfied(answers) else "thanks")

    def so_far(self) -> Result:
        """What counts when the citizen hangs up now: who does so into our goodbye has answered all the same."""
        return Result(self._outcome, self.answers)

    async def _ask(self, text: str, question: Question) -> str:
        """One question until it is answered clearly; raises _Leads when the call takes another way."""
        for attempt in range(_TRIES):
            await self._say(text if attempt == 0 else self._script.line_of("again") + text)
            answer = await self._listen(question)
            if answer is not None:
                return answer
        raise _Leads("no_answer")

    async def _listen(self, question: Question) -> str | None:
        """The answer; None after a silence, or words that say nothing clear."""
        patience = None if self._mouth.talking else self._patience_s
        while True:
            event = await self._ear.next(patience)
            answer: str | None = None
            match event:
                case Key(digit="0"):
                    raise _Leads("person")
                case Key(digit=digit):
                    self.said.append(Line(Author.CITIZEN, digit, self._ear.seconds))
                    answer = by_key(question, digit, self._script.scale)
                case Heard(kind="partial", text=text) if self._mouth.talking and only_listens(text):
                    continue  # who picks up says 喂 into our first words: they have heard nothing of them yet
                case Heard(kind="partial", text=text, start_s=start, end_s=end) if text and end - start > _BARGE_IN_S:
                    self._mouth.hush()
                    patience = self._patience_s
                    continue
                case Heard(kind="final", text=text, start_s=start) if text:
                    self.said.append(Line(Author.CITIZEN, text, start))
                    if self._mouth.talking and only_listens(text):
                        continue  # nor does a nod to half a question answer it
                    if wants_person(text):
                        raise _Leads("person")
                    if question.key == "own" and somebody_else(text):
                        raise _Leads("wrong_number")
                    answer = by_words(question, text, self._script.scale)
                    if answer is None and not self._mouth.talking:
                        return None
                case Quiet():
                    patience = self._patience_s
                    continue
                case Silence():
                    return None
            if answer is not None:
                self._mouth.hush(even_firm=True)
                return answer

    async def _end(self, result: Result, line: str) -> Result:
        self._outcome = result.outcome
        await self.say_line(line)
        return result

    async def say_line(self, line: str) -> None:
        """One of the script's sentences, to its end."""
        await self._say(self._script.line_of(line), firm=True)
        await self._mouth.finished()

    async def _say(self, text: str, *, firm: bool = False) -> None:
        self._mouth.hush(even_firm=True)
        self.said.append(Line(Author.BOT, text, self._ear.seconds))
        await self._mouth.say(text, firm=firm)

    def _dissatisfied(self, answers: dict[str, str]) -> bool:
        return any(step.value == answers.get("satisfaction") and step.result == Satisfaction.DISSATISFIED for step in self._script.scale)


class _Leads(Exception):
    """The call takes another way than the next question."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome: Outcome = outcome
