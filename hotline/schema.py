"""Imports every table, so that `Base.metadata` is whole. Used by migrations and tests."""

from __future__ import annotations

import channels.wechat.models
import chatbot.learning.models
import hotline.events
import knowledge.article.models
import knowledge.gap.models
import knowledge.search.models
import ticketing.access_token.models
import ticketing.assignment.models
import ticketing.attachment.models
import ticketing.audit.models
import ticketing.calendar.models
import ticketing.call_flow.models
import ticketing.call_flow.proposals
import ticketing.callback.models
import ticketing.citizen.codes
import ticketing.citizen.models
import ticketing.conversation.captions
import ticketing.conversation.models
import ticketing.conversation.transcriptions
import ticketing.deadline.models
import ticketing.dialling.models
import ticketing.duty.models
import ticketing.exchange.models
import ticketing.held.models
import ticketing.list_view.models
import ticketing.notice.models
import ticketing.people.models
import ticketing.publication.models
import ticketing.quality.models
import ticketing.queue.models
import ticketing.relation.models
import ticketing.request.models
import ticketing.retention.models
import ticketing.sip_account.models
import ticketing.statistics.day_models
import ticketing.statistics.models
import ticketing.suggestion.models
import ticketing.supervision.models
import ticketing.supervision.suspicions
import ticketing.tables.models
import ticketing.taxonomy.models
import ticketing.ticket.drafts
import ticketing.ticket.models
import ticketing.ticket.presence
import ticketing.ticket.workflow_proposals
import ticketing.ticket.workflow_versions
import ticketing.webhook.models
from hotline.database import Base

metadata = Base.metadata
