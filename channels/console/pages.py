"""What every console page shares: rendering with rail and person, redirects with a word of what was done."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from channels.console.navigation import RAIL, home, menu, role_name
from channels.console.session import SINCE, STAFF, Staff, language_of, staff
from channels.web.keys import SETTINGS
from channels.web.templating import render
from hotline.i18n import _, speaking, texts
from ticketing.people.permissions import may

FLASH = "hotline_done"
DONE = texts(
    {
        "example_added": "例句已加上，下次训练后生效",
        "example_removed": "例句已删除，下次训练后生效",
        "training_asked": "已排上，机器人进程会马上开始",
        "registered": "工单已登记",
        "submitted": "已转派单",
        "dispatched": "已派单",
        "redispatched": "已改派，原单位的派单已撤回",
        "signed": "已签收",
        "progress_saved": "已保存，对应的计时已停止",
        "contacted": "联系记录已保存",
        "drafted": "答复已提交审签",
        "signed_off": "已审签，答复已送审核",
        "returned_to_clerk": "已退回经办人修改",
        "accepted": "审核通过，已转回访",
        "sent_back": "已退回承办单位",
        "return_requested": "退单申请已提交，批准前计时照常",
        "return_approved": "已同意退单，请重新派单",
        "return_refused": "退单申请未同意，已通知单位",
        "attempt": "未接通已记录",
        "visited": "回访结果已保存",
        "visit_opened": "回访结果已保存。市民不满意：二次回访还要定下重办还是办结",
        "refused_to_rate": "市民不愿评价，已办结，单独统计",
        "put_back": "已退回回访队列",
        "redone": "二次回访已保存，承办单位重新办理",
        "pulled": "这件交给你回访",
        "nothing_to_call": "现在没有到时间的回访",
        "poster_made": "海报已做好，可以打印",
        "poster_withdrawn": "海报已停用，贴在外面的还能扫",
        "poster_offered": "海报已重新启用",
        "resent": "已重新排队发送",
        "notice_left": "已记下处理情况",
        "template_saved": "模板已更新，从下一条通知起使用",
        "answered": "已直接答复",
        "procedure_concluded": "法定程序的结果已告知市民",
        "draft_saved": "已存下没有填完的登记，只有自己看得到",
        "draft_dropped": "已删除没有填完的登记",
        "rejected": "已不予受理",
        "info_requested": "补正通知已发出",
        "supplemented": "补充内容已保存",
        "urged": "已催办",
        "supervised": "督办单已下达，已通知单位",
        "carded": "已发牌，已通知单位整改",
        "false_reply": "已认定虚假答复",
        "committed": "承诺已登记",
        "card_revoked": "牌已撤销，记录保留",
        "rectified": "整改已提交，等督办确认",
        "rectification_confirmed": "整改已确认",
        "rectification_returned": "已退回单位重新整改",
        "formal_answered": "督办单已答复，等审定",
        "formal_concluded": "督办单已办结",
        "formal_sent_back": "已退回单位重新答复",
        "formal_withdrawn": "督办单已撤回",
        "finding_decided": "疑点已处理",
        "hand_over_answered": "回复已记录",
        "burst_decided": "预警已处理",
        "commitment_decided": "承诺结果已记录",
        "notices_read": "已标为已读",
        "wishes_saved": "提醒设置已保存，下一条提醒起生效",
        "named": "已指定，名单写入办理过程",
        "edited": "登记内容已更新",
        "unreached": "三次未联系上，已按未联系上办结",
        "no_contact": "已办结，按无法联系统计",
        "invalidated": "已标为无效",
        "reopened": "已重新办理",
        "disputed_closed": "已办结，按不满意统计",
        "emergency": "已记录转紧急热线",
        "emergency_followed": "跟进结果已保存",
        "taken": "会话已接入",
        "closed_chat": "会话已结束",
        "given_back": "会话已退回排队",
        "to_bot": "会话已交回智能助手",
        "called_back": "回拨已完成",
        "token_revoked": "令牌已停用",
        "switched": "已更改",
        "queued_again": "已重新排队，马上再试",
        "uploaded": "附件已保存",
        "asked": "申请已提交，批准前计时照常",
        "consented": "已同意，送中心决定",
        "taken_back": "申请已收回",
        "request_approved": "申请已同意",
        "request_refused": "申请未同意，已通知申请人",
        "resumed": "已恢复办理",
        "dispute_opened": "已提交争议会商",
        "ruled": "已裁定，承办单位不能退单",
        "objected": "异议已登记，由另一位人员重新审查",
        "merged": "已并单，市民按主件的进度告知",
        "unmerged": "已拆分，按自己的登记时间计时",
        "linked": "已关联以前的工单",
        "went_on": "已按已知情况继续",
        "co_dated": "协办期限已定，单位会看到",
        "waived": "已免去该单位答复",
        "passed_on": "已转下级单位",
        "investigation_taken": "已接手调查",
        "investigated": "调查结论已保存",
        "files_hidden": "已撤下，市民不再看得到；附件仍在答复里",
        "excluded": "已注明不计入，数量会公布",
        "included": "已重新计入",
        "article_saved": "草稿已保存，市民看到的不变",
        "article_collected": "已交给知识编辑",
        "article_submit": "已提交审核，审核人会收到提醒",
        "article_pass": "单位审核通过，等中心发布",
        "article_send_back": "已退回，写的人会收到提醒",
        "article_publish": "已发布，市民的下一句话就用新内容；定了时间的到时发布",
        "article_recall": "已撤回，市民查不到了",
        "article_drop": "这份草稿已放弃",
        "article_confirm": "已提交，等另一人发布",
        "article_restore": "已恢复成新稿，审核后才会发布",
        "article_wrong": "已告诉编辑",
        "article_topic_saved": "专题已保存",
        "synonyms_saved": "这组词已保存，大约半分钟后生效",
        "synonyms_dropped": "这组词已删除，大约半分钟后生效",
        "article_topic_on": "专题已启用，下一个问题就先用它的答复",
        "article_topic_off": "专题已停用",
        "gap_article": "已建好一条知识，请补齐内容后送审",
        "gap_examples": "问法已加进新的一版，审核发布后生效",
        "publication_proposed": "已提交，另一位同事审核后公开",
        "publication_approve": "已公开，市民现在看得到",
        "publication_reword": "文字已保存，等另一位同事审核",
        "publication_end": "已处理，市民看不到这一条",
        "held_release": "已放行并登记",
        "held_discard": "已丢弃，理由会告诉市民",
        "gap_no_need": "已记为不用处理",
        "gap_reopened": "已放回待处理",
        "gap_merged": "两组已合并",
        "drawn": "已抽好，请逐条判定",
        "nothing_drawn": "近七天没有还没抽过的答复",
        "judged": "已记录",
        "quality_score": "评分已保存，已告诉话务员",
        "quality_appeal": "申诉已提交，由没有评分的督办决定",
        "quality_decide": "申诉已处理，已告诉双方",
        "quality_listen": "十分钟内可以调听",
        "quality_published": "新的办法已生效",
        "brief_issued": "简报已发布",
        "import_dropped": "已放弃导入，没有写入任何内容",
        "account_changed": "账号已更新",
        "calendar_changed": "日历已更新，正在重算未结束的时限",
        "catalogue_saved": "派单目录已更新",
        "policy_proposed": "修改已提出，等另一位管理员确认",
        "policy_approve": "新版本已生效",
        "policy_refuse": "已记录不同意",
        "policy_withdraw": "修改已撤回",
        "workflow_proposed": "新的流程已提出，等另一位管理员确认",
        "workflow_approve": "新的流程已生效，每张工单从下一步起按它办",
        "workflow_refuse": "已记录不同意",
        "workflow_withdraw": "修改已撤回",
        "policy_moved": "工单的时限已重算",
        "unit_saved": "单位已保存",
        "duty_set": "状态已切换",
        "dialled": "请接听你的话机，接起后马上呼叫市民",
        "call_commanded": "正在处理，结果马上显示",
        "roster_saved": "排班和话机已保存",
        "nuisance_saved": "名单已更新",
        "call_flow_proposed": "新的流程已提出，等另一位管理员确认",
        "call_flow_approve": "新流程已生效，从下一个来电起",
        "call_flow_refuse": "已记录不同意",
        "call_flow_withdraw": "修改已撤回",
        "line_saved": "线路已保存，下一个来电起生效",
        "language_chosen": "页面语言已切换",
        "password_changed": "密码已修改，其他登录已结束",
        "session_ended": "登录已结束",
        "second_off": "动态验证码已停用",
        "deputy_named": "代理人已指定",
        "deputy_ended": "代理已结束",
        "view_saved": "已存为常用筛选",
        "view_rename": "已改名",
        "view_delete": "常用筛选已删除",
        "view_default": "以后打开工单先看这个",
        "view_usual": "以后打开工单先看第一个队列",
        "columns_saved": "这个队列的列已更改",
    }
)
"""What is said after a redirect; only these words, so that a forged cookie can say nothing else."""


_NO_CASES = frozenset({"me", "accounts", "articles", "gaps", "checks", "system", "guide", "style"})
"""Rail entries whose pages never show case content, so they need no watermark."""


def _watermark(person: Staff) -> str:
    """Who looks, over every page with case content, on the screen and on paper: a photograph of it has a name (domain.md 2.9)."""
    return " ".join(part for part in (person.user.name, person.user.staff_number, person.unit_name) if part)


def page(request: web.Request, template: str, *, nav: str, status: int = 200, **values: Any) -> web.Response:
    """A page of the console; `nav` is the key of the rail entry it belongs to."""
    person = staff(request)
    done = request.cookies.get(FLASH, "")
    with speaking(language_of(request)):  # also where a form came back: it was judged in the city's language
        problem = values.get("problem")
        if isinstance(problem, str):
            values["problem"] = _(problem)
        response = render(
            request,
            template,
            status=status,
            me=person,
            my_role=role_name(person.role),
            rail=RAIL[person.role],
            menu=menu(person.actor),
            home=home(person.role),
            nav=nav,
            done=_(DONE[done]) if done in DONE else "",
            since=request[SINCE],
            watermark=_watermark(person) if may(person.actor, "ticket.see") and nav not in _NO_CASES else "",
            **values,
        )
    if done:
        response.del_cookie(FLASH, path="/console")
    return response


def fragment(request: web.Request, template: str, **values: Any) -> web.Response:
    """A part of a page, for htmx."""
    with speaking(language_of(request)):
        return render(request, template, me=request[STAFF], **values)


def see_other(request: web.Request, target: str, done: str = "") -> web.Response:
    """303 to `target`; the next page says what was done."""
    response = web.Response(status=303, headers={"Location": target})
    if done:
        response.set_cookie(
            FLASH, done, max_age=30, path="/console", httponly=True, samesite="Lax", secure=request.app[SETTINGS].cookie_secure
        )
    return response
