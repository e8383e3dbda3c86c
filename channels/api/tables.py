"""Tables out and in: exports as a file, imports that are checked row by row before anybody decides on them."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from aiohttp.web_request import FileField
from pydantic import Field

from channels.api.call import Answer, Call, Operation
from channels.api.models import Told
from channels.api.tickets import TicketFilters
from channels.console.briefs import attachment
from channels.web.table_files import CSV, XLSX, send_table
from hotline.clock import to_city
from hotline.errors import InvalidInput, NotFound
from hotline.i18n import _
from ticketing.tables import imports, reader
from ticketing.tables.exports import EXPORTERS, TicketFilter, export
from ticketing.tables.kinds import IMPORTERS

TAG = "导入导出"
SHOWN = 200
"""Rows of a preview that are told; those with errors come first."""


class ExportQuery(TicketFilters):
    """The form of the file, and for tickets which ones."""

    format: Annotated[Literal["csv", "xlsx"], Field(description="文件格式")] = "csv"


class RowOut(Told):
    """What a row does, or what is wrong with it."""

    line: int = Field(description="表格里的行号")
    change: str | None = Field(description="new、changed、same；有错误是null")
    errors: dict[str, str] = Field(description="列 -> 错误；空的列名是整行")


class PreviewOut(Told):
    """What the file would do. Nothing is written yet."""

    job: UUID | None = Field(description="确认或放弃时用；有错误时没有")
    kind: str
    ok: bool
    problem: str
    counts: dict[str, int]
    faulty: int
    unknown: list[str] = Field(description="不认识的列，没有读")
    rows: list[RowOut] = Field(description="有错误的在前，最多200行")


class NewPassword(Told):
    """The one-time password of a new account, told only here."""

    line: int
    login: str
    password: str


class Imported(Told):
    """What was written."""

    job: UUID
    kind: str
    counts: dict[str, int]
    passwords: list[NewPassword]


class Dropped(Told):
    """Thrown away."""

    job: UUID


async def download_table(call: Call) -> Answer:
    """A list as a file; noted in the log with what was asked for."""
    kind, asked = call.part("kind"), call.asked(ExportQuery)
    if kind not in EXPORTERS:
        raise NotFound(_("没有这种导出"))
    only = TicketFilter(asked.queue, asked.q.strip(), asked.wanted()) if kind == "tickets" else None
    table = await export(call.core, call.session, call.actor, kind, only=only)
    when = to_city(call.core.clock.now()).strftime("%Y%m%d-%H%M")
    headers = attachment(f"{table.name}-{when}.{asked.format}")
    return Answer(None, raw=await send_table(call.request, table, asked.format, headers))


async def check_import(call: Call) -> PreviewOut:
    """Try every row; the file waits, sealed, for the decision of whoever sent it."""
    kind = call.part("kind")
    if kind not in IMPORTERS:
        raise NotFound(_("没有这种导入"))
    name, content = await _file(call)
    preview = await imports.rehearse(call.core, call.session, call.actor, kind, content)
    job = await imports.keep(call.core, call.session, call.actor, kind, content, name) if preview.ok else None
    ordered = [*preview.faulty, *(each for each in preview.outcomes if each.change is not None)]
    rows = [
        RowOut(line=each.line.number, change=each.change.value if each.change else None, errors=each.errors) for each in ordered[:SHOWN]
    ]
    return PreviewOut(
        job=job.id if job else None, kind=kind, ok=preview.ok, problem=preview.problem, counts=preview.counts,
        faulty=len(preview.faulty), unknown=list(preview.unknown), rows=rows,
    )  # fmt: skip


def _row(outcome: imports.Outcome) -> RowOut:
    return RowOut(line=outcome.line.number, change=outcome.change.value if outcome.change else None, errors=outcome.errors)


async def _file(call: Call) -> tuple[str, bytes]:
    if call.request.content_type != "multipart/form-data":
        raise InvalidInput(_("请用multipart/form-data提交，文件放在files里"), field="files")
    found = [each for each in (await call.request.post()).getall("files", []) if isinstance(each, FileField)]
    if len(found) != 1:
        raise InvalidInput(_("请选择一个文件"), field="files")
    return found[0].filename, found[0].file.read(reader.MAX_BYTES + 1)


def _job(call: Call) -> UUID:
    try:
        return UUID(call.part("job"))
    except ValueError:
        raise NotFound(_("没有找到这次导入")) from None


async def apply_import(call: Call) -> Imported:
    """All rows or none."""
    job, preview = await imports.apply_kept(call.core, call.session, call.actor, _job(call))
    made = [
        NewPassword(line=each.line.number, login=each.line.cells.get("login", ""), password=each.secret)
        for each in preview.outcomes
        if each.secret
    ]
    return Imported(job=job.id, kind=job.kind, counts=preview.counts, passwords=made)


async def drop_import(call: Call) -> Dropped:
    """Throw a checked file away."""
    await imports.drop_kept(call.core, call.session, call.actor, _job(call))
    return Dropped(job=_job(call))


OPERATIONS = (
    Operation(
        "GET", "/exports/{kind}", download_table, "exportTable", TAG, "导出工单、单位、人员、类别、日历、时限规则",
        query=ExportQuery, download=True, media=(CSV, XLSX), description="按行读取，个人信息已脱敏；每次导出都记入日志。",
    ),
    Operation("POST", "/imports/{kind}", check_import, "checkImport", TAG, "上传表格，逐行检查，先不写入", answer=PreviewOut, upload=True),
    Operation("POST", "/imports/{job}/apply", apply_import, "applyImport", TAG, "确认导入", answer=Imported),
    Operation("POST", "/imports/{job}/drop", drop_import, "dropImport", TAG, "放弃导入", answer=Dropped),
)  # fmt: skip
