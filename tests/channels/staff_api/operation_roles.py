"""Every operation of the API: who may, and what exactly those who may are answered to the request that the tests send.

`Rule.needs` is a permission, several of which one is enough, a list of roles where such a list decides, or None: everybody's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from channels.api.call import Operation
from channels.api.staff import operations
from channels.console.actions import PERMISSIONS
from knowledge.article.life import STEPS
from ticketing.people.models import Role
from ticketing.people.permissions import load
from ticketing.statistics.brief import READERS
from ticketing.tables.exports import EXPORTERS
from ticketing.tables.kinds import IMPORTERS

Needs = str | tuple[str, ...] | tuple[Role, ...] | None


@dataclass(frozen=True)
class Rule:
    """One operation."""

    needs: Needs
    status: int
    """Of the answer for whoever may."""


NEEDS: dict[str, Needs] = {
    **dict.fromkeys(("getMe", "listUnits", "listCategories", "listPolicies", "listDays", "suggest", "listTokens", "makeToken")),
    **dict.fromkeys(("revokeToken", "listInbox", "markRead", "applyImport", "dropImport", "listDeputies", "endDeputy", "getBrief")),
    **dict.fromkeys(("getNoticeWishes", "setNoticeWishes")),
    "listTickets": "ticket.see",
    "proposePublication": "answer.propose",
    **dict.fromkeys(("listPublications", "rewordPublication", "approvePublication", "endPublication"), "answer.approve"),
    **dict.fromkeys(  # whoever may not see a ticket is told that there is none
        ("getTicket", "listEvents", "listClocks", "listAssignments", "listReplies", "listCallbacks", "listAttachments",
         "getAttachment", "listRequests", "listDials"),
    ),
    "listSimilar": "ticket.see",
    "registerTicket": "ticket.register", "addAttachments": "file.add", "dial": "call.dial",
    "commandCall": None,  # whoever may not command a call is told that there is none
    "listMissedCalls": "return_call.finish", "receiveMessage": None,  # the unit of a person without one has no system of its own
    **dict.fromkeys(
        ("listWebhooks", "subscribe", "switchWebhook", "listFailedDeliveries", "sendAgain", "listPartners", "setPartner", "switchPartner",
         "listExchange", "pushAgain"), "webhook.manage",
    ),
    "listCards": "card.see", "revokeCard": "card.revoke", "listRectifications": "card.see", "finishRectification": "rectification.do",
    "judgeRectification": "rectification.confirm", "listFindings": "finding.decide", "decideFinding": "finding.decide",
    "listFormalSupervisions": "card.see", "answerFormalSupervision": "formal.answer", "concludeFormalSupervision": "supervision.open",
    "withdrawFormalSupervision": "supervision.open", "listCommitments": "card.see", "decideCommitment": "commitment.note",
    "listUrgings": "board.see", "listHandOvers": "finding.decide", "answerHandOver": "finding.decide", "listCardScores": "card.see",
    "moveTicketPolicy": "policy.move", "listBursts": "burst.see", "decideBurst": "burst.decide", "revealCitizen": "private.reveal",
    **dict.fromkeys(("listSeats", "listShifts", "addShift", "dropShift"), "duty.manage"),
    **dict.fromkeys(("listNotices", "resendNotice", "acknowledgeNotice"), "notice.follow"),
    **dict.fromkeys(("claimCallback", "startCallback", "answerCallback", "giveBackCallback", "handOverCallback"), "callback.visit"),
    "getDuty": "duty.self", "setDuty": "duty.self", "listWaiting": "queue.see",
    "getAuditStanding": "audit.see", "listAuditDays": "audit.see", "listLooks": "audit.looks", "verifyTicket": "audit.looks",
    "dryRunRetention": "system.see", "runRetention": "retention.run",
    "exportTable": EXPORTERS["units"], "checkImport": IMPORTERS["units"].roles,
    "listIndicators": ("statistics.see", "system.see"),
    **dict.fromkeys(  # of what is asked for here, 受理量; others see other figures
        ("getFigures", "listCounted"), (Role.AGENT, Role.DISPATCHER, Role.CLERK, Role.CHIEF, Role.SUPERVISOR, Role.LEADER)
    ),
    "listScores": "statistics.board", "listBriefs": READERS, "issueBrief": (Role.SUPERVISOR, Role.LEADER),
    **dict.fromkeys(("addUnit", "renameUnit", "switchUnit"), "units.manage"),
    **dict.fromkeys(("listLines", "addLine", "changeLine", "switchLine"), "lines.manage"),
    **dict.fromkeys(
        ("listAccounts", "addAccount", "getAccount", "changeAccount", "switchAccount", "resetPassword", "unlockAccount", "endSessions",
         "resetSecondFactor"), "users.manage",
    ),
    "nameDeputy": "deputy.name",
    **dict.fromkeys(("importDays", "setOfficeHours", "listCalendarChanges"), "calendar.import"),
    **dict.fromkeys(("getPolicy", "listPolicyVersions", "listProposals", "proposePolicy", "withdrawPolicy"), "policy.propose"),
    "decidePolicy": "policy.decide",
    **dict.fromkeys(
        ("getCallFlow", "listCallFlows", "getCallFlowVersion", "listCallFlowProposals", "proposeCallFlow", "withdrawCallFlow"),
        "call_flow.manage",
    ),
    "decideCallFlow": "call_flow.decide",
    **dict.fromkeys(
        ("listArticles", "getArticle"), "knowledge.read",
    ),
    **dict.fromkeys(
        ("listArticleVersions", "getArticleVersion", "compareArticleVersions", "listArticleAnswers", "addArticleVersion"),
        ("knowledge.supply", "knowledge.approve", "knowledge.publish"),
    ),
    "createArticle": STEPS["create"].permissions, "stepArticle": STEPS["submit"].permissions,
    **dict.fromkeys(("listTopics", "addTopic", "switchTopic"), "knowledge.publish"),
    "listKnowledgeGaps": "knowledge.gaps",
    **dict.fromkeys(
        ("getWorkflow", "listWorkflows", "getWorkflowVersion", "listWorkflowProposals", "proposeWorkflow", "withdrawWorkflow"),
        "workflow.propose",
    ),
    "decideWorkflow": "workflow.decide",
    **dict.fromkeys(("listTemplates", "getTemplate", "listTemplateVersions", "previewTemplate", "editTemplate"), "notice.edit"),
    **dict.fromkeys(("listRules", "addRule", "changeRule", "switchRule"), "catalogue.manage"),
    **dict.fromkeys(("listHeld", "releaseHeld", "discardHeld"), "appeal.release"),
    **dict.fromkeys(("listChecks", "getCheck", "listAverages"), ("quality.score", "quality.appeal")),
    **dict.fromkeys(("pickCall", "scoreCall", "getQualityBook", "listQualityBooks"), "quality.score"),
    "appealScore": "quality.appeal", "decideAppeal": "quality.decide", "drawSample": "quality.rules", "publishQualityBook": "quality.rules",
}  # fmt: skip

STATUS: dict[str, int] = {
    "exportTable": 200,
    "checkImport": 200,
    "addAttachments": 422,  # what was sent is no file that tickets take: said before the ticket is looked for
    **dict.fromkeys(("startCallback", "answerCallback", "giveBackCallback", "handOverCallback"), 409),  # not in the caller's hands
    "setDuty": 409,  # ready without a telephone
    "proposePolicy": 422,  # the least document is no policy
    "nameDeputy": 422,  # nobody of the own unit
    "pickCall": 404,
    "receiveMessage": 404,
    "proposePublication": 404,
}
"""Where whoever may is answered otherwise than usual."""


def usual(operation: Operation) -> int:
    """What is addressed by a number that nobody gave is not found; everything else succeeds."""
    return 404 if operation.parts else operation.status


def rules() -> dict[str, Rule]:
    """By operation. The steps of the workflow ask for what their handlers ask for."""
    found = {}
    for operation in operations():
        kind, _underscore, action = operation.name.partition("_")
        if kind in ("act", "bulk"):
            found[operation.name] = Rule(PERMISSIONS[action], 404)
        elif operation.name in NEEDS:
            found[operation.name] = Rule(NEEDS[operation.name], STATUS.get(operation.name, usual(operation)))
    return found


def may(role: Role, needs: Needs) -> bool:
    """Whether the data give it to this role."""
    if needs is None:
        return True
    if isinstance(needs, str):
        needs = (needs,)
    return any(role is each if isinstance(each, Role) else load().scope(role.value, each) is not None for each in needs)
