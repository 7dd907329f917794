"""Run the service: `python -m service`."""

import os
from pathlib import Path

import uvicorn

from service.app import create_app


def main() -> None:
    """Serve until SIGTERM, then finish the requests under way."""
    data_dir = Path(os.environ.get("DATA_DIR", "data"))
    data_dir.mkdir(parents=True, exist_ok=True)
    uvicorn.run(
        create_app(data_dir / "service.sqlite3"),
        # The proxy on the same machine is the only one who talks to it.
        host="127.0.0.1",
        port=int(os.environ.get("PORT", "8000")),
        log_level=os.environ.get("LOG_LEVEL", "info").lower(),
        # Less than stop_timeout_s in deploy.yaml.
        timeout_graceful_shutdown=8,
    )


if __name__ == "__main__":
    main()
