"""Questions that the callback robot asks about: the conduct of callbacks is changed for them, and six citizens wait for its call.

They are answered by hotline/demo/telephones.py: pleased by key, unhappy, busy, pleased by voice, hanging up half-way, asking for a person.
"""

from __future__ import annotations

from typing import Any

from hotline.demo.plan import Planner
from hotline.demo.stage import Life, Stage
from ticketing.callback import rules
from ticketing.deadline import changes
from ticketing.ticket.states import DispatchMode

ENDINGS = "157643"
"""Last digits of the citizens' numbers."""
_RULE = {"key": "consult-by-robot", "when": {"policy": "P-CONSULT"}, "plan": "robot", "rate": 100, "fallback": "sms"}
_REASON = "咨询件改由智能语音回访，语音没有问到的再发短信"


def build(planner: Planner) -> None:
    """Shortly before now: nobody is called while the month is played."""
    for number, ending in enumerate(ENDINGS):
        made = planner.handle(planner.office_hours_ago(7), planner.matter("0802"), pace=0.3, mode=DispatchMode.PHONE)
        made.life.phone = f"139000091{number}{ending}"
        if number == 0:
            made.steps.insert(0, (planner.office_hours_ago(8), _by_robot))


async def _by_robot(stage: Stage, _life: Life) -> None:
    """One proposes it, another one puts it in force, as with every change of the conduct (D13)."""
    document: dict[str, Any] = rules.conduct()
    document["rules"] = [_RULE if rule["key"] == "consult" else rule for rule in document["rules"]]
    proposed = await changes.propose(stage.core, stage.session, stage.people["supervisor"], document, reason=_REASON, key=rules.KEY)
    await changes.decide(stage.core, stage.session, stage.people["admin"], proposed.id, approve=True)
