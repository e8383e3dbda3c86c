from __future__ import annotations

import re

import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from hotline.events import Outbox
from tests.channels.staff import City, Opener
from ticketing.access_token.models import ApiToken
from ticketing.exchange.models import ExchangePartner
from ticketing.people.models import Role
from ticketing.webhook.models import WebhookSubscription


async def test_a_token_is_shown_once_works_and_is_revoked(city: City, browser: Opener, site: TestServer) -> None:
    clerk = await browser("clerk")
    hidden = await clerk.form("/console/me/tokens", "/console/me/tokens")
    response = await clerk.post("/console/me/tokens", {**hidden, "name": "单位系统", "scope": "read", "days": "30"})
    [text] = re.findall(r'id="token-text">(hl_[\w-]+)<', await response.text())
    assert text not in await clerk.text("/console/me/tokens")
    asked = await clerk.get("/api/v1/me", headers={"Authorization": f"Bearer {text}"})
    assert (await asked.json())["role"] == "clerk"
    hidden = await clerk.form("/console/me/tokens", "/console/me/tokens/revoke")
    assert (await clerk.post("/console/me/tokens/revoke", dict(hidden))).status == 303
    assert (await clerk.get("/api/v1/me", headers={"Authorization": f"Bearer {text}"})).status == 401


async def test_a_token_without_a_purpose_is_refused_with_the_form_as_it_was(city: City, browser: Opener) -> None:
    clerk = await browser("clerk")
    hidden = await clerk.form("/console/me/tokens", "/console/me/tokens")
    response = await clerk.post("/console/me/tokens", {**hidden, "name": " ", "scope": "write", "days": "90"})
    body = await response.text()
    assert response.status == 422
    assert "请写明这个令牌用在哪里" in body
    assert '<option value="90" selected>' in body
    async with city.database.transaction() as session:
        assert list(await session.scalars(select(ApiToken))) == []


async def test_nobody_revokes_anothers_token(city: City, browser: Opener) -> None:
    clerk, chief = await browser("clerk"), await browser("chief")
    hidden = await clerk.form("/console/me/tokens", "/console/me/tokens")
    await clerk.post("/console/me/tokens", {**hidden, "name": "x", "scope": "read", "days": "30"})
    async with city.database.transaction() as session:
        token = (await session.scalars(select(ApiToken.id))).one()
    theirs = await chief.form("/console/me/tokens", "/console/me/tokens")
    assert (await chief.post("/console/me/tokens/revoke", {**theirs, "token": token})).status == 404


async def test_the_administrator_enters_addresses_and_sends_failed_deliveries_again(city: City, browser: Opener) -> None:
    admin = await browser("admin")
    page = "/console/webhooks"
    hidden = await admin.form(page, f"{page}/add")
    wrong = await admin.post(f"{page}/add", {**hidden, "name": "大屏", "url": "http://10.0.0.1/x", "events": "ticket.*"})
    assert wrong.status == 422
    assert "https://" in await wrong.text()
    made = await admin.post(f"{page}/add", {**hidden, "name": "大屏", "url": "https://example.org/x", "events": "ticket.*，callback.done"})
    assert re.search(r'id="secret">whs_', await made.text())
    hidden = await admin.form(page, f"{page}/partner")
    made = await admin.post(f"{page}/partner", {**hidden, "unit_id": city.units["city"], "name": "城管通", "url": "https://example.org/in"})
    assert re.search(r'id="secret">exs_', await made.text())
    async with city.database.transaction() as session:
        subscription = (await session.scalars(select(WebhookSubscription))).one()
        assert subscription.events == ["ticket.*", "callback.done"]
        assert (await session.scalars(select(ExchangePartner.unit_id))).one() == city.units["city"]
        now = city.clock.now()
        payload = {"id": "evt_1", "ticket": {"number": "12345-20261118-00001"}}
        session.add(
            Outbox(
                channel="webhook", kind="ticket.closed", recipient=str(subscription.id), payload=payload, dedupe_key="webhook:1:1",
                state="parked", attempts=10, not_before=now, created_at=now, last_error="HTTP 503",
            )
        )  # fmt: skip
    body = await admin.text(page)
    assert "HTTP 503" in body
    assert "12345-20261118-00001" in body
    hidden = await admin.form(page, f"{page}/send")
    assert (await admin.post(f"{page}/send", dict(hidden))).status == 303
    async with city.database.transaction() as session:
        assert (await session.scalars(select(Outbox.state).where(Outbox.channel == "webhook"))).one() == "waiting"
    hidden = await admin.form(page, f"{page}/switch")
    assert (await admin.post(f"{page}/switch", dict(hidden))).status == 303
    assert "已停用" in await admin.text(page)


@pytest.mark.parametrize("role", [role.value for role in Role if role is not Role.ADMIN])
async def test_only_the_administrator_sees_the_page(browser: Opener, role: str) -> None:
    person = await browser(role)
    assert (await person.get("/console/webhooks")).status == 403
