"""Reading what a program sent: JSON by a model, the query by a model; every fault is named by its field, in Chinese."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hotline.errors import HotlineError, InvalidInput
from hotline.i18n import _

M = TypeVar("M", bound=BaseModel)


class Unreadable(HotlineError):
    """The body is no JSON."""

    status, code = 400, "unreadable"


class WrongType(HotlineError):
    """The body is of another kind."""

    status, code = 415, "unsupported_media_type"


def read_json(model: type[M], raw: bytes, content_type: str) -> M:
    """The body by its model. Raises WrongType, Unreadable or InvalidInput."""
    if content_type != "application/json":
        raise WrongType(_("请用Content-Type: application/json提交"))
    try:
        text = raw.decode("utf-8")
        json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable(_("请求内容不是有效的JSON（UTF-8）")) from None
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise invalid(error) from None


def read_query(model: type[M], query: Mapping[str, str]) -> M:
    """The query string by its model. Raises InvalidInput."""
    try:
        return model.model_validate_strings(dict(query))
    except ValidationError as error:
        raise invalid(error) from None


def invalid(error: ValidationError) -> InvalidInput:
    """What pydantic found, in words that say what to do."""
    return InvalidInput(errors={_field(item): _words(item) for item in error.errors(include_url=False, include_input=False)})


def _field(item: ErrorDetails) -> str:
    return ".".join(str(part) for part in item["loc"]) or "body"


_PLAIN = {
    "missing": "缺少这一项",
    "extra_forbidden": "没有这个字段",
    "string_type": "应是文字",
    "int_type": "应是整数",
    "int_parsing": "应是整数",
    "int_from_float": "应是整数",
    "bool_type": "应是true或false",
    "bool_parsing": "应是true或false",
    "float_type": "应是数字",
    "list_type": "应是列表",
    "model_type": "应是一个JSON对象",
    "model_attributes_type": "应是一个JSON对象",
    "string_pattern_mismatch": "写法不对",
    "datetime_parsing": "应是带时区的时间，例如2026-11-18T10:00:00+08:00",
    "datetime_from_date_parsing": "应是带时区的时间，例如2026-11-18T10:00:00+08:00",
    "timezone_aware": "时间要带时区，例如2026-11-18T10:00:00+08:00",
    "date_from_datetime_parsing": "应是日期，例如2026-11-18",
    "date_parsing": "应是日期，例如2026-11-18",
    "finite_number": "应是数字",
    "json_invalid": "不是有效的JSON",
}


def _words(item: ErrorDetails) -> str:
    context: dict[str, Any] = item.get("ctx") or {}
    match item["type"]:
        case "enum" | "literal_error":
            return _("应是其中之一：{values}").format(values=str(context.get("expected", "")).replace("'", "").replace(" or ", ", "))
        case "string_too_long":
            return _("请控制在{n}字以内").format(n=context["max_length"])
        case "string_too_short":
            return _("至少写{n}个字").format(n=context["min_length"])
        case "too_long":
            return _("最多{n}项").format(n=context["max_length"])
        case "too_short":
            return _("至少{n}项").format(n=context["min_length"])
        case "greater_than_equal":
            return _("不能小于{n}").format(n=context["ge"])
        case "less_than_equal":
            return _("不能大于{n}").format(n=context["le"])
        case "value_error":
            return str(context.get("error", item["msg"]))
        case kind:
            return _(_PLAIN.get(kind, "写法不对"))
