"""Which unit a text complains about: it never is the first choice to handle it (B12)."""

from __future__ import annotations

import re

from ticketing.suggestion.catalogue import Catalogue

ALIASES: dict[str, tuple[str, ...]] = {
    "city-management": ("城管局", "城管", "城市管理局", "执法队"),
    "parks": ("园林局", "绿化局"),
    "housing": ("住建局", "房管局", "建设局"),
    "market": ("市场监管局", "工商局", "市监局", "工商所", "市场局"),
    "water-affairs": ("水务局", "水利局"),
    "traffic-police": ("交警队", "交警支队", "车管所", "交警"),
    "transport": ("交通局", "交通运输局", "运管所"),
    "ecology": ("环保局", "生态环境局", "生态局"),
    "labour": ("人社局", "劳动局", "社保局", "劳动监察"),
    "medical-insurance": ("医保局",),
    "education": ("教育局",),
    "culture": ("文旅局", "文化局", "旅游局"),
    "health": ("卫健委", "卫生局", "卫健局"),
    "emergency": ("应急局", "应急管理局", "安监局"),
    "fire": ("消防队", "消防大队", "消防支队"),
    "police": ("公安局", "派出所"),
    "civil-affairs": ("民政局", "婚姻登记处"),
    "disabled": ("残联",),
    "government-service": ("政务服务局", "政务服务中心", "政务中心"),
    "tax": ("税务局",),
    "agriculture": ("农业局", "农业农村局"),
    "natural-resources": ("自然资源局", "国土局", "规划局"),
    "housing-fund": ("公积金中心",),
    "petitions": ("信访局",),
    "discipline": ("纪委", "监委"),
}
"""What people call the units. Utilities are not here: what they do badly is theirs to mend."""
_MISCONDUCT = (
    r"(?:的|里的|那个|有个|某|工作人员|办事员|执法|人员|领导|局长|副|科长|队长|所长|主任|书记|干部|窗口|民警|两个){0,4}[^，。,]{0,6}"
    r"(?:不作为|乱作为|吃拿卡要|收(?:了)?(?:钱|黑钱|红包|好处|保护费)|受贿|贪|包庇|打人|骂人|态度(?:恶劣|差|蛮横|不好)|推诿|推来推去|踢皮球|滥用职权|以权谋私|公款|粗暴|乱罚款|徇私|保护伞|失职|渎职|敷衍)"
)


def reported_unit(text: str, catalogue: Catalogue) -> str | None:
    """Code of the unit whose own conduct is complained about, or None. «环保局管管工地噪音» complains about no unit."""
    found: list[tuple[int, str]] = []
    for code, unit in catalogue.units.items():
        names = {unit.name, unit.name.removeprefix("市"), *ALIASES.get(code, ())}
        if unit.level == 3:
            names |= {unit.name.removesuffix("办事处"), unit.name.removesuffix("人民政府")}
        elif code not in ALIASES:
            continue
        for name in sorted(names, key=len, reverse=True):
            match = re.search(f"{re.escape(name)}{_MISCONDUCT}", text)
            if match:
                found.append((match.start(), code))
                break
    return min(found)[1] if found else None
