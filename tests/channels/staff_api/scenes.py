"""Tickets in a state in which a step is legal, brought there by the API itself, and the body with which the step succeeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from channels.api.action_bodies import BODIES
from tests.channels.staff import City
from tests.channels.staff_api.conftest import Program
from tests.channels.staff_api.test_roles import sample
from tests.ticketing.test_reply_files import file as staff_file
from ticketing.callback.service import GATES
from ticketing.ticket.states import Confidentiality, Kind

WORDS = "执法队当晚到场检查，已责令工地停止夜间施工，并约谈项目负责人，安排连续三晚巡查，告知了市民。"
HAPPY = {"contacted": True, "solved": True, "satisfaction": "satisfied"}
UNHAPPY = {"contacted": True, "solved": False, "satisfaction": "dissatisfied", "note": WORDS, "cause": "not_solved", "rectification": WORDS}
Move = tuple[str, str, dict[str, Any]]
"""Who takes which step, and what of the body is not the least."""


def _move(who: str, action: str, **body: Any) -> Move:
    return who, action, body


_PASS = {"accept": True, "gates": sorted(GATES)}
_REPLY = {"measures": WORDS, "basis": "《噪声污染防治法》", "contact_note": "已电话告知市民", "explanation": WORDS}
REGISTERED: tuple[Move, ...] = ()
SENT = (_move("dispatcher", "dispatch"),)
SIGNED = (*SENT, _move("clerk", "sign"))
CONTACTED = (*SIGNED, _move("clerk", "contact"))
DRAFTED = (*CONTACTED, _move("clerk", "reply", **_REPLY))
REPLIED = (*DRAFTED, _move("chief", "sign_off"))
CALLING = (*REPLIED, _move("dispatcher", "review", **_PASS))
AGAIN = (*CALLING, _move("callback", "visit", **UNHAPPY))
CLOSED = (*CALLING, _move("callback", "visit", **HAPPY))
UNSATISFIED = (
    *AGAIN, _move("clerk", "contact"), _move("clerk", "reply", **_REPLY), _move("chief", "sign_off"),
    _move("dispatcher", "review", **_PASS), _move("callback", "visit", **UNHAPPY),
)  # fmt: skip
"""The first time the next round begins at once; from the second on a supervisor decides."""
THIRD = (*UNSATISFIED, _move("supervisor", "decide_redo", cause="not_solved", rectification=WORDS))
ASKED_BACK = (*SENT, _move("clerk", "request_return", reason=WORDS))
LONGER = (*SIGNED, _move("clerk", "ask_extension", limit_value=1, told=WORDS))
SUSPENDING = (*SIGNED, _move("clerk", "ask_suspension", told=WORDS), _move("chief", "consent"))
HARD = (_move("dispatcher", "dispatch", handling="hard"), _move("clerk", "sign"))


@dataclass(frozen=True)
class Scene:
    """Where a step is legal."""

    moves: tuple[Move, ...] = REGISTERED
    body: dict[str, Any] = field(default_factory=dict)
    """What of the step's body is not the least."""
    secret: bool = False
    below: bool = False
    """The unit has one below it, to which it passes its part on."""
    co_unit: bool = False
    other_ended: bool = False
    """The second ticket is over."""
    shown_file: bool = False
    """There is a file that the reply shows the citizen."""


SCENES: dict[str, Scene] = {
    "submit": Scene(),
    "dispatch": Scene(),
    "edit": Scene(),
    "name": Scene(secret=True),
    "answer": Scene(),
    "request_info": Scene(),
    "supplement": Scene(),
    "emergency": Scene(),
    "invalidate": Scene(),
    "reject": Scene(),
    "propose_refusal": Scene(),
    "merge": Scene(),
    "link_repeat": Scene(other_ended=True),
    "commit": Scene(),
    "exclude": Scene(CLOSED, {"excluded": True, "reason": "依法执法，市民不满意处罚"}),
    "hide_files": Scene(CALLING, shown_file=True),
    "follow_emergency": Scene((_move("agent", "emergency"),)),
    "close_no_contact": Scene((_move("dispatcher", "request_info"),)),
    "go_on": Scene((_move("dispatcher", "request_info"),), {"note": "已经打电话问清楚了"}),
    "decide_refusal": Scene((_move("agent", "propose_refusal"),)),
    "object": Scene((_move("dispatcher", "reject"),)),
    "unmerge": Scene((_move("dispatcher", "merge"),)),
    "sign": Scene(SENT),
    "urge": Scene(SENT),
    "supervise": Scene(SENT),
    "give_card": Scene(SENT, {"note": WORDS}),
    "false_reply": Scene(CLOSED, {"hand_over": False, "facts": WORDS}),
    "contact": Scene(SIGNED),
    "on_site": Scene((_move("dispatcher", "dispatch", urgency="emergency"), _move("clerk", "sign"))),
    "plan": Scene(HARD),
    "reply": Scene(CONTACTED, _REPLY),
    "sign_off": Scene(DRAFTED),
    "refuse_draft": Scene(DRAFTED),
    "conclude_procedure": Scene(
        (
            *CONTACTED,
            _move("clerk", "reply", **_REPLY, legal_procedure="penalty"),
            _move("chief", "sign_off"),
            _move("dispatcher", "review", **_PASS),
        )
    ),
    "request_return": Scene(SENT, {"reason": WORDS}),
    "decide_return": Scene(ASKED_BACK),
    "take_back": Scene(ASKED_BACK),
    "ask_extension": Scene(SIGNED, {"limit_value": 1, "told": WORDS}),
    "consent": Scene(LONGER),
    "decide_extension": Scene((*LONGER, _move("chief", "consent"))),
    "ask_suspension": Scene(SIGNED, {"told": WORDS}),
    "decide_suspension": Scene(SUSPENDING),
    "resume": Scene((*SUSPENDING, _move("leader", "decide_suspension")), {"note": "停水结束，恢复施工"}),
    "open_dispute": Scene(SENT),
    "rule_dispute": Scene((*SENT, _move("dispatcher", "open_dispute"))),
    "pass_on": Scene(SIGNED, {"instruction": "请到现场查看后答复"}, below=True),
    "waive": Scene(co_unit=True),
    "co_date": Scene(body={"co_until": "2026-11-19T12:00:00+08:00"}, co_unit=True),
    "review": Scene(REPLIED, _PASS),
    "visit": Scene(CALLING, HAPPY),
    "attempt": Scene(CALLING),
    "decide_redo": Scene(UNSATISFIED, {"cause": "not_solved", "rectification": WORDS}),
    "close_disputed": Scene(UNSATISFIED, {"cause": "not_solved", "evidence": WORDS, "explanation": WORDS}),
    "reopen": Scene(CLOSED),
    "take_investigation": Scene(THIRD),
    "conclude_investigation": Scene((*THIRD, _move("supervisor", "take_investigation")), {"findings": WORDS}),
    "put_back": Scene(CALLING),
    "return_call": Scene(),
}
"""Every step of the workflow."""


@dataclass
class Stage:
    """A ticket and the people around it."""

    city: City
    people: dict[str, Program]
    number: str = ""
    other: str = ""
    """A second ticket of the same citizen, for what needs two."""
    below: int = 0
    """A unit below the first one."""
    file: str = ""
    """A file that the reply shows the citizen."""

    async def play(self, scene: Scene) -> None:
        """Register, and take the steps."""
        secret = {"kind": Kind.REPORT, "confidentiality": Confidentiality.SECRET} if scene.secret else {}
        named = {"named_user_ids": tuple(self.city.people[who].account for who in ("dispatcher", "supervisor"))} if scene.secret else {}
        self.other = (await self.city.register()).ticket.number
        self.number = (await self.city.register(**secret, **named)).ticket.number
        self.file = str(await staff_file(self.city, self.number, "after.png")) if scene.shown_file else ""
        if scene.other_ended:
            await self._end_the_other()
        if scene.below:
            unit = {"code": "street", "name": "滨河街道", "level": 3, "parent_id": self.city.units["city"]}
            self.below = (await self.people["admin"].post("/units", unit, 201))["id"]
        if scene.co_unit:
            await self.take("dispatcher", "dispatch", {"co_unit_ids": [self.city.units["water"]]})
        for who, action, body in scene.moves:
            await self.take(who, action, body)

    async def _end_the_other(self) -> None:
        """Handled to its end: what was never handled does not come again."""
        number, self.number = self.number, self.other
        for who, action, body in CLOSED:
            await self.take(who, action, body)
        self.number = number

    async def take(self, who: str, action: str, body: dict[str, Any]) -> None:
        """One step, which has to succeed."""
        await self.people[who].act(self.number, action, **await self.body(action, body))

    async def body(self, action: str, given: dict[str, Any]) -> dict[str, Any]:
        """The least that is legal, with what was given."""
        least = sample(BODIES[action], self.city, await self._part(action), self.other)
        if "request" in least:
            least["request"] = await self._request()
        if action == "reply" and self.file:
            least["for_citizen"] = [self.file]
        if action == "hide_files":
            least["files"] = [self.file]
        if action == "pass_on":
            least["unit_id"] = self.below
        if action == "open_dispute":
            least["unit_ids"] = [self.city.units["city"], self.city.units["water"]]
        if "approve" in least:
            least["note"] = WORDS
        if action == "name":
            least["user_ids"] = [self.city.people["leader"].account]
        return {**least, **given}

    async def _part(self, action: str) -> int:
        """The newest part of the first unit, or of the one that helps."""
        rows = (await self.people["supervisor"].get(f"/tickets/{self.number}/assignments"))["items"]
        wanted = [row["id"] for row in rows if bool(row["lead"]) == (action not in ("waive", "co_date"))]
        return int(max(wanted, default=1))

    async def _request(self) -> int:
        rows = (await self.people["supervisor"].get(f"/tickets/{self.number}/requests"))["items"]
        return int(max((row["id"] for row in rows), default=1))
