"""The call flow (来电流程) as a document: the one in force, the versions before, a further one."""

from __future__ import annotations

from typing import Annotated

from channels.api.call import Answer, Call, Operation
from channels.api.documents import Document, Documents, as_document
from channels.api.models import Sent, text
from ticketing.call_flow import versions
from ticketing.call_flow.document import MOST_CHARACTERS, package_document, seed_text
from ticketing.call_flow.models import CallFlowVersion

TAG = "来电流程"
DOCUMENTS = Documents(
    path="/call-flow", name="CallFlow", tag=TAG, what="来电流程", permission="call_flow.manage", row=CallFlowVersion,
    history=versions.history, shipped=lambda: (package_document().version, seed_text()),
)  # fmt: skip


class NewFlow(Sent):
    """A further version, in force from the next call on; its number, which stands in the document, must be higher than the newest."""

    document: Annotated[str, text(1, MOST_CHARACTERS, "YAML")]
    note: Annotated[str, text(5, 500, "为什么改")]


async def publish(call: Call) -> Answer:
    """Check a document and put it in force from the next call on."""
    sent = call.sent(NewFlow)
    made = await versions.publish(call.core, call.session, call.actor, sent.document, note=sent.note)
    return Answer(as_document(await call.session.get_one(CallFlowVersion, made.version)), 201)


OPERATIONS = (
    *DOCUMENTS.operations(),
    Operation("POST", "/call-flow", publish, "publishCallFlow", TAG, "发布来电流程", answer=Document, body=NewFlow, status=201),
)
