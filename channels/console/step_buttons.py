"""The buttons of the ticket page: each key is the name of a form and of its address. What each does stands in the handlers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Action:
    """A button of the ticket page; `key` is the name of its form and of its address."""

    key: str
    label: str
    icon: str
    shortcut: str = ""
    danger: bool = False


SIGN = Action("sign", "签收", "check", "D")
CONTACT = Action("contact", "登记联系市民", "phone")
REPLY = Action("reply", "起草答复", "reply", "R")
SIGN_OFF = Action("sign_off", "审签", "signature", "R")
REFUSE_DRAFT = Action("refuse_draft", "退回经办人修改", "pencil")
REQUEST_RETURN = Action("request_return", "申请退单", "undo-2")
DECIDE_RETURN = Action("decide_return", "处理退单申请", "undo-2", "R")
DISPATCH = Action("dispatch", "派单", "send", "D")
EDIT = Action("edit", "修改类别和紧急程度", "pencil")
SUBMIT = Action("submit", "提交派单", "send", "D")
ANSWER = Action("answer", "直接答复", "message-square-text")
REJECT = Action("reject", "不予受理", "ban", danger=True)
REQUEST_INFO = Action("request_info", "请市民补充材料", "circle-help")
SUPPLEMENT = Action("supplement", "补充内容", "file-plus")
EMERGENCY = Action("emergency", "转紧急热线", "siren", danger=True)
FOLLOW_EMERGENCY = Action("follow_emergency", "登记紧急事项跟进", "siren", "R")
REVIEW = Action("review", "审核答复", "clipboard-check", "R")
VISIT = Action("visit", "登记回访结果", "phone-outgoing", "R")
ATTEMPT = Action("attempt", "未接通", "phone-missed", "N")
PUT_BACK = Action("put_back", "退回回访队列", "undo-2")
DECIDE_REDO = Action("decide_redo", "二次回访：重新办理", "rotate-ccw", "R")
DISPUTED = Action("close_disputed", "答复合理，按不满意办结", "circle-check", danger=True)
URGE = Action("urge", "催办", "megaphone", "U")
REOPEN = Action("reopen", "重新办理", "rotate-ccw")
NO_CONTACT = Action("close_no_contact", "无法联系，办结", "circle-check", danger=True)
INVALIDATE = Action("invalidate", "标为无效", "ban", danger=True)
RETURN_CALL = Action("return_call", "完成回拨", "phone-outgoing", "R")
UPLOAD = Action("upload", "上传附件", "paperclip")
NAME = Action("name", "指定可见人员", "lock")
ASK_EXTENSION = Action("ask_extension", "申请延期", "calendar-plus")
DECIDE_EXTENSION = Action("decide_extension", "处理延期申请", "calendar-check", "R")
ASK_SUSPENSION = Action("ask_suspension", "申请挂账", "circle-pause")
DECIDE_SUSPENSION = Action("decide_suspension", "处理挂账申请", "circle-pause", "R")
RESUME = Action("resume", "恢复办理", "circle-play")
CONSENT = Action("consent", "同意提出申请", "signature", "R")
TAKE_BACK = Action("take_back", "收回申请", "undo-2")
OPEN_DISPUTE = Action("open_dispute", "提交争议会商", "scale")
RULE_DISPUTE = Action("rule_dispute", "裁定承办单位", "scale", "R")
PROPOSE_REFUSAL = Action("propose_refusal", "建议不予受理", "ban")
DECIDE_REFUSAL = Action("decide_refusal", "处理不予受理建议", "ban", "R")
OBJECT = Action("object", "登记市民异议", "message-square-text")
MERGE = Action("merge", "并入另一张工单", "merge")
UNMERGE = Action("unmerge", "拆分并单", "split")
LINK_REPEAT = Action("link_repeat", "关联以前的工单", "link")
GO_ON = Action("go_on", "按已知情况继续", "arrow-right")
WAIVE = Action("waive", "免协办单位答复", "circle-minus")
CO_DATE = Action("co_date", "定协办期限", "calendar-check")
PASS_ON = Action("pass_on", "转下级单位", "git-branch")
TAKE_INVESTIGATION = Action("take_investigation", "接手调查", "search", "R")
CONCLUDE_INVESTIGATION = Action("conclude_investigation", "写调查结论", "clipboard-check", "R")
EXCLUDE = Action("exclude", "是否计入满意率", "percent")
HIDE_FILES = Action("hide_files", "撤下给市民看的附件", "eye")
SUPERVISE = Action("supervise", "下达督办单", "file-plus")
GIVE_CARD = Action("give_card", "发牌", "triangle-alert", danger=True)
FALSE_REPLY = Action("false_reply", "认定虚假答复", "octagon-alert", danger=True)
COMMIT = Action("commit", "登记承诺", "star")
PLAN = Action("plan", "提交办理方案", "clipboard-list")
CONCLUDE_PROCEDURE = Action("conclude_procedure", "告知法定程序结果", "scale", "R")
ON_SITE = Action("on_site", "现场反馈", "map-pin")
