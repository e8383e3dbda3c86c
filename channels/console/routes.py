"""Addresses of the console."""

from __future__ import annotations

from aiohttp import web

from channels.console import (
    articles,
    audit,
    board,
    callbacks,
    chats,
    counts,
    desk,
    figures,
    login,
    me,
    people,
    private,
    recordings,
    register,
    streams,
    system,
    tickets,
    units,
)
from channels.console.actions import HANDLERS


def setup(app: web.Application) -> None:
    """Add the console to the web application."""
    steps = "|".join(HANDLERS)
    app.router.add_routes(
        [
            web.get("/console", login.go_home),
            web.get("/console/", login.go_home),
            web.get("/console/login", login.show_login),
            web.post("/console/login", login.do_login),
            web.get("/console/login/code", login.show_code),
            web.post("/console/login/code", login.do_code),
            web.post("/console/logout", login.do_logout),
            web.get("/console/stream", streams.stream),
            web.get("/console/counts", counts.show),
            web.get("/console/desk", desk.show),
            web.get("/console/chats", chats.show),
            web.post("/console/chats/{id}/take", chats.take_chat),
            web.post("/console/chats/{id}/say", chats.say),
            web.post("/console/chats/{id}/{end:close|queue|bot}", chats.end_chat),
            web.get("/console/callbacks", callbacks.show),
            web.get("/console/board", board.show),
            web.get("/console/figures", figures.show),
            web.get("/console/articles", articles.show_list),
            web.get("/console/articles/{id}", articles.show_article),
            web.post("/console/articles/{id}/recall", articles.recall_article),
            web.post("/console/articles/{id}/publish", articles.publish_article),
            web.get("/console/recordings", recordings.show_list),
            web.get("/console/recordings/{id}", recordings.show_call),
            web.get("/console/system", system.show_system),
            web.get("/console/people", people.show_list),
            web.get("/console/people/new", people.show_new),
            web.post("/console/people/new", people.create),
            web.get("/console/people/{id:[0-9]+}", people.show_person),
            web.post(rf"/console/people/{{id:[0-9]+}}/{{step:change|{'|'.join(people.STEPS)}}}", people.step),
            web.get("/console/units", units.show),
            web.post("/console/units", units.add),
            web.post("/console/units/{id:[0-9]+}/{step:rename|off|on}", units.step),
            web.get("/console/me", me.show),
            web.get("/console/me/password", me.show_password),
            web.post("/console/me/password", me.change_password),
            web.post("/console/me/{step:end-session|end-others|second-on|second-off|deputy|deputy-end}", me.step),
            web.get("/console/audit", audit.show),
            web.get("/console/audit/roots.txt", audit.roots),
            web.post("/console/suggest", register.suggest_category),
            web.get("/console/tickets", tickets.show_list),
            web.get("/console/tickets/new", register.show_form),
            web.post("/console/tickets/new", register.create),
            web.get(r"/console/tickets/{number:[0-9-]+}", tickets.show_ticket),
            web.get(r"/console/tickets/{number:[0-9-]+}/last", tickets.last_step),
            web.post(rf"/console/tickets/{{number:[0-9-]+}}/{{action:{steps}}}", tickets.act),
            web.get(rf"/console/tickets/{{number:[0-9-]+}}/{{action:{steps}}}", tickets.back_to_ticket),
            web.post(r"/console/tickets/{number:[0-9-]+}/reveal", private.show_contact),
            web.post(r"/console/tickets/{number:[0-9-]+}/listen", private.allow_listening),
            web.post(r"/console/tickets/{number:[0-9-]+}/files", private.add_files),
            web.get("/console/calls/{id}/recording", private.play_recording),
            web.get("/console/attachments/{id}", private.get_attachment),
        ]
    )
