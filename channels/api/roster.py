"""The roster and the seats of the hotline by API, for who leads the shift."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from channels.api.call import Answer, Call, Operation
from channels.api.duty import TAG
from channels.api.models import Id, Moment, Query, Sent, Told
from channels.api.supervision import number_of
from ticketing.duty import roster
from ticketing.duty.models import DutyState, Shift
from ticketing.people.models import User
from ticketing.people.permissions import ensure
from ticketing.queue import figures


class SeatOut(Told):
    """One agent; without the number of the telephone."""

    user_id: int
    staff_number: str
    name: str
    state: str
    reason: str
    has_phone: bool
    in_call: bool
    rostered: bool = Field(description="现在当班")
    seconds: int = Field(description="这个状态已经多久")


class Seats(Told):
    """Who is on duty or should be, by staff number; at most 1000."""

    items: list[SeatOut]


class Ahead(Query):
    """How far ahead."""

    days: Annotated[int, Field(ge=1, le=90, description="往后几天")] = 7


class ShiftOut(Told):
    """One person's turn."""

    id: int
    user_id: int
    staff_number: str
    name: str
    starts_at: datetime
    ends_at: datetime


class Shifts(Told):
    """By their start; at most 300."""

    items: list[ShiftOut]


class NewShift(Sent):
    """Who is to be on duty, and when."""

    user_id: Id
    starts_at: Moment
    ends_at: Annotated[Moment, Field(description="一班最长14小时")]


class ShiftDropped(Told):
    """It is off the roster."""

    id: int


def _shift(shift: Shift, user: User) -> ShiftOut:
    return ShiftOut(
        id=shift.id, user_id=user.id, staff_number=user.staff_number, name=user.name, starts_at=shift.starts_at, ends_at=shift.ends_at
    )


def _seat(seat: figures.Seat) -> SeatOut:
    user, duty = seat.user, seat.duty
    return SeatOut(
        user_id=user.id, staff_number=user.staff_number, name=user.name, state=duty.state if duty else DutyState.OFF.value,
        reason=duty.reason if duty else "", has_phone=bool(duty and duty.phone), in_call=bool(duty and duty.call_id),
        rostered=seat.due, seconds=max(0, seat.seconds),
    )  # fmt: skip


async def list_seats(call: Call) -> Seats:
    """States of all agents."""
    ensure(call.actor, "duty.manage")
    return Seats(items=[_seat(seat) for seat in await figures.seats(call.core, call.session)])


async def list_shifts(call: Call) -> Shifts:
    """Shifts that run or begin soon."""
    asked = call.asked(Ahead)
    ensure(call.actor, "duty.manage")
    return Shifts(items=[_shift(shift, user) for shift, user in await roster.shifts(call.core, call.session, days=asked.days)])


async def add_shift(call: Call) -> Answer:
    """Refused when it overlaps another of the same person."""
    ensure(call.actor, "duty.manage")
    sent = call.sent(NewShift)
    shift = await roster.add_shift(call.core, call.session, call.actor, sent.user_id, sent.starts_at, sent.ends_at)
    return Answer(_shift(shift, await call.session.get_one(User, shift.user_id)), status=201)


async def drop_shift(call: Call) -> ShiftDropped:
    """A shift that is not over."""
    ensure(call.actor, "duty.manage")
    number = number_of(call)
    await roster.drop_shift(call.core, call.session, call.actor, number)
    return ShiftDropped(id=number)


OPERATIONS = (
    Operation("GET", "/seats", list_seats, "listSeats", TAG, "坐席状态", answer=Seats),
    Operation("GET", "/shifts", list_shifts, "listShifts", TAG, "排班", answer=Shifts, query=Ahead),
    Operation("POST", "/shifts", add_shift, "addShift", TAG, "排一班", answer=ShiftOut, body=NewShift, status=201),
    Operation("DELETE", "/shifts/{id}", drop_shift, "dropShift", TAG, "撤掉一班", answer=ShiftDropped),
)

__all__ = ["OPERATIONS"]
