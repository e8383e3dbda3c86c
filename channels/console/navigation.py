"""The rail of each role, its first page, and the counts beside the entries."""

from __future__ import annotations

from dataclasses import dataclass

from hotline.i18n import _, texts
from ticketing.people.actor import Actor
from ticketing.people.models import Role
from ticketing.people.permissions import may


@dataclass(frozen=True)
class Entry:
    """One entry of the rail."""

    key: str
    href: str
    icon: str
    label: str
    permission: str
    """What the page behind it asks for: an entry that leads to a refusal is never shown."""


DESK = Entry("desk", "/console/desk", "headset", "接听", "desk.answer")
CHATS = Entry("chats", "/console/chats", "message-square", "聊天", "chat.answer")
NEW = Entry("new", "/console/tickets/new", "square-pen", "登记", "ticket.register")
TICKETS = Entry("tickets", "/console/tickets", "inbox", "工单", "ticket.see")
CALLBACKS = Entry("callbacks", "/console/callbacks", "phone-outgoing", "回访", "callback.visit")
BOARD = Entry("board", "/console/board", "shield-alert", "督办", "board.see")
SUPERVISION = Entry("supervision", "/console/supervision", "shield-alert", "督办", "card.see")
ARTICLES = Entry("articles", "/console/articles", "book-open", "知识", "knowledge.read")
GAPS = Entry("gaps", "/console/gaps", "circle-help", "没答好的", "knowledge.gaps")
BOT = Entry("bot", "/console/bot", "bot", "机器人", "bot.train")
CHECKS = Entry("checks", "/console/answer-checks", "list-checks", "答复抽查", "knowledge.check")
FIGURES = Entry("figures", "/console/figures", "chart-column", "统计", "statistics.board")
RECORDINGS = Entry("recordings", "/console/recordings", "audio-lines", "录音", "recording.list")
QUALITY = Entry("quality", "/console/quality", "clipboard-check", "质检", "quality.score")
OWN_QUALITY = Entry("own_quality", "/console/quality", "clipboard-check", "我的质检", "quality.appeal")
SYSTEM = Entry("system", "/console/system", "activity", "运行", "system.see")
AUDIT = Entry("audit", "/console/audit", "shield-check", "审计", "audit.see")
CALENDAR = Entry("calendar", "/console/calendar", "calendar-days", "日历", "calendar.import")
POLICIES = Entry("policies", "/console/policies", "clock", "时限", "policy.propose")
ACCOUNTS = Entry("accounts", "/console/people", "users", "账号", "users.manage")

QUEUE = Entry("queue", "/console/queue", "phone-incoming", "排队", "queue.see")
CALL_FLOW = Entry("call_flow", "/console/call-flow", "phone", "来电流程", "call_flow.manage")
WORKFLOW = Entry("workflow", "/console/workflow", "git-branch", "流程", "workflow.propose")
UNITS = Entry("units", "/console/units", "network", "单位", "units.manage")
LINES = Entry("lines", "/console/lines", "phone", "线路", "lines.manage")
CATALOGUE = Entry("catalogue", "/console/catalogue", "folder-tree", "派单目录", "catalogue.manage")
POSTERS = Entry("posters", "/console/posters", "qr-code", "微信海报", "poster.manage")
SENT = Entry("sent", "/console/notices-sent", "send", "给市民的通知", "notice.follow")
WEBHOOKS = Entry("webhooks", "/console/webhooks", "webhook", "通知与对接", "webhook.manage")
PUBLISHED = Entry("published", "/console/published-answers", "globe", "公开答复", "answer.approve")
HELD = Entry("held", "/console/held", "inbox", "待核对", "appeal.release")

RAIL: dict[Role, tuple[Entry, ...]] = {
    Role.AGENT: (DESK, CHATS, NEW, TICKETS, ARTICLES),
    Role.DISPATCHER: (TICKETS, BOARD, ARTICLES, FIGURES),
    Role.CLERK: (TICKETS, NEW, ARTICLES, FIGURES, ACCOUNTS),
    Role.CHIEF: (TICKETS, SUPERVISION, ARTICLES, FIGURES),
    Role.SUPERVISOR: (BOARD, TICKETS, CHATS, FIGURES, POLICIES),
    Role.CALLBACK: (CALLBACKS, TICKETS),
    Role.QUALITY: (QUALITY, RECORDINGS, CHECKS),
    Role.EDITOR: (ARTICLES, GAPS, CHECKS, BOT),
    Role.ADMIN: (SYSTEM, CALENDAR, POLICIES, AUDIT, ACCOUNTS),
    Role.LEADER: (FIGURES, BOARD),
}
"""At most five, so that a phone shows them all. The first is where log-in leads."""

MENU = (
    QUEUE,
    HELD,
    PUBLISHED,
    CALLBACKS,
    QUALITY,
    OWN_QUALITY,
    SUPERVISION,
    POLICIES,
    WORKFLOW,
    CATALOGUE,
    UNITS,
    LINES,
    CALL_FLOW,
    SENT,
    POSTERS,
    WEBHOOKS,
    AUDIT,
    BOT,
)
"""What stands in the menu of whoever may open it and has no room on the rail."""

ROLE_NAMES: dict[Role, str] = texts(
    {
        Role.AGENT: "话务员",
        Role.DISPATCHER: "派单员",
        Role.CLERK: "经办人",
        Role.CHIEF: "首席代表",
        Role.SUPERVISOR: "督办",
        Role.CALLBACK: "回访员",
        Role.QUALITY: "质检员",
        Role.EDITOR: "知识编辑",
        Role.ADMIN: "管理员",
        Role.LEADER: "领导",
    }
)


def home(role: Role) -> str:
    """Where this role starts."""
    return RAIL[role][0].href


def menu(actor: Actor) -> tuple[Entry, ...]:
    """The further pages that the person may open."""
    rail = RAIL[actor.role] if actor.role else ()
    return tuple(entry for entry in MENU if entry not in rail and may(actor, entry.permission))


def role_name(role: Role | str) -> str:
    """The role in words."""
    return _(ROLE_NAMES[Role(role)])
