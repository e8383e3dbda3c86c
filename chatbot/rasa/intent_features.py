"""What the intent classifier sees of a sentence: runs of characters and of sounds, and the manner in which it is said.

Runs in Rasa's environment and in ours, with the standard library only. The runs are those of the suggestion (ticketing/suggestion/
features.py): names of roads and estates are taken out there, so that a complaint is not learned by its address.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

_RUNS = Path(__file__).parents[2] / "ticketing" / "suggestion" / "features.py"
_LONGEST = 3
"""Characters of a run; four told nothing more."""
_MANNER = (
    ("how", r"怎么|咋|如何|怎样|怎么样"),
    ("what", r"什么|啥|哪些|哪种|多少|几[天号点个年月岁块钱]|多久|多长|多大"),
    ("where", r"哪里|哪儿|在哪|去哪|哪个(?:部门|单位|地方|窗口|网站)|到哪|归谁|找谁|哪个管|谁管|归[^，。]{1,6}管|向哪|上哪|报哪|哪家|谁来"),
    ("may", r"能不能|可不可以|可以[^，。]{0,10}[吗么不]|能[^，。]{0,10}[吗么不]$|需不需要|需要[^，。]{0,12}[吗么]|要不要|是不是|有没有|行不行|用不用|算不算|该不该|[让管给批养违合用要]不[让管给批养违合用要]|[^是对要也都还就怎这点差好]不[?？]?$|违规不|合法不|还是[^，。]{1,8}$"),
    ("ask", r"[吗么呢]$|[?？]$|想问|请问|打听|咨询|了解一下|问一下|问下"),
    ("want", r"想(?!投诉|反映|举报|让你们|请你们|问)|我要(?!投诉|反映|举报)|要(?=[办领换补开取转])|打算|准备"),
    ("right", r"怎么维权|打官司|合规|违规|合法|违法|规定|标准|政策|条件|资格|手续|材料|流程|补助|补贴|申请|报销|期限"),
    ("wrong", r"坏|臭|吵|脏|漏|堵|骗|不管|没人|不给|不让|乱|太[^，。]{1,3}了|欠|投诉|举报|反映|受不了|态度|不退|不发|不修|天天|半夜|影响"),
    ("ours", r"我们[^，。]{0,6}(?:小区|楼|村|单元|单位|学校|门口|家|这)|我家|楼上|楼下|隔壁|门口|邻居"),
    ("send", r"派人|来人|管管|管一管|处理一下|查处|查一查|解决|整治|修一下|来看看"),
    ("before", r"上次|之前|上周|前几天|已经[^，。]{0,8}(?:反映|投诉|登记)|反映过|投诉过|登记过|进度|结果|工单|催"),
    ("better", r"建议|希望|应该|最好|要是[^，。]{0,12}就好|提个意见|点赞|表扬|夸|锦旗"),
    ("digits", r"[0-9]{3,}|[零幺一二三四五六七八九]{4,}"),
)
_PATTERNS = tuple((name, re.compile(words)) for name, words in _MANNER)
_SIZES = ((2, "tiny"), (5, "short"), (10, "middle"), (20, "long"))


def _load_runs() -> ModuleType:
    """By its path, since the packages of our environment are not for Rasa's."""
    specification = importlib.util.spec_from_file_location("hotline_runs", _RUNS)
    if specification is None or specification.loader is None:
        raise ImportError(f"{_RUNS} is missing")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


_runs = _load_runs()


def features(text: str) -> list[str]:
    """The features of a sentence, each once; a name that begins with @ tells the manner."""
    found = [name for name in _runs.features(text) if name[0] in "~^?" or name.endswith("$") or len(name) <= _LONGEST]
    plain = re.sub(r"\s+", "", text)
    manner = [name for name, pattern in _PATTERNS if pattern.search(plain)]
    found += [f"@{name}" for name in manner]
    found += [f"@{first}+{second}" for place, first in enumerate(manner) for second in manner[place + 1 :]]
    if not manner:
        found.append("@plain")
    if _runs._names().search(plain):
        found.append("@place")
    found.append("@size:" + next((name for most, name in _SIZES if len(plain) <= most), "story"))
    return found
