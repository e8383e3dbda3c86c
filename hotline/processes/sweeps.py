"""What the scheduler's ticks call: each sweep with what it needs of the services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete

if TYPE_CHECKING:
    from hotline.assembly import Services


async def deadlines(services: Services) -> int:
    """Reminders, yellow and red cards of every running clock."""
    from ticketing.supervision import sweep

    return await sweep.run(services.core, services.database)


async def calendar(services: Services) -> object:
    """Compute anew what an older calendar computed."""
    from ticketing.deadline import recompute

    return await recompute.run(services.core, services.database)


async def knowledge(services: Services) -> int:
    """Publish articles whose moment has come; mark what has expired or must be reviewed, and remind; count words anew after a change."""
    from knowledge.article import sweep
    from knowledge.search import indexing

    return await sweep.run(services.core, services.database) + await indexing.refresh(services.database)


async def login_sessions(services: Services) -> int:
    """Forget log-ins that are over, and who had which ticket open."""
    from ticketing.people.models import LoginSession
    from ticketing.ticket import presence

    async with services.database.transaction() as session:
        gone = await session.execute(
            delete(LoginSession).where(LoginSession.expires_at < services.core.clock.now()).returning(LoginSession.id)
        )
        return len(gone.all()) + await presence.forget(services.core, session)


async def unclaimed_files(services: Services) -> int:
    """Delete attachments of forms that were never completed."""
    from ticketing.attachment.service import drop_unclaimed

    async with services.database.transaction() as session:
        return await drop_unclaimed(services.core, session)


async def file_orphans(services: Services) -> int:
    """Files that no row names, left by transactions that were rolled back."""
    from ticketing.attachment import removal

    return await removal.sweep_orphans(services.core, services.database)


async def file_removals(services: Services) -> int:
    """Remove the bytes of deleted attachments and recordings, and verify that they are gone."""
    from ticketing.attachment import removal

    return await removal.run(services.core, services.database)


async def wechat_delivery(services: Services) -> object:
    """Send what waits for the WeChat platform, when the channel is on."""
    if not services.settings.wechat_token.get_secret_value():
        return 0
    from channels.wechat import delivery

    return await delivery.run(services)


async def absent_agents(services: Services) -> int:
    """Chats of agents who left go back to the queue."""
    from channels import absent

    return await absent.run(services.core, services.database)


async def unattended_chats(services: Services) -> int:
    """Chats that nobody is on duty for go back to the assistant."""
    from channels import unattended

    return await unattended.run(services.core, services.database)


async def unfinished_forms(services: Services) -> int:
    """Forms that were left open in a chat become tickets."""
    from channels import unfinished

    return await unfinished.run(services.core, services.database)


async def audit_seals(services: Services) -> int:
    """Seal the event log up to now, make the root of each day that is over."""
    from ticketing.audit import seal

    return await seal.run(services.core, services.database)


async def callbacks(services: Services) -> int:
    """Links that are due, tasks that nobody holds any more, ratings whose time is over."""
    from ticketing.callback import batch

    return await batch.run(services.core, services.database)


async def text_messages(services: Services) -> int:
    """Answer citizens' text messages; send what waits for the SMS gateway. Without a gateway every row says so."""
    from channels.sms import sender
    from channels.sms.inbox import Inbox

    answered = await Inbox(services).work_off()
    return answered + await sender.run(services)


async def supervision(services: Services) -> int:
    """Bursts, overdue rectification and orders, promises."""
    from ticketing.supervision import nightly

    return await nightly.tick(services.core, services.database)


async def digests(services: Services) -> int:
    """Tell each person of the staff in the morning what waits."""
    from ticketing.supervision import digest

    return await digest.run(services.core, services.database)


async def quality(services: Services) -> int:
    """Draw calls for inspection."""
    from ticketing.quality import sampling

    return await sampling.run(services.core, services.database)


async def monitoring(services: Services) -> int:
    """Rises of categories; once in a night the monitoring of suspicious handling."""
    from ticketing.supervision import nightly

    return await nightly.hourly(services.core, services.database)


async def retention(services: Services) -> int:
    """Archive, anonymise and erase what is due; at night, when nobody waits for the database."""
    from hotline.clock import to_city
    from hotline.schema import metadata
    from ticketing.retention.run import run

    if not 1 <= to_city(services.core.clock.now()).hour < 5:
        return 0
    return sum(outcome.count for outcome in await run(services.core, services.database, metadata, dry=False))


async def briefs(services: Services) -> int:
    """Issue the briefs of the periods that are over."""
    from ticketing.statistics.brief import issue_due

    return await issue_due(services.core, services.database)


async def figure_days(services: Services) -> int:
    """Keep the figures of days that are over; count those again that a late change touched."""
    from ticketing.statistics import day_fill

    return await day_fill.run(services.core, services.database)


async def import_files(services: Services) -> int:
    """Forget uploaded tables that nobody decided on."""
    from ticketing.tables.imports import forget_old

    async with services.database.transaction() as session:
        return await forget_old(services.core, session)


async def webhooks(services: Services) -> int:
    """Tell subscribers and partner systems what happened."""
    from channels.hooks import deliver

    return await deliver.run(services)


async def api_answers(services: Services) -> int:
    """Forget answers kept for Idempotency-Keys after a day."""
    from channels.api.idempotency import forget_old

    return await forget_old(services.core, services.database)


async def automatic_dispatch(services: Services) -> int:
    """Dispatch what the suggestion is sure of; off unless HOTLINE_AUTO_DISPATCH_ABOVE is set."""
    from ticketing.suggestion import automatic

    return await automatic.run(services.core, services.database, services.settings.auto_dispatch_above)


async def bot_training(services: Services) -> bool:
    """Ask for tonight's training of the assistant; the bot process does it."""
    from chatbot.learning import jobs

    async with services.database.transaction() as session:
        return services.settings.bot_enabled and await jobs.nightly(services.core, session)
