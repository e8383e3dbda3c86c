"""Words of supervision, quality and what staff are told."""

from __future__ import annotations

from ticketing.words.matter import CLOCKS

CARD_COLOURS = {"yellow": "黄牌", "red": "红牌"}
CARD_REASONS = {
    **{key: f"{text}超时" for key, text in CLOCKS.items()},
    "two_yellows": "同一工单两张黄牌",
    "false_reply": "虚假答复",
    "finding": "监察疑点属实",
    "by_hand": "督办发牌",
}
CARD_STATES = {"given": "有效", "revoked": "已撤销"}
RECTIFICATIONS = {"open": "待整改", "done": "待确认", "confirmed": "已确认", "dropped": "牌已撤销"}
FORMALS = {"issued": "待答复", "answered": "待审定", "concluded": "已办结", "withdrawn": "已撤回"}
URGED_BY = {"citizen": "市民", "agent": "话务员", "dispatcher": "派单员", "supervisor": "督办", "leader": "领导"}
MONITOR_RULES = {
    "no_contact": "没有联系市民就办结",
    "contact_denied": "市民说没有人联系过",
    "short_reply": "答复里单位自己的话太少",
    "same_text": "同样的答复用了多次",
    "brush_off": "敷衍的说法",
    "instant": "签收后马上就答复",
    "late_contact": "先写答复后登记联系",
    "callback_without_call": "没看号码就登记回访",
    "last_minute": "到期前才申请延期",
}
FINDINGS = {"open": "待处理", "confirmed": "属实", "dismissed": "不成立"}
FINDING_OUTCOMES = {
    "dismiss": "不成立",
    "confirm": "属实，不发牌",
    "yellow": "属实，发黄牌",
    "red": "属实，发红牌",
    "false_reply": "虚假答复，发红牌并移交",
}
HAND_OVERS = {"sent": "已移交", "received": "已接收", "answered": "已回复"}
BURST_KINDS = {"place": "同一地点", "rise": "数量突增"}
BURSTS = {"open": "待处理", "handled": "已处理", "dismissed": "不是同一件事"}
COMMITMENTS = {"open": "未到期", "kept": "已兑现", "broken": "未兑现"}
STAFF_NOTICES = {
    "reminded": "时限过半",
    "warned": "即将到期",
    "yellow": "发了黄牌",
    "red": "发了红牌",
    "revoked": "牌已撤销",
    "rectification_done": "整改已提交，请确认",
    "rectification_returned": "整改被退回",
    "rectification_overdue": "整改超期",
    "urged": "有人催办",
    "instructed": "领导批示",
    "formal": "督办单",
    "formal_answered": "督办单已答复，请审定",
    "formal_sent_back": "督办单答复被退回",
    "formal_concluded": "督办单已办结",
    "formal_overdue": "督办单超期未答复",
    "hand_over": "虚假答复已移交",
    "burst": "群体预警",
    "sensitive": "敏感词提示",
    "emergency": "特急，请马上处理",
    "follow_up_due": "已转紧急热线，还没有核实处置情况",
    "info_overdue": "两次通知市民仍未补充，请决定怎么办",
    "commitment_due": "承诺快到期",
    "knowledge_review": "有知识等您审核",
    "knowledge_sent_back": "知识退回修改",
    "knowledge_due": "知识到期要复核",
    "knowledge_expired": "知识已失效",
    "knowledge_recalled": "知识已撤回，请不要再用",
    "knowledge_wrong": "有人说这条知识不对",
    "quality_scored": "有一通电话评了分",
    "quality_appealed": "质检有申诉，请处理",
    "quality_decided": "质检申诉已处理",
    "commitment_overdue": "承诺超期",
    "procedure_overdue": "法定程序到期，请告知结果",
}
QUALITY_RULES = {
    "complaint": "有人投诉",
    "rated_badly": "评价不满意",
    "suspicious": "有疑点",
    "short": "通话很短",
    "share": "随机抽取",
    "by_hand": "自己选的",
}
QUALITY_STATES = {"waiting": "要评分", "scored": "已评分", "appealed": "有申诉", "decided": "申诉已处理"}
