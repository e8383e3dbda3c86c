"""OpenAPI 3.1, written from the operations themselves. docs/openapi.json is this text; a test holds it current."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from channels.api.call import Operation

VERSION = "1.0"
PREFIX = "/api/v1"
_REF = "#/components/schemas/{model}"
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "description": "urn:hotline:problem:… 稳定的错误代码"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "哪里不对、怎么办"},
        "instance": {"type": "string", "description": "请求编号，与日志相同"},
        "errors": {
            "type": "array",
            "description": "逐项说明",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "allowed": {"type": "array", "items": {"type": "string"}, "description": "现在可以做的步骤"},
        "changed": {"type": "array", "items": {"$ref": "#/components/schemas/EventOut"}, "description": "你读取以后发生的事"},
        "version": {"type": "integer"},
    },
}
_REFUSALS = {
    "400": "不是有效的JSON",
    "401": "没有令牌，或令牌无效",
    "403": "岗位或令牌不允许",
    "404": "不存在，或不能让你知道它存在",
    "409": "内容已有变化（changed），或现在不能做这一步（allowed）",
    "413": "内容太大",
    "415": "内容类型不对",
    "422": "某些项要修改（errors）",
    "429": "太频繁，见Retry-After",
    "503": "暂时无法使用，见Retry-After",
}
_DESCRIPTION = (
    "政务热线工单核心的员工接口。令牌在控制台“我的令牌”里新建，放在Authorization: Bearer里。"
    "出错时是application/problem+json（RFC 9457）。列表按cursor翻页。"
    "改动前读到的ETag放进If-Match，别人先改过就得到409和changed。POST可带Idempotency-Key，24小时内重发不会做第二遍。"
)


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """The whole description."""
    known = list(operations)
    models = {(model, mode) for operation in known for model, mode in _models(operation)}
    ordered = sorted(models, key=lambda pair: (pair[0].__name__, pair[1]))
    names, definitions = models_json_schema(ordered, ref_template=_REF)  # type: ignore[arg-type]
    schemas = {**definitions.get("$defs", {}), "Problem": _PROBLEM}
    paths: dict[str, dict[str, Any]] = {}
    for operation in known:
        paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = _operation(operation, names)
    return {
        "openapi": "3.1.0",
        "info": {"title": "政务热线工单接口", "version": VERSION, "description": _DESCRIPTION, "license": {"name": "GPL-3.0-or-later"}},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in known)],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "个人令牌 hl_…"}},
            "schemas": dict(sorted(schemas.items())),
        },
    }


def as_text(operations: Iterable[Operation]) -> str:
    """The description as it is served and committed."""
    return json.dumps(document(operations), ensure_ascii=False, indent=1, sort_keys=False) + "\n"


def _models(operation: Operation) -> list[tuple[type[BaseModel], str]]:
    found: list[tuple[type[BaseModel], str]] = []
    if operation.body is not None:
        found.append((operation.body, "validation"))
    if operation.answer is not None:
        found.append((operation.answer, "serialization"))
    return found


def _operation(operation: Operation, names: Any) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": _parameters(operation),
        "responses": _responses(operation, names),
    }
    if operation.description:
        described["description"] = operation.description
    if operation.body is not None:
        schema = names[(operation.body, "validation")]
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if operation.upload:
        files = {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1, "maxItems": 5}
        schema = {"type": "object", "required": ["files"], "properties": {"files": files}}
        described["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in operation.parts:
        schema = {"type": "integer", "minimum": 1} if name == "id" and operation.tag != "工单" else {"type": "string"}
        found.append({"name": name, "in": "path", "required": True, "schema": schema})
    if operation.query is not None:
        fields = operation.query.model_json_schema(ref_template=_REF)
        for name, schema in fields["properties"].items():
            found.append({"name": name, "in": "query", "required": name in fields.get("required", []), "schema": _flat(schema, fields)})
    if operation.versioned and operation.writes:
        found.append(_header("If-Match", "读取工单时得到的ETag", r'^"[0-9]{1,9}\.[0-9]{1,9}"$'))
    if operation.idempotent_key:
        found.append(_header("Idempotency-Key", "24小时内重发同一请求不会做第二遍", r"^[!-~]{1,200}$"))
    return found


def _header(name: str, description: str, pattern: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string", "pattern": pattern}}


def _flat(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """A query field's schema without references and without null, which a query string cannot say."""
    if "$ref" in schema:
        return {**whole["$defs"][schema["$ref"].rsplit("/", 1)[1]], **{key: value for key, value in schema.items() if key != "$ref"}}
    if "anyOf" in schema:
        [kept] = [each for each in schema["anyOf"] if each.get("type") != "null"]
        outer = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
        return {**_flat(kept, whole), **outer}
    return schema


def _responses(operation: Operation, names: Any) -> dict[str, Any]:
    done: dict[str, Any] = {"description": "完成"}
    if operation.download:
        done["content"] = {media: {"schema": {"type": "string", "format": "binary"}} for media in operation.media}
    elif operation.answer is not None:
        done["content"] = {"application/json": {"schema": names[(operation.answer, "serialization")]}}
    if operation.versioned:
        done["headers"] = {"ETag": {"schema": {"type": "string"}, "description": "版本，放进If-Match"}}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refusals = {status: {"description": words, "content": problem} for status, words in _REFUSALS.items() if _may(operation, status)}
    return {str(operation.status): done, **refusals}


def _may(operation: Operation, status: str) -> bool:
    if status in ("400", "415"):
        return operation.body is not None or operation.upload
    if status == "409":
        return operation.writes
    if status == "413":
        return operation.method != "GET"
    return True
