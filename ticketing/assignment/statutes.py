"""How long statutory procedures take: ticketing/seed/procedures.yaml, and the day that a unit may name instead. Pure."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from importlib.resources import files

import yaml

from hotline.i18n import _
from ticketing.assignment.models import LegalProcedure
from ticketing.deadline.limits import Limit, limit_of

LONGEST = timedelta(days=3 * 365)


@lru_cache(maxsize=1)
def limits() -> dict[LegalProcedure, Limit]:
    """The time that the statutes give, by procedure. Raises PolicyError or ValueError when the file is wrong."""
    raw = yaml.safe_load((files("ticketing") / "seed" / "procedures.yaml").read_text(encoding="utf-8"))
    return {LegalProcedure(name): limit_of(limit, f"procedures.yaml: {name}") for name, limit in raw["limits"].items()}


def fault_of(procedure: LegalProcedure | None, due_on: date | None, today: date) -> str:
    """What is wrong with the day that a unit names for the end of a procedure; empty when nothing is."""
    if procedure is None:
        return _("没有进入法定程序的，不用填到期日") if due_on is not None else ""
    if due_on is None:
        return "" if procedure in limits() else _("请填写法定程序的到期日")
    return "" if today < due_on <= today + LONGEST else _("法定程序的到期日应在今天以后、三年以内")
