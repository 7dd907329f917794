"""Somebody who kills processes of an installation at random moments, and starts new ones."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Literal

import psutil

from tests.installation import Installation, Role

Victim = Literal["worker", "scheduler", "bot", "playbook"]

VICTIMS: Mapping[Victim, int] = {"worker": 3, "playbook": 4, "scheduler": 2}
"""How often each is chosen in a round."""
PAUSE_S = (0.5, 4.0)
"""Between two kills: work must come on in between, or all of them would hit its beginning."""
PLAY_S = 4.0
"""About as long as a deployment takes; it is struck at any moment of it."""


class Killer:
    """Kills until it has killed enough."""

    def __init__(
        self, installation: Installation, *, kills: int, seed: int, victims: Mapping[Victim, int] = VICTIMS
    ) -> None:
        self.killed: Counter[Victim] = Counter()
        self.has_had_enough = False
        self._installation = installation
        self._kills = kills
        self._victims = victims
        self._chance = random.Random(seed)
        print(f"{kills} kills with seed {seed}")

    @asynccontextmanager
    async def at_large(self) -> AsyncIterator[None]:
        """Kill while the block runs, which shall be until there were enough."""
        killing = asyncio.create_task(self._kill())
        try:
            yield
        finally:
            killing.cancel()
            await asyncio.wait([killing])
        if not killing.cancelled():
            killing.result()

    async def _kill(self) -> None:
        victims = self._in_rounds()
        while self.killed.total() < self._kills:
            await asyncio.sleep(self._chance.uniform(*PAUSE_S))  # the moment is what is random here
            victim = next(victims)
            struck = await self._strike_playbook() if victim == "playbook" else await self._strike(victim)
            self.killed[victim] += struck
        self.has_had_enough = True

    def _in_rounds(self) -> Iterator[Victim]:
        """Choose victims so that few kills, too, are of every kind."""
        while True:
            round_ = [victim for victim, times in self._victims.items() for _ in range(times)]
            self._chance.shuffle(round_)
            yield from round_

    async def _strike(self, role: Role) -> bool:
        process = self._chance.choice(self._installation.processes[role])
        await asyncio.to_thread(self._installation.kill, role, process)
        self._installation.start(role)
        return True

    async def _strike_playbook(self) -> bool:
        """Kill one of the processes of a deployment. Returns whether there was one before long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5 * PLAY_S):
                while not await asyncio.to_thread(self._installation.playbooks):
                    await asyncio.sleep(0.1)
        await asyncio.sleep(self._chance.uniform(0, PLAY_S))
        playing = await asyncio.to_thread(self._installation.playbooks)
        if not playing:
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            self._chance.choice(playing).kill()
            return True
        return False
