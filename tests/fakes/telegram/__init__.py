"""A stateful fake of Telegram's Bot API over HTTP, with the people who use it.

The shipped bot runs against it unchanged: give it `telegram.url` as `TELEGRAM_API_URL` and
`telegram.token` as its token. A test plays the people:

    async with FakeTelegram() as telegram:
        ann = telegram.user(1, "Ann")
        ann.say("/new")
        question = await telegram.until(lambda: telegram.find(ann, "Approve?"))
        press = ann.press(question, "Approve")
        await telegram.until(lambda: press.answer)
        assert telegram.transcript(ann) == golden

It runs in the test's own event loop (`FakeTelegram`), in a thread (`telegram_in_thread`) or in a process of
its own (`telegram_in_process`, or `python -m tests.fakes.telegram --port 0`); the last two are
driven through `RemoteTelegram`, which has the same interface. Every answer and update is held against
aiogram's types; what does not fit raises `Mismatch` in the test.

What it knows: `methods/` (the Bot API's methods), `people.py` and `actions.py` (what people do),
`updates.py` and `webhook.py` (how updates travel), `faults.py`, `limits.py`, `transcript.py`.
"""

from bot import deferral  # noqa: F401 - aiogram in a quarter of the time
from tests.fakes.telegram.fake import FakeTelegram
from tests.fakes.telegram.front import SetFault, Telegram
from tests.fakes.telegram.messages import Answer, Message, Press
from tests.fakes.telegram.people import Group, Person, Topic
from tests.fakes.telegram.remote import RemoteTelegram, telegram_in_process, telegram_in_thread
from tests.fakes.telegram.validation import Mismatch

__all__ = [
    "Answer",
    "FakeTelegram",
    "Group",
    "Message",
    "Mismatch",
    "Person",
    "Press",
    "RemoteTelegram",
    "SetFault",
    "Telegram",
    "Topic",
    "telegram_in_process",
    "telegram_in_thread",
]
