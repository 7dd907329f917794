"""The bot's process: builds its parts and hands them over."""

from __future__ import annotations

from bot.main import TelegramBot
from bot.places import FRONT
from cli.issues import open_issues
from cli.ledgers import open_ledgers
from cli.metrics.alone import exposing_itself
from graph.conversation import Conversation, Feed, IssueReader, Services
from infrastructure.blueprints import catalogue
from infrastructure.deploy.ansible import AnsibleDeployer
from infrastructure.discretion import DiscreetReader
from infrastructure.local_server import LocalServer
from infrastructure.search import embedder_of
from infrastructure.secrets import Secrets
from shared.ids import UserId
from shared.process import until_told_to_stop
from shared.settings import Settings

CONNECTIONS = 12
"""They are lent in turn: each has to see a statement first, and more than are needed only take longer to."""


async def run_bot(settings: Settings) -> None:
    """Be the bot, or stand by for it, until SIGTERM or SIGINT.

    Raises:
        BadSetting: There is no token, nobody may use the bot, Telegram does not know the token,
            or METRICS_ADDRESS cannot be listened on.
        Unavailable: The database cannot be reached, or nothing runs for this home.
    """
    settings.require_bot()
    with open_issues(settings) as issues:
        async with (
            open_ledgers(settings, connections=CONNECTIONS, plans_once=True) as (database, live),
            exposing_itself(settings),
        ):
            conversation = Conversation(database, live, _services(settings, issues))
            feed = Feed(database, live, dashboard=settings.dashboard_url)
            bot = TelegramBot(settings, database, live, conversation, feed)
            await until_told_to_stop(bot.run())


def _services(settings: Settings, issues: IssueReader | None) -> Services:
    deployer = AnsibleDeployer(LocalServer(settings.home / "server"))
    return Services(
        catalogue=catalogue,
        reader=DiscreetReader(deployer, Secrets(settings.home)),
        issues=issues,
        model=settings.model,
        embedder=embedder_of(settings),
        dashboard=settings.dashboard_url,
        fixed_users=frozenset(UserId(f"{FRONT}:{one}") for one in settings.allowed_user_ids),
    )
