"""The part of the ticket page about callbacks and notices. Access to the ticket was checked before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from channels.web.words import word
from hotline.i18n import _
from ticketing.callback import rules
from ticketing.callback.links import without_token
from ticketing.callback.models import CallbackAnswer
from ticketing.citizen.models import Citizen
from ticketing.context import Core
from ticketing.notice import templates
from ticketing.notice.models import Notice, NoticeDelivery
from ticketing.notice.service import text_of


@dataclass(frozen=True)
class Told:
    """One notice and what became of its pushes."""

    notice: Notice
    title: str
    text: str
    deliveries: list[NoticeDelivery]


def notices_told(core: Core, notices: list[Notice], deliveries: list[NoticeDelivery], citizen: Citizen | None) -> list[Told]:
    """What the citizen was told, in the order given, with the state of each push."""
    found: dict[int, list[NoticeDelivery]] = {}
    for delivery in deliveries:
        found.setdefault(delivery.notice_id, []).append(delivery)
    titles = {template.key: template.title for template in templates.load().templates}
    return [
        Told(
            notice,
            _(titles.get(notice.template, notice.template)),
            without_token(templates.put_address(text_of(core, notice, citizen), "")),
            found.get(notice.id, []),
        )
        for notice in notices
    ]


def answer_words(answer: CallbackAnswer) -> tuple[str, str]:
    """Question and answer as people read them; what is no longer in the questionnaire is shown as it was stored."""
    file = rules.load()
    question = next((item for item in file.questions if item.key == answer.question), None)
    if question is None:
        return answer.question, answer.value
    if question.kind == "yes_no":
        return _(question.text), _("是") if answer.value == "yes" else _("否")
    if question.kind == "choice":
        return _(question.text), _(question.choices.get(answer.value, answer.value))
    if question.kind == "scale":
        steps = [step for scale in file.scales.values() for step in scale if step.value == answer.value]
        return _(question.text), _(steps[0].label) if steps else word("satisfaction", answer.value)
    return _(question.text), answer.value


def options(question: rules.Question) -> dict[str, str]:
    """The choices of a question for radio buttons."""
    if question.kind == "yes_no":
        return {"yes": _("是"), "no": _("否")}
    if question.kind == "scale":
        return {step.value: _(step.label) for step in rules.load().steps}
    return {value: _(label) for value, label in question.choices.items()}


def unhappy_steps() -> str:
    """The steps of the scale that mean 不满意, for `data-when`."""
    return ",".join(step.value for step in rules.load().steps if step.result.value == "dissatisfied")


def callback_words() -> dict[str, Any]:
    """What the templates of the ticket page need of the questionnaire."""
    file = rules.load()
    asked = [question for question in file.questions if question.is_for("clerk")]
    causes = {cause: _(words) for cause, words in file.causes.items()}
    return {"survey": asked, "options": options, "unhappy": unhappy_steps(), "causes": causes, "answer_words": answer_words}
