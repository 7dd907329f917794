"""The last and the next run, told over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from service.schedule import Schedule


def server(schedule: Schedule, port: int) -> ThreadingHTTPServer:
    """Return a server of /health on loopback, listening and not yet answering."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/health":
                self._answer(404, {"error": "There is only /health"})
                return
            status = schedule.status()
            self._answer(200 if status["status"] == "ok" else 503, status)

        def _answer(self, code: int, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Health checks come every few seconds and are no news."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


@contextmanager
def serve(schedule: Schedule, port: int) -> Iterator[int]:
    """Answer on a port while the block runs; the port, for those who asked for 0."""
    with server(schedule, port) as listening:
        thread = threading.Thread(target=listening.serve_forever, name="health", daemon=True)
        thread.start()
        try:
            yield listening.server_address[1]
        finally:
            listening.shutdown()
            thread.join()
