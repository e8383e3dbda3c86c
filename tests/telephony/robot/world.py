"""A city whose robot may call everybody, a telephony process, and a citizen who picks up."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

import pytest
import yaml

from hotline.settings import Settings
from telephony.leg import CallFailed, Leg
from telephony.media.codec import loudness
from telephony.queue.switchboard import Switchboard
from telephony.robot.work import CallbackRobot
from telephony.testing import FakeLeg
from tests.telephony.flow.conftest import Line, ScriptedBot, said, until
from tests.ticketing.conftest import City
from ticketing.callback import rules


@pytest.fixture(autouse=True)
def by_robot(monkeypatch: pytest.MonkeyPatch) -> None:
    """This installation lets the robot call everybody."""
    raw = yaml.safe_load((files("ticketing") / "seed" / "callback.yaml").read_text(encoding="utf-8"))
    raw["rules"] = [{"key": "all", "when": {}, "plan": "robot", "rate": 100, "fallback": "clerk"}]
    changed = rules.parse(raw)
    monkeypatch.setattr(rules, "load", lambda: changed)


@pytest.fixture
def line(city: City, settings: Settings) -> Line:
    settings = settings.model_copy(update={"silence_s": 0.2, "min_free_disk_mb": 0, "outbound_uri": "sip:{number}@127.0.0.1:5060"})
    line = Line(settings, city.core, city.database, ScriptedBot(city.core, city.database))
    line.board = Switchboard(city.core, city.database, "telephony-test", line.phones.dial)
    return line


class Citizen:
    """Picks up a `FakeLeg`, or refuses."""

    def __init__(self, line: Line, *, refuses: int = 0, instant: bool = True) -> None:
        """`instant`: what is said to them is over at once."""
        self.leg = FakeLeg(instant=instant)
        self.leg.answered = True
        self.dialled: list[str] = []
        self._refuses = refuses
        self._line = line

    async def dial(self, uri: str) -> Leg:
        self.dialled.append(uri)
        if self._refuses:
            raise CallFailed(self._refuses, "refused")
        return self.leg

    def robot(self) -> CallbackRobot:
        return CallbackRobot(self._line.parts, self.dial, at_once=1, per_minute=100)

    async def answers(self, *steps: tuple[str, str]) -> None:
        """(what is asked, what is pressed or said): a single digit is a key."""
        for asked, answer in steps:
            before = len(said(self.leg))
            await until(lambda asked=asked: any(asked in one for one in said(self.leg)))  # type: ignore[misc]
            if len(answer) == 1 and answer in "0123456789*#":
                self.leg.press_keys(answer)
            else:
                self._line.say(self.leg, answer)
            await until(lambda before=before: len(said(self.leg)) > before)  # type: ignore[misc]


BY_KEYS = (("本人反映", "1"), ("联系过您吗", "1"), ("解决了吗", "1"), ("态度", "1"))
IN_WORDS = (("本人反映", "是我反映的"), ("联系过您吗", "联系过"), ("解决了吗", "解决了"), ("态度", "挺好的"))


def spoken_and_quiet(frames: list[bytes]) -> Callable[[], bool]:
    """Something was said, and the last 200 ms were silent."""
    return lambda: any(loudness(frame) > 500 for frame in frames) and all(loudness(frame) < 100 for frame in frames[-10:])
