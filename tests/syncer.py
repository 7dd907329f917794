"""A scheduler's process with one job, the sync with GitHub, every second and with a short lock."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace

from infrastructure.forge.github import FixedToken, GitHubClient, Patience
from infrastructure.forge.github.survey import GitHubSurvey
from scheduler.github_sync import syncing
from scheduler.loop import schedule
from shared.database import Database
from shared.live import Live
from tests.ticker import EVERY_SECOND

TTL_S = 2.0


async def _sync() -> None:
    url = os.environ["GITHUB_API_URL"]
    client = GitHubClient(FixedToken(os.environ["GITHUB_TOKEN"], url), url, Patience(2))
    async with (
        Database(os.environ["DATABASE_URL"], connections=8) as database,
        Live(os.environ["REDIS_URL"]) as live,
    ):
        job = syncing(database, live, GitHubSurvey(client, None))
        await schedule(database, live, [replace(job, cron=EVERY_SECOND, ttl_s=TTL_S)])


def main() -> None:
    """Sync until told to stop."""
    asyncio.run(_sync())
