"""Alibaba's and Tencent's own clients against stand-ins that check signatures: what is sent, what is tried again, receipts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer, unused_port
from sqlalchemy import select

from channels.outbox import GiveUp, TryLater
from channels.sms.providers import AlibabaGateway, TemplateMap, TemplatesError, TencentGateway
from channels.sms.sender import SmsSender
from hotline.settings import Settings
from tests.simulators.sms_clouds import Alibaba, Cloud, Tencent
from tests.ticketing.conftest import City
from ticketing.notice import deliveries
from ticketing.notice.models import NoticeDelivery

MAP = TemplateMap.model_validate(
    {
        "sign": "云川12345",
        "templates": {
            "accepted": {"code": "SMS_1", "values": ["number", "query_code", "track"]},
            "reply": {"code": "SMS_2", "values": ["text"], "most": 300},
        },
    }
)
Gateway = AlibabaGateway | TencentGateway


@pytest.fixture(params=[Alibaba, Tencent], ids=["alibaba", "tencent"])
def cloud(request: pytest.FixtureRequest) -> Cloud:
    found: Cloud = request.param()
    return found


@pytest.fixture
async def gateway(cloud: Cloud) -> AsyncIterator[Gateway]:
    server = TestServer(cloud.app())
    await server.start_server()
    yield gateway_to(cloud, f"http://127.0.0.1:{server.port}")
    await server.close()


def gateway_to(cloud: Cloud, endpoint: str, *, secret: str = "") -> Gateway:
    secret = secret or cloud.secret
    if isinstance(cloud, Alibaba):
        return AlibabaGateway(cloud.key, secret, MAP, endpoint)
    return TencentGateway(cloud.key, secret, "1400000001", MAP, "ap-guangzhou", endpoint)


def seen(cloud: Cloud) -> tuple[str, str, str, list[str]]:
    """Number, signature, template and values of the last message, whichever provider it was."""
    last = cloud.sent[-1]
    if isinstance(cloud, Alibaba):
        return last["PhoneNumbers"], last["SignName"], last["TemplateCode"], list(last["values"].values())
    return last["PhoneNumberSet"][0].removeprefix("+86"), last["SignName"], last["TemplateId"], last["TemplateParamSet"]


async def test_a_notice_goes_out_by_template_and_its_receipt_comes_back(city: City, cloud: Cloud, gateway: Gateway) -> None:
    number = (await city.register()).ticket.number
    assert await SmsSender(city.core, city.database, gateway, "https://hotline.example").send_waiting() == 1
    assert seen(cloud) == ("13900002716", "云川12345", "SMS_1", [number, "无", "https://hotline.example/track"])
    async with city.database.transaction() as session:
        sent = (await session.scalars(select(NoticeDelivery))).one()
        assert (sent.state, sent.gateway_id, sent.delivered_at) == ("sent", cloud.number(), None)
        for _repeat in range(2):
            assert await deliveries.receipt(city.core, session, gateway_id=cloud.number(), arrived=True, code="DELIVRD")
        assert sent.delivered_at == city.clock.now()
        assert not await deliveries.receipt(city.core, session, gateway_id="unknown", arrived=True, code="")


async def test_a_message_that_did_not_arrive_is_on_the_list(city: City, cloud: Cloud, gateway: Gateway) -> None:
    await city.register()
    await SmsSender(city.core, city.database, gateway, "https://hotline.example").send_waiting()
    async with city.database.transaction() as session:
        await deliveries.receipt(city.core, session, gateway_id=cloud.number(), key="", arrived=False, code="MK:0001")
        assert await deliveries.counts(session) == {"given_up": 1}
        assert (await session.scalars(select(NoticeDelivery.last_error))).one() == "receipt: MK:0001"


async def test_free_text_goes_through_the_reply_template_whole(cloud: Cloud, gateway: Gateway) -> None:
    text = "您好，" + "已转市城市管理局办理。" * 20 + "“引号”&<"
    await gateway.send("13900002716", text, "sms:reply:1", template="reply")
    assert seen(cloud)[2:] == ("SMS_2", [text])


async def test_what_the_provider_has_no_template_for_is_not_sent(cloud: Cloud, gateway: Gateway) -> None:
    with pytest.raises(GiveUp, match="no template"):
        await gateway.send("13900002716", "x", "notice:1", template="extended")
    assert cloud.sent == []


@pytest.mark.parametrize(
    ("codes", "error"),
    [
        (("isv.BUSINESS_LIMIT_CONTROL", "LimitExceeded.PhoneNumberOneHourLimit"), TryLater),
        (("isv.AMOUNT_NOT_ENOUGH", "FailedOperation.InsufficientBalanceInSmsPackage"), TryLater),
        (("isv.MOBILE_NUMBER_ILLEGAL", "InvalidParameterValue.IncorrectPhoneNumber"), GiveUp),
        (("isv.SMS_SIGNATURE_ILLEGAL", "FailedOperation.SignatureIncorrectOrUnapproved"), GiveUp),
        (("isv.BLACK_KEY_CONTROL_LIMIT", "FailedOperation.PhoneNumberInBlacklist"), GiveUp),
    ],
)
async def test_codes_decide_whether_it_is_tried_again(
    cloud: Cloud, gateway: Gateway, codes: tuple[str, str], error: type[Exception]
) -> None:
    code = codes[0] if isinstance(cloud, Alibaba) else codes[1]
    cloud.refuse = [code]
    with pytest.raises(error, match=code):
        await gateway.send("13900002716", "x", "notice:1", template="reply")
    await gateway.send("13900002716", "x", "notice:1", template="reply")
    assert len(cloud.sent) == 1


async def test_a_wrong_secret_is_refused_by_the_signature(cloud: Cloud, gateway: Gateway) -> None:
    server = TestServer(cloud.app())
    await server.start_server()
    stranger = gateway_to(cloud, f"http://127.0.0.1:{server.port}", secret="wrong")
    with pytest.raises(GiveUp, match="Signature"):
        await stranger.send("13900002716", "x", "notice:1", template="reply")
    await server.close()
    assert cloud.sent == []


async def test_a_provider_that_is_away_or_broken_is_tried_again_and_no_number_is_told(cloud: Cloud, gateway: Gateway) -> None:
    cloud.status = 502
    with pytest.raises(TryLater) as broken:
        await gateway.send("13900002716", "x", "notice:1", template="reply")
    away = gateway_to(cloud, f"http://127.0.0.1:{unused_port()}")
    with pytest.raises(TryLater) as shut:
        await away.send("13900002716", "x", "notice:1", template="reply")
    assert "139" not in f"{broken.value}{shut.value}"


def test_a_wrong_map_of_templates_is_named(tmp_path: Path) -> None:
    path = tmp_path / "sms.yaml"
    with pytest.raises(TemplatesError, match=r"sms\.yaml"):
        TemplateMap.read(path)
    path.write_text("sign: 云川\ntemplates: {accepted: {values: [number]}}", encoding="utf-8")
    with pytest.raises(TemplatesError, match=r"accepted\.code"):
        TemplateMap.read(path)


@pytest.mark.parametrize(
    "given", [{"sms_provider": "alibaba"}, {"sms_provider": "tencent", "sms_access_key": "a"}, {"sms_inbound_key": "short"}]
)
def test_settings_that_cannot_work_are_refused_at_start(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="HOTLINE_SMS_"):
        Settings.model_validate({"demo": True, **given})
