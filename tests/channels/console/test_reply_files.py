"""The clerk chooses which files go with the reply; the page says which do, and so does the API."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sqlalchemy import select

from tests.channels.console.test_journey import GOOD
from tests.channels.staff import City, Opener
from ticketing.callback.service import GATES
from ticketing.ticket.models import Attachment, Ticket


async def test_a_file_is_chosen_in_the_form_and_stands_under_the_reply(browser: Opener, city: City) -> None:
    number = (await city.register()).ticket.number
    dispatcher, clerk, chief = await browser("dispatcher"), await browser("clerk"), await browser("chief")
    unit = str(city.units["city"])
    await dispatcher.act(number, "dispatch", category_code="0501", urgency="normal", mode="phone", unit_id=unit, district="滨江区")
    await clerk.act(number, "sign")
    await clerk.act(number, "contact", way="phone", note="已与市民通话，说明今晚检查")
    page = f"/console/tickets/{number}"
    assert "先在本页上传附件" in await clerk.text(page)
    async with city.database.transaction() as session:
        ticket_id = await session.scalar(select(Ticket.id).where(Ticket.number == number))
        photo = Attachment(
            id=uuid4(), ticket_id=ticket_id, file_name="处理后现场.png", content_type="image/png", size_bytes=9, sha256="a", path="a",
            from_citizen=False, created_at=city.clock.now(),
        )  # fmt: skip
        session.add(photo)
    response = await clerk.act(number, "reply", **GOOD, attachments="no such file")
    assert response.status == 422
    response = await clerk.act(number, "reply", **{**GOOD, "measures": "太短"}, attachments=str(photo.id))
    assert f'value="{photo.id}" id="reply-attachments" checked' in await response.text()  # what was chosen is not lost
    assert "给市民看" in await response.text()
    assert (await clerk.act(number, "reply", **GOOD, for_citizen=str(photo.id))).status == 303
    assert "处理后现场.png" in (await chief.text(page)).split('id="a-sign_off"')[1].split("</dialog>")[0]  # the chief signs with the files
    assert (await chief.act(number, "sign_off")).status == 303
    shown = await dispatcher.text(page)
    assert "给市民看" in shown.split('id="a-review"')[1].split("</dialog>")[0], "whoever reviews sees what the citizen will"
    assert "随答复的附件" in shown.split('id="t-reply')[1].split("</section>")[0]
    async with city.database.transaction() as session:
        assert await session.scalar(select(Attachment.reply_id).where(Attachment.id == photo.id)) is not None
    assert 'id="a-hide_files"' not in shown, "nothing is shown to the citizen yet"
    gates: Any = {"gates": list(GATES)}
    assert (await dispatcher.act(number, "review", accept="yes", **gates)).status == 303
    assert 'id="a-hide_files"' not in await chief.text(page)
    assert "处理后现场.png" in (await dispatcher.text(page)).split('id="a-hide_files"')[1].split("</dialog>")[0]
    assert (await dispatcher.act(number, "hide_files", files=str(photo.id), reason="")).status == 422
    refused = await chief.post(f"{page}/hide_files", {"files": str(photo.id), "reason": "照片里有别人的门牌"})
    assert refused.status == 403
    assert (await dispatcher.act(number, "hide_files", files=str(photo.id), reason="照片里有别人的门牌")).status == 303
    after = await dispatcher.text(page)
    assert 'id="a-hide_files"' not in after
    assert "照片里有别人的门牌" in after
