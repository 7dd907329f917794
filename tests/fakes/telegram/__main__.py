"""The fake Telegram as a process: prints its address and the bot's token as one line of JSON, then serves."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal

import uvloop

from tests.fakes.telegram.fake import FakeTelegram


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.telegram", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="where to listen; 0 for any free port")
    parser.add_argument("--token", help="the bot's token; a new one unless given")
    parser.add_argument("--limits", action="store_true", help="switch the flood limits on")
    parser.add_argument("--validate", action="store_true", help="hold all answers against aiogram's types")
    uvloop.run(serve(parser.parse_args()))


async def serve(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT."""
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with FakeTelegram(
        limits=options.limits, validate=options.validate, token=options.token, port=options.port
    ) as telegram:
        print(json.dumps({"url": telegram.url, "token": telegram.token}), flush=True)
        await over.wait()


if __name__ == "__main__":
    main()
