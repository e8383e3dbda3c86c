"""An upgrade brings what comes with the program, and never over what the city has made of it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.ticketing.conftest import City
from ticketing.call_flow import versions as call_flow
from ticketing.call_flow.document import seed_text as package_call_flow
from ticketing.deadline import book, changes
from ticketing.deadline.models import ClockKind, PolicyVersion
from ticketing.people.models import User
from ticketing.ticket import workflow, workflow_versions
from ticketing.ticket.workflow_versions import WorkflowVersion

OWN_VERSION = workflow.load().version + 1


def package(version: int) -> str:
    """The package's workflow under another number."""
    return workflow.seed_text().replace(f"version: {workflow.load().version}", f"version: {version}", 1)


async def newer_package(city: City, monkeypatch: pytest.MonkeyPatch, version: int) -> bool:
    """What a release with this version does when it starts."""
    text = package(version)
    monkeypatch.setattr(workflow, "load", lambda: workflow.parse_text(text))
    monkeypatch.setattr(workflow, "seed_text", lambda: text)
    async with city.database.transaction() as session:
        return await workflow_versions.seed(city.core, session)


async def in_force(city: City) -> tuple[int, str]:
    async with city.database.transaction() as session:
        newest = (await session.scalars(select(WorkflowVersion).order_by(WorkflowVersion.version.desc()).limit(1))).one()
        assert (await workflow_versions.current(session)).version == newest.version
        return newest.version, newest.note


async def test_a_newer_package_replaces_its_own_workflow(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    async with city.database.transaction() as session:
        await workflow_versions.seed(city.core, session)
    assert await newer_package(city, monkeypatch, OWN_VERSION)
    assert await in_force(city) == (OWN_VERSION, "hotline")
    assert not await newer_package(city, monkeypatch, OWN_VERSION)  # once


async def test_the_citys_own_workflow_stays_in_force_at_an_upgrade(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    async with city.database.transaction() as session:
        await workflow_versions.seed(city.core, session)
        admin = (await session.scalars(select(User).where(User.role == "admin"))).one()
        own = WorkflowVersion(
            version=OWN_VERSION, document=package(OWN_VERSION), sha256="", note="本市的流程",
            published_at=city.clock.now(), published_by_id=admin.id,
        )  # fmt: skip
        session.add(own)
    assert not await newer_package(city, monkeypatch, OWN_VERSION + 5)
    async with city.database.transaction() as session:
        versions = list(await session.scalars(select(WorkflowVersion.version).order_by(WorkflowVersion.version)))
    assert versions == [OWN_VERSION - 1, OWN_VERSION]


async def test_the_citys_own_call_flow_stays_in_force_at_an_upgrade(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    async with city.database.transaction() as session:
        await call_flow.seed(city.core, session)
        version = await call_flow.newest(session)
        monkeypatch.setattr(call_flow, "seed_text", lambda: package_call_flow().replace(f"version: {version}", "version: 900", 1))
        assert not await call_flow.seed(city.core, session)
        assert await call_flow.newest(session) == version


async def test_the_citys_own_limits_stay_in_force_at_an_upgrade(city: City) -> None:
    async with city.database.transaction() as session:
        await book.load_policies(city.core, session)
        first = (await session.scalars(select(PolicyVersion).where(PolicyVersion.key == "P-PHONE"))).one()
        longer = {**first.document, "handle": {"value": 5, "unit": "wd"}}
        asked = await changes.propose(
            city.core, session, city.supervisor, longer, reason="本市电话交办改为五个工作日", valid_from=city.clock.now()
        )
        await changes.decide(city.core, session, city.admin, asked.id, approve=True, note="同意")
        count = await book.load_policies(city.core, session)
        assert count == await book.load_policies(city.core, session)
        found = (await book.policies(session, city.clock.now())).by_key("P-PHONE")
    assert (found.version, str(found.limits[ClockKind.HANDLE].value)) == (2, "5.0")
