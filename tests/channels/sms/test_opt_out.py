"""退订 holds for the number: what the law wants told still comes, the rest stays on the tracking page."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from sqlalchemy import select

from tests.ticketing.conftest import City
from ticketing.citizen.service import by_caller
from ticketing.notice import preferences
from ticketing.notice.models import Notice, NoticeDelivery
from ticketing.notice.preferences import Preference
from ticketing.notice.templates import Quiet, load


async def test_only_what_must_be_told_is_pushed_after_opting_out(city: City) -> None:
    async with city.database.transaction() as session:
        caller = await by_caller(city.core, session, "+8613900002716")
        await preferences.opt(city.core, session, caller.id, out=True)
    number = (await city.register()).ticket.number  # typed into a form: another row with the same number
    await city.dispatch(number)
    async with city.database.transaction() as session:
        told = set(await session.scalars(select(Notice.template)))
        pushed = set(await session.scalars(select(Notice.template).join(NoticeDelivery, NoticeDelivery.notice_id == Notice.id)))
    assert {"accepted", "dispatched"} <= told
    assert pushed == {"accepted"}


def test_own_quiet_hours_add_to_the_citys_and_cannot_shut_everything_out() -> None:
    noon = datetime(2026, 11, 18, 4, 30, tzinfo=UTC)  # 12:30 in the city
    nap = Preference(quiet=Quiet.model_validate({"from": time(12), "to": time(14, 30)}))
    assert nap.not_before(load().quiet, noon) == datetime(2026, 11, 18, 6, 30, tzinfo=UTC)
    evening = Preference(quiet=Quiet.model_validate({"from": time(18), "to": time(22, 30)}))  # ends in the city's night
    assert evening.not_before(load().quiet, noon + timedelta(hours=7)) == datetime(2026, 11, 19, tzinfo=UTC)
    never = Preference(quiet=Quiet.model_validate({"from": time(8), "to": time(21)}))
    assert never.not_before(load().quiet, noon) == noon
