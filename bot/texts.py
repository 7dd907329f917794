"""What the bot says in its own words: every English sentence of this package, in one place to translate.

What the work has to say comes from `graph/conversation`, and is not repeated here.
"""

from __future__ import annotations

from typing import Final

# -- What the bot is, as Telegram shows it before and beside the chat ------------------------------

DESCRIPTION: Final = (
    "Describe a service, and I plan, build, test and deploy it. I ask before what matters, and keep "
    "every step readable here.\n\nOnly people whom the owner has let in get an answer."
)
"""At most 512 characters; shown in an empty chat."""

SHORT_DESCRIPTION: Final = "Builds, tests and deploys the services you describe."
"""At most 120 characters; shown on the bot's page and where it is shared."""

# -- Replies and their parts ------------------------------------------------------------------------

NOTHING_TO_SHOW: Final = "…"
"""Instead of a message without a letter, which Telegram refuses."""

COMMENT_PLACEHOLDER: Final = "What should be different?"
"""In the empty field where a comment is asked for; at most 64 characters."""

YOU: Final = "You"
"""Who has a name without a letter."""

WHOLE_TEXT_IN_FILE: Final = "The whole text is in the file."


def as_next_message(way_out: str) -> str:
    """Say how a comment is given where only two talk."""
    return f"Write it as your next message, or “{way_out}”."


def as_reply(way_out: str) -> str:
    """Say how a comment is given in a group, where a message that replies to nothing is not heard."""
    return f"Reply to this message with it, or “{way_out}”."


def open_address(host: str) -> str:
    """Return the label of a button that opens an address."""
    return f"Open {host}"


def empty_file(name: str) -> str:
    """Say that a file has nothing in it."""
    return f"{name} is empty."


def choices_left_out(number: int) -> str:
    """Say that not all choices have a button."""
    return f"{number} more cannot be shown as buttons: /approvals and /help say how to answer in words."


# -- Progress ---------------------------------------------------------------------------------------


def run(number: int) -> str:
    """Name a run."""
    return f"run {number}"


def steps_before(number: int) -> str:
    """Say that the first steps are not shown any more."""
    return f"… {number} done before"


QUEUED: Final = "The next free worker takes it."
WORKING: Final = "It is being worked on."
WAITING: Final = "It waits for your answer."


def done(took: str) -> str:
    """Say that a run has succeeded."""
    return f"Done in {took}" if took else "Done"


def failed(took: str) -> str:
    """Say that a run has failed."""
    return f"Failed after {took}" if took else "Failed"


def cancelled(took: str) -> str:
    """Say that a run was cancelled."""
    return f"Cancelled after {took}" if took else "Cancelled"


def timed_out(took: str) -> str:
    """Say that a run took too long."""
    return f"Took too long: stopped after {took}" if took else "Took too long, and was stopped"


# -- What comes in ----------------------------------------------------------------------------------

THROTTLED: Final = "That was a lot at once, and I have not done all of it. Please wait a moment, and say the last things again."

VOICE_NOT_UNDERSTOOD: Final = "I cannot listen to voice messages yet. Please write it to me."

NOT_UNDERSTOOD_KIND: Final = "I can read text, documents and photos, but not this kind of message yet."

UNKNOWN_BUTTON: Final = "I do not know this button any more. Please use the newest message, or see /status."


FOREIGN_BUTTON: Final = "This button belongs to another chat, and does nothing here."

STALE_BUTTON: Final = "This is not offered any more. Please use the newest message, or see /status."


def forwarded(whose: str, text: str) -> str:
    """Quote what somebody else wrote: it is a text like others, but nothing that its sender asks for."""
    return f"Forwarded from {whose}: {text}"


def perhaps_meant_for_me(username: str) -> str:
    """Ask whether a command was for this bot, where it did not say so and would change something."""
    return f"If that was for me, press the button. With @{username} behind the command I need not ask."


def start_from_a_link(name: str) -> str:
    """Ask before a service is started, which somebody's link may have said."""
    return f"Shall I start the service {name}? A link can say this as well, so I ask."


def start_button(name: str) -> str:
    """Return the label of the button that starts a service."""
    return f"Start {name}"


PRESSED_BEFORE: Final = "This button was pressed already. To do it again, write it as a command."

OLD_BUTTON: Final = "This button is too old to do anything. If you still want it, write it as a command."


def file_not_fetched(name: str) -> str:
    """Say that a file could not be fetched from Telegram."""
    return f"I could not fetch {name} from Telegram."


def went_wrong(trace_id: str) -> str:
    """Say that a message could not be handled, and how to ask about it."""
    return (
        "Something went wrong on my side, and I could not do what you asked. Please send it again. "
        f"If it happens again, tell the owner this number: {trace_id}"
    )


# -- Topics and sessions ----------------------------------------------------------------------------


def group_welcome(username: str) -> str:
    """Say in a group how one speaks to the bot there."""
    return (
        "Hello. Describe a service, and I plan, build, test and deploy it, readable for everybody here.\n\n"
        f"To speak to me, write a command such as /help@{username}, mention me, or reply to one of my "
        "messages. What you say to each other is not for me, and I do nothing with it."
    )


def group_not_let_in(title: str, chat_id: int) -> str:
    """Tell the owner how to let a group in that the bot was put into."""
    return (
        f"I was put into the group “{title}”, and say nothing there until you let it in:\n"
        f"/users add {chat_id}"
    )


def forum_welcome(username: str) -> str:
    """Say in a forum how one speaks to the bot there."""
    return (
        f"{group_welcome(username)}\n\nA new project gets a topic of its own, if I may manage topics. "
        "In that topic everything you write is for me, except replies to others and what names them, and no "
        "command needs my name."
    )


NEW_PROJECT: Final = "New project"
"""What a project, or its topic, is called before it has a name."""


def topic_opened(name: str) -> str:
    """Say, where it was asked for, that a topic was opened."""
    return f"I have opened the topic {name}. Everything about it goes on there."


TOPIC_NOT_OPENED: Final = (
    "I may not open topics here, so it goes on right here. An admin can allow me to manage topics."
)

OVERVIEW: Final = "What there is"
NOT_DEPLOYED: Final = "not deployed"
LIVE: Final = "live"
SERVICE_STOPPED: Final = "stopped"


def at_work(title: str) -> str:
    """Say what is being done about a project."""
    return f"at work: {title}"


def waits(title: str) -> str:
    """Say what about a project waits for an answer."""
    return f"waits for an answer: {title}"


OVERVIEW_EMPTY: Final = "Nothing yet. Write what you want to have, or /new."
OPEN_TOPIC: Final = "Open the topic"


# -- Approvals --------------------------------------------------------------------------------------

NOT_ASKED_ANY_MORE: Final = "This is not asked any more: its run is over."

# -- Sending ----------------------------------------------------------------------------------------

NOT_TAKEN: Final = (
    "There is a message for you here that Telegram did not take. /status shows where things are."
)
"""What stands where nothing else was taken, so that nothing disappears silently."""

UNTELLABLE: Final = (
    "Something happened here that could not be put into words. /status shows where things are."
)
"""What stands for a thing that could not be rendered."""
