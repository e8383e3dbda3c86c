"""Persons go, the matter stays."""

from __future__ import annotations

import pytest

from ticketing.retention.redaction import redact


@pytest.mark.parametrize(("said", "kept"), [
    ("请打13900002716找我", "请打［电话］找我"),
    ("电话 139-0000-2716，座机0531-88881234", "电话 ［电话］，座机［电话］"),
    ("身份证11010119900307123X", "身份证［证件号］"),
    ("邮箱zhang.san@qq.com", "邮箱［邮箱］"),
    ("鲁A12345堵住消防通道", "［车牌］堵住消防通道"),
    ("我叫张三丰，楼道没灯", "我叫张三丰，楼道没灯".replace("我叫张三丰", "［姓名］")),
    ("隔壁李女士家漏水", "隔壁［姓名］家漏水"),
    ("6号楼2单元501室漏水", "［门牌］漏水"),
    ("卡号6222021234567890123被扣", "卡号［卡号］被扣"),
    ("微信号：zhangsan_88", "［账号］"),
    ("工单12345-20261118-00871，2026年11月18日", "工单12345-20261118-00871，2026年11月18日"),
    ("滨河路路灯坏了3天，编号0501", "滨河路路灯坏了3天，编号0501"),
])  # fmt: skip
def test_persons_are_taken_out_and_the_matter_stays(said: str, kept: str) -> None:
    assert redact(said) == kept


def test_known_names_go_wherever_they_stand() -> None:
    assert redact("周晓明反映，晓明不在家", ["周晓明"]) == "［姓名］反映，晓明不在家"
    assert redact("王先生", ["王"]) == "［姓名］"
