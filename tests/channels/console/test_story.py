from __future__ import annotations

import re
from pathlib import Path

from channels.console import step_buttons
from channels.console.actions import HANDLERS, PERMISSIONS
from channels.console.event_words import EVENT_WORDS
from channels.console.pages import DONE
from channels.console.step_buttons import Action
from tests.channels.staff import City, Opener
from ticketing.ticket import workflow
from ticketing.ticket.states import Confidentiality

PROJECT = Path(__file__).resolve().parents[3]
SUBJECTS = "ticket|assignment|return|extension|suspension|dispute|refusal|reply|callback|return_call|supervise|view|attachment|notice"


def _recorded() -> set[str]:
    """Names of ticket events in the sources: written as the argument of `tell`, or in the workflow."""
    rules = workflow.load()
    found = {item.event for machine in (rules.ticket, rules.assignment) for item in machine.transitions.values()}
    found |= {item.event for item in rules.acts.values()} | {name for rule in rules.requests.values() for name in rule.events.values()}
    for path in [*PROJECT.glob("ticketing/**/*.py"), *PROJECT.glob("channels/**/*.py")]:
        for call in re.findall(r"\btell\((.*?)\n", path.read_text()):
            found |= set(re.findall(rf'"((?:{SUBJECTS})\.[a-z_]+)"', re.sub(r"ensure\([^)]*\)", "", call)))
    return found


def test_every_event_of_a_ticket_has_words_in_the_timeline() -> None:
    names = _recorded()
    assert len(names) > 30
    assert names - set(EVENT_WORDS) == set()


def test_every_action_has_its_handler_its_roles_and_its_form() -> None:
    actions = {item.key for item in vars(step_buttons).values() if isinstance(item, Action)}
    assert actions - {"upload"} == set(HANDLERS) == set(PERMISSIONS)
    templates = sorted((PROJECT / "channels/console/templates").glob("_ticket*_forms.html"))
    forms = "".join(path.read_text() for path in templates)
    for key in actions - {"edit", "submit", "plan", "on_site"}:  # these four come from loops over several keys
        assert f'"{key}" in actions' in forms, key


def test_what_is_said_after_a_step_is_known() -> None:
    source = (PROJECT / "channels/console/actions.py").read_text()
    words = (
        set(re.findall(r'return "([a-z_]+)"', source))
        | set(re.findall(r'"([a-z_]+)" if \w+ else "', source))
        | set(re.findall(r'" if \w+ else "([a-z_]+)"', source))
    )
    assert len(words) > 20
    assert words - set(DONE) == set()


async def test_a_secret_ticket_is_seen_by_more_people_only_by_naming_them(browser: Opener, city: City) -> None:
    made = await city.register(confidentiality=Confidentiality.SECRET, named_user_ids=(city.people["dispatcher"].user_id,))
    number = made.ticket.number
    dispatcher, supervisor = await browser("dispatcher"), await browser("supervisor")
    assert (await supervisor.get(f"/console/tickets/{number}")).status == 404
    nobody = await dispatcher.act(number, "name")
    assert nobody.status == 422
    assert (await dispatcher.act(number, "name", user_ids=str(city.people["admin"].user_id))).status == 422
    assert (await dispatcher.act(number, "name", user_ids=str(city.people["supervisor"].user_id))).status == 303
    body = await supervisor.text(f"/console/tickets/{number}")
    assert "指定可见人员" in body
    assert "supervisor员" in body
