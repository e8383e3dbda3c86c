"""The two public providers, by their own clients: Alibaba Cloud (阿里云短信服务) and Tencent Cloud (腾讯云短信).

Both send only texts that they have approved beforehand (模板), so each notice names one of the provider's templates and the
values for it (`TemplateMap`, HOTLINE_SMS_TEMPLATES). The clients' own retries are off: the outbox repeats, for hours. They
are imported when they are needed: reading them takes a second.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from channels.outbox import GiveUp, TryLater
from hotline.settings import Settings

TIMEOUT_S = 8
EMPTY = "无"
"""Providers refuse an empty value."""
_ALIBABA_LATER = ("Throttling", "ServiceUnavailable", "InternalError", "isp.SYSTEM_ERROR", "isv.BUSINESS_LIMIT_CONTROL")
"""`isv.BUSINESS_LIMIT_CONTROL` is the limit per number and minute, hour or day: later it works."""
_ALIBABA_ACCOUNT = ("isv.AMOUNT_NOT_ENOUGH", "isv.OUT_OF_SERVICE")
_TENCENT_LATER = (
    "RequestLimitExceeded",
    "InternalError",
    "ClientNetworkError",
    "ServerNetworkError",
    "LimitExceeded",
    "FailedOperation.Timeout",
)
_TENCENT_ACCOUNT = ("FailedOperation.InsufficientBalanceInSmsPackage",)


class TemplatesError(ValueError):
    """HOTLINE_SMS_TEMPLATES is wrong; the text says where."""


class Approved(BaseModel):
    """One template that the provider has approved."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = Field(min_length=1)
    """TemplateCode (SMS_…) or TemplateId."""
    values: tuple[str, ...] = ()
    """Placeholders in the order in which Tencent numbers them; Alibaba takes them by name. `text` is the whole of our text."""
    most: int = Field(35, ge=1)
    """Characters that the provider lets into one value."""


class TemplateMap(BaseModel):
    """HOTLINE_SMS_TEMPLATES: the approved signature, and the provider's template of each notice; `*` for all others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sign: str = Field(min_length=2, max_length=20)
    templates: dict[str, Approved]

    @classmethod
    def read(cls, path: Path) -> TemplateMap:
        """Raises TemplatesError that names what is wrong."""
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, yaml.YAMLError) as error:
            raise TemplatesError(f"{path}: {error}") from error
        except ValidationError as error:
            lines = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
            raise TemplatesError(f"{path}: {'; '.join(lines)}") from error

    def fill(self, key: str, text: str, values: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """The provider's template for a notice, and its values in order. Raises `GiveUp` when none is named."""
        found = self.templates.get(key) or self.templates.get("*")
        if found is None:
            raise GiveUp(f"no template of the provider for {key or 'free text'}")
        everything = {**values, "text": text}
        return found.code, {name: (everything.get(name, "").strip() or EMPTY)[: found.most] for name in found.values}


class AlibabaGateway:
    """SendSms of dysmsapi 2017-05-25, signed with ACS3-HMAC-SHA256. `OutId` carries our id, which receipts bring back."""

    def __init__(self, key: str, secret: str, templates: TemplateMap, endpoint: str = "dysmsapi.aliyuncs.com") -> None:
        """`endpoint` is a host; one that begins with http:// is a stand-in of the tests."""
        from alibabacloud_dysmsapi20170525.client import Client
        from alibabacloud_tea_openapi.utils_models import Config

        protocol, host = _endpoint(endpoint)
        times = {"connect_timeout": 3000, "read_timeout": TIMEOUT_S * 1000}
        self._client = Client(Config(access_key_id=key, access_key_secret=secret, endpoint=host, protocol=protocol, **times))
        self._templates = templates

    async def send(self, phone: str, text: str, message_id: str, *, template: str = "", values: Mapping[str, str] | None = None) -> str:
        """Returns the provider's BizId. Errors never carry the number or the text."""
        from alibabacloud_dysmsapi20170525.models import SendSmsRequest
        from darabonba.runtime import RuntimeOptions
        from Tea.exceptions import TeaException

        code, given = self._templates.fill(template, text, values or {})
        request = SendSmsRequest(
            phone_numbers=phone,
            sign_name=self._templates.sign,
            template_code=code,
            template_param=json.dumps(given, ensure_ascii=False),
            out_id=message_id,
        )
        options = RuntimeOptions(autoretry=False, max_attempts=1, connect_timeout=3000, read_timeout=TIMEOUT_S * 1000)
        try:
            async with asyncio.timeout(TIMEOUT_S + 3):
                answer = (await self._client.send_sms_with_options_async(request, options)).body
        except TeaException as error:
            raise _judge(str(error.code or type(error).__name__), _ALIBABA_LATER, _ALIBABA_ACCOUNT, network=not error.code) from None
        except (OSError, TimeoutError) as error:
            raise TryLater(type(error).__name__) from None
        if answer.code != "OK":
            raise _judge(str(answer.code), _ALIBABA_LATER, _ALIBABA_ACCOUNT)
        return str(answer.biz_id or "")


class TencentGateway:
    """SendSms of the interface 2021-01-11, signed with TC3-HMAC-SHA256. The client blocks, so it works in a thread."""

    def __init__(
        self, key: str, secret: str, app_id: str, templates: TemplateMap, region: str, endpoint: str = "sms.tencentcloudapi.com"
    ) -> None:
        """`endpoint` is a host; one that begins with http:// is a stand-in of the tests."""
        from tencentcloud.common.credential import Credential
        from tencentcloud.common.profile.client_profile import ClientProfile
        from tencentcloud.common.profile.http_profile import HttpProfile
        from tencentcloud.sms.v20210111.sms_client import SmsClient

        protocol, host = _endpoint(endpoint)
        profile = ClientProfile(httpProfile=HttpProfile(protocol=protocol, endpoint=host, reqTimeout=TIMEOUT_S))
        self._client, self._app_id, self._templates = SmsClient(Credential(key, secret), region, profile), app_id, templates

    async def send(self, phone: str, text: str, message_id: str, *, template: str = "", values: Mapping[str, str] | None = None) -> str:
        """Returns the provider's SerialNo. Errors never carry the number or the text."""
        from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
        from tencentcloud.sms.v20210111.models import SendSmsRequest

        code, given = self._templates.fill(template, text, values or {})
        request = SendSmsRequest()
        request.SmsSdkAppId, request.SignName, request.TemplateId = self._app_id, self._templates.sign, code
        request.PhoneNumberSet, request.TemplateParamSet = [f"+86{phone}"], list(given.values())
        request.SessionContext = message_id
        try:
            answer: Any = await asyncio.to_thread(self._client.SendSms, request)
        except TencentCloudSDKException as error:
            raise _judge(str(error.get_code()), _TENCENT_LATER, _TENCENT_ACCOUNT) from None
        status = answer.SendStatusSet[0] if answer.SendStatusSet else None
        if status is None or status.Code != "Ok":
            raise _judge(str(status.Code) if status is not None else "no status", _TENCENT_LATER, _TENCENT_ACCOUNT)
        return str(status.SerialNo or "")


def _judge(code: str, later: tuple[str, ...], account: tuple[str, ...], *, network: bool = False) -> TryLater | GiveUp:
    """Busy, over a limit, or an account without money: later it may work. Everything else was refused for good."""
    if network or code.startswith(later) or code in account:
        return TryLater(code[:80])
    return GiveUp(code[:80])


def _endpoint(text: str) -> tuple[str, str]:
    protocol, separator, host = text.rpartition("://")
    return (protocol if separator else "https"), host.rstrip("/")


def of(settings: Settings) -> AlibabaGateway | TencentGateway:
    """The provider of the settings, which have been checked to be whole. Raises TemplatesError."""
    if settings.sms_templates is None:
        raise TemplatesError("HOTLINE_SMS_TEMPLATES is needed")
    templates, secret = TemplateMap.read(settings.sms_templates), settings.sms_access_secret.get_secret_value()
    endpoint = {"endpoint": settings.sms_endpoint} if settings.sms_endpoint else {}
    if settings.sms_provider == "alibaba":
        return AlibabaGateway(settings.sms_access_key, secret, templates, **endpoint)
    return TencentGateway(settings.sms_access_key, secret, settings.sms_app_id, templates, settings.sms_region, **endpoint)
