"""The citizen's page inside WeChat: OAuth that nobody can slip in, own tickets only, binding, how to be told."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from sqlalchemy import select

from channels.portal import own
from channels.wechat import binding
from tests.channels.wechat.test_answers import register
from tests.channels.wechat.world import World
from tests.simulators.wechat_account import Fan
from ticketing.citizen.models import Citizen
from ticketing.citizen.service import by_caller, by_openid
from ticketing.notice.models import NoticePreference
from ticketing.notice.preferences import preference_of
from ticketing.people.actor import citizen_actor
from ticketing.ticket.service import Appeal
from ticketing.ticket.service import register as register_ticket
from ticketing.ticket.states import Channel

PHONE = "+8613900002716"


class Browser:
    """One phone's WeChat browser: keeps cookies, follows nothing by itself."""

    def __init__(self, world: World) -> None:
        self.world, self.base = world, world.platform.callback_url.removesuffix("/wechat")
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def get(self, path: str) -> tuple[int, str]:
        async with self.http.get(self.base + path, allow_redirects=False) as response:
            return response.status, response.headers.get("Location", "") or await response.text()

    async def post(self, path: str, fields: dict[str, str]) -> tuple[int, str]:
        found = re.search(r'name="csrf" value="([^"]+)"', (await self.get("/my"))[1])
        assert found is not None
        async with self.http.post(self.base + path, data={**fields, "csrf": found[1]}, allow_redirects=False) as response:
            return response.status, response.headers.get("Location", "") or await response.text()

    async def enter(self, fan: Fan, *, code: str = "CODE1") -> None:
        """Through the platform's OAuth."""
        status, location = await self.get("/my")
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        assert status == 303
        assert location.endswith("#wechat_redirect")
        assert (asked["scope"], asked["appid"]) == ("snsapi_base", self.world.account.app_id)
        assert re.fullmatch(r"[A-Za-z0-9]{1,128}", asked["state"])
        self.world.account.oauth_codes[code] = fan.openid
        assert await self.get(f"/my/back?code={code}&state={asked['state']}") == (303, "/my")

    async def close(self) -> None:
        await self.http.close()


@pytest.fixture
async def browser(city: World) -> Browser:
    found = Browser(city)
    city.stack.push_async_callback(found.close)
    return found


async def citizen_of(world: World, fan: Fan) -> int:
    async with world.services.database.transaction() as session:
        return (await by_openid(world.services.core, session, fan.openid)).id


async def test_own_tickets_are_listed_and_open_without_a_code(city: World, browser: Browser) -> None:
    fan, stranger = city.account.fan(), city.account.fan()
    number, others = await register(city, fan), await register(city, stranger)
    await browser.enter(fan)
    status, page = await browser.get("/my")
    assert status == 200
    assert number in page
    assert others not in page
    assert await browser.post("/my/open", {"number": number}) == (303, "/track")
    assert number in (await browser.get("/track"))[1]
    assert (await browser.post("/my/open", {"number": others}))[0] == 404


async def test_a_code_of_somebody_else_cannot_be_slipped_in(city: World, browser: Browser) -> None:
    city.account.oauth_codes["EVIL"] = city.account.fan().openid
    assert await browser.get("/my/back?code=EVIL&state=0123") == (303, "/my")  # no state of this browser
    await browser.get("/my")
    assert await browser.get("/my/back?code=EVIL&state=0123") == (303, "/my")
    assert (await browser.get("/my"))[1].startswith("http"), "still nobody"
    assert city.account.oauth_codes["EVIL"], "the platform was not even asked"


async def test_a_used_code_and_a_silent_platform_are_said_gently(city: World, browser: Browser) -> None:
    state = parse_qs(urlsplit((await browser.get("/my"))[1]).query)["state"][0]
    city.account.oauth_codes["USED"] = ""
    status, page = await browser.get(f"/my/back?code=USED&state={state}")
    assert status == 503
    assert "从公众号菜单重新进入" in page
    assert "40163" not in page


async def test_how_to_be_told_is_kept_and_counts(city: World, browser: Browser) -> None:
    fan = city.account.fan()
    await browser.enter(fan)
    chosen = {"way": "none", "quiet_from": "12:00", "quiet_to": "14:30"}
    assert await browser.post("/my/told", chosen) == (303, "/my?done=told")
    assert (await browser.post("/my/told", {**chosen, "way": "pigeon"}))[0] == 422
    assert (await browser.post("/my/told", {**chosen, "quiet_to": ""}))[0] == 422
    async with city.services.database.transaction() as session:
        row = (await session.scalars(select(NoticePreference))).one()
        assert (row.way, str(row.quiet_from), str(row.quiet_to)) == ("none", "12:00:00", "14:30:00")
        wish = await preference_of(city.services.core, session, await session.get_one(Citizen, row.citizen_id))
    assert wish.quiet is not None
    assert wish.way == "none"


async def test_binding_needs_a_proved_number_and_brings_the_calls_tickets(city: World, browser: Browser) -> None:
    core, fan = city.services.core, city.account.fan()
    await browser.enter(fan)
    assert await browser.post("/my/bind", {"agree": "yes"}) == (303, "/mine")
    async with city.services.database.transaction() as session:
        caller = await by_caller(core, session, PHONE)
        called = Appeal(channel=Channel.PHONE, content="小区门口路灯三天没有亮，晚上看不见", address="滨河路", citizen_id=caller.id)
        number = (await register_ticket(core, session, citizen_actor(caller.id), called)).ticket.number
        person = await by_openid(core, session, fan.openid)
        await binding.bind(core, session, person, PHONE)
        await binding.bind(core, session, person, PHONE)  # once more does no harm
        assert (await by_caller(core, session, PHONE)).id == person.id, "the next call is the same person's"
    page = (await browser.get("/my"))[1]
    assert number in page
    assert "139 **** 2716" in page


async def test_the_form_binds_what_this_browser_proved(city: World, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    fan = city.account.fan()
    await browser.enter(fan)
    monkeypatch.setattr(own, "number_of", lambda _request: PHONE)  # the proof itself is tested with the portal (test_own)
    assert (await browser.post("/my/bind", {}))[0] == 422
    assert await browser.post("/my/bind", {"agree": "yes"}) == (303, "/my?done=bound")
    async with city.services.database.transaction() as session:
        person = await by_openid(city.services.core, session, fan.openid)
        assert person.phone_verified
    assert await citizen_of(city, fan) == person.id


async def test_without_an_account_the_page_is_the_portals(city: World, browser: Browser) -> None:
    await browser.enter(city.account.fan())
    await browser.post("/my/leave", {})
    assert (await browser.get("/my"))[1].startswith("http")
