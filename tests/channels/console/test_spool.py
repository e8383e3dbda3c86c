"""样机短信: in the demo, and only there, what would have been sent can be read."""

from __future__ import annotations

from aiohttp.test_utils import TestClient, TestServer

from channels.web.app import create_app
from hotline.assembly import Services
from tests.channels.staff import Browser, City, Opener
from ticketing.citizen.codes import CodeFor, send_code

PHONE = "13900002716"


async def test_a_code_can_be_read_and_its_number_is_covered(browser: Opener, city: City) -> None:
    await city.register(phone=PHONE)
    async with city.database.transaction() as session:
        await send_code(city.core, session, PHONE, CodeFor.OWN_TICKETS)
    page = await (await browser("agent")).text("/console/sms")
    assert "139****2716" in page.replace(" ", "")
    assert PHONE not in page
    assert "验证码" in page


async def test_nobody_who_is_not_logged_in_reads_it(browser: Opener) -> None:
    assert (await (await browser()).get("/console/sms")).status == 303


async def test_an_installation_has_no_such_page(city: City) -> None:
    real = city.settings.model_copy(update={"demo": False})
    async with TestClient(TestServer(create_app(Services(real, city.core, city.database)))) as client:
        mine = Browser(client)
        await mine.login("agent")
        assert (await mine.get("/console/sms")).status == 404
