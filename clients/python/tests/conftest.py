# SPDX-License-Identifier: Apache-2.0
"""A worker and a Kafka broker in one process, as ``bin/run`` starts them, for the tests of a run.

``bin/test --python`` builds what it needs. The process starts with the first test that requests it, and
leaves nothing behind: it has its own network, workspaces, topics and worker id.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from zcbot_sandbox import Client, Sandbox

ROOT = Path(__file__).resolve().parents[3]
TARGET = Path(__file__).resolve().parents[1] / "target"

#: The machine may be loaded.
PATIENCE = 90.0

#: Reaches this machine itself although a proxy is set, as urlopen may not.
WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def pytest_configure(config: pytest.Config) -> None:
    """Makes an interrupted run stop what it has started."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--worker", choices=["with", "without"], help="run only the tests with, or without, a worker")


#: Started as soon as a test is known to need it, so that it gets ready while other tests run.
_started: dict[str, Any] = {}


def needs_worker(item: pytest.Item) -> bool:
    return "deployment" in getattr(item, "fixturenames", ())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Runs the tests that need no worker first, while it starts."""
    wanted = config.getoption("--worker")
    if wanted is not None:
        others = [item for item in items if needs_worker(item) != (wanted == "with")]
        items[:] = [item for item in items if item not in others]
        config.hook.pytest_deselected(items=others)
    items.sort(key=needs_worker)


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        return
    if any(map(needs_worker, session.items)):
        it = _started["deployment"] = Deployment()
        it.launch()
    if any(item.name == "test_types" for item in session.items):
        _started["types"] = subprocess.Popen(
            [sys.executable, "-m", "mypy"],
            cwd=TARGET.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture(scope="session")
def types() -> subprocess.Popen[str]:
    """The type checker, which has been running since the run began."""
    it: subprocess.Popen[str] = _started["types"]
    return it


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens, below those that the kernel assigns to connections."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as it, contextlib.suppress(OSError):
            it.bind(("127.0.0.1", port))
            return port


class Deployment:
    """The process, and the address of its Kafka."""

    def __init__(self) -> None:
        self.id = f"python-{os.getpid()}"
        _remove_leftovers()
        self.directory = TARGET / "deployment"
        self._forget()
        self.directory.mkdir(parents=True)
        self.port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._ops = f"127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.launch()
        self.await_ready()

    def launch(self) -> None:
        self._process = self._spawn(
            self.id,
            self._ops,
            *("standalone", "--data", str(self.directory / "kafka"), "--kafka-port", str(self.port)),
        )

    def await_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + 2 * PATIENCE
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the worker did not start; the end of its log:\n{self.log()[-4000:]}")
            time.sleep(0.1)

    @contextlib.contextmanager
    def another_worker(self) -> Iterator[str]:
        """Lets a worker join the group, as if on another host that shares the workspaces; yields its id."""
        worker_id = f"{self.id}-other"
        process = self._spawn(worker_id, "off", "run", KAFKA_BOOTSTRAP_SERVERS=self.bootstrap)
        try:
            yield worker_id
        finally:
            _end(process)

    def _spawn(self, worker_id: str, ops: str, *arguments: str, **more: str) -> subprocess.Popen[bytes]:
        settings = {
            "WORKER_ID": worker_id,
            "GROUP": self.id,
            "SANDBOX_NETWORK": f"zcbot-{self.id}",
            "WORKSPACE_ROOT": str(self.directory / "workspaces"),
            "OPS_ADDRESS": ops,
            "TOPICS_PARTITIONS": "4",
            "SANDBOX_WARM": "2",
            "SANDBOX_IDLE_TTL": "300s",
            "SANDBOX_IDLE_TTL_MIN": "1s",
            "SANDBOX_NOTICE": "6s",
            "REAPER_INTERVAL": "1s",
            "COMMAND_MAX_TIMEOUT": "10m",
            **more,
        }
        env = {name: value for name, value in os.environ.items() if not name.startswith("ZCBOT_")}
        env.update({f"ZCBOT_{name}": value for name, value in settings.items()})
        target = ROOT / "standalone" / "target"
        jars = [*target.glob("standalone-*.jar"), *sorted((target / "lib").glob("*.jar"))]
        if len(jars) < 2:
            raise pytest.UsageError("the worker is not built; run the tests with bin/test --python")
        java = Path(os.environ["JAVA_HOME"], "bin", "java") if "JAVA_HOME" in os.environ else Path("java")
        with open(self.directory / "log", "ab") as log:
            return subprocess.Popen(
                [
                    str(java),
                    f"@{ROOT / 'worker' / 'jvm.options'}",
                    *("-Xms128m", "-Xmx512m", "-Xmn64m"),
                    *("-cp", os.pathsep.join(map(str, jars))),
                    "io.zcbot.sandbox.standalone.Main",
                    *arguments,
                ],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _is_ready(self) -> bool:
        try:
            with WITHOUT_PROXY.open(f"http://{self._ops}/health/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    def kill(self) -> None:
        """Kills the process, as if its machine lost power."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(PATIENCE)

    def stop(self) -> None:
        if self._process is not None:
            _end(self._process)
        left = [
            container
            for worker in (self.id, f"{self.id}-other")
            for container in _docker("ps", "-aq", "--filter", f"label=zcbot.worker={worker}").split()
        ]
        if left:
            _docker("rm", "-f", *left)
        _docker("network", "rm", f"zcbot-{self.id}")
        self._forget()

    def _forget(self) -> None:
        """Removes the files, and unmounts the workspaces, which the worker may have mounted on themselves."""
        subprocess.run(["umount", "-R", str(self.directory / "workspaces")], capture_output=True, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)


def pytest_sessionfinish() -> None:
    if (types := _started.pop("types", None)) is not None:
        types.kill()
    if (deployment := _started.pop("deployment", None)) is not None:
        deployment.stop()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(PATIENCE)


def _docker(*arguments: str) -> str:
    return subprocess.run(
        ["docker", *arguments], capture_output=True, check=False, timeout=PATIENCE, text=True
    ).stdout


def _remove_leftovers() -> None:
    """Removes the containers of killed runs."""
    for line in _docker("ps", "-a", "--format", '{{.ID}} {{.Label "zcbot.worker"}}').splitlines():
        container, _, worker = line.partition(" ")
        run = re.match(r"python-(\d+)", worker)
        if run is not None and not Path("/proc", run[1]).exists():
            _docker("rm", "-f", container)
            _docker("network", "rm", f"zcbot-{run[0]}")


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    it: Deployment = _started["deployment"]
    it.await_ready()
    yield it


@pytest.fixture(scope="session")
def client(deployment: Deployment) -> Iterator[Client]:
    """One client for all tests that do not close it."""
    with Client(deployment.bootstrap) as it:
        yield it


def new_user() -> str:
    return str(uuid.uuid4())


@pytest.fixture(scope="session")
def sandbox(client: Client) -> Sandbox:
    """A sandbox for tests that need no separate user."""
    return client.sandbox(new_user())
