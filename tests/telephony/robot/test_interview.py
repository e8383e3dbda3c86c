"""The interview alone: who picks up says 喂 into the first words, and that is neither an answer nor a wish to interrupt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest

from telephony.flow.ear import Ear, Quiet
from telephony.flow.mouth import Mouth
from telephony.robot.interview import Interview, Result
from telephony.robot.script import Script
from telephony.speech.prompts import read_texts
from telephony.speech.transcriber import Heard
from telephony.testing import FakeLeg
from tests.telephony.flow.conftest import ReadablePrompts, ReadableVoice, heard, said, until
from ticketing.callback import rules
from ticketing.callback.robot import RobotTask

PATIENCE_S = 60.0
"""Nobody is asked again because of a slow machine."""


@dataclass
class Asked:
    """A citizen who is being asked, and hears each sentence until the test lets it end."""

    leg: FakeLeg
    ear: Ear
    mouth: Mouth
    interview: Interview
    running: asyncio.Task[Result]

    async def says(self, *pieces: str) -> None:
        """Each piece as a partial, the last one as the final; until the robot has taken it in."""
        for text in pieces:
            self.ear.put(Heard("partial", text, 1.0, 2.0))
        self.ear.put(Heard("final", pieces[-1], 1.0, 2.0, 0.9))
        count = len(self.interview.said)
        await until(lambda: any(line.text == pieces[-1] for line in self.interview.said[count:]))

    @property
    def interrupted(self) -> bool:
        """Whether what was said last is over, though nobody let it end."""
        return self.leg.playbacks[-1].over


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Asked]:
    """The opening is being said."""
    found = rules.load()
    questions = tuple(question for question in found.questions if question.is_for("robot"))
    task = RobotTask(uuid4(), "20261122-00017", 1, "13900002716", "翠湖路路灯不亮", "已经修好", questions)
    leg = FakeLeg(instant=False)
    ear = Ear(leg, None)
    version, texts = read_texts(city="云川市", line="12345")
    voice = ReadableVoice()
    mouth = Mouth(leg, ReadablePrompts(texts, version, tmp_path, voice), voice, lambda: ear.put(Quiet()))
    script = Script("云川市", "12345", task, date(2026, 11, 20), found.scales[found.scale])
    interview = Interview(script, ear, mouth, patience_s=PATIENCE_S)
    running = asyncio.create_task(interview.run())
    await heard(leg, "本人反映")
    yield Asked(leg, ear, mouth, interview, running)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("words", ["喂", "喂喂", "喂，你好", "您好", "嗯", "哎 喂"])
async def test_a_greeting_neither_stops_the_opening_nor_answers_it(asked: Asked, words: str) -> None:
    await asked.says(words)
    assert not asked.interrupted
    assert len(said(asked.leg)) == 1, "it is not asked again while it is being said"
    await asked.says("是我")
    await heard(asked.leg, "翠湖路")


@pytest.mark.parametrize("words", ["喂 是我", "你好，你打错了", "等一下"])
async def test_whoever_says_more_interrupts_at_once(asked: Asked, words: str) -> None:
    await asked.says("喂", words)
    assert asked.leg.playbacks[0].over


async def test_a_nod_to_half_a_question_is_no_answer_but_one_after_it_is(asked: Asked) -> None:
    await asked.says("是的")
    await heard(asked.leg, "联系过您吗")
    await asked.says("嗯")
    assert not asked.interrupted
    asked.leg.finish_playback()
    await asyncio.wait_for(asked.mouth.finished(), 20)
    await asked.says("嗯")
    await heard(asked.leg, "解决了吗")


async def test_a_greeting_after_the_opening_is_asked_again(asked: Asked) -> None:
    asked.leg.finish_playback()
    await asyncio.wait_for(asked.mouth.finished(), 20)
    await asked.says("喂")
    await until(lambda: len(said(asked.leg)) == 2)
    assert "没有听清楚" in said(asked.leg)[1]


async def test_who_hangs_up_into_the_goodbye_has_answered_all_the_same(asked: Asked) -> None:
    await asked.says("是的")
    for question, words in (("联系过您吗", "联系过"), ("解决了吗", "解决了"), ("态度", "很好"), ("结果满意吗", "满意")):
        await heard(asked.leg, question)
        assert asked.interview.so_far().outcome == "no_answer"
        await asked.says(words)
    await heard(asked.leg, "评价已经记下")
    gone = asked.interview.so_far()
    assert (gone.outcome, gone.answers["satisfaction"], len(gone.answers)) == ("answered", "satisfied", 4)
