# SPDX-License-Identifier: Apache-2.0
"""Tests that need neither a worker nor Kafka."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import json
import math
import os
import re
import stat
import subprocess
import sys
import threading
import time
import tracemalloc
import uuid
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from datetime import datetime, timedelta, timezone
from pathlib import Path
from queue import Queue
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import PATIENCE, ROOT, new_user
from zcbot_sandbox import (
    AsyncRun,
    AsyncSandbox,
    Client,
    ClientClosedError,
    ClientOverloadedError,
    CommandError,
    CommandExitError,
    CommandLostError,
    CommandNotStartedError,
    CommandTimeoutError,
    FileError,
    Files,
    InvalidRequestError,
    IsDirectoryError,
    NoAnswerError,
    NoSpaceError,
    NotDirectoryError,
    NotFoundError,
    NotPermittedError,
    OutputLostError,
    OutputTruncatedError,
    Result,
    Run,
    Sandbox,
    SandboxError,
    SandboxFailedError,
    calls,
    events,
    inflight,
    requests,
    settings,
    turns,
    user_id,
)
from zcbot_sandbox import core as core_module
from zcbot_sandbox import files as files_module
from zcbot_sandbox.aio import AsyncFiles
from zcbot_sandbox.calls import ExecCall
from zcbot_sandbox.client import INPUT_PIECE
from zcbot_sandbox.core import Core
from zcbot_sandbox.errors import LogError
from zcbot_sandbox.events import Output
from zcbot_sandbox.listeners import Listener
from zcbot_sandbox.notices import Dispatcher
from zcbot_sandbox.output import MAX_WAITING_BYTES, Chunk, OutputSequence, append_output
from zcbot_sandbox.partitions import murmur2, partition_of
from zcbot_sandbox.plan import ensure_call, exec_call
from zcbot_sandbox.result import error_of, result_of
from zcbot_sandbox.timers import Timers
from zcbot_sandbox.topics import RESULTS
from zcbot_sandbox.workers import Workers
from zcbot_sandbox.writer import OnDelivery

GOLDEN = ROOT / "events" / "src" / "test" / "resources" / "golden"
GOLDEN_USER = b"7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10"
DECODERS: dict[str, Callable[[bytes, bytes], object]] = {
    "ready": events.decode_ready,
    "failed": events.decode_failed,
    "reaped": events.decode_reaped,
    "expiring": events.decode_expiring,
    "output": events.decode_output,
    "exited": events.decode_exited,
}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_that_of_the_java_client(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected % 2**32
    assert partition_of(key, 12) == (expected & 0x7FFFFFFF) % 12


@pytest.mark.parametrize(
    "golden",
    sorted(path for path in GOLDEN.glob("*.json") if path.stem.partition("-")[0] in DECODERS),
    ids=lambda path: path.stem,
)
def test_golden_results_are_read(golden: Path) -> None:
    decode = DECODERS[golden.stem.partition("-")[0]]
    value = golden.read_bytes()
    fields = json.loads(value)
    event: Any = decode(GOLDEN_USER, value)
    assert event is not None
    for name, given in fields.items():
        if name in ("stdout", "stderr", "data"):
            assert getattr(event, name) == given.encode()
        elif hasattr(event, name) and name != "at" and not name.endswith("_at"):
            assert getattr(event, name) == given
    # Unknown fields and values of newer versions are accepted; another key is not.
    future = {**fields, "a_new_field": [{"a": 1}]}
    if "reason" in fields:
        future["reason"] = "of_the_future"
    assert decode(GOLDEN_USER, json.dumps(future).encode()) is not None
    assert decode(b"somebody else", value) is None
    # A field of another type makes the record invalid, or is ignored; nothing is raised.
    for name in fields:
        nonsense: Any
        for nonsense in (None, [], {}, -1, 1e300, 10**30, "", "\ud800", "x" * 10_000, True):
            decode(GOLDEN_USER, json.dumps({**fields, name: nonsense}).encode())
    for length in range(len(value.rstrip())):
        assert decode(GOLDEN_USER, value[:length]) is None
    assert decode(GOLDEN_USER, b" " * 1_000_001) is None


def test_requests_agree_with_the_golden_files() -> None:
    exec_ = requests.exec_request(
        command=["python3", "-c", "print(6*7)"],
        stdin=b"one\n",
        env={"A": "1", "LANG": "C"},
        cwd="/workspace/src",
        timeout=60,
        max_output_bytes=262144,
        stream=True,
        tty=(80, 24),
        ensure=False,
    )
    written = json.loads(exec_.value("e-1", GOLDEN_USER.decode(), "agent-service", 60))
    expected = json.loads((GOLDEN / "exec.json").read_bytes())
    expected["input"] = False  # the golden file leaves it out: with a terminal, input follows
    del expected["announce_start"]  # this client does not ask for it
    for name in ("requested_at", "expires_at"):
        assert events.parse_time(written.pop(name)) is not None
        del expected[name]
    assert written == expected


def test_requests_and_answers_name_profiles_as_the_golden_files_do() -> None:
    terms = requests.ensure_terms(None, None, None, "data-science", True)
    written = json.loads(requests.ensure_value("e-1", GOLDEN_USER.decode(), "", 60, terms))
    expected = json.loads((GOLDEN / "ensure-profile.json").read_bytes())
    assert {name: written.get(name) for name in expected if name != "requested_at"} == {
        name: value for name, value in expected.items() if name != "requested_at"
    }
    command = json.loads(requests.exec_request(script="ls", profile="data-science").value("e", "u", "", 60))
    assert command["profile"] == json.loads((GOLDEN / "exec-profile.json").read_bytes())["profile"]
    for name, profile in (("ready-profile", "data-science"), ("ready", "default")):
        ready = events.decode_ready(GOLDEN_USER, (GOLDEN / f"{name}.json").read_bytes())
        assert ready is not None
        assert ready.profile == profile


def test_requests_and_answers_have_networks_as_the_golden_files_do() -> None:
    allow = ["*.pypi.org", "github.com:443"]
    terms = requests.ensure_terms(None, None, None, network={"allow": allow})
    assert terms == {"network": json.loads((GOLDEN / "ensure-network.json").read_bytes())["network"]}
    assert requests.ensure_terms(None, None, None, network={}) == {"network": {}}
    wrongs: list[Any] = [{"deny": []}, {"allow": "a.example"}, {"allow": ["A.example"]}, []]
    wrongs.append({"allow": ["a.example"] * 101})
    for wrong in wrongs:
        with pytest.raises(InvalidRequestError, match="network"):
            requests.ensure_terms(None, None, None, network=wrong)
    for name, expected in (("ready-network", ("github.com:443",)), ("ready", None)):
        ready = events.decode_ready(GOLDEN_USER, (GOLDEN / f"{name}.json").read_bytes())
        assert ready is not None
        assert ready.allow == expected


def test_bytes_are_text_where_that_is_not_longer() -> None:
    assert requests.data_field("data", "ünï\n".encode()) == {"data": "ünï\n"}
    assert requests.data_field("data", b"\x00\xff") == {"data_base64": "AP8="}
    assert requests.data_field("data", b"\x00" * 30) == {"data_base64": "AAAA" * 10}
    assert requests.data_field("data", b"\xed\xa0\x80") == {"data_base64": "7aCA"}


def nobody() -> Sandbox:
    nothing: Any = SimpleNamespace()
    return Sandbox(nothing, nothing, new_user(), nothing)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({}, None),
        ({"reason": "of_the_future"}, None),  # the contract: then the exit code counts
        ({"reason": "of_the_future", "exit_code": None}, CommandError),
        ({"reason": "lost", "exit_code": None}, CommandLostError),
    ],
)
def test_an_exit_code_is_a_result_whatever_a_newer_workers_reason(
    change: dict[str, object], error: type[CommandError] | None
) -> None:
    golden = json.loads((GOLDEN / "exited.json").read_bytes())
    exited = events.decode_exited(GOLDEN_USER, json.dumps({**golden, **change}).encode())
    assert exited is not None
    result = result_of(exited, b"", b"", truncated=False, missing=0)
    raised = error_of(exited, result)
    assert (None if raised is None else type(raised)) is error
    assert result.exit_code == (3 if error is None else None)


def test_that_memory_was_used_up_is_in_the_result_and_its_error() -> None:
    exited = events.decode_exited(GOLDEN_USER, (GOLDEN / "exited-memory.json").read_bytes())
    assert exited is not None
    result = result_of(exited, b"", b"", truncated=False, missing=0)
    assert (result.oom_killed, result.memory_limit_bytes) == (True, 512 << 20)
    with pytest.raises(CommandExitError, match="signal 9; .* memory of 512 MiB was used up"):
        result.check()
    plain = events.decode_exited(GOLDEN_USER, (GOLDEN / "exited.json").read_bytes())
    assert plain is not None
    assert not plain.oom_killed


def test_a_script_takes_as_many_bytes_as_workers_accept() -> None:
    """``bash``, ``-c`` and the script, with a NUL behind each, take 128 KiB at most."""
    most = 128 * 1024 - len("bash -c ") - 1
    requests.exec_request(script="#" * most)
    with pytest.raises(InvalidRequestError, match="at most 131072"):
        requests.exec_request(script="#" * (most + 1))


@pytest.mark.parametrize(
    ("field", "act"),
    [
        ("command", lambda: requests.exec_request(command=["a\0b"])),
        ("command", lambda: requests.exec_request(command=["x" * 200_000])),
        ("command", lambda: requests.exec_request(command=["x"] * 5000)),
        ("command", lambda: requests.exec_request(command=["\udcff"])),
        ("command", lambda: requests.exec_request(command=["echo", 1])),  # type: ignore[list-item]
        ("env", lambda: requests.exec_request(script="x", env={"": "1"})),
        ("env", lambda: requests.exec_request(script="x", env={"A": "x" * 70_000})),
        ("timeout", lambda: requests.exec_request(script="x", timeout=math.inf)),
        ("timeout", lambda: requests.exec_request(script="x", timeout=True)),
        ("cwd", lambda: requests.exec_request(script="x", cwd="/" + "x" * 5000)),
        ("labels", lambda: requests.ensure_terms(None, {"": "a"}, None)),
        ("labels", lambda: requests.ensure_terms(None, {"a\u202eb": "a"}, None)),
        ("labels", lambda: requests.ensure_terms(None, {"\U0001f642" * 65: "a"}, None)),
        ("labels", lambda: requests.ensure_terms(None, {"a": 1}, None)),  # type: ignore[dict-item]
        ("labels", lambda: requests.ensure_terms(None, {"a": "\u00e9" * 2048}, None)),
        ("labels", lambda: requests.ensure_terms(None, {str(n): "" for n in range(129)}, None)),
        ("ends_at", lambda: requests.ensure_terms(None, None, datetime(2026, 11, 24))),
        ("ends_at", lambda: requests.ensure_terms(None, None, "soon")),  # type: ignore[arg-type]
        ("profile", lambda: requests.ensure_terms(None, None, None, "Data Science")),
        ("profile", lambda: requests.ensure_terms(None, None, None, "a" * 64)),
        ("profile", lambda: requests.exec_request(script="x", profile="")),
        ("signal", lambda: requests.signal_name("STOP")),
        ("name", lambda: requests.label("name", "a\u202eb")),
        ("user", lambda: requests.user_id("x")),
        ("container_id", lambda: nobody().release(container_id="")),
        ("container_id", lambda: nobody().release(container_id=7)),  # type: ignore[arg-type]
        ("container_id", lambda: asyncio.run(AsyncSandbox(nobody()).release(container_id="a\n"))),
        ("kafka", lambda: Client(None)),  # type: ignore[arg-type]
        ("kafka", lambda: Client({"bootstrap.servers": "127.0.0.1:1", "error_cb": "no function"})),
        ("topic_prefix", lambda: Client("127.0.0.1:1", topic_prefix="a topic/")),
        ("topic_prefix", lambda: Client("127.0.0.1:1", topic_prefix=None)),  # type: ignore[arg-type]
        ("reply_topic", lambda: Client("127.0.0.1:1", reply_topic="sandbox.reply.a topic")),
    ],
)
def test_invalid_requests_name_the_argument(field: str, act: Callable[[], object]) -> None:
    with pytest.raises(InvalidRequestError) as invalid:
        act()
    assert invalid.value.field == field


@pytest.mark.parametrize(("version", "is_set"), [(0x010700FF, False), (0x020100FF, False), (0x020200FF, True)])
def test_a_property_that_this_librdkafka_does_not_know_is_left_out(
    monkeypatch: pytest.MonkeyPatch, version: int, is_set: bool
) -> None:
    monkeypatch.setattr(settings, "libversion", lambda: ("", version))
    _, consumer = settings.of_clients("127.0.0.1:1", "test")
    assert ("fetch.queue.backoff.ms" in consumer) == is_set
    assert consumer["queued.max.messages.kbytes"] == 8 * 1024


def output(seq: int, data: bytes = b"", stream: str = "stdout") -> Output:
    return Output("u", "e", seq, stream, data or b"%d" % seq)


def test_output_is_put_in_order_each_once() -> None:
    sequence = OutputSequence(1000)
    got = b"".join(
        chunk.data for seq in (0, 0, 2, 3, 2, 1, 1, 3, 4) for chunk in sequence.accept(output(seq))
    )
    assert (got, sequence.next, sequence.missing) == (b"01234", 5, 0)
    assert sequence.end(5) == []


def test_a_gap_in_output_is_counted_at_the_end() -> None:
    sequence = OutputSequence(1000)
    chunks = [*sequence.accept(output(0)), *sequence.accept(output(3)), *sequence.end(6)]
    assert b"".join(chunk.data for chunk in chunks) == b"03"
    assert sequence.missing == 4


def test_what_waits_behind_a_gap_is_bounded() -> None:
    sequence = OutputSequence(100 << 20)
    data = b"x" * 100_000
    passed = sum(len(sequence.accept(output(seq, data))) for seq in range(1, 100))
    assert passed > 0
    assert sequence.missing == 1
    many = OutputSequence(1000)
    for seq in range(1, 100_000):
        many.accept(output(seq, b"x"))
    assert many.missing == 1
    assert MAX_WAITING_BYTES < 5_000_000


def test_output_beyond_the_bound_is_dropped() -> None:
    sequence = OutputSequence(5)
    chunks = [*sequence.accept(output(0, b"abc")), *sequence.accept(output(1, b"def"))]
    assert b"".join(chunk.data for chunk in chunks) == b"abcde"
    assert sequence.is_over_bound


class LogStandIn:
    """Keeps the published records; the test supplies the answers."""

    def __init__(self, take: Callable[[str, bytes, bytes | None], None]) -> None:
        self.take = take
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.held: dict[tuple[str, bytes], int] = {}
        self.is_full = False
        #: Whether brokers store input.
        self.stores_input = True
        #: What is told of further records, instead of that they are stored.
        self.delivery_error: SandboxError | None = None
        #: What the table of current sandboxes has; None if it can't be read.
        self.container: str | None = None
        #: Until brokers answer.
        self.hold_seconds = 0.0

    def publish(
        self,
        kind: str,
        key: bytes,
        value: bytes,
        *,
        wants_copies: bool = False,
        on_delivery: OnDelivery | None = None,
    ) -> None:
        if self.is_full:
            raise BufferError("Local: Queue full")
        self.published.append((kind, json.loads(value)))
        if on_delivery is not None and (self.stores_input or kind != "input"):
            on_delivery(self.delivery_error)

    def hold(self, key: bytes, kinds: Iterable[str], deadline: float) -> Future[None]:
        for kind in kinds:
            self.held[kind, key] = self.held.get((kind, key), 0) + 1
        held: Future[None] = Future()
        if self.hold_seconds:
            threading.Timer(self.hold_seconds, held.set_result, (None,)).start()
        else:
            held.set_result(None)
        return held

    def release(self, key: bytes, kinds: Iterable[str]) -> None:
        for kind in kinds:
            self.held[kind, key] -= 1
            assert self.held[kind, key] >= 0

    def await_contact(self, kind: str, deadline: float, is_over: Callable[[], bool]) -> None:
        """Brokers are there."""

    def current_container(self, key: bytes, deadline: float, is_over: Callable[[], bool]) -> str | None:
        return self.container

    def poll(self, seconds: float) -> bool:
        time.sleep(min(seconds, 0.005))
        return False

    def serve_deliveries(self, seconds: float) -> None:
        time.sleep(seconds)

    def stop(self) -> None:
        pass

    def hint_without_answer(self, kind: str) -> str:
        return ""

    def flush(self, seconds: float) -> None:
        pass

    def close(self) -> None:
        pass

    def wait_published(self, count: int) -> list[dict[str, Any]]:
        deadline = time.monotonic() + PATIENCE
        while len(self.published) < count and time.monotonic() < deadline:
            time.sleep(0.005)
        assert len(self.published) == count
        return [fields for _, fields in self.published]

    def answer(self, kind: str, user: str, **fields: object) -> None:
        value = {"event_id": "r", "user_id": user, "host": "h", "worker_id": "w", "took_ms": 1, **fields}
        self.take(kind, user.encode(), json.dumps(value).encode())

    def exited(self, user: str, exec_id: str, reason: str, retryable: bool = False, **fields: object) -> None:
        rest = {"output_count": 0, "truncated": False, "retryable": retryable, **fields}
        self.answer("exited", user, exec_id=exec_id, reason=reason, **rest)


@pytest.fixture
def core() -> Iterable[Core]:
    logs: list[LogStandIn] = []

    def make(*_: object, on_record: Any, **__: object) -> Any:
        logs.append(LogStandIn(on_record))
        return logs[0]

    it = Core("nowhere", topic_prefix="sandbox.", reply_topic=None, name="test", make_log=make)
    yield it
    it.close()
    assert not any(logs[0].held.values()), "partitions are held for nobody"


def log_of(core: Core) -> LogStandIn:
    log: Any = core.log
    assert isinstance(log, LogStandIn)
    return log


def command(user: str, wait: float = PATIENCE, stream: bool = False) -> ExecCall:
    return exec_call(
        user,
        command=["true"],
        stdin=None,
        env=None,
        cwd=None,
        timeout=60,
        wait=wait,
        max_output_bytes=1000,
        stream=stream,
        ensure=True,
    )


@pytest.fixture
def quick_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "FIRST_TRY_SECONDS", 0.2)
    monkeypatch.setattr(calls, "CLOCK_SECONDS", 0.1)


@pytest.mark.usefixtures("quick_tries")
def test_a_command_that_did_not_run_is_published_again_under_another_id(core: Core) -> None:
    """Workers ignore an exec whose id they have answered, and start none that has expired."""
    log, user = log_of(core), new_user()
    call = command(user)
    core.begin(call)
    (first,) = log.wait_published(1)
    log.exited(user, first["event_id"], "rejected", retryable=True)
    _, second = log.wait_published(2)
    assert second["event_id"] != first["event_id"]
    assert second["requested_at"] > first["expires_at"]
    log.exited(user, first["event_id"], "rejected")  # once more
    log.exited(user, second["event_id"], "exited", exit_code=0)
    assert call.future.result(PATIENCE).exit_code == 0
    log.exited(user, second["event_id"], "exited", exit_code=1)
    assert call.future.result(0).exit_code == 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("reason", "fields"), [("exited", {"exit_code": 1, "started_at": "2026-11-24T12:00:00Z"}), ("lost", {})]
)
def test_a_command_that_ran_after_all_is_not_published_again(
    core: Core, reason: str, fields: dict[str, Any], stream: bool
) -> None:
    """A worker may die right after it has refused an exec, and its successor may start it."""
    log, user = log_of(core), new_user()
    call = command(user, stream=stream)
    core.begin(call)
    log.exited(user, call.id, "rejected", retryable=True)
    log.exited(user, call.id, reason, **fields, output_count=int(stream))
    core._in_flight._retry(call)  # as when its time has come
    assert call.is_over != stream, "its output is waited for"
    if stream:
        log.answer("output", user, exec_id=call.id, seq=0, stream="stdout", data="once")
    assert call.future.done()
    assert not isinstance(call.future.exception(0), CommandNotStartedError)
    log.wait_published(1)


@pytest.mark.usefixtures("quick_tries")
def test_a_second_attempt_is_killed_if_the_first_one_ran_after_all(core: Core) -> None:
    log, user = log_of(core), new_user()
    call = command(user)
    core.begin(call)
    log.exited(user, call.id, "rejected", retryable=True)
    first, second = log.wait_published(2)
    log.exited(user, first["event_id"], "exited", exit_code=3, started_at="2026-11-24T12:00:00Z")
    assert call.future.result(PATIENCE).exit_code == 3
    *_, signal = log.wait_published(3)
    assert (signal["exec_id"], signal["signal"]) == (second["event_id"], "KILL")


def test_an_expired_command_is_published_again_at_once(core: Core) -> None:
    """It has expired when it is published if the worker's clock is more than the first try ahead."""
    log, user = log_of(core), new_user()
    call = command(user)
    core.begin(call)
    (first,) = log.wait_published(1)
    log.exited(user, first["event_id"], "expired", retryable=True)
    _, second = log.wait_published(2)
    assert second["requested_at"] < first["expires_at"]
    log.exited(user, second["event_id"], "exited", exit_code=0)
    assert call.future.result(PATIENCE).exit_code == 0


def test_a_command_has_its_time_to_start_from_when_it_is_published_on(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Brokers may take a while to tell where to read from, or to accept a record."""
    monkeypatch.setattr(calls, "FIRST_TRY_SECONDS", 1.5)
    log, user = log_of(core), new_user()
    log.hold_seconds = 1.2
    late_hold = command(user)
    core.begin(late_hold)
    log.hold_seconds, log.is_full = 0.0, True
    late_record = command(user)
    core.begin(late_record)
    time.sleep(1.2)
    log.is_full = False
    for fields in log.wait_published(2):
        assert 1 < seconds_of(fields["expires_at"]) - seconds_of(fields["requested_at"]) < 2
    for call in (late_hold, late_record):
        log.exited(user, call.id, "exited", exit_code=0)


def seconds_of(time: str) -> float:
    return datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()


@pytest.mark.usefixtures("quick_tries")
def test_a_repeated_refusal_makes_one_more_try(core: Core) -> None:
    log, user = log_of(core), new_user()
    call = command(user)
    core.begin(call)
    (first,) = log.wait_published(1)
    for _ in range(5):
        log.exited(user, first["event_id"], "rejected", retryable=True)
    _, second = log.wait_published(2)
    time.sleep(0.2)  # time for retries that must not happen
    log.exited(user, second["event_id"], "exited", exit_code=0)
    assert call.future.result(PATIENCE).ok
    log.wait_published(2)


def test_close_ends_what_is_between_two_tries(core: Core) -> None:
    log, user = log_of(core), new_user()
    call = command(user)
    core.begin(call)
    log.exited(user, call.id, "rejected", retryable=True)
    core.close()
    assert isinstance(call.future.exception(PATIENCE), ClientClosedError)


@pytest.mark.parametrize("reason", ["lost", "sandbox_gone", "timeout", "failed", "of_the_future"])
def test_a_command_that_may_have_run_is_not_published_again(core: Core, reason: str) -> None:
    log, user = log_of(core), new_user()
    call = command(user)
    core.begin(call)
    (first,) = log.wait_published(1)
    log.exited(user, first["event_id"], reason)
    error: Any = call.future.exception(PATIENCE)
    assert error.reason == reason
    assert len(log.published) == 1


@pytest.mark.usefixtures("quick_tries")
def test_retries_end_with_the_deadline(core: Core) -> None:
    log, user = log_of(core), new_user()
    call = command(user)
    call.start_by = time.monotonic() + 3
    core.begin(call)
    count = 0
    while not call.is_over:
        if len(log.published) > count:
            if log.published[count][0] == "exec":
                log.exited(user, log.published[count][1]["event_id"], "expired", retryable=True)
            count += 1
        time.sleep(0.005)
    error = call.future.exception(PATIENCE)
    assert isinstance(error, CommandNotStartedError)
    assert error.retryable
    assert count > 1


@pytest.mark.usefixtures("quick_tries")
def test_a_command_whose_second_attempt_is_not_answered_may_have_run(core: Core) -> None:
    """A caller who was told that nothing ran would run it twice."""
    log, user = log_of(core), new_user()
    call = command(user)
    core.begin(call)
    (first,) = log.wait_published(1)
    log.exited(user, first["event_id"], "rejected", retryable=True)
    log.wait_published(2)
    core._in_flight._expire(call)  # as at its deadline
    assert isinstance(call.future.exception(0), NoAnswerError)
    _, second, signal = log.wait_published(3)
    assert (signal["exec_id"], signal["signal"]) == (second["event_id"], "KILL")


def test_a_command_with_input_on_its_way_is_not_published_again(core: Core) -> None:
    log, user = log_of(core), new_user()
    call = command(user)
    core.begin(call)
    log.wait_published(1)
    core.send_input(call, {"data": "lost with the first try"})
    log.exited(user, call.id, "rejected", retryable=True)
    assert isinstance(call.future.exception(PATIENCE), CommandNotStartedError)
    assert [kind for kind, _ in log.published] == ["exec", "input"]


class LockStandIn:
    """A lock that tells of each request for it, before the request is granted."""

    def __init__(self, lock: Any, asked: Callable[[], object]) -> None:
        self._lock = lock
        self._asked = asked

    def __enter__(self) -> None:
        self._asked()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class Repetition:
    """A command that was refused. ``run`` publishes it again, and acts once in the middle of that: when it asks
    for the lock, or while it has the lock.
    """

    def __init__(self, core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
        self.core = core
        self.log = log_of(core)
        user = new_user()
        self.call = command(user)
        core.begin(self.call)
        self.log.exited(user, self.call.id, "rejected", retryable=True)
        self.before_lock: Callable[[], object] | None = None
        self.with_lock: Callable[[], object] | None = None
        #: Set when another thread asks for the lock.
        self.is_awaited = threading.Event()
        self._thread = threading.current_thread()
        monkeypatch.setattr(core._in_flight, "lock", LockStandIn(core._in_flight.lock, self._asked))
        monkeypatch.setattr(requests, "new_id", self.new_id)

    def run(self) -> None:
        self.core._in_flight._retry(self.call)

    def _asked(self) -> None:
        if threading.current_thread() is not self._thread:
            self.is_awaited.set()
        elif self.before_lock is not None:
            act, self.before_lock = self.before_lock, None
            act()

    def new_id(self) -> str:
        if threading.current_thread() is self._thread and self.with_lock is not None:
            act, self.with_lock = self.with_lock, None
            act()
        return str(uuid.uuid4())

    def published(self, kind: str) -> list[dict[str, Any]]:
        return [fields for each, fields in self.log.published if each == kind]


def test_input_that_comes_just_before_a_command_is_repeated_prevents_that(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command would read its input without the beginning."""
    repetition = Repetition(core, monkeypatch)
    call = repetition.call
    repetition.before_lock = lambda: core.send_input(call, {"data": "beginning"})
    repetition.run()
    assert isinstance(call.future.exception(0), CommandNotStartedError)
    (exec_,), (input_,) = repetition.published("exec"), repetition.published("input")
    assert input_["exec_id"] == exec_["event_id"]


def test_input_that_comes_while_a_command_is_repeated_is_for_the_new_attempt(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    repetition = Repetition(core, monkeypatch)
    sent: list[Future[object]] = []

    def send() -> None:
        sent.append(outcome(lambda: core.send_input(repetition.call, {"data": "beginning"})))
        sent[0].add_done_callback(lambda _: repetition.is_awaited.set())  # or it is sent without the lock
        assert repetition.is_awaited.wait(PATIENCE)

    repetition.with_lock = send
    repetition.run()
    assert sent[0].exception(PATIENCE) is None
    (_, exec_), (input_,) = repetition.published("exec"), repetition.published("input")
    assert input_["exec_id"] == exec_["event_id"]


def test_a_command_that_is_left_just_before_it_is_repeated_does_not_run_unattended(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example, because a task is cancelled. The command would run until its time-out."""
    repetition = Repetition(core, monkeypatch)
    kills, is_repeated = threading.Event(), threading.Event()
    left: list[Future[object]] = []

    def new_id() -> str:
        if threading.current_thread() is not repetition._thread:
            kills.set()
            assert is_repeated.wait(PATIENCE)
        return repetition.new_id()

    def leave() -> None:
        left.append(outcome(lambda: core.abandon(repetition.call, ClientClosedError("left"))))
        assert kills.wait(PATIENCE)

    monkeypatch.setattr(requests, "new_id", new_id)
    repetition.before_lock = leave
    repetition.run()
    is_repeated.set()
    assert left[0].exception(PATIENCE) is None
    assert repetition.call.is_over
    (signal,) = repetition.published("input")
    assert signal["signal"] == "KILL"
    assert [exec_["event_id"] for exec_ in repetition.published("exec")] == [signal["exec_id"]]


def test_a_command_that_is_left_while_it_begins_is_not_published(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example, because a task is cancelled while brokers tell where to read from. Nobody would kill it."""
    log, call = log_of(core), command(new_user())
    fail = call.fail

    def begin_and_fail(error: BaseException) -> None:
        core.begin(call)
        fail(error)

    monkeypatch.setattr(call, "fail", begin_and_fail)
    core.abandon(call, ClientClosedError("left"))
    assert isinstance(call.future.exception(0), ClientClosedError)
    assert log.published == []
    assert core._in_flight._calls == {}


def test_an_ensure_is_repeated_and_a_late_answer_counts(core: Core) -> None:
    log, user = log_of(core), new_user()
    call = ensure_call(user, PATIENCE, None)
    core.begin(call)
    (first,) = log.wait_published(1)
    refusal = {"reason": "capacity", "message": "full", "retryable": True}
    log.answer("failed", user, ensure_id=first["event_id"], **refusal)
    log.wait_published(2)
    ready = json.loads((GOLDEN / "ready.json").read_bytes())
    log.answer("ready", user, **{**ready, "user_id": user, "ensure_id": first["event_id"]})
    assert call.future.result(PATIENCE).outcome == ready["outcome"]

    last = ensure_call(user, 2.0, None)
    core.begin(last)
    while not last.is_over:
        _, fields = log.published[-1]
        log.answer("failed", user, ensure_id=fields["event_id"], **refusal)
        time.sleep(0.01)
    error = last.future.exception(PATIENCE)
    assert isinstance(error, SandboxFailedError)
    assert (error.reason, error.retryable) == ("capacity", True)


def test_an_ensure_says_labels_end_and_profile_only_if_they_are_given(core: Core) -> None:
    log, user = log_of(core), new_user()
    ends_at = datetime(2026, 11, 24, 13, 5, tzinfo=timezone(timedelta(hours=1)))
    core.begin(ensure_call(user, PATIENCE, None, {"tenant": "acme", "empty": ""}, ends_at))
    core.begin(ensure_call(user, PATIENCE, 60, {}))
    core.begin(ensure_call(user, PATIENCE, None))
    core.begin(ensure_call(user, PATIENCE, None, profile="data-science", replace=True))
    both, no_labels, neither, profile = log.wait_published(4)
    assert both["labels"] == {"tenant": "acme", "empty": ""}
    assert both["ends_at"] == "2026-11-24T12:05:00.000Z"
    assert (no_labels["labels"], no_labels["idle_ttl_seconds"]) == ({}, 60)
    assert {"labels", "ends_at", "idle_ttl_seconds", "profile", "replace"}.isdisjoint(neither)
    assert (profile["profile"], profile["replace"]) == ("data-science", True)


def test_output_may_come_after_the_end(core: Core) -> None:
    log, user = log_of(core), new_user()
    call = command(user, stream=True)
    core.begin(call)
    log.exited(user, call.id, "exited", exit_code=0, output_count=2)
    for seq in (1, 0):
        assert not call.is_over
        log.answer("output", user, exec_id=call.id, seq=seq, stream="stdout", data=str(seq))
    result: Result = call.future.result(PATIENCE)
    assert (result.missing_outputs, call.drain()) == (0, (b"01", b""))


def test_short_output_that_nobody_takes_needs_little_memory(core: Core) -> None:
    """A command may write a byte at a time for an hour, and each chunk takes more than its bytes."""
    log, user = log_of(core), new_user()
    call = command(user, stream=True)
    core.begin(call)
    texts = ["1", "23", "é", "4" * 900]
    for seq, text in enumerate(texts):
        log.answer("output", user, exec_id=call.id, seq=seq, stream="stdout", data=text)
    log.answer("output", user, exec_id=call.id, seq=4, stream="stderr", data="E")
    log.answer("output", user, exec_id=call.id, seq=5, stream="stdout", data="5")
    log.exited(user, call.id, "exited", exit_code=0, output_count=6)
    call.future.result(PATIENCE)
    text = "".join(texts)
    chunks = [("stdout", text.encode(), text), ("stderr", b"E", "E"), ("stdout", b"5", "5")]
    assert [(it.stream, it.data, it.text) for it in iter(call.take, None)] == chunks

    many = deque[Chunk]()
    sequence = OutputSequence(1 << 20)
    for seq in range(100_000):
        append_output(many, sequence.accept(output(seq, b"x")))
    assert len(many) < 100
    assert b"".join(chunk.data for chunk in many) == b"x" * 100_000


def test_output_that_is_lost_is_an_error_with_what_is_left(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example, if a copy for a reply topic was dropped: nobody must take the rest for the whole output."""
    monkeypatch.setattr(inflight, "LATE_OUTPUT_SECONDS", 0.1)
    log, user = log_of(core), new_user()
    ends: list[dict[str, Any]] = [{"reason": "exited", "exit_code": 0}, {"reason": "signalled", "signal": 9}]
    for end in ends:
        call = command(user, stream=True)
        core.begin(call)
        log.answer("output", user, exec_id=call.id, seq=1, stream="stdout", data="rest")
        log.exited(user, call.id, **end, output_count=3)
        with pytest.raises(OutputLostError, match="2 records of output did not arrive") as lost:
            Run(core, call, None).result()
        assert (lost.value.reason, lost.value.retryable) == (end["reason"], False)
        assert (lost.value.result.stdout, lost.value.result.missing_outputs) == (b"rest", 2)
    call = command(user, stream=True)
    core.begin(call)
    log.exited(user, call.id, "timeout", output_count=3)
    with pytest.raises(CommandTimeoutError):
        Run(core, call, None).result()


def test_output_that_is_still_arriving_is_not_lost(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """Much output takes longer on a slow connection than one record may."""
    monkeypatch.setattr(inflight, "LATE_OUTPUT_SECONDS", 5.0)
    log, user = log_of(core), new_user()
    call = command(user, stream=True)
    core.begin(call)
    log.exited(user, call.id, "exited", exit_code=0, output_count=8)
    for seq in range(8):
        time.sleep(0.8)
        log.answer("output", user, exec_id=call.id, seq=seq, stream="stdout", data=f"{seq}")
    assert Run(core, call, None).result().stdout == b"01234567"


@pytest.mark.parametrize(
    "wait",
    [
        lambda core, call: Run(core, call, None).result(),
        lambda core, call: list(Run(core, call, None).stream()),
        lambda core, call: asyncio.run(AsyncRun(core, call, None).result()),
        lambda core, call: asyncio.run(anext(AsyncRun(core, call, None).stream())),  # type: ignore[arg-type]
    ],
)
def test_a_thread_that_hangs_keeps_nobody_far_beyond_the_deadline(
    core: Core, monkeypatch: pytest.MonkeyPatch, wait: Callable[[Core, ExecCall], object]
) -> None:
    """For example, in a callback of Kafka's client, which the reading thread calls."""
    monkeypatch.setattr(calls, "SLACK_SECONDS", 10.0)
    goes_on, hangs = threading.Event(), threading.Event()

    def poll(_: float) -> bool:
        hangs.set()
        goes_on.wait(60)
        return False

    monkeypatch.setattr(core.log, "poll", poll)
    assert hangs.wait(PATIENCE)
    call = command(new_user(), wait=0.2, stream=True)
    core.begin(call)
    try:
        before = time.monotonic()
        assert isinstance(outcome(lambda: wait(core, call)).exception(60), NoAnswerError)
        assert time.monotonic() - before < 18, "one patience, not two"
        assert [(kind, fields.get("signal")) for kind, fields in log_of(core).published] == [
            ("exec", None),
            ("input", "KILL"),
        ]
        assert log_of(core).published[1][1]["exec_id"] == call.id
    finally:
        goes_on.set()


@pytest.mark.parametrize("hold_seconds", [0.0, 0.1])
@pytest.mark.parametrize("stream", [False, True])
def test_a_call_that_has_ended_is_freed_without_the_collector(
    core: Core, stream: bool, hold_seconds: float
) -> None:
    """The call holds the command's input and output."""
    log, user = log_of(core), new_user()
    log.hold_seconds = hold_seconds
    gc.collect()
    gc.disable()
    try:
        call = command(user, stream=stream)
        core.begin(call)
        log.exited(user, call.id, "exited", exit_code=0)
        assert Run(core, call, None).result().ok
        gone = weakref.ref(call)
        del call
        deadline = time.monotonic() + 10  # the reading thread may have it for a moment
        while gone() is not None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert gone() is None
    finally:
        gc.enable()


def test_a_release_is_published_although_a_sandbox_ends_while_it_begins(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, user = log_of(core), new_user()

    def listen(_: str, kind: str, notice: Callable[[Any], None], __: float) -> Future[Listener]:
        listening: Future[Listener] = Future()

        def come() -> None:
            notice(SimpleNamespace(container_id="c"))
            if not listening.cancelled():
                listening.set_result(Listener(user.encode(), kind, notice))

        threading.Timer(0.2, come).start()
        return listening

    monkeypatch.setattr(core, "listen_soon", listen)
    sandbox_of(core, user).release(wait=5)
    log.wait_published(1)


def test_notices_come_once(core: Core) -> None:
    log, user = log_of(core), new_user()
    reaped = {**json.loads((GOLDEN / "reaped.json").read_bytes()), "user_id": user}
    seen: list[str] = []
    deadline = time.monotonic() + 1
    listening = core.listen_soon(user, "reaped", lambda event: seen.append(event.event_id), deadline)
    for event_id in ("a", "a", "b", "a"):
        log.answer("reaped", user, **{**reaped, "event_id": event_id})
    core.stop_listening(listening)
    log.answer("reaped", user, **{**reaped, "event_id": "c"})
    assert seen == ["a", "b"]


def test_a_thread_for_notices_that_can_not_be_started_once_is_started_by_the_next_notice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    dispatcher, seen = Dispatcher(), Queue[str]()
    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", start)
        with pytest.raises(RuntimeError):
            dispatcher.dispatch(seen.put, "dropped")
    dispatcher.dispatch(seen.put, "event")
    assert seen.get(timeout=PATIENCE) == "event"
    dispatcher.close()


def test_a_function_for_notices_that_ends_its_thread_ends_no_others(caplog: pytest.LogCaptureFixture) -> None:
    dispatcher, seen = Dispatcher(), Queue[str]()
    for function in (sys.exit, seen.put):
        dispatcher.dispatch(function, "event")
    assert seen.get(timeout=PATIENCE) == "event"
    assert "a function for notices failed" in caplog.text
    dispatcher.close()


@pytest.mark.parametrize("make", [command, lambda user: ensure_call(user, PATIENCE, None)], ids=["exec", "ensure"])
def test_a_request_that_may_have_been_stored_may_have_run(core: Core, make: Callable[[str], Any]) -> None:
    """A caller who was told that Kafka refused it would run the command twice."""
    log, call = log_of(core), make(new_user())
    log.delivery_error = NoAnswerError("no broker has acknowledged the record", "")
    core.begin(call)
    with pytest.raises(NoAnswerError, match="acknowledged") as missing:
        call.future.result(0)
    assert missing.value.request_id == call.id
    kills = [(kind, fields["exec_id"], fields["signal"]) for kind, fields in log.published[1:]]
    assert kills == ([("input", call.id, "KILL")] if call.kind == "exec" else [])


def test_a_request_that_kafka_refuses_is_an_error_of_the_log(core: Core) -> None:
    log, call = log_of(core), command(new_user())
    log.delivery_error = LogError("sandbox.exec: not authorized")
    core.begin(call)
    assert isinstance(call.future.exception(0), LogError)
    log.wait_published(1)


def test_what_is_refused_by_kafka_ends_the_waits(core: Core) -> None:
    waiting: list[Any] = [command(new_user()), ensure_call(new_user(), PATIENCE, None)]
    for call in waiting:
        core.begin(call)
    core.refused(LogError("a topic can't be read"), set(RESULTS))
    assert all(isinstance(call.future.exception(PATIENCE), LogError) for call in waiting)


def test_a_topic_that_may_not_be_read_ends_only_the_waits_for_its_records(core: Core) -> None:
    """For example, commands continue although a subscription to ends of sandboxes is refused."""
    run, ensure = command(new_user()), ensure_call(new_user(), PATIENCE, None)
    core.begin(run)
    core.begin(ensure)
    core.refused(LogError("sandbox.reaped can't be read"), {"reaped"})
    assert not run.is_over
    core.refused(LogError("sandbox.exited can't be read"), {"exited"})
    assert isinstance(run.future.exception(0), LogError)
    assert not ensure.is_over
    ensure.fail(ClientClosedError("the end of the test"))


def test_a_command_whose_answer_may_not_be_read_any_more_is_killed(core: Core) -> None:
    """Nobody waits for it, and a caller who repeats it would have it run twice at a time."""
    log, user = log_of(core), new_user()
    call = command(user, stream=True)
    with pytest.raises(LogError), Run(core, call, None) as run:
        run.begin()
        core.refused(LogError("sandbox.output can't be read"), {"output"})
        run.result()
    _, signal = log.wait_published(2)
    assert (signal["exec_id"], signal["signal"]) == (call.id, "KILL")


def test_a_refusal_to_show_output_does_no_harm_to_a_command_that_has_ended(core: Core) -> None:
    """Its result is known, and the rest of its output may have been read already."""
    log, user = log_of(core), new_user()
    call = command(user, stream=True)
    core.begin(call)
    log.exited(user, call.id, "exited", exit_code=3, output_count=1)
    core.refused(LogError("sandbox.output can't be read"), {"output"})
    log.answer("output", user, exec_id=call.id, seq=0, stream="stdout", data="all")
    result = Run(core, call, None).result()
    assert (result.exit_code, result.stdout) == (3, b"all")
    log.wait_published(1)


def outcome(act: Callable[[], object]) -> Future[object]:
    """Returns the outcome of a call that may never end if there is an error."""
    future: Future[object] = Future()

    def run() -> None:
        try:
            future.set_result(act())
        except BaseException as e:  # noqa: BLE001
            future.set_exception(e)

    threading.Thread(target=run, daemon=True).start()
    return future


def test_a_full_queue_of_records_delays_input_until_the_deadline(core: Core) -> None:
    log, call = log_of(core), command(new_user(), wait=0.5)
    core.begin(call)
    log.is_full = True
    run = Run(core, call, None)
    assert isinstance(outcome(lambda: run.write("x")).exception(10), NoAnswerError)


def test_input_for_a_command_that_has_ended_does_not_wait_for_the_queue(core: Core) -> None:
    log, user = log_of(core), new_user()
    call = command(user)
    core.begin(call)
    log.is_full = True
    run = Run(core, call, None)
    written = outcome(lambda: run.write("x"))
    log.exited(user, call.id, "exited", exit_code=0)
    assert written.exception(10) is None
    assert run.result().ok


async def test_asyncio_input_for_a_command_that_has_ended_does_not_wait_either(core: Core) -> None:
    log, user = log_of(core), new_user()
    call = command(user)
    core.begin(call)
    log.is_full = True
    written = asyncio.create_task(AsyncRun(core, call, None).write("x"))
    await asyncio.sleep(0)
    log.exited(user, call.id, "exited", exit_code=0)
    await asyncio.wait_for(written, 10)


async def test_a_call_whose_task_was_cancelled_goes_on_and_its_error_is_not_logged(core: Core) -> None:
    """From Python 3.14 on, asyncio logs the error of a future that was shielded for a cancelled task."""
    logged: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: logged.append(context))
    log, call = log_of(core), command(new_user())
    core.begin(call)
    run = AsyncRun(core, call, None)
    task = asyncio.create_task(run.result())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not call.is_over
    log.exited(call.user, call.id, "lost")
    assert isinstance(call.future.exception(0), CommandLostError)
    await asyncio.sleep(0.01)  # for the callback in the loop
    del task, run, call
    gc.collect()
    assert logged == []


def sandbox_of(core: Core, user: str) -> Sandbox:
    nothing: Any = None
    return Sandbox(core, nothing, user, nothing)


@pytest.fixture(params=["threads", "asyncio"])
def run_with_input(request: pytest.FixtureRequest, core: Core) -> Callable[..., Future[object]]:
    """Runs a command with each client. Its input is one record, which no broker stores."""
    log_of(core).stores_input = False
    content = b"x" * (requests.MAX_INLINE_INPUT + 1)

    def run(user: str, wait: float | None = None) -> object:
        sandbox = sandbox_of(core, user)
        if request.param == "threads":
            return sandbox.run("true", stdin=content, wait=wait)
        return asyncio.run(AsyncSandbox(sandbox).run("true", stdin=content, wait=wait))

    return lambda *arguments: outcome(lambda: run(*arguments))


def test_a_command_that_has_ended_does_not_wait_until_its_input_is_stored(
    core: Core, run_with_input: Callable[..., Future[object]]
) -> None:
    """For example, while the partition of the input has no leader."""
    log, user = log_of(core), new_user()
    ran = run_with_input(user)
    exec_, _ = log.wait_published(2)
    log.exited(user, exec_["event_id"], "exited", exit_code=0)
    result: Any = ran.result(PATIENCE)
    assert result.ok


def test_input_that_is_not_stored_keeps_nobody_beyond_the_deadline(
    run_with_input: Callable[..., Future[object]],
) -> None:
    """The error is that of the command, not one of its input that comes half a minute later."""
    error = run_with_input(new_user(), 0.5).exception(PATIENCE)
    assert isinstance(error, NoAnswerError)
    assert "no answer to " in str(error)


@pytest.mark.parametrize(
    "begin",
    [
        lambda core, call: Run(core, call, None).begin(),
        lambda core, call: asyncio.run(AsyncRun(core, call, None).begin()),
    ],
)
def test_the_input_of_a_command_that_has_ended_gets_no_end(
    core: Core, begin: Callable[[Core, ExecCall], None]
) -> None:
    log, user = log_of(core), new_user()
    log.stores_input = False
    call = command(user)
    call.long_input = b"more than fits into the exec"
    begun = outcome(lambda: begin(core, call))
    log.wait_published(2)
    log.exited(user, call.id, "exited", exit_code=0)
    begun.result(PATIENCE)
    log.wait_published(2)


async def test_asyncio_input_ends_with_its_command(core: Core) -> None:
    """Its other pieces would all wait for slow brokers."""
    log, user = log_of(core), new_user()
    log.stores_input = False
    call = command(user)
    core.begin(call)
    written = asyncio.create_task(AsyncRun(core, call, None).write(b"x" * (3 * INPUT_PIECE)))
    await asyncio.to_thread(log.wait_published, 2)
    log.exited(user, call.id, "exited", exit_code=0)
    await asyncio.wait_for(written, PATIENCE)
    log.wait_published(2)


async def test_asyncio_calls_are_published_while_releases_have_all_threads(core: Core) -> None:
    log, ready = log_of(core), json.loads((GOLDEN / "ready.json").read_bytes())
    users = [new_user() for _ in range(8)]
    releases = [asyncio.create_task(AsyncSandbox(sandbox_of(core, u)).release(wait=600)) for u in users]
    user = new_user()
    ensure = asyncio.create_task(AsyncSandbox(sandbox_of(core, user)).ensure(wait=PATIENCE))
    await asyncio.to_thread(log.wait_published, 9)
    (request,) = [fields for kind, fields in log.published if kind == "ensure"]
    log.answer("ready", user, **{**ready, "user_id": user, "ensure_id": request["event_id"]})
    assert (await ensure).outcome == ready["outcome"]
    await asyncio.to_thread(core.close)
    ends = await asyncio.wait_for(asyncio.gather(*releases, return_exceptions=True), PATIENCE)
    assert {type(end) for end in ends} == {ClientClosedError}


async def read_all(core: Core, users: Iterable[str]) -> list[asyncio.Task[bytes]]:
    """Begins to read a file of each user; nobody answers."""
    return [asyncio.create_task(AsyncSandbox(sandbox_of(core, user)).files.read("a")) for user in users]


async def end_all(tasks: Iterable[asyncio.Task[bytes]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_user_whose_file_operations_hang_leaves_threads_to_others(core: Core) -> None:
    """For example, because the user's code stops each command in the sandbox."""
    log, user, other = log_of(core), new_user(), new_user()
    hang = await read_all(core, [user] * 20)
    first, second = await asyncio.to_thread(log.wait_published, 2)
    (read,) = await read_all(core, [other])
    *_, exec_ = await asyncio.to_thread(log.wait_published, 3)
    assert (first["user_id"], second["user_id"], exec_["user_id"]) == (user, user, other)
    log.exited(other, exec_["event_id"], "exited", exit_code=0, stdout="content")
    assert await asyncio.wait_for(read, PATIENCE) == b"content"
    log.exited(user, first["event_id"], "exited", exit_code=0, stdout="mine")
    *_, next_one = await asyncio.to_thread(log.wait_published, 4)
    assert next_one["user_id"] == user, "the user's others have their turn"
    await end_all(hang)


async def test_a_file_operation_waits_for_a_thread_until_a_deadline(core: Core) -> None:
    log, users = log_of(core), [new_user() for _ in range(4)]
    hang = await read_all(core, [*users, *users])
    await asyncio.to_thread(log.wait_published, 8)
    for user in (new_user(), users[0]):
        read = asyncio.create_task(AsyncSandbox(sandbox_of(core, user)).files.read("a", timeout=0.3))
        with pytest.raises(NoAnswerError, match="no thread of this client was free in time; nothing was published"):
            await asyncio.wait_for(read, PATIENCE)
    log.wait_published(8)
    await end_all(hang)


async def test_jobs_that_wait_for_their_turn_end_with_the_client(core: Core) -> None:
    log = log_of(core)
    reads = await read_all(core, [new_user()] * 20)
    await asyncio.to_thread(log.wait_published, 2)
    await asyncio.to_thread(core.close)
    ends = await asyncio.wait_for(asyncio.gather(*reads, return_exceptions=True), PATIENCE)
    assert {type(end) for end in ends} == {ClientClosedError}


def test_a_user_has_as_many_threads_as_before_when_jobs_were_cancelled_or_failed() -> None:
    workers, goes_on = Workers(8, 2), threading.Event()
    for _ in range(3):
        jobs = [workers.submit("user", lambda: goes_on.wait(PATIENCE) and 1 / 0) for _ in range(6)]
        other = workers.submit("other", lambda: "done")
        assert other.result(PATIENCE) == "done"
        assert [job.cancel() for job in jobs[2:5]] == [True] * 3
        assert not jobs[5].running()
        goes_on.set()
        for job in (*jobs[:2], jobs[5]):
            assert isinstance(job.exception(PATIENCE), ZeroDivisionError)
        goes_on.clear()
    deadline = time.monotonic() + PATIENCE
    while workers._users and time.monotonic() < deadline:
        time.sleep(0.005)
    assert (workers._users, workers._jobs) == ({}, set())
    workers.close()


@pytest.mark.parametrize(
    ("act", "streams"),
    [
        (lambda files: files.list(), True),
        (lambda files: files.read("a"), True),
        (lambda files: files.read_into("a", io.BytesIO()), True),
        (lambda files: files.write("a", io.BytesIO(b"new")), True),
        (lambda files: files.write("a", b"new"), False),
        (lambda files: files.remove("a"), False),
    ],
    ids=["list", "read", "read_into", "write-file", "write", "remove"],
)
async def test_a_file_operation_waits_in_no_thread_until_output_can_be_read(
    core: Core, monkeypatch: pytest.MonkeyPatch, act: Callable[[AsyncFiles], Any], streams: bool
) -> None:
    """For example, because the partition of its output has no leader."""
    log = log_of(core)
    hold = log.hold

    def hold_all_but_output(key: bytes, kinds: Iterable[str], deadline: float) -> Future[None]:
        return Future() if "output" in kinds else hold(key, kinds, deadline)

    monkeypatch.setattr(log, "hold", hold_all_but_output)
    task = asyncio.create_task(act(AsyncSandbox(sandbox_of(core, new_user())).files))
    deadline = time.monotonic() + (0.3 if streams else PATIENCE)
    while not core._workers._jobs and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    assert len(core._workers._jobs) == (0 if streams else 1)
    await end_all([task])


async def test_a_file_operation_that_is_cancelled_is_killed(core: Core) -> None:
    log = log_of(core)
    files = AsyncSandbox(sandbox_of(core, new_user())).files
    task = asyncio.create_task(files.write("a", b"new"))
    await asyncio.to_thread(log.wait_published, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    exec_, signal, removal = log.wait_published(3)
    assert (signal["exec_id"], signal["signal"]) == (exec_["event_id"], "KILL")
    assert removal["command"][-1] in exec_["command"]


@pytest.mark.parametrize("turns", range(1, 6))
async def test_a_subscription_that_is_cancelled_while_it_begins_listens_to_nothing(
    core: Core, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """Also if it has begun, and its task does not know yet. Before Python 3.12, wait_for ignored that case."""
    log, held = log_of(core), Future[None]()
    hold = log.hold
    monkeypatch.setattr(log, "hold", lambda *of: (hold(*of), held)[1])
    task = asyncio.create_task(AsyncSandbox(sandbox_of(core, new_user())).on_reaped(print))
    await asyncio.sleep(0)
    held.set_result(None)
    for _ in range(turns):
        if not task.done():
            await asyncio.sleep(0)
    if task.done():
        (await task).close()
    else:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert core._listeners._listeners == {}


@pytest.mark.parametrize(
    ("act", "tries"),
    [
        (lambda files: files.read("a"), 3),
        (lambda files: files.list(), 3),
        (lambda files: files.write("a", b"new"), 3),
        (lambda files: files.write("a", b"x" * 1_000_000), 1),
        (lambda files: files.remove("a"), 1),
    ],
)
def test_what_may_be_done_twice_with_files_is_repeated(
    core: Core, act: Callable[[Files], object], tries: int
) -> None:
    log, user = log_of(core), new_user()
    done = outcome(lambda: act(sandbox_of(core, user).files))

    def execs() -> list[dict[str, Any]]:
        """Returns all but those that remove a temporary file."""
        return [fields for kind, fields in log.published if kind == "exec" and fields.get("ensure", True)]

    for number, reason in enumerate(["lost", "sandbox_gone", "lost"][:tries]):
        deadline = time.monotonic() + PATIENCE
        while len(execs()) <= number and time.monotonic() < deadline:
            time.sleep(0.005)
        log.exited(user, execs()[number]["event_id"], reason)
    assert isinstance(done.exception(PATIENCE), CommandLostError)
    assert len(execs()) == tries
    assert len({each["event_id"] for each in execs()}) == tries


@pytest.mark.parametrize("error", [OSError("can't be read"), FileError("of another user", "can't be read")])
def test_a_write_that_is_killed_leaves_no_temporary_file(
    core: Core, tmp_path: Path, error: Exception
) -> None:
    """Here, because its content can't be read to the end."""
    log = log_of(core)

    def read(size: int) -> bytes:
        ((_, write),) = log.published
        with subprocess.Popen(write["command"], stdin=subprocess.PIPE) as it:
            deadline = time.monotonic() + PATIENCE
            while not os.listdir(tmp_path) and time.monotonic() < deadline:
                time.sleep(0.005)
            it.kill()
        raise error

    content: Any = SimpleNamespace(read=read)
    with pytest.raises(type(error), match="can't be read"):
        sandbox_of(core, new_user()).files.write(f"{tmp_path}/a", content)
    assert len(os.listdir(tmp_path)) == 1
    _, signal, removal = log.wait_published(3)
    assert signal["signal"] == "KILL"
    assert not removal["ensure"], "no sandbox is made for that"
    assert removal["timeout_seconds"] <= 10
    subprocess.run(removal["command"], check=True, timeout=PATIENCE)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("reason", "commands"), [("timeout", ["rm"]), ("exited", []), ("failed", [])])
def test_only_a_write_that_was_killed_is_followed_by_a_removal(
    core: Core, reason: str, commands: list[str]
) -> None:
    """Another one has removed its temporary file, or has not begun."""
    log, user = log_of(core), new_user()
    done = outcome(lambda: sandbox_of(core, user).files.write("a", b"new"))
    (write,) = log.wait_published(1)
    log.exited(user, write["event_id"], reason, exit_code=1)
    assert isinstance(done.exception(PATIENCE), SandboxError)
    assert [fields["command"][0] for _, fields in log.published[1:]] == commands


def files_of_this_machine(lost_bytes: int = 0, lost_answers: int = 0) -> Files:
    """Runs the commands on this machine. Of each standard input, the last bytes do not arrive."""
    left = [lost_answers]

    def run(*command: str, stdin: bytes | None, **_: object) -> Any:
        content = (stdin or b"")[: len(stdin or b"") - lost_bytes]
        it = subprocess.run(command, input=content, capture_output=True, check=False, timeout=PATIENCE)
        is_ok, message = it.returncode == 0, it.stderr.decode()
        if content == b"" and left[0] > 0:
            left[0] -= 1
            raise CommandLostError("lost", "", False, nothing)
        return SimpleNamespace(
            ok=is_ok, exit_code=it.returncode, stdout=it.stdout, error_text=message, truncated=False
        )

    def start(*command: str, **_: object) -> Any:
        content = bytearray()

        def write_from(pieces: Iterable[bytes]) -> int:
            content.extend(b"".join(pieces))
            return len(content)

        it = SimpleNamespace(
            write_from=write_from, close_stdin=lambda: None, result=lambda: run(*command, stdin=bytes(content))
        )
        return contextlib.nullcontext(it)

    def run_unattended(*command: str) -> None:
        subprocess.run(command, check=True, timeout=PATIENCE)

    nothing: Any = None
    core = SimpleNamespace(repeats=True)
    machine: Any = SimpleNamespace(run=run, start=start, run_unattended=run_unattended, core=core)
    return Files(machine)


CONTENTS: list[Callable[[bytes], Any]] = [lambda content: content, io.BytesIO]


@pytest.mark.parametrize("content", CONTENTS, ids=["memory", "file"])
def test_a_file_of_which_a_part_is_lost_does_not_replace_the_old_one(
    tmp_path: Path, content: Callable[[bytes], Any]
) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(FileError, match="not all of it arrived"):
        files_of_this_machine(lost_bytes=1).write(f"{tmp_path}/a", content(b"new content"))
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_binary_file_is_written_although_the_answer_to_its_renaming_is_lost(tmp_path: Path) -> None:
    content = os.urandom(1_300_000)
    files = files_of_this_machine(lost_answers=1)
    assert files.write(f"{tmp_path}/new/a", io.BytesIO(content), mode=0o600) == len(content)
    assert (tmp_path / "new" / "a").read_bytes() == content
    assert stat.S_IMODE((tmp_path / "new" / "a").stat().st_mode) == 0o600
    assert os.listdir(tmp_path / "new") == ["a"]


def test_a_command_that_ends_before_it_has_read_all_renames_nothing(core: Core) -> None:
    log, user = log_of(core), new_user()

    def read(size: int) -> bytes:
        log.exited(user, log.published[0][1]["event_id"], "exited", exit_code=0)
        return b"x" * size

    content: Any = SimpleNamespace(read=read)
    written = outcome(lambda: sandbox_of(core, user).files.write("a", content))
    with pytest.raises(FileError, match="ended before all of it was sent"):
        written.result(PATIENCE)
    assert [fields["command"][0] for kind, fields in log.published if kind == "exec"] == ["bash", "rm"]


@pytest.mark.parametrize("name", ["fifo", "link", "/dev/zero"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, name: str) -> None:
    """To open a FIFO takes until somebody writes to it, and to read a device may take forever."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    with pytest.raises(FileError, match="is not a regular file"):
        files_of_this_machine().read(str(tmp_path / name), max_bytes=1000)


def test_a_file_is_written_whatever_its_name_and_nothing_else_is_left(tmp_path: Path) -> None:
    files = files_of_this_machine()
    for name, mode in (("-n", 0o644), ("$(exit 1)", 0o600), ("line\nbreak\n", 0o444)):
        for content in (b"first", b""):
            assert files.write(f"{tmp_path}/new/{name}", content, mode=mode) == len(content)
            assert (tmp_path / "new" / name).read_bytes() == content
        assert stat.S_IMODE((tmp_path / "new" / name).stat().st_mode) == mode
    with pytest.raises(FileError, match="is a directory"):
        files.write(f"{tmp_path}/new", b"content")
    assert (os.listdir(tmp_path), len(os.listdir(tmp_path / "new"))) == (["new"], 3)
    (tmp_path / "link").symlink_to("real\n")
    files.write(f"{tmp_path}/link", b"content")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real\n").read_bytes() == b"content"


def test_a_file_is_read_whatever_its_name_and_a_link_is_followed(tmp_path: Path) -> None:
    files = files_of_this_machine()
    content = bytes(range(256)) * 1000  # two pieces
    for name in ("-n", "if=x", "$(exit 1)", "line\nbreak\n"):
        (tmp_path / name).write_bytes(content)
        assert files.read(f"{tmp_path}/{name}") == content
    (tmp_path / "link").symlink_to("-n")
    assert files.read(f"{tmp_path}/link") == content
    assert files.read("/proc/self/status").startswith(b"Name:")
    with pytest.raises(FileError, match="no such file"):
        files.read(f"{tmp_path}/missing")
    with pytest.raises(FileError, match="(?i)is a directory"):
        files.read(str(tmp_path))


@pytest.mark.parametrize("path", ["/", "//", "/workspace", "//workspace", "//workspace/.", ".", "a/.."])
def test_the_workspace_is_not_removed(path: str) -> None:
    nothing: Any = None
    with pytest.raises(InvalidRequestError, match="is the workspace"):
        Files(nothing).remove(path, recursive=True)


def test_the_reason_of_a_failure_is_the_type_of_the_error(tmp_path: Path) -> None:
    """In whichever language the sandbox's programs speak, and whatever the names of files."""
    files, file = files_of_this_machine(), tmp_path / "file"
    file.write_bytes(b"x")
    acts: list[tuple[type[FileError], type[OSError], Callable[[], object]]] = [
        (NotFoundError, FileNotFoundError, lambda: files.read(f"{tmp_path}/x: Permission denied")),
        (NotFoundError, FileNotFoundError, lambda: files.list(f"{tmp_path}/nowhere")),
        (NotFoundError, FileNotFoundError, lambda: files.remove(f"{tmp_path}/nowhere")),
        (IsDirectoryError, IsADirectoryError, lambda: files.read(str(tmp_path))),
        (IsDirectoryError, IsADirectoryError, lambda: files.write(str(tmp_path), b"x")),
        (IsDirectoryError, IsADirectoryError, lambda: files.write(str(tmp_path), io.BytesIO(b"x"))),
        (IsDirectoryError, IsADirectoryError, lambda: files.remove(str(tmp_path))),
        (NotDirectoryError, NotADirectoryError, lambda: files.list(str(file))),
        (NotDirectoryError, NotADirectoryError, lambda: files.read(f"{file}/x")),
        (NotDirectoryError, NotADirectoryError, lambda: files.write(f"{file}/x", b"x")),
        (NotDirectoryError, NotADirectoryError, lambda: files.write(f"{file}/x/y", b"x")),
        (NotPermittedError, PermissionError, lambda: files.write("/sys/x", b"x")),  # even for root
    ]
    for kind, builtin, act in acts:
        with pytest.raises(kind, match="^could not (read|write|list|remove) '/.*': .*; ") as e:
            act()
        assert isinstance(e.value, builtin)
        assert e.value.path in str(e.value)
        assert not re.search("dd:|line [0-9]|zcbot-write", str(e.value))
    files.remove(f"{tmp_path}/nowhere", missing_ok=True)
    files.remove(str(tmp_path), recursive=True)


def test_a_full_disk_is_an_error_of_its_own(core: Core) -> None:
    log, user = log_of(core), new_user()
    done = outcome(lambda: sandbox_of(core, user).files.write("a", b"new"))
    (write,) = log.wait_published(1)
    arguments = ["bash", "-c", files_module._WRITE, "write", "/dev/a", "/dev", "/dev/full"]
    it = subprocess.run(arguments, input=b"new", check=False, capture_output=True, timeout=PATIENCE)
    log.exited(user, write["event_id"], "exited", exit_code=it.returncode)
    assert isinstance(done.exception(PATIENCE), NoSpaceError)


@pytest.mark.parametrize("act", [
    lambda files: files.read("a", timeout=0.3),
    lambda files: files.list(timeout=0.3),
    lambda files: files.write("a", b"x", timeout=0.3),
    lambda files: files.write("a", io.BytesIO(b"x"), timeout=0.3),
    lambda files: files.remove("a", timeout=0.3),
])
def test_an_operation_with_files_keeps_to_its_time(core: Core, act: Callable[[Files], object]) -> None:
    before = time.monotonic()
    done = outcome(lambda: act(sandbox_of(core, new_user()).files))
    assert isinstance(done.exception(PATIENCE), NoAnswerError)
    assert time.monotonic() - before < 10
    assert log_of(core).published[1][1].get("signal", "KILL") == "KILL"


def test_output_that_is_cut_is_no_text() -> None:
    golden = json.loads((GOLDEN / "exited.json").read_bytes())
    exited = events.decode_exited(GOLDEN_USER, json.dumps(golden).encode())
    assert exited is not None
    cut = result_of(exited, b"some", b"err", truncated=True, missing=0)
    with pytest.raises(OutputTruncatedError, match="7 bytes are left.*max_output_bytes") as e:
        _ = cut.text
    assert e.value.result is cut
    assert (cut.stdout, cut.error_text) == (b"some", "err")
    assert result_of(exited, b"some", b"err", truncated=False, missing=0).text == "some"


def test_a_list_as_the_command_is_told_how_to_be_passed() -> None:
    arguments: Any = ["ls", "-l"]
    with pytest.raises(InvalidRequestError, match=r"run\(\*args\)"):
        nobody().run(arguments)


def test_standard_input_that_stays_open_is_for_a_started_command() -> None:
    stays_open: Any = True
    with pytest.raises(InvalidRequestError, match=r"start\(\)"):
        nobody().run("cat", stdin=stays_open)
    with pytest.raises(InvalidRequestError, match="terminal"):
        nobody().start("cat", stdin="x", tty=(80, 24))


def test_users_who_have_other_ids_get_a_uuid() -> None:
    """As in the Java client; the first is the example of RFC 9562, appendix A.4."""
    namespace = uuid.UUID("7c9e6679-7425-40de-944b-e07fc1f90ae7")
    assert user_id(uuid.NAMESPACE_DNS, "www.example.com") == "2ed6657d-e927-568b-95e1-2665a8aea6a2"
    assert user_id(namespace, "42") == "808159be-e307-5100-a2cb-c90f16aa6c3c"
    assert user_id(namespace, "zoë@example.com 🦊") == "98b1b6f5-1931-57cc-8aa5-f2dd9d9b9f89"
    for name in ("", "\ud800", 7):
        with pytest.raises(InvalidRequestError):
            user_id(namespace, name)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError):
        user_id("7c9e6679-7425-40de-944b-e07fc1f90ae7", "42")  # type: ignore[arg-type]


def execs_of(log: LogStandIn) -> list[dict[str, Any]]:
    return [fields for kind, fields in log.published if kind == "exec"]


async def test_commands_beyond_what_workers_take_wait_in_the_client(core: Core) -> None:
    log, user = log_of(core), new_user()
    sandbox = AsyncSandbox(sandbox_of(core, user))
    runs = [asyncio.create_task(sandbox.run("true")) for _ in range(200)]
    other = asyncio.create_task(AsyncSandbox(sandbox_of(core, new_user())).run("true"))
    ended = 0
    while ended < 200:
        await asyncio.sleep(0.01)
        mine = [fields for fields in execs_of(log) if fields["user_id"] == user]
        assert len(mine) - ended <= 64
        for fields in mine[ended:]:
            log.exited(user, fields["event_id"], "exited", exit_code=0)
        ended = len(mine)
    assert all(result.ok for result in await asyncio.wait_for(asyncio.gather(*runs), PATIENCE))
    assert len({fields["event_id"] for fields in execs_of(log)}) == 201, "none was refused, or delayed the other user"
    other.cancel()
    assert core._in_flight._turns.waiting() == []


async def test_too_many_waiting_commands_are_refused_and_those_that_wait_end_in_time(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "COMMANDS_OF_USER", 2)
    monkeypatch.setattr(turns, "WAITING_OF_USER", 3)
    log, user = log_of(core), new_user()
    sandbox = AsyncSandbox(sandbox_of(core, user))
    runs = [asyncio.create_task(sandbox.run("true", wait=wait)) for wait in (60, 60, 0.3, 0.3, 60, 60)]
    with pytest.raises(ClientOverloadedError, match="3 commands of the user wait"):
        await asyncio.wait_for(runs[5], PATIENCE)
    for late in runs[2:4]:
        with pytest.raises(ClientOverloadedError, match="run fewer at a time"):
            await asyncio.wait_for(late, PATIENCE)
    assert len(execs_of(log)) == 2
    runs[0].cancel()  # its turn is that of the one that still waits
    await asyncio.to_thread(log.wait_published, 4)  # a kill as well
    assert len(execs_of(log)) == 3
    await asyncio.to_thread(core.close)
    assert isinstance(await asyncio.wait_for(asyncio.gather(runs[4], return_exceptions=True), PATIENCE), list)


def test_the_first_repeat_is_logged_and_repeats_can_be_turned_off(
    core: Core, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(calls, "FIRST_TRY_SECONDS", 0.01)
    monkeypatch.setattr(calls, "CLOCK_SECONDS", 0.0)
    log, user = log_of(core), new_user()
    runs = [outcome(lambda: sandbox_of(core, user).run("true")) for _ in range(2)]
    first = log.wait_published(2)
    for fields in first:
        log.exited(user, fields["event_id"], "rejected", retryable=True)
    for fields in log.wait_published(4)[2:]:
        log.exited(user, fields["event_id"], "exited", exit_code=0)
    assert all(run.result(PATIENCE) for run in runs)
    assert caplog.text.count("is repeated (rejected") == 1

    core._in_flight._repeats = False
    run = outcome(lambda: sandbox_of(core, user).run("true"))
    *_, fields = log.wait_published(5)
    log.exited(user, fields["event_id"], "rejected", retryable=True)
    error = run.exception(PATIENCE)
    assert isinstance(error, CommandNotStartedError)
    assert error.retryable
    ensure = outcome(lambda: sandbox_of(core, user).ensure())
    *_, fields = log.wait_published(6)
    log.take("failed", user.encode(), json.dumps({
        "event_id": "f", "user_id": user, "ensure_id": fields["event_id"], "reason": "capacity", "retryable": True,
    }).encode())
    assert isinstance(ensure.exception(PATIENCE), SandboxFailedError)


@pytest.mark.parametrize(("container", "is_soon"), [("", True), ("c1", False), (None, False)])
def test_a_release_of_a_user_without_a_sandbox_ends_soon(core: Core, container: str | None, is_soon: bool) -> None:
    log_of(core).container = container
    before = time.monotonic()
    wait = 30.0 if is_soon else 4.0
    assert outcome(lambda: sandbox_of(core, new_user()).release(wait=wait)).result(PATIENCE) is None
    assert (time.monotonic() - before < 3.5) == is_soon


def files_whose_listing_is(listing: bytes) -> Files:
    result = SimpleNamespace(ok=True, stdout=listing, truncated=False)
    machine: Any = SimpleNamespace(run=lambda *_, **__: result, core=SimpleNamespace(repeats=True))
    return Files(machine)


@pytest.mark.parametrize(
    ("listing", "message", "most_bytes"),
    [
        (lambda size: bytes(size), "not a listing", 1 << 20),
        (lambda size: b"f 0 0 " + b"a" * (size - 7) + b"\0", "not a listing", 1 << 20),
        (lambda size: b"f 0 0 a\0" * (size // 8), "more than 100000 entries", 64 << 20),
    ],
    ids=["empty", "long", "short"],
)
def test_a_listing_that_the_sandbox_makes_up_takes_little_memory(
    listing: Callable[[int], bytes], message: str, most_bytes: int
) -> None:
    """Code in the sandbox can write to the standard output of ``find``."""
    files = files_whose_listing_is(listing(requests.MAX_OUTPUT_BYTES))
    tracemalloc.start()
    try:
        with pytest.raises(FileError, match=message):
            files.list("a")
        assert tracemalloc.get_traced_memory()[1] < most_bytes
    finally:
        tracemalloc.stop()


def test_entries_are_listed_up_to_the_bound_and_by_name() -> None:
    names = [str(number) for number in range(100_000)]
    listing = b"".join(b"f 1 2.5 %b\0" % name.encode() for name in names)
    assert [entry.name for entry in files_whose_listing_is(listing).list("a")] == sorted(names)
    (entry,) = files_whose_listing_is(b"d 4096 1.5 a b \xff\0").list("a")
    assert (entry.kind, entry.size, entry.name) == ("directory", 4096, "a b \udcff")
    assert entry.modified.timestamp() == 1.5
    assert files_whose_listing_is(b"").list("a") == []
    for cut in (b"f 0 0 a\0f 0 0 b", b"f 0 nan a\0", b"f 0 0\0"):
        with pytest.raises(FileError, match="not a listing"):
            files_whose_listing_is(cut).list("a")


@pytest.mark.parametrize("entry", [b"f 0 0 ../x", b"f 0 0 /x", b"d 0 0 .", b"d 0 0 ..", b"f 0 0 ", b"f -1 0 a"])
def test_a_listing_has_no_path_out_of_its_directory(entry: bytes) -> None:
    """An agent service may use the names for files of its own."""
    with pytest.raises(FileError, match="not a listing"):
        files_whose_listing_is(entry + b"\0").list("a")


def test_a_release_that_the_queue_does_not_take_ends_with_its_time(core: Core) -> None:
    log = log_of(core)
    log.is_full = True
    sandbox = sandbox_of(core, new_user())
    assert isinstance(outcome(lambda: sandbox.release(wait=0.3)).exception(10), NoAnswerError)


def test_a_release_that_hears_of_no_end_leaves_nothing_behind(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: Future[None] = Future()
    late.set_exception(TimeoutError())
    monkeypatch.setattr(core.log, "hold", lambda *_: late)
    with pytest.raises(NoAnswerError):
        sandbox_of(core, new_user()).release(wait=0.3)
    assert core._waits == set()


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The core's time, in whole seconds, so that adding one second is exact."""
    it = [1_000.0]
    monkeypatch.setattr(core_module, "time", SimpleNamespace(monotonic=lambda: it[0], sleep=time.sleep))
    return it


def keep_alive_for(core: Core, user: str, now: list[float], seconds: int) -> int:
    """Calls ``keep_alive`` each second; returns how many reports were published."""
    reports = 0
    for _ in range(seconds):
        now[0] += 1
        reports += core.keep_alive(user)
    return reports


def ready_for(core: Core, user: str, idle_ttl: int) -> None:
    """The answer to an ensure."""
    call = ensure_call(user, PATIENCE, idle_ttl)
    core.begin(call)
    ready = json.loads((GOLDEN / "ready.json").read_bytes())
    answer = {**ready, "user_id": user, "ensure_id": call.id, "idle_ttl_seconds": idle_ttl}
    log_of(core).answer("ready", user, **answer)
    assert call.future.result(PATIENCE)


def test_deadlines_that_are_not_needed_any_more_take_no_memory() -> None:
    """A call's deadline may be a day away, and a client may make many calls a second."""
    timers = Timers()
    acts: list[str] = []
    for number in range(10_000):
        timers.at(time.monotonic() + 3600, lambda: acts.append("never")).cancel()
        if number % 1000 == 0:
            timers.at(0.0, lambda: acts.append("done"))
    assert len(timers._timers) < 3000
    assert timers.run(1.0) == 1.0
    assert acts == ["done"] * 10


def test_timers_that_are_set_again_and_again_leave_time_to_read() -> None:
    """As those of requests that a full producer does not take: many may take longer than until they are due again."""
    timers, runs = Timers(), 0

    def again() -> None:
        nonlocal runs
        runs += 1
        if runs < 100:
            timers.at(time.monotonic(), again)

    timers.at(0.0, again)
    assert (timers.run(60.0), runs) == (0.0, 1)


def test_all_records_that_are_there_are_read_before_the_timers_run_again(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_module, "_READ_SECONDS", PATIENCE)
    waits: list[float] = []

    def poll(seconds: float) -> bool:
        if threading.current_thread() is not threading.main_thread():
            return LogStandIn.poll(log_of(core), seconds)
        waits.append(seconds)
        return len(waits) < 4

    monkeypatch.setattr(core.log, "poll", poll)
    core._read()
    assert (len(waits), waits[1:]) == (4, [0.0] * 3)


def test_a_record_that_no_broker_takes_is_given_up_after_two_minutes_or_as_the_user_says() -> None:
    producer, consumer = settings.of_clients("127.0.0.1:1", "test")
    assert (producer["message.timeout.ms"], "message.timeout.ms" in consumer) == (120_000, False)
    given = {"bootstrap.servers": "127.0.0.1:1", "message.timeout.ms": 1_000}
    assert settings.of_clients(given, "test")[0]["message.timeout.ms"] == 1_000


def test_use_is_reported_every_30_seconds_however_long_the_idle_ttl_is(
    core: Core, now: list[float]
) -> None:
    """By then, there may be another sandbox with the default TTL."""
    user, other = new_user(), new_user()
    ready_for(core, user, 3600)
    ready_for(core, other, 100)
    assert keep_alive_for(core, user, now, 300) == 10
    assert keep_alive_for(core, other, now, 300) == 30


def test_the_idle_ttl_of_a_sandbox_that_was_released_is_forgotten(core: Core, now: list[float]) -> None:
    user = new_user()
    ready_for(core, user, 100)
    sandbox_of(core, user).release()
    assert keep_alive_for(core, user, now, 30) == 10


def test_use_is_reported_every_3_seconds_while_the_idle_ttl_is_not_known(core: Core, now: list[float]) -> None:
    assert keep_alive_for(core, new_user(), now, 30) == 10
