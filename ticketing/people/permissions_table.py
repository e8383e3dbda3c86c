"""The matrix of permissions as a table for the documentation, written from the data (`script/permissions`)."""

from __future__ import annotations

from ticketing.people.permissions import CITIZEN, COLUMNS, Matrix, load

_TITLES = {
    CITIZEN: "citizen",
    "agent": "agent 话务员",
    "dispatcher": "dispatcher 派单员",
    "clerk": "unit clerk 承办",
    "chief": "unit chief 首席代表",
    "supervisor": "supervisor 督办",
    "callback": "callback 回访员",
    "quality": "QA 质检员",
    "editor": "knowledge editor",
    "admin": "admin",
    "leader": "leader",
}


def table(matrix: Matrix | None = None) -> str:
    """Both tables in Markdown: the matrix in the words of domain.md 4b, and what the code asks for, with scopes."""
    rows = (matrix or load()).rows
    head = ["Action", *(_TITLES[column] for column in COLUMNS)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        action = f"{row.action} (ours)" if row.ours else row.action
        lines.append("| " + " | ".join([action, *(row.cells.get(column, "-") for column in COLUMNS)]) + " |")
    lines += ["", "| Permission | Row | Who, and how far |", "|---|---|---|"]
    for row in rows:
        for permission, scopes in row.permissions.items():
            who = ", ".join(f"{column}: {scopes[column].value}" for column in COLUMNS if column in scopes)
            lines.append(f"| `{permission}` | {row.action} | {who} |")
    return "\n".join(lines) + "\n"


def page() -> str:
    """The whole of docs/permissions.md."""
    return (
        "# Permissions\n\nWritten by `script/permissions` from `ticketing/seed/permissions.yaml`. Do not edit.\n\n"
        "Y may, O own or own unit, M private data masked, A approves, - may not. A test holds the first table to domain.md\n"
        "4b row by row.\n\n" + table()
    )
