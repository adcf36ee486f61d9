# SPDX-License-Identifier: Apache-2.0
"""A web service that runs commands: ``POST /users/<user>/run`` with ``{"command": ["ls", "-l"]}``.

One client serves all requests. There is no authentication here: a real service decides first who may
run commands as which user.

    python3 web_handler.py [BROKERS [PORT]]
    curl -d '{"command": ["python3", "-c", "print(6*7)"]}' \
        http://127.0.0.1:8000/users/7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10/run
"""

from __future__ import annotations

import json
import re
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from zcbot_sandbox import (
    Client,
    CommandTimeoutError,
    InvalidRequestError,
    NoAnswerError,
    SandboxError,
)

MAX_BODY_BYTES = 64 * 1024

PATH = re.compile(r"/users/([^/]+)/run")


class Refused(Exception):
    """A request that is answered with a status and a reason."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, client: Client, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.client = client


class Handler(BaseHTTPRequestHandler):
    timeout = 30

    def do_POST(self) -> None:
        try:
            status, answer = HTTPStatus.OK, self._run()
        except Refused as e:
            status, answer = e.status, {"error": str(e)}
        except InvalidRequestError as e:
            status, answer = HTTPStatus.BAD_REQUEST, {"error": str(e), "field": e.field}
        except (CommandTimeoutError, NoAnswerError) as e:
            status, answer = HTTPStatus.GATEWAY_TIMEOUT, {"error": str(e)}
        except SandboxError as e:
            status, answer = HTTPStatus.SERVICE_UNAVAILABLE, {"error": str(e)}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _run(self) -> dict[str, Any]:
        path = PATH.fullmatch(self.path)
        if path is None:
            raise Refused(HTTPStatus.NOT_FOUND, "POST to /users/<user>/run")
        command = self._command()
        assert isinstance(self.server, Server)
        result = self.server.client.sandbox(path[1]).run(*command, timeout=20, wait=40)
        return {
            "exit_code": result.exit_code,
            "signal": result.signal,
            "stdout": result.stdout.decode(errors="replace"),
            "stderr": result.error_text,
            "truncated": result.truncated,
        }

    def _command(self) -> list[str]:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"send a body of at most {MAX_BODY_BYTES} bytes"
            )
        try:
            command = json.loads(self.rfile.read(int(length)))["command"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Refused(HTTPStatus.BAD_REQUEST, 'send {"command": [...]}') from None
        if not isinstance(command, list):
            raise Refused(HTTPStatus.BAD_REQUEST, "command: make it an array of strings")
        return command

    def log_message(self, format: str, *args: object) -> None:
        """Paths are hostile: nothing is printed."""


def main(brokers: str = "127.0.0.1:9092", port: str = "8000") -> int:
    with Client(brokers, name="web-handler") as client, Server(client, int(port)) as server:
        print(f"http://127.0.0.1:{server.server_port}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
