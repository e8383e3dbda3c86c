"""How long callers wait for an answer is told to Prometheus, part by part."""

from __future__ import annotations

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from telephony.flow.answer_times import AnswerTimes
from telephony.flow.call import CallFlow
from telephony.testing import FakeLeg
from tests.telephony.flow.conftest import Line, heard


def samples(times: AnswerTimes) -> dict[tuple[str, str], float]:
    families = text_string_to_metric_families(times.exposition().decode())
    return {(sample.name, sample.labels.get("part", "")): sample.value for family in families for sample in family.samples}


def test_each_part_and_the_whole() -> None:
    times = AnswerTimes()
    times.observe(hearing_s=0.8, bot_s=0.125, voice_s=0.0625)
    found = samples(times)
    assert [found["hotline_answer_seconds_sum", part] for part in ("hearing", "bot", "voice", "whole")] == [0.8, 0.125, 0.0625, 0.9875]
    assert found["hotline_answer_seconds_count", "whole"] == 1


async def test_answers_to_spoken_sentences_are_counted_and_those_to_keys_are_not(line: Line) -> None:
    parts, leg = line.parts, FakeLeg()
    line.tasks.append(asyncio.create_task(CallFlow(parts).run(leg)))
    await heard(leg, "<greeting>")
    line.say(leg, "路灯不亮")
    await heard(leg, "答：路灯不亮")
    leg.press_keys("42#")
    await heard(leg, "答：42")
    leg.caller_hangs_up()
    await line.over()
    assert samples(parts.answer_times)["hotline_answer_seconds_count", "whole"] == 1
