"""Who is let in, and that nobody else is, whatever kind of update they come with."""

from __future__ import annotations

from typing import Any

import pytest
from aiogram.types import Update
from hypothesis import given
from structlog.testing import capture_logs

from bot.access import HEARD, Access, Person
from bot.places import Place, place_of
from shared.database import Database
from shared.ledger.users import Role
from tests.receiving import GROUP_ID, GUEST_ID, OWNER_ID, said, sender
from tests.updates import KINDS, STRANGER_ID, chat, person, update, updates

UNUSED = Database("postgresql://nobody@127.0.0.1:9/none")
"""Who is in the settings needs no database."""


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


def door(*allowed: int, now: Clock | None = None) -> Access:
    return Access(UNUSED, allowed or (OWNER_ID, GUEST_ID, GROUP_ID), now=now or Clock())


def own_chat(number: int = OWNER_ID) -> dict[str, Any]:
    return chat(number, "private")


def our_group() -> dict[str, Any]:
    return chat(GROUP_ID, "supergroup")


def test_every_kind_that_aiogram_knows_is_thought_of() -> None:
    assert set(KINDS) == set(Update.model_fields) - {"update_id"}


@pytest.mark.parametrize("kind", HEARD)
def test_a_person_who_is_let_in_is_heard_in_their_own_chat(kind: str) -> None:
    let_in = door().user_of(update(kind, own_chat(GUEST_ID), person(GUEST_ID)))
    assert let_in is not None
    assert (let_in.id, let_in.user_id, let_in.role) == (GUEST_ID, "telegram:2", Role.OPERATOR)


@pytest.mark.parametrize("kind", [kind for kind in HEARD if kind != "stopped_message_generation"])
def test_a_person_who_is_let_in_is_heard_in_a_group_that_is(kind: str) -> None:
    assert door().user_of(update(kind, our_group(), person(OWNER_ID))) == Person(
        OWNER_ID, "Person 1", Role.OWNER
    )


@given(updates())
def test_whoever_is_let_in_is_known_and_where_they_may_speak(one: Update) -> None:
    let_in, place = door().user_of(one), place_of(one)
    if let_in is None:
        return
    assert one.event_type in HEARD
    assert place is not None
    assert let_in.id in {OWNER_ID, GUEST_ID}
    assert place.chat_id in {let_in.id, GROUP_ID}
    if one.event_type != "stopped_message_generation":
        assert not one.event.from_user.is_bot  # type: ignore[attr-defined]
        assert one.event.from_user.id == let_in.id  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize(
    "where", [own_chat(STRANGER_ID), own_chat(), our_group()], ids=["own", "owner's", "group"]
)
def test_a_stranger_is_let_in_with_nothing(kind: str, where: dict[str, Any]) -> None:
    if kind == "stopped_message_generation" and where["id"] == OWNER_ID:
        pytest.skip("names no sender but the chat itself")
    assert door().user_of(update(kind, where, person(STRANGER_ID))) is None


@pytest.mark.parametrize("kind", sorted(set(KINDS) - set(HEARD)))
def test_what_the_bot_does_not_listen_to_lets_nobody_in(kind: str) -> None:
    assert door().user_of(update(kind, own_chat(), person(OWNER_ID))) is None


@pytest.mark.parametrize(
    ("where", "who", "more"),
    [
        (chat(-6, "supergroup"), person(OWNER_ID), {}),
        (chat(GROUP_ID, "channel"), person(OWNER_ID), {}),
        (own_chat(GUEST_ID), person(OWNER_ID), {}),
        (our_group(), person(OWNER_ID, is_bot=True), {}),
        (our_group(), person(OWNER_ID), {"sender_chat": our_group()}),
        (our_group(), person(OWNER_ID), {"sender_chat": chat(-77, "channel")}),
        (own_chat(), person(OWNER_ID), {"business_connection_id": "1"}),
        (own_chat(), person(OWNER_ID), {"guest_query_id": "1"}),
    ],
    ids=[
        "another group",
        "a channel",
        "somebody else's chat",
        "a bot",
        "an anonymous administrator",
        "a channel that speaks",
        "somebody's business",
        "a guest",
    ],
)
def test_even_the_owner_is_nobody(where: dict[str, Any], who: dict[str, Any], more: dict[str, Any]) -> None:
    assert door().user_of(update("message", where, who, more)) is None


def test_what_somebody_forwards_is_theirs() -> None:
    forwarded = {"forward_origin": {"type": "user", "date": 1, "sender_user": sender(OWNER_ID)}}
    assert door().user_of(update("message", own_chat(STRANGER_ID), person(STRANGER_ID), forwarded)) is None
    let_in = door().user_of(update("message", own_chat(GUEST_ID), person(GUEST_ID), forwarded))
    assert let_in is not None
    assert let_in.id == GUEST_ID


def test_a_kind_that_is_not_known_yet_lets_nobody_in() -> None:
    assert door().user_of(Update.model_validate({"update_id": 1, "telepathy": {"from": sender()}})) is None


def test_a_button_whose_message_is_not_shown_any_more_belongs_to_its_chat() -> None:
    gone = {"message": {"chat": our_group(), "message_id": 5, "date": 0}}
    pressed = update("callback_query", our_group(), person(OWNER_ID), gone)
    assert door().user_of(pressed) is not None
    assert place_of(pressed) == Place(GROUP_ID)


def test_a_stranger_leaves_one_line_in_an_hour_whatever_they_do() -> None:
    clock = Clock()
    access = door(now=clock)
    with capture_logs() as lines:
        for _ in range(100):
            access.user_of(said(1, person=STRANGER_ID))
        clock.s += 3601
        access.user_of(said(1, person=STRANGER_ID))
    assert [(line["event"], line["sender_id"], line["updates_so_far"]) for line in lines] == [
        ("access.refused", STRANGER_ID, 1),
        ("access.refused", STRANGER_ID, 101),
    ]
    assert "hello" not in str(lines)


def test_a_crowd_of_strangers_leaves_few_lines_and_takes_no_more_memory() -> None:
    clock = Clock()
    access = door(now=clock)
    with capture_logs() as lines:
        for number in range(10_000):
            clock.s += 0.01
            access.user_of(said(1, person=1_000 + number))
    assert len(lines) <= 12
    assert len(access._strangers._logged) <= 1000
