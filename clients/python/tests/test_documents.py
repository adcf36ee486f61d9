# SPDX-License-Identifier: Apache-2.0
"""The snippets in the documents and the examples run, and the package can be built."""

from __future__ import annotations

import http.client
import http.server
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import PATIENCE, ROOT, WITHOUT_PROXY, Deployment, new_user
from zcbot_sandbox import Client

HERE = ROOT / "clients" / "python"
DOCUMENTS = [ROOT / "README.md", ROOT / "docs" / "clients.md", HERE / "README.md"]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
README_USER = "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10"


def blocks(document: Path) -> list[str]:
    return BLOCK.findall(document.read_text())


@pytest.mark.parametrize("document", DOCUMENTS, ids=["project", "clients", "client"])
def test_the_first_output_takes_five_lines(document: Path) -> None:
    first = blocks(document)[0]
    lines = [line for line in first.splitlines() if line.strip() and not line.startswith(("import ", "from "))]
    assert len(lines) <= 5
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("document", DOCUMENTS, ids=["project", "clients", "client"])
def test_the_snippets_run(document: Path, deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    user = new_user()
    namespace: dict[str, Any] = {}
    snippets = blocks(document)
    # Later snippets use the variables of the first one, with a client that is not closed.
    with Client(deployment.bootstrap) as client:
        for number, snippet in enumerate(snippets):
            code = snippet.replace("127.0.0.1:9092", deployment.bootstrap).replace(README_USER, user)
            if number > 0:
                namespace.update(client=client, sandbox=client.sandbox(user))
            exec(compile(code, f"{document.name}, snippet {number + 1}", "exec"), namespace)
            if number == 0:
                assert capsys.readouterr().out == "42\n\n"


def test_the_agent_of_the_document(
    deployment: Deployment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = ROOT / "docs" / "agent.md"
    program, real_model = blocks(document)
    monkeypatch.setattr(sys, "argv", ["agent.py", new_user(), "What is the sum of the numbers from 1 to 100?"])
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(program.replace("127.0.0.1:9092", deployment.bootstrap), document.name, "exec"), namespace)
    assert capsys.readouterr().out == "The sum is 5050.\n"

    # The other block replaces the scripted model by one that is asked over HTTP.
    exec(compile(real_model, document.name, "exec"), namespace)
    asked: list[Any] = []

    class Chat(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            reply = "```python\nprint(6*7)\n```" if len(asked) == 1 else "It is 42."
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"choices": [{"message": {"content": reply}}]}).encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Chat) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setenv("MODEL_URL", f"http://127.0.0.1:{server.server_port}/v1/chat/completions")
        monkeypatch.setenv("MODEL", "a-model")
        try:
            with Client(deployment.bootstrap) as client:
                assert namespace["answer"](client.sandbox(new_user()), "What is 6*7?") == "It is 42."
        finally:
            server.shutdown()
    assert [question["model"] for question in asked] == ["a-model", "a-model"]
    assert asked[1]["messages"][-1] == {"role": "user", "content": "exit code 0\n42\n"}


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / "python" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def test_the_agent_loop(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    assert load("agent_loop").main(deployment.bootstrap, new_user()) == 0
    assert capsys.readouterr().out.endswith("The sum is 6.\n")


def test_the_agent_loop_tells_the_model_what_is_not_valid() -> None:
    module = load("agent_loop")
    with Client("127.0.0.1:1") as nowhere:
        sandbox = nowhere.sandbox(new_user())
        for call in (module.ToolCall("shell", ""), module.ToolCall("python", "\0")):
            assert module.use_tool(sandbox, call).startswith("Nothing ran, because ")


def test_the_web_handler(client: Client) -> None:
    module = load("web_handler")
    user = new_user()

    def post(path: str, body: object) -> tuple[int, dict[str, Any]]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{server.server_port}{path}", data)
        try:
            with WITHOUT_PROXY.open(request, timeout=PATIENCE) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as e:
            return e.code, json.load(e)

    with module.Server(client, 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            run = f"/users/{user}/run"
            status, answer = post(run, {"command": ["sh", "-c", "echo hello; exit 3"]})
            assert (status, answer["exit_code"], answer["stdout"]) == (200, 3, "hello\n")
            status, answer = post("/users/nobody/run", {"command": ["true"]})
            assert (status, answer["field"]) == (400, "user")
            status, answer = post(run, {"command": [1]})
            assert (status, answer["field"]) == (400, "command")
            for body in (b"", b"\xff", b"[" * 50_000, {"command": "ls"}, {}):
                assert post(run, body)[0] == 400
            too_long = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=PATIENCE)
            too_long.putrequest("POST", run)
            too_long.putheader("Content-Length", "100000")
            too_long.endheaders()
            assert too_long.getresponse().status == 413
            too_long.close()
            assert post("/elsewhere", {})[0] == 404
        finally:
            server.shutdown()
            thread.join(PATIENCE)


def test_the_audit_job(
    deployment: Deployment, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox = client.sandbox(new_user())
    sandbox.ensure(wait=PATIENCE)  # or the first command may be published a second time
    for _ in range(3):
        sandbox.run("true")
    assert load("audit_job").main(deployment.bootstrap) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(sandbox.user))
    assert line.split()[1:3] == ["3", "0"]
    assert line.endswith("'zcbot-sandbox-python'")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"other", b'{"user_id":"user"}'),
        (None, b'{"user_id":"user"}'),
        (b"\xff", b'{"user_id":"user"}'),
        (b"user", b'{"user_id":"\\ud800"}'),
        (b"user", b"[]"),
        (b"user", None),
    ],
)
def test_the_audit_job_counts_no_record_with_the_key_of_another_user(key: bytes | None, value: bytes | None) -> None:
    module = load("audit_job")
    assert module.decoded(key, value) is None
    assert module.decoded(b"user", b'{"user_id":"user"}') == {"user_id": "user"}


def test_the_audit_job_adds_no_processor_time_that_is_none() -> None:
    module = load("audit_job")
    values = [None, True, -1, 1.5, "1", 2**63, 0, 3, 2**63 - 1]
    assert [module.milliseconds(value) for value in values] == [0, 0, 0, 0, 0, 0, 0, 3, 2**63 - 1]


def test_a_wheel_is_built_without_a_network(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(HERE / name, tmp_path)
    shutil.copytree(HERE / "zcbot_sandbox", tmp_path / "zcbot_sandbox")
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "zcbot_sandbox/py.typed" in names
    assert "zcbot_sandbox/aio.py" in names


def test_types(types: subprocess.Popen[str]) -> None:
    """The library, its tests and the examples."""
    found, _ = types.communicate(timeout=2 * PATIENCE)
    assert types.returncode == 0, found
