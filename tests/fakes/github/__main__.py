"""The fake GitHub as a process: prints its address, owner and token as one line of JSON, then serves."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal

import uvloop

from tests.fakes.github.fake import FakeGitHub


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.github", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="where to listen; 0 for any free port")
    parser.add_argument("--owner", default="ann", help="the owner's login")
    parser.add_argument("--token", help="the owner's token; a new one unless given")
    parser.add_argument(
        "--validate", action="store_true", help="hold all answers against GitHub's description"
    )
    uvloop.run(serve(parser.parse_args()))


async def serve(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT."""
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with FakeGitHub(
        owner=options.owner, validate=options.validate, token=options.token, port=options.port
    ) as github:
        print(json.dumps({"url": github.url, "token": github.token, "owner": github.owner}), flush=True)
        await over.wait()


if __name__ == "__main__":
    main()
