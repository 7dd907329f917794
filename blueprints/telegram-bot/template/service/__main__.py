"""Run the bot: `python -m service`."""

import asyncio
import logging
import os
import sys

from aiogram.exceptions import TelegramNetworkError, TelegramUnauthorizedError
from aiogram.utils.token import TokenValidationError

from service.bot import run


def main() -> None:
    """Poll until SIGTERM, then finish the messages under way."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    token = os.environ.get("BOT_TOKEN", "")
    if not token:
        sys.exit("BOT_TOKEN is not set: @BotFather gives you one")
    try:
        asyncio.run(
            run(
                token,
                api_url=os.environ.get("TELEGRAM_API_URL", "https://api.telegram.org"),
                port=int(os.environ.get("PORT", "8000")),
            )
        )
    except (TokenValidationError, TelegramUnauthorizedError):
        sys.exit("Telegram does not know this BOT_TOKEN")
    except TelegramNetworkError as error:
        sys.exit(f"Telegram cannot be reached: {error.message}")


if __name__ == "__main__":
    main()
