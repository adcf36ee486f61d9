# SPDX-License-Identifier: Apache-2.0
"""The behaviours of every client, against a real worker and a real Kafka. Their names are shared."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from queue import Queue

import pytest
from conftest import PATIENCE, Deployment, new_user
from kafka import Watch, publish
from zcbot_sandbox import (
    Client,
    ClientClosedError,
    CommandExitError,
    CommandLostError,
    CommandNotStartedError,
    CommandTimeoutError,
    Expiring,
    FileError,
    InvalidRequestError,
    IsDirectoryError,
    LogError,
    NoAnswerError,
    NotDirectoryError,
    NotFoundError,
    NotPermittedError,
    OutputTruncatedError,
    Reaped,
    Result,
    Sandbox,
    SandboxError,
    SandboxFailedError,
    SandboxGoneError,
    keepalives,
    plan,
)
from zcbot_sandbox.partitions import partition_of


def test_ensure_new(client: Client) -> None:
    ready = client.sandbox(new_user()).ensure(wait=PATIENCE)
    assert ready.outcome in ("created", "claimed")
    assert ready.idle_ttl_seconds == 300


def test_ensure_reused(sandbox: Sandbox) -> None:
    first = sandbox.ensure()
    ends_at = datetime(2126, 11, 24, 12, 5, tzinfo=timezone.utc)
    second = sandbox.ensure(idle_ttl=200, labels={"tenant": "acme"}, ends_at=ends_at)
    assert second.outcome == "reused"
    assert second.container_id == first.container_id
    assert second.idle_ttl_seconds == 200
    assert (first.labels, first.ends_at) == ({}, None)
    assert (second.labels, second.ends_at) == ({"tenant": "acme"}, ends_at)


def test_run_exit_code(sandbox: Sandbox) -> None:
    result = sandbox.run("python3", "-c", "import sys; print(6*7); print('oh', file=sys.stderr)")
    assert (result.exit_code, result.text, result.error_text) == (0, "42\n", "oh\n")
    assert result.check() is result
    assert result.signal is None
    assert not result.truncated
    assert result.container_id is not None
    assert result.took_seconds >= 0


def test_run_nonzero_is_no_exception(sandbox: Sandbox) -> None:
    result = sandbox.shell("echo $GREETING from $PWD; exit 7", env={"GREETING": "hello"}, cwd="/tmp")
    assert (result.exit_code, result.text) == (7, "hello from /tmp\n")
    with pytest.raises(CommandExitError, match="exit code 7"):
        result.check()
    killed = sandbox.shell("kill -9 $$")
    assert (killed.exit_code, killed.signal) == (None, 9)


def test_stdin(sandbox: Sandbox) -> None:
    assert sandbox.run("tr", "a-z", "A-Z", stdin="hello").text == "HELLO"
    with sandbox.start("cat", stdin=True) as run:
        run.write("one ")
        run.write(b"\xff\x00")
        run.close_stdin()
        assert run.result().stdout == b"one \xff\x00"
    long = os.urandom(1_500_000)
    assert sandbox.run("sha256sum", stdin=long).text.startswith(hashlib.sha256(long).hexdigest())


def test_stream_in_order(sandbox: Sandbox) -> None:
    with sandbox.start(script="seq 1 200000; echo end >&2") as run:
        chunks = list(run.stream())
        result = run.result()
    streamed = b"".join(chunk.data for chunk in chunks if chunk.stream == "stdout")
    assert streamed == b"".join(b"%d\n" % n for n in range(1, 200001))
    assert "".join(chunk.text for chunk in chunks if chunk.stream == "stderr") == "end\n"
    assert (result.exit_code, result.stdout, result.missing_outputs) == (0, b"", 0)


def test_output_is_bounded(sandbox: Sandbox) -> None:
    short = sandbox.shell("yes | head -c 100000", max_output_bytes=1000)
    assert (len(short.stdout), short.truncated) == (1000, True)
    with pytest.raises(OutputTruncatedError):
        _ = short.text
    long = sandbox.shell("yes | head -c 3000000", max_output_bytes=2_000_000)
    assert (len(long.stdout), long.truncated) == (2_000_000, True)
    with sandbox.start(script="yes", max_output_bytes=100_000, timeout=5) as run:
        with pytest.raises(CommandTimeoutError) as timeout:
            run.result()
    assert len(timeout.value.result.stdout) == 100_000


def test_terminal(sandbox: Sandbox) -> None:
    with sandbox.start("bash", "-c", "stty size; read; stty size", tty=(80, 24)) as run:
        stream = run.stream()
        assert "24 80" in next(stream).text
        run.resize(100, 30)
        run.write("\n")
        rest = "".join(chunk.text for chunk in stream)
    assert "30 100" in rest


def test_signal(sandbox: Sandbox) -> None:
    with sandbox.start(script="trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done") as run:
        assert next(run.stream()).text == "up\n"
        run.signal("SIGTERM")
        assert run.result().exit_code == 5
    with sandbox.start("sleep", "100") as run:
        run.kill()
        assert run.result().signal == 9


def test_kill_of_a_shell_whose_terminal_has_a_program_in_its_foreground(sandbox: Sandbox) -> None:
    with sandbox.start("bash", "--norc", "-i", tty=(80, 24)) as run:
        stream = run.stream()
        run.write("set +o emacs; sh -c 'echo be''gun; exec sleep 100'\n")
        seen = ""
        while "begun" not in seen:
            seen += next(stream).text
        run.kill()
        assert run.result().signal == 9


def test_command_timeout(sandbox: Sandbox) -> None:
    with pytest.raises(CommandTimeoutError) as timeout:
        sandbox.shell("echo begun; sleep 100", timeout=5)
    assert timeout.value.result.text == "begun\n"
    assert not timeout.value.retryable


def test_no_answer_deadline(deployment: Deployment, sandbox: Sandbox) -> None:
    sandbox.ensure(wait=PATIENCE)  # or the command may expire before it starts
    with Watch(deployment.bootstrap, "sandbox.exited") as exited:
        before = time.monotonic()
        with pytest.raises(NoAnswerError) as missing:
            sandbox.run("sleep", "50", wait=3)
        assert time.monotonic() - before < 20
        # A command that nobody waits for any more is killed.
        end = exited.wait_for(lambda fields: fields["exec_id"] == missing.value.request_id)
        assert (end["reason"], end.get("signal")) in (("signalled", 9), ("expired", None))


def test_invalid_input_error_names_field(client: Client, sandbox: Sandbox) -> None:
    invalid_requests: dict[str, Callable[[], object]] = {
        "user": lambda: client.sandbox("7F3C1D52-9A54-4C0E-8F2B-6F1D2F6F7A10"),
        "command": lambda: sandbox.run(),
        "script": lambda: sandbox.shell(" "),
        "env": lambda: sandbox.run("true", env={"A=B": "c"}),
        "cwd": lambda: sandbox.run("true", cwd="src"),
        "timeout": lambda: sandbox.run("true", timeout=0),
        "wait": lambda: sandbox.run("true", wait=float("nan")),
        "max_output_bytes": lambda: sandbox.run("true", max_output_bytes=1 << 30),
        "stdin": lambda: sandbox.run("cat", stdin="\udcff"),
        "tty": lambda: sandbox.start("cat", tty=(0, 0)),
        "idle_ttl": lambda: sandbox.ensure(idle_ttl=0),
        "labels": lambda: sandbox.ensure(labels={"a": "b" * 4096}),
        "ends_at": lambda: sandbox.ensure(ends_at=datetime(2126, 11, 24)),
        "path": lambda: sandbox.files.read("a\0b"),
        "mode": lambda: sandbox.files.write("a", b"", mode=0o4755),
        "reply_topic": lambda: Client("127.0.0.1:1", reply_topic="elsewhere"),
        "kafka": lambda: Client({"bootstrap.servers": "127.0.0.1:1", "partitioner": "random"}),
    }
    for field, act in invalid_requests.items():
        with pytest.raises(InvalidRequestError) as invalid:
            act()
        assert invalid.value.field == field
    # Only a worker can know this.
    with pytest.raises(CommandNotStartedError, match="timeout_seconds is 3600") as refused:
        sandbox.run("true", timeout=3600, wait=PATIENCE)
    assert (refused.value.reason, refused.value.retryable) == ("rejected", False)
    with pytest.raises(SandboxFailedError, match="idle_ttl_seconds") as failed:
        sandbox.ensure(idle_ttl=100_000)
    assert (failed.value.reason, failed.value.retryable) == ("rejected", False)
    with pytest.raises(CommandNotStartedError) as absent:
        client.sandbox(new_user()).run("true", ensure=False)
    assert absent.value.reason == "no_sandbox"
    with pytest.raises(CommandNotStartedError, match="program") as missing:
        sandbox.run("no-such-program")
    assert missing.value.result.exit_code == 127


def test_missing_topics_are_named(deployment: Deployment) -> None:
    with Client(deployment.bootstrap, topic_prefix="nothing.") as elsewhere:
        with pytest.raises(LogError, match="nothing.exited"):
            elsewhere.sandbox(new_user()).run("true")


def test_files_roundtrip_binary(sandbox: Sandbox) -> None:
    files = sandbox.files
    content = os.urandom(5_000_000)
    assert files.write("data/in.bin", io.BytesIO(content)) == len(content)
    assert files.read("data/in.bin") == content
    assert files.write("data/small.txt", "ünï\n", mode=0o600) == 6
    assert files.read("/workspace/data/small.txt") == "ünï\n".encode()
    assert files.write("data/empty", b"") == 0
    assert files.read("data/empty") == b""
    entries = {entry.name: (entry.kind, entry.size) for entry in files.list("data")}
    assert entries == {"in.bin": ("file", len(content)), "small.txt": ("file", 6), "empty": ("file", 0)}
    with pytest.raises(FileError, match="longer than 1000"):
        files.read("data/in.bin", max_bytes=1000)
    files.remove("data/in.bin")
    files.remove("data", recursive=True)
    files.remove("data", missing_ok=True)
    for act in (lambda: files.read("data/x"), lambda: files.list("data"), lambda: files.remove("data")):
        with pytest.raises(NotFoundError, match="no such file"):
            act()
    with pytest.raises(InvalidRequestError):
        files.remove("/workspace/.", recursive=True)
    assert sandbox.run("mkfifo", "fifo").ok
    with pytest.raises(FileError, match="is not a regular file"):
        files.read("fifo")
    files.remove("fifo")


def test_file_errors(sandbox: Sandbox) -> None:
    files = sandbox.files
    files.write("errors/file", b"x")
    acts: list[tuple[type[FileError], Callable[[], object]]] = [
        (NotFoundError, lambda: files.read("/etc/nosuch")),
        (NotPermittedError, lambda: files.write("/etc/hosts", b"x")),
        (NotPermittedError, lambda: files.write("/root/x", io.BytesIO(b"x"))),
        (IsDirectoryError, lambda: files.write("errors", b"x")),
        (IsDirectoryError, lambda: files.read("errors")),
        (NotDirectoryError, lambda: files.list("errors/file")),
        (NotDirectoryError, lambda: files.write("errors/file/x", b"x")),
    ]
    for kind, act in acts:
        with pytest.raises(kind) as e:
            act()
        assert not re.search("dd:|line [0-9]|zcbot-write", str(e.value))
        assert ("/workspace" in str(e.value)) == (kind in (NotFoundError, NotPermittedError)), "what to do"
    files.remove("errors", recursive=True)


def test_files_hostile_names(sandbox: Sandbox) -> None:
    files = sandbox.files
    names = ["-rf", "--help", "a b", "$(touch pwned)", "`id`", "new\nline\n", "';\"", "é\u202e", "*", "\\", " "]
    for name in names:
        files.write(f"hostile/{name}", name)
        assert files.read(f"hostile/{name}") == name.encode()
    files.write("hostile/new\n/line", "in a directory with a line feed")
    sandbox.shell(r"cd hostile; touch $'\xff'; ln -s /etc/passwd link; mkfifo pipe").check()
    found = {entry.name: entry.kind for entry in files.list("hostile")}
    assert found == {
        **{name: "file" for name in names},
        "new\n": "directory",
        "\udcff": "file",
        "link": "link",
        "pipe": "other",
    }
    with pytest.raises(InvalidRequestError, match="UTF-8"):
        files.read("hostile/\udcff")
    # A link can't lead out of the sandbox.
    assert b"sandbox" in files.read("hostile/link")
    for name in [*names, "link", "pipe"]:
        files.remove(f"hostile/{name}")
    assert sorted(entry.name for entry in files.list("hostile")) == ["new\n", "\udcff"]
    assert not any(entry.name == "pwned" for entry in files.list())


def test_files_that_come_and_go_while_they_are_listed(sandbox: Sandbox) -> None:
    churn = """
import os
os.mkdir("churn")
print("begun", flush=True)
while True:
    for i in range(500):
        open(f"churn/{i}", "w").close()
    for i in range(500):
        os.remove(f"churn/{i}")
"""
    with sandbox.start("python3", "-c", churn) as run:
        assert next(run.stream()).text == "begun\n"
        for _ in range(50):
            assert all(entry.kind == "file" for entry in sandbox.files.list("churn"))


def test_files_of_a_lying_sandbox(sandbox: Sandbox) -> None:
    """A user's programs do not replace those of the image."""
    sandbox.shell("mkdir -p bin; printf '#!/bin/sh\necho lies' >bin/find; chmod +x bin/find").check()
    assert {entry.name for entry in sandbox.files.list("bin")} == {"find"}
    with pytest.raises(CommandTimeoutError):
        sandbox.run("cat", "/dev/zero", max_output_bytes=10, timeout=1)


def test_keepalive_coalesced(
    deployment: Deployment, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepalives, "_REPORTS_IN_A_TTL", 0.1)  # no second one is due in this test
    user = new_user()
    sandbox = client.sandbox(user)
    with Watch(deployment.bootstrap, "sandbox.activity") as activities:
        written = sum(sandbox.keep_alive() for _ in range(1000))
        other = new_user()
        client.sandbox(other).keep_alive()
        deadline = time.monotonic() + PATIENCE
        users: list[str] = []
        while other not in users and time.monotonic() < deadline:
            message = activities.poll(1.0)
            if message is not None:
                users.append(json.loads(message.value())["user_id"])
        while (message := activities.poll(0.3)) is not None:
            users.append(json.loads(message.value())["user_id"])
        seen = users.count(user)
    assert (written, seen) == (1, 1)


def test_release(client: Client) -> None:
    sandbox = client.sandbox(new_user())
    sandbox.files.write("kept", "kept")
    ready = sandbox.ensure()
    reaped = sandbox.release(wait=PATIENCE)
    assert reaped is not None
    assert (reaped.reason, reaped.container_id) == ("requested", ready.container_id)
    assert sandbox.files.read("kept") == b"kept"
    # A container other than the named one stays.
    assert sandbox.release(container_id=ready.container_id, wait=5) is None
    sandbox.release()


def test_release_without_a_sandbox(client: Client) -> None:
    before = time.monotonic()
    assert client.sandbox(new_user()).release(wait=300) is None
    assert time.monotonic() - before < 30


def test_many_at_once(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Workers refuse more than 72, and the refused ones could be repeated only after 12 s."""
    sandbox = client.sandbox(new_user())
    sandbox.ensure(wait=PATIENCE)
    with ThreadPoolExecutor(100) as threads:
        before = time.monotonic()
        results = list(threads.map(lambda n: sandbox.run("echo", str(n)).text, range(100)))
        took = time.monotonic() - before
    assert results == [f"{n}\n" for n in range(100)]
    assert "is repeated" not in caplog.text
    assert took < 30


@dataclass
class Noticed:
    expiring: Queue[Expiring]
    reaped: Queue[Reaped]
    container_id: str


@pytest.fixture(scope="module", autouse=True)
def noticed(client: Client) -> Iterator[Noticed]:
    """A sandbox that is not used for its idle TTL of eight seconds."""
    sandbox = client.sandbox(new_user())
    it = Noticed(Queue(), Queue(), "")
    with sandbox.on_expiring(it.expiring.put), sandbox.on_reaped(it.reaped.put):
        it.container_id = sandbox.ensure(idle_ttl=8, wait=PATIENCE).container_id
        yield it


def test_on_expiring(noticed: Noticed) -> None:
    notice = noticed.expiring.get(timeout=PATIENCE)
    assert (notice.reason, notice.container_id) == ("idle", noticed.container_id)
    assert notice.at is not None


def test_on_reaped(noticed: Noticed) -> None:
    reaped = noticed.reaped.get(timeout=PATIENCE)
    assert (reaped.reason, reaped.container_id) == ("idle", noticed.container_id)
    assert noticed.reaped.empty()


def test_two_users_do_not_mix(client: Client) -> None:
    sandboxes = [client.sandbox(new_user()) for _ in range(2)]
    runs = [
        sandbox.start(script=f"for i in $(seq 200); do echo {n} $i; done; echo {n} >mine; cat mine")
        for n, sandbox in enumerate(sandboxes)
    ]
    for n, run in enumerate(runs):
        lines = run.result().text.splitlines()
        assert lines == [f"{n} {i}" for i in range(1, 201)] + [str(n)]
    for n, sandbox in enumerate(sandboxes):
        assert sandbox.files.read("mine") == f"{n}\n".encode()
        sandbox.release()


def forged(user: str, exec_id: str, **fields: object) -> bytes:
    return json.dumps(
        {
            "event_id": "forged",
            "user_id": user,
            "exec_id": exec_id,
            "reason": "exited",
            "exit_code": 99,
            "output_count": 0,
            "truncated": False,
            "took_ms": 1,
            "host": "h",
            "worker_id": "w",
            "retryable": False,
            **fields,
        }
    ).encode()


def test_hostile_bytes(deployment: Deployment, sandbox: Sandbox) -> None:
    """Bytes that others write into the topics of results, and bytes that a command writes."""
    user = sandbox.user
    with sandbox.start(script=r"echo up; read; printf '\xff\xfe\0\e[31m\xc3'; printf '\xa4'", stdin=True) as run:
        stream = run.stream()
        assert next(stream).text == "up\n"
        nonsense = [
            b"",
            b"\xff\xfe\x00",
            b"null",
            b"[" * 100_000,
            b'{"user_id":',
            "{}".encode("utf-16"),
            b'{"user_id":"%s","exec_id":"%s","reason":%d}' % (user.encode(), run.id.encode(), 10**30),
            forged(new_user(), run.id),
            forged(user, "another-exec"),
            forged(user, run.id, output_count=-1),
            forged(user, run.id, stdout="a", stdout_base64="YQ=="),
            forged(user, run.id, stdout_base64="not base64!"),
        ]
        publish(deployment.bootstrap, "sandbox.exited", user, *nonsense)
        piece = {"event_id": "f", "user_id": user, "exec_id": run.id, "stream": "stdout", "data": "forged"}
        publish(
            deployment.bootstrap,
            "sandbox.output",
            user,
            *nonsense,
            json.dumps({**piece, "seq": 0}).encode(),  # a repetition
            json.dumps({**piece, "seq": -1}).encode(),
            json.dumps({**piece, "seq": 1 << 70}).encode(),
            json.dumps({**piece, "seq": 1, "stream": "of the future"}).encode(),
            json.dumps({**piece, "seq": 1, "exec_id": "another-exec"}).encode(),
        )
        publish(deployment.bootstrap, "sandbox.exited", new_user(), forged(user, run.id))
        run.write("\n")
        rest = list(stream)
        result = run.result()
    assert b"".join(chunk.data for chunk in rest) == b"\xff\xfe\0\x1b[31m\xc3\xa4"
    assert "".join(chunk.text for chunk in rest) == "\ufffd\ufffd\0\x1b[31mä"
    assert (result.exit_code, result.missing_outputs) == (0, 0)


def test_close_ends_waits(deployment: Deployment) -> None:
    client = Client(deployment.bootstrap)
    errors: Queue[Exception] = Queue()
    run = client.sandbox(new_user()).start(script="echo up; sleep 100")
    stream = run.stream()
    assert next(stream).text == "up\n"

    def wait(act: Callable[[], object]) -> None:
        try:
            act()
        except SandboxError as e:
            errors.put(e)

    waits: list[Callable[[], object]] = [
        run.result,
        lambda: next(stream),
        lambda: client.sandbox(new_user()).run("sleep", "100"),
    ]
    threads = [threading.Thread(target=wait, args=(act,), daemon=True) for act in waits]
    for thread in threads:
        thread.start()
    before = time.monotonic()
    client.close()
    for thread in threads:
        thread.join(PATIENCE)
        assert isinstance(errors.get(timeout=PATIENCE), ClientClosedError)
    assert time.monotonic() - before < 20
    with pytest.raises(ClientClosedError):
        client.sandbox(new_user()).run("true")
    client.close()


class Work:
    """Threads that run commands until the end. Each command writes a line in its user's workspace."""

    def __init__(self, sandboxes: list[Sandbox], at_a_time: int) -> None:
        self.sandboxes = sandboxes
        self.ends: Queue[tuple[str, Result | SandboxError]] = Queue()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(sandbox, f"{n}-{m}"), daemon=True)
            for n, sandbox in enumerate(sandboxes)
            for m in range(at_a_time)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, sandbox: Sandbox, name: str) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            line = f"{name}-{number}"
            try:
                result: Result | SandboxError = sandbox.shell(f"echo {line} >>lines; sleep 0.1", wait=3 * PATIENCE)
                sandbox.ensure(wait=3 * PATIENCE)
            except SandboxError as e:
                result = e
            self.ends.put((line, result))

    def end(self) -> list[tuple[str, Result | SandboxError]]:
        """Returns the outcomes that were not taken yet. No command may have run twice."""
        self._stop.set()
        for thread in self._threads:
            thread.join(4 * PATIENCE)
            assert not thread.is_alive()
        lines = [line for sandbox in self.sandboxes for line in sandbox.files.read("lines").decode().splitlines()]
        assert len(lines) == len(set(lines)), "a command ran twice"
        ends = [self.ends.get() for _ in range(self.ends.qsize())]
        for line, end in ends:
            if isinstance(end, Result):
                assert end.exit_code == 0
                assert line in lines
        return ends


def test_broker_restart_loses_nothing(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The brokers and the worker are killed and come back. Each request is answered, and no command runs
    twice. Commands that ran at that moment are lost, and answered as lost."""
    # On a loaded machine, the restart may take longer than a record usually waits for brokers.
    settings = {"bootstrap.servers": deployment.bootstrap, "message.timeout.ms": int(3000 * PATIENCE)}
    monkeypatch.setattr(plan, "DEFAULT_START_SECONDS", 3 * PATIENCE)
    with Client(settings) as client:
        sandboxes = [client.sandbox(new_user()) for _ in range(2)]
        for sandbox in sandboxes:
            sandbox.ensure(wait=PATIENCE)
        work, lost = Work(sandboxes, 4), []
        is_back = False
        try:
            for _ in range(40):
                work.ends.get(timeout=PATIENCE)
            deployment.kill()
            killed = datetime.now(timezone.utc)
            deployment.start()
            while not is_back:
                _, end = work.ends.get(timeout=3 * PATIENCE)
                if isinstance(end, Result):
                    is_back = end.started_at is not None and end.started_at > killed
                else:
                    lost.append(end)
                    assert len(lost) <= 8, "only those that ran when the worker was killed"
        finally:
            ends = work.end()
    lost += [end for _, end in ends if not isinstance(end, Result)]
    assert len(lost) <= 8, lost
    assert all(isinstance(end, CommandLostError) for end in lost), lost


def test_rebalances_lose_nothing(
    deployment: Deployment, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second worker joins, serves some of the users, and leaves. Everything is answered. A command that runs
    when its user moves ends with its sandbox, and nothing else is lost."""
    monkeypatch.setattr(plan, "DEFAULT_START_SECONDS", 3 * PATIENCE)
    users: dict[int, str] = {}
    while len(users) < 4:  # one of each partition, so that each worker has some
        user = new_user()
        users[partition_of(user.encode(), 4)] = user
    work = Work([client.sandbox(user) for user in users.values()], 1)

    def await_answer_of(worker_id: str) -> None:
        deadline = time.monotonic() + 2 * PATIENCE
        while time.monotonic() < deadline:
            line, end = work.ends.get(timeout=PATIENCE)
            assert isinstance(end, (Result, SandboxGoneError)), f"{line}: {end!r}"
            if isinstance(end, Result) and end.worker_id == worker_id:
                return
        raise AssertionError(f"no answer of {worker_id}")

    try:
        await_answer_of(deployment.id)
        with deployment.another_worker() as other:
            await_answer_of(other)
        await_answer_of(deployment.id)
    finally:
        ends = work.end()
    for line, end in ends:
        assert isinstance(end, (Result, SandboxGoneError)), f"{line}: {end!r}"
