"""The answers to a questionnaire: checked against its questions, stored one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from hotline.errors import InvalidInput
from hotline.i18n import _
from ticketing.callback.models import CallbackAnswer, CallbackTask
from ticketing.callback.rules import Question, Rules
from ticketing.ticket.states import Satisfaction

MAX_TEXT = 2000


@dataclass(frozen=True)
class CallbackResult:
    """What the citizen said. `answers` may hold more than the fixed fields: one entry per question of the questionnaire."""

    satisfaction: Satisfaction
    solved: bool
    contacted: bool | None = True
    """None: was not asked."""
    attitude: str | None = "good"
    """good, fair or bad; None: was not asked."""
    note: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    """Value per question as it was chosen, for example the step of a five-step scale."""
    cause: str = ""
    """For 不满意: key of the cause list, when the second visit took place in the same conversation."""
    rectification: str = ""
    """What has to be mended."""


def read_answers(rules: Rules, given: Mapping[str, str], *, by: str) -> CallbackResult:
    """Answers as a form, a robot or a link brings them. Raises InvalidInput naming every question at fault."""
    errors: dict[str, str] = {}
    answers: dict[str, str] = {}
    for question in rules.questions:
        value = given.get(question.key, "").strip()
        if not question.is_for(by) and not value:
            continue
        if not value:
            if question.required:
                errors[question.key] = _("请回答：{question}").format(question=_(question.text))
            continue
        if not _fits(rules, question, value):
            errors[question.key] = _("{question}：没有这个选项，或者写得太长").format(question=_(question.text))
            continue
        answers[question.key] = value
    if errors:
        raise InvalidInput(errors=errors)
    satisfaction = rules.result_of(answers["satisfaction"])
    if satisfaction is None:
        raise InvalidInput(_("请选择满意程度"), field="satisfaction")
    contacted = answers.get("contacted")
    return CallbackResult(
        satisfaction=satisfaction,
        solved=answers["solved"] == "yes",
        contacted=contacted == "yes" if contacted else None,
        attitude=answers.get("attitude"),
        note=answers.get("note", ""),
        answers=answers,
        cause=given.get("cause", "").strip(),
        rectification=given.get("rectification", "").strip(),
    )


def _fits(rules: Rules, question: Question, value: str) -> bool:
    match question.kind:
        case "yes_no":
            return value in ("yes", "no")
        case "choice":
            return value in question.choices
        case "scale":
            return rules.result_of(value) is not None
        case _:
            return len(value) <= MAX_TEXT and "\0" not in value


def complete(result: CallbackResult) -> dict[str, str]:
    """All answers by question, the fixed fields included."""
    fixed = {"satisfaction": result.satisfaction.value, "solved": "yes" if result.solved else "no"}
    if result.contacted is not None:
        fixed["contacted"] = "yes" if result.contacted else "no"
    if result.attitude:
        fixed["attitude"] = result.attitude
    if result.note.strip():
        fixed["note"] = result.note.strip()[:MAX_TEXT]
    return {**fixed, **result.answers}


async def store_answers(session: AsyncSession, rules: Rules, task: CallbackTask, result: CallbackResult) -> None:
    """One row per question, in place of what was kept of a call that did not come to its end. Raises as `keep_answers`."""
    await keep_answers(session, rules, task, complete(result))
    task.questionnaire = rules.version
    await session.flush()


async def keep_answers(session: AsyncSession, rules: Rules, task: CallbackTask, answers: Mapping[str, str]) -> None:
    """What was answered so far: while the task is open it is the draft of whoever goes on, and nobody counts it.

    Raises InvalidInput for what is no question of the questionnaire, or none of its options.
    """
    questions = {question.key: question for question in rules.questions}
    await session.execute(delete(CallbackAnswer).where(CallbackAnswer.task_id == task.id))
    for key, value in answers.items():
        question = questions.get(key)
        if question is None or not _fits(rules, question, value):
            raise InvalidInput(_("问卷里没有这个问题或选项"), field=key)
        mapped = rules.result_of(value) if question.kind == "scale" else None
        session.add(CallbackAnswer(task_id=task.id, question=key, value=value, result=mapped.value if mapped else None))
    await session.flush()


async def kept_answers(session: AsyncSession, rules: Rules, task: CallbackTask) -> dict[str, str]:
    """What a call that did not come to its end has left, by question; what the questionnaire no longer knows is left out."""
    questions = {question.key: question for question in rules.questions}
    rows = await session.scalars(select(CallbackAnswer).where(CallbackAnswer.task_id == task.id).order_by(CallbackAnswer.id))
    return {row.question: row.value for row in rows if row.question in questions and _fits(rules, questions[row.question], row.value)}
