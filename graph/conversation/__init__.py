"""What a person may say and what is answered, once for every front.

Text comes in, the ledgers are read and written, `Reply` objects go out. A
front renders them and decides nothing.
"""

from graph.conversation.attachments import Attachments
from graph.conversation.commands import COMMANDS, Command, changes_something
from graph.conversation.conversation import Conversation, Stranger
from graph.conversation.exchange import Services
from graph.conversation.feed import Feed
from graph.conversation.following import Follower, Patience
from graph.conversation.items import FeedItem
from graph.conversation.messages import Attachment, Decision, Message
from graph.conversation.narration import narrate
from graph.conversation.observing import IssueReader, ServiceReader
from graph.conversation.progress import Progress, ProgressStep, StepState, progress_of
from graph.conversation.replies import Followed, Kind, Reply
from graph.conversation.sentences import Interpreter, Sentences

__all__ = [
    "COMMANDS",
    "Attachment",
    "Attachments",
    "Command",
    "Conversation",
    "Decision",
    "Feed",
    "FeedItem",
    "Followed",
    "Follower",
    "Interpreter",
    "IssueReader",
    "Kind",
    "Message",
    "Patience",
    "Progress",
    "ProgressStep",
    "Reply",
    "Sentences",
    "ServiceReader",
    "Services",
    "StepState",
    "Stranger",
    "changes_something",
    "narrate",
    "progress_of",
]
