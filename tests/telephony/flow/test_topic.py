"""An emergency topic that is on is told to every caller after the greeting; afterwards it is gone."""

from __future__ import annotations

from hotline.clock import ManualClock
from knowledge.article.models import KnowledgeTopic
from tests.telephony.flow.conftest import Line, heard, said

MESSAGE = "台风今晚登陆，请不要外出。"


async def test_what_is_urgent_follows_the_greeting(line: Line, clock: ManualClock) -> None:
    async with line.database.transaction() as session:
        topic = KnowledgeTopic(name="台风", message=MESSAGE, active=True, changed_at=clock.now())
        session.add(topic)
    leg = line.call()
    await heard(leg, MESSAGE)
    assert [one for one in said(leg) if one in ("<greeting>", MESSAGE)] == ["<greeting>", MESSAGE]
    leg.caller_hangs_up()
    await line.over()
    async with line.database.transaction() as session:
        (await session.get_one(KnowledgeTopic, topic.id)).active = False
    leg = line.call()
    await heard(leg, "<greeting>")
    line.say(leg, "护照怎么办")
    await heard(leg, "答：护照怎么办")
    assert MESSAGE not in said(leg)
