"""Run the server: `python -m server`."""

import os

import uvicorn

from server.app import create_app


def main() -> None:
    """Serve until SIGTERM, then finish the requests under way."""
    uvicorn.run(
        create_app(),
        # The proxy on the same machine is the only one who talks to it.
        host="127.0.0.1",
        port=int(os.environ.get("PORT", "8000")),
        # Less than stop_timeout_s in deploy.yaml.
        timeout_graceful_shutdown=8,
    )


if __name__ == "__main__":
    main()
