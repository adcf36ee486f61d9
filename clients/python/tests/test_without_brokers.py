# SPDX-License-Identifier: Apache-2.0
"""Calls while no broker can be reached."""

from __future__ import annotations

import asyncio
import gc
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from io import BytesIO
from pathlib import Path
from queue import Empty, Queue
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from conftest import PATIENCE, new_user
from zcbot_sandbox import (
    AsyncClient,
    Client,
    ClientClosedError,
    KafkaUnreachableError,
    LogError,
    NoAnswerError,
    Sandbox,
    SandboxError,
    calls,
    finder,
    writer,
)
from zcbot_sandbox.aio import _begin
from zcbot_sandbox.calls import EnsureCall
from zcbot_sandbox.core import Core
from zcbot_sandbox.log import Log
from zcbot_sandbox.partitions import partition_of
from zcbot_sandbox.plan import ensure_call
from zcbot_sandbox.topics import RESULTS


def test_deadline_without_brokers() -> None:
    with Client("127.0.0.1:1") as nowhere:
        for act in (
            lambda: nowhere.sandbox(new_user()).ensure(wait=0.3),
            lambda: nowhere.sandbox(new_user()).run("true", wait=0.3),
        ):
            before = time.monotonic()
            with pytest.raises(KafkaUnreachableError):
                act()
            assert time.monotonic() - before < 20


@pytest.mark.parametrize(("address", "reason"), [("127.0.0.1:1", "refused"), ("nosuch.invalid:9092", "resolve")])
async def test_each_call_tells_within_10_s_that_no_broker_was_ever_reached(address: str, reason: str) -> None:
    async with AsyncClient(address) as nowhere:
        sandbox = nowhere.sandbox(new_user())
        blocking = sandbox._sandbox

        async def start() -> None:
            async with await sandbox.start("cat", stdin=True) as run:
                await run.result()

        acts: list[Callable[[], Any]] = [
            sandbox.ensure,
            lambda: sandbox.run("true"),
            start,
            lambda: sandbox.files.read("a"),
            lambda: sandbox.files.write("a", BytesIO(b"x")),
            sandbox.release,
            lambda: sandbox.release(wait=60),
            lambda: sandbox.on_reaped(print),
            lambda: asyncio.to_thread(blocking.run, "true"),
            lambda: asyncio.to_thread(blocking.files.list),
            lambda: asyncio.to_thread(blocking.files.remove, "a"),
            lambda: asyncio.to_thread(blocking.release),
        ]
        before = time.monotonic()
        ends = await asyncio.gather(*(asyncio.wait_for(act(), 60) for act in acts), return_exceptions=True)
        took = time.monotonic() - before
        assert {type(end) for end in ends} == {KafkaUnreachableError}
        for end in ends:
            assert address in str(end)
            assert re.search(reason, str(end)), end
        assert took < 10, "or this machine is very busy"


def refusal(act: Callable[[float], object], reason: str) -> KafkaUnreachableError:
    """The error of an act without brokers, which has a second for it, or more while the machine is too busy to
    connect in that time."""
    for wait in (1, 30):
        with pytest.raises(KafkaUnreachableError) as e:
            act(wait)
        if re.search(reason, str(e.value)):
            return e.value
    pytest.fail(f"{reason} is not in {e.value}")


def test_an_error_tells_why_nothing_was_published() -> None:
    """Without the reason, users would look for a worker, although the brokers' address or password is wrong."""
    with Client("127.0.0.1:1") as nowhere:
        sandbox = nowhere.sandbox(new_user())
        for act in (lambda wait: sandbox.ensure(wait=wait), lambda wait: sandbox.run("true", wait=wait)):
            e = refusal(act, "no Kafka broker .* Connection refused")
            assert "worker" not in str(e)
            assert e.address == "127.0.0.1:1"


def test_an_error_tells_of_a_broker_that_is_not_reached_although_another_one_answers() -> None:
    """librdkafka reports the reason once in half a minute. The partitions' leaders come from any broker, and their
    ends from one only."""
    it = make_log()
    stand_in = Brokers(it, {0})
    it._finder._thread = threading.current_thread()  # it is the test that asks
    it._brokers.reach.callback(None)(KafkaError(KafkaError._TRANSPORT, "Connect to 10.0.0.3:9092 failed: Connection refused"))
    held = it.hold(user_of(0).encode(), ("exited",), time.monotonic() + 60)
    for _ in range(2):  # how many partitions there are, and the end of partition 0
        it._finder._ask_for(it._finder._await_question())
    assert stand_in.asked == [[("sandbox.exited", 0)]]
    it._finder.waits._waits[0].deadline = 0.0
    it._finder._await_question()
    with pytest.raises(TimeoutError, match="10.0.0.3:9092 failed: Connection refused"):
        held.result(0)
    stand_in.without_leader.clear()
    assert it._brokers.offsets([("sandbox.exited", 0)], -1, 1.0)
    assert it._brokers.reach.trouble == "", "it is reached"
    it._finder._thread = None
    it.close()


def test_the_users_error_callback_is_called_as_well() -> None:
    errors: Queue[KafkaError] = Queue()
    with Client({"bootstrap.servers": "127.0.0.1:1", "error_cb": errors.put}) as nowhere:
        refusal(lambda wait: nowhere.sandbox(new_user()).ensure(wait=wait), "Connection refused")
    assert "Connection refused" in errors.get(timeout=0).str()


def test_a_callback_that_ends_its_thread_ends_none_of_the_clients() -> None:
    """Without them, all later calls would end without an answer."""
    called_in: Queue[str] = Queue()
    is_over = threading.Event()

    def leave(_: str) -> None:
        called_in.put(threading.current_thread().name)
        if not is_over.is_set():
            sys.exit()

    settings = {"bootstrap.servers": "127.0.0.1:1", "statistics.interval.ms": 50, "stats_cb": leave}
    with Client(settings) as nowhere:
        with pytest.raises(KafkaUnreachableError):
            nowhere.sandbox(new_user()).ensure(wait=0.1)
        missing = [f"zcbot-sandbox-{task}" for task in ("read", "write", "ask") for _ in range(2)]
        while missing:
            name = called_in.get(timeout=PATIENCE)
            if name in missing:
                missing.remove(name)
        is_over.set()


def test_a_callback_that_hangs_keeps_nobody_beyond_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """For example, one for tokens. librdkafka calls it in the threads that keep the deadlines."""
    monkeypatch.setattr(calls, "SLACK_SECONDS", 0.5)
    goes_on = threading.Event()

    def hang(_: str) -> tuple[str, float]:
        goes_on.wait(60)
        return "token", time.time() + 600

    nowhere = AsyncClient(
        {
            "bootstrap.servers": "127.0.0.1:1",
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanisms": "OAUTHBEARER",
            "oauth_cb": hang,
        }
    )
    sandbox = nowhere.sandbox(new_user())
    try:
        for act in (sandbox._sandbox.ensure, lambda wait: asyncio.run(sandbox.ensure(wait=wait))):
            assert isinstance(in_thread(partial(act, wait=0.3)).get(timeout=20), NoAnswerError)
    finally:
        goes_on.set()
        nowhere._client.close()


def test_close_ends_waits_for_brokers() -> None:
    client = Client("127.0.0.1:1")
    ends: Queue[BaseException] = Queue()

    def wait(act: Callable[[], object]) -> None:
        try:
            act()
        except SandboxError as e:
            ends.put(e)

    sandbox = client.sandbox(new_user())
    waits: list[Callable[[], object]] = [sandbox.ensure, sandbox.release, lambda: sandbox.release(wait=50)]
    for act in waits:
        threading.Thread(target=wait, args=(act,), daemon=True).start()
    time.sleep(0.2)
    client.close()
    for _ in waits:
        assert isinstance(ends.get(timeout=90), (ClientClosedError, LogError))


def make_log(kafka: str | Mapping[str, Any] = "127.0.0.1:1") -> Log:
    return Log(
        kafka,
        client_name="test",
        topic_prefix="sandbox.",
        reply_topic=None,
        on_record=lambda *_: None,
        on_refusal=lambda *_: None,
    )


def test_a_release_does_not_wait_for_a_hold() -> None:
    """A release happens where calls end: in an event loop, or in the reading thread."""
    it = make_log()
    for topic in ("sandbox.exited", "sandbox.ready"):
        it._finder._interests.count(topic, 1, time.time())
    it._finder._interests.read([("sandbox.exited", 0)], 0.0)
    it.hold(b"one", ("exited",), time.monotonic() + 1).result(1)
    held = it.hold(b"two", ("ready",), time.monotonic() + 5)
    time.sleep(0.2)
    before = time.monotonic()
    it.release(b"one", ("exited",))
    assert time.monotonic() - before < 4  # the machine may be loaded
    assert isinstance(held.exception(90), KafkaUnreachableError)
    it._finder._look()
    assert it._finder._interests._held == {}
    assert it._finder._interests._read["sandbox.exited", 0] >= before
    it.close()


def test_a_thread_that_can_not_be_started_once_spoils_no_later_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    it = make_log()

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", start)
        with pytest.raises(RuntimeError):
            it.hold(b"user", ("exited",), time.monotonic() + 1)
    held = it.hold(b"user", ("exited",), time.monotonic() + 0.5)
    assert isinstance(held.exception(20), KafkaUnreachableError)
    it.close()


def test_the_garbage_collector_may_close_a_client_in_any_thread() -> None:
    """Also in one that holds a lock of the client."""
    client = Client("127.0.0.1:1")
    core = client._core
    clients = [client]
    del client

    def collect() -> None:
        with core.log._finder._lock, core._lock, core._in_flight.lock:
            clients.clear()

    assert in_thread(collect).get(timeout=20) is None
    for thread in core._threads:
        thread.join(20)
        assert not thread.is_alive()


def test_the_garbage_collector_may_end_a_generator_in_any_thread() -> None:
    """An unreferenced generator then leaves its blocks: a command is killed, and a subscription ends."""
    client = Client("127.0.0.1:1")
    core, sandbox = client._core, client.sandbox(user_of(0))
    Brokers(core.log, set())

    def stream(itself: list[object]) -> Iterator[int]:
        with sandbox.on_reaped(print), sandbox.start("true"):
            yield len(itself)

    cycle: list[object] = []
    generator = stream(cycle)
    cycle.append(generator)
    next(generator)
    (call,) = core._in_flight._calls[sandbox.user.encode()].values()
    del generator, cycle

    def collect() -> None:
        with core.log._finder._lock, core._in_flight.lock, core._listeners._lock:
            gc.collect()

    assert in_thread(collect).get(timeout=20) is None
    assert call.is_over
    assert core._listeners._listeners == {}
    assert core.log._finder._interests._held == {}
    client.close()


def test_librdkafka_is_served_while_brokers_are_asked() -> None:
    """It requests tokens in ``poll`` only, and brokers refuse a consumer without one."""
    asked: Queue[float] = Queue()

    def token(_: str) -> tuple[str, float]:
        asked.put(time.monotonic())
        return "token", time.time() + 600

    it = make_log(
        {
            "bootstrap.servers": "127.0.0.1:1",
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanisms": "OAUTHBEARER",
            "oauth_cb": token,
        }
    )
    held = it.hold(b"user", ("exited",), time.monotonic() + 1)
    asked.get(timeout=20)
    assert isinstance(held.exception(20), KafkaUnreachableError)
    it.close()


class FatalProducer:
    """After a fatal error, librdkafka's producer accepts no more records."""

    made: list[FatalProducer]

    def __init__(self, _: object) -> None:
        self.made.append(self)
        self.is_fatal = False
        self._is_told = False
        self.waiting: list[Callable[[Any, Any], None]] = []

    def produce(self, topic: str, *, on_delivery: Callable[[Any, Any], None], **_: object) -> None:
        if self.is_fatal:
            raise KafkaException(KafkaError(KafkaError._FATAL))
        self.waiting.append(on_delivery)

    def poll(self, seconds: float) -> None:
        if not self.is_fatal:
            return
        if not self._is_told:
            self._is_told = True
            reason = "Failed to acquire idempotence PID: Broker: Cluster authorization failed"
            raise KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED, reason, True))
        while self.waiting:
            self.waiting.pop()(KafkaError(KafkaError._PURGE_QUEUE), None)

    def flush(self, seconds: float) -> int:
        self.poll(seconds)
        return len(self.waiting)

    def purge(self, **_: object) -> None:
        self.is_fatal = True

    def __len__(self) -> int:
        return len(self.waiting)


@pytest.fixture
def producers(monkeypatch: pytest.MonkeyPatch) -> list[FatalProducer]:
    """All producers that are created, the oldest first."""
    monkeypatch.setattr(FatalProducer, "made", [], raising=False)
    monkeypatch.setattr(writer, "Producer", FatalProducer)
    return FatalProducer.made


def test_a_process_publishes_again_after_a_fatal_error_of_its_producer(
    monkeypatch: pytest.MonkeyPatch, producers: list[FatalProducer]
) -> None:
    """For example, missing permissions: a process started before the grant would have to be restarted."""
    monkeypatch.setattr(writer, "_REPLACE_SECONDS", 0.0)
    it = make_log()
    refused: Queue[SandboxError | None] = Queue()
    it.publish("exec", b"user", b"{}", on_delivery=refused.put)
    producers[0].is_fatal = True
    it.publish("exec", b"user", b"{}")
    assert [len(each) for each in producers] == [1, 1]
    for _ in range(3):
        it.serve_deliveries(0.0)
    reason = "sandbox.exec: .*Cluster authorization failed.*Write .*sandbox topics acls --role agent"
    with pytest.raises(LogError, match=reason):
        raise refused.get(timeout=0) or AssertionError("it was stored")
    assert it._writer._replaced == []
    it.close()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError._MSG_TIMED_OUT, NoAnswerError),
        (KafkaError._PURGE_INFLIGHT, NoAnswerError),
        (KafkaError._PURGE_QUEUE, LogError),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, LogError),
        (KafkaError.MSG_SIZE_TOO_LARGE, LogError),
    ],
)
def test_an_error_tells_whether_a_record_may_be_stored(
    producers: list[FatalProducer], code: int, kind: type[SandboxError]
) -> None:
    it, told = make_log(), Queue[SandboxError | None]()
    it.publish("exec", b"user", b"{}", on_delivery=told.put)
    producers[0].waiting.pop()(KafkaError(code), None)
    assert type(told.get(timeout=0)) is kind
    it.close()


def test_producers_are_not_replaced_all_the_time(
    monkeypatch: pytest.MonkeyPatch, producers: list[FatalProducer]
) -> None:
    monkeypatch.setattr(writer, "_REPLACE_SECONDS", 60.0)
    it = make_log()
    producers[0].is_fatal = True
    it.serve_deliveries(0.0)
    for _ in range(10):
        with pytest.raises(LogError, match="Cluster authorization failed"):
            it.publish("exec", b"user", b"{}")
    assert len(producers) == 1
    it.close()


def test_a_fork_can_end_and_is_told_to_make_a_client() -> None:
    program = """
import os, sys, threading, time
from zcbot_sandbox import Client, Run, SandboxError, Subscription
from zcbot_sandbox.listeners import Listener
from zcbot_sandbox.plan import exec_call
client = Client("127.0.0.1:1")
user = "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10"
sandbox = client.sandbox(user)
call = exec_call(user, command=["true"], stdin=None, env=None, cwd=None, timeout=60, wait=60,
                 max_output_bytes=1000, ensure=True)
call.at_end(lambda: client._core._in_flight.over(call))
time.sleep(0.3)
locks = [client._core._lock, client._core._in_flight.lock, client._core.log._finder._lock]
have_locks, forked = threading.Event(), threading.Event()
def have() -> None:
    with locks[0], locks[1], locks[2]:
        have_locks.set()
        forked.wait(30)
threading.Thread(target=have).start()
have_locks.wait(30)
child = os.fork()
forked.set()
if child == 0:
    assert not any(lock.acquire(blocking=False) for lock in locks)
    Subscription(client._core, Listener(b"user", "reaped", print), client).close()
    Run(client._core, call, client).__exit__(None, None, None)
    refused = 0
    for act in (sandbox.ensure, lambda: sandbox.run("true"), sandbox.release, sandbox.keep_alive,
                lambda: sandbox.on_reaped(print), lambda: sandbox.start("true").result(),
                lambda: client._core.submit(user, print)):
        try:
            act()
        except SandboxError as e:
            refused += "made before a fork; make one in this process" in str(e)
    sys.exit(refused)
print(child, flush=True)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
client.close()
"""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    try:
        out, _ = process.communicate(timeout=30)
        assert out.strip() == "7"
    except subprocess.TimeoutExpired:
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        process.kill()


class Brokers:
    """Stand in for a log's consumers. Of the topics, which have four partitions each, some partitions have
    no leader, which a broker may not have noticed."""

    def __init__(
        self, log: Any, without_leader: set[int], partitions: int = 4, is_noticed: bool = True
    ) -> None:
        self.without_leader = without_leader
        self._partitions = partitions
        self._is_noticed = is_noticed
        self.asked: list[list[tuple[str, int]]] = []
        self.assigned: list[tuple[str, int, int]] = []
        self.unassigned: list[tuple[str, int]] = []
        self.are_closed = False
        self._replaced = [log._brokers._consumer, log._consumer]  # in use
        log._brokers._consumer = log._consumer = log._finder._consumer = self
        log._reach.is_reached = True

    def list_topics(self, topic: str, timeout: float) -> Any:
        leaders = {
            number: SimpleNamespace(leader=-1 if self._is_noticed and number in self.without_leader else 1)
            for number in range(self._partitions)
        }
        return SimpleNamespace(topics={topic: SimpleNamespace(error=None, partitions=leaders)})

    def offsets_for_times(self, asked: list[Any], timeout: float) -> list[Any]:
        self.asked.append([(each.topic, each.partition) for each in asked])
        if any(each.partition in self.without_leader for each in asked):
            time.sleep(timeout)
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return [TopicPartition(each.topic, each.partition, 0) for each in asked]

    def poll(self, seconds: float) -> None:
        time.sleep(seconds)

    def incremental_assign(self, partitions: list[Any]) -> None:
        self.assigned += [(each.topic, each.partition, each.offset) for each in partitions]

    def incremental_unassign(self, partitions: list[Any]) -> None:
        self.unassigned += [(each.topic, each.partition) for each in partitions]

    def close(self) -> None:
        self.are_closed = True
        while self._replaced:
            self._replaced.pop().close()


def user_of(partition: int, partitions: int = 4) -> str:
    return next(user for user in iter(new_user, "") if partition_of(user.encode(), partitions) == partition)


def in_thread(act: Callable[[], object]) -> Queue[BaseException | None]:
    ends: Queue[BaseException | None] = Queue()

    def run() -> None:
        try:
            act()
        except BaseException as e:  # noqa: BLE001
            ends.put(e)
        else:
            ends.put(None)

    threading.Thread(target=run, daemon=True).start()
    return ends


def test_a_partition_without_a_leader_delays_no_other_user() -> None:
    core = Core("127.0.0.1:1", topic_prefix="sandbox.", reply_topic=None, name="test")
    brokers = Brokers(core.log, {3})
    core.begin(ensure_call(user_of(0), 60, None))
    unlucky = [in_thread(partial(core.begin, ensure_call(user_of(3), 60, None))) for _ in range(20)]
    time.sleep(0.5)
    for partition in (0, 1):
        assert in_thread(partial(core.begin, ensure_call(user_of(partition), 60, None))).get(timeout=20) is None
    assert all(each.empty() for each in unlucky)
    brokers.without_leader.clear()
    assert all(each.get(timeout=20) is None for each in unlucky)
    core.close()


@pytest.mark.parametrize("is_noticed", [True, False])
def test_many_partitions_without_a_leader_delay_no_other_user(
    monkeypatch: pytest.MonkeyPatch, is_noticed: bool
) -> None:
    monkeypatch.setattr(finder, "_CALL_SECONDS", 0.2)
    core = Core("127.0.0.1:1", topic_prefix="sandbox.", reply_topic=None, name="test")
    brokers = Brokers(core.log, set(range(9)), 12, is_noticed)

    def begin(partition: int) -> Queue[BaseException | None]:
        return in_thread(partial(core.begin, ensure_call(user_of(partition, 12), 60, None)))

    core.begin(ensure_call(user_of(11, 12), 60, None))
    unlucky = [begin(partition) for partition in range(8)]
    deadline = time.monotonic() + 60
    while len({tuple(each) for each in brokers.asked if len(each) == 1}) < 16:  # each place was asked for alone
        assert time.monotonic() < deadline
        time.sleep(0.05)
    asked: Queue[int] = Queue()
    with core.log._finder._lock:  # both begin before the next question
        before = len(brokers.asked)
        also_unlucky, lucky = (core.begin_soon(ensure_call(user_of(number, 12), 60, None)) for number in (8, 9))
        lucky.add_done_callback(lambda _: asked.put(len(brokers.asked)))
    # Questions, not seconds: one on its way, one for the four new places, and one for each of them.
    assert asked.get(timeout=60) - before <= 6
    assert all(each.empty() for each in unlucky)
    assert not also_unlucky.done()
    brokers.without_leader.clear()
    assert all(each.get(timeout=20) is None for each in unlucky)
    also_unlucky.result(20)
    core.close()


def test_what_was_asked_for_in_vain_is_known_when_nobody_waits_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finder, "_CALL_SECONDS", 0.2)
    it = make_log()
    Brokers(it, {3})
    it._finder._thread = threading.current_thread()  # it is the test that asks
    it._finder._interests.count("sandbox.exited", 4, time.time())
    unlucky = it.hold(user_of(3).encode(), ("exited",), time.monotonic() + 60)
    it._finder._ask_for(it._finder._await_question())
    it._finder.waits._waits[0].deadline = 0.0
    it._finder._await_question()
    assert isinstance(unlucky.exception(0), TimeoutError)
    it.hold(user_of(3).encode(), ("exited",), time.monotonic() + 60)
    it.hold(user_of(0).encode(), ("exited",), time.monotonic() + 60)
    assert it._finder._await_question() == [("sandbox.exited", 0)]
    it._finder._thread = None
    it.close()


@pytest.mark.parametrize(
    ("topic", "kinds"),
    [
        ("sandbox.reaped", {"reaped"}),
        ("sandbox.reply.mine", {"ready", "failed", "output", "exited"}),
        (None, set(RESULTS)),  # of the cluster
    ],
)
def test_a_refusal_to_read_is_told_with_what_was_to_be_read(topic: str | None, kinds: set[str]) -> None:
    refused: Queue[tuple[LogError, set[str]]] = Queue()
    it = Log(
        "127.0.0.1:1",
        client_name="test",
        topic_prefix="sandbox.",
        reply_topic="sandbox.reply.mine",
        on_record=lambda *_: None,
        on_refusal=lambda error, kinds: refused.put((error, kinds)),
    )
    code = KafkaError.TOPIC_AUTHORIZATION_FAILED if topic else KafkaError.CLUSTER_AUTHORIZATION_FAILED
    message = SimpleNamespace(
        error=lambda: KafkaError(code), topic=lambda: topic, partition=lambda: 0, offset=lambda: 0, key=lambda: None
    )
    brokers: Any = Brokers(it, set())
    brokers.poll = lambda _: message
    it.poll(0)
    error, told = refused.get(timeout=0)
    assert f"{topic or 'a topic'} can't be read: " in str(error)
    assert told == kinds
    it.close()


def test_nothing_is_published_while_its_answer_can_not_be_read() -> None:
    """librdkafka reports a refusal once, and an agent that retries would run its command each time."""
    core = Core("127.0.0.1:1", topic_prefix="sandbox.", reply_topic=None, name="test")
    brokers: Any = Brokers(core.log, set())
    told: Queue[Any] = Queue()

    def tell(code: int) -> None:
        error = KafkaError(code)
        told.put(
            SimpleNamespace(
                error=lambda: error,
                topic=lambda: "sandbox.ready",
                partition=lambda: 0,
                offset=lambda: 5,
                key=lambda: None,
            )
        )

    def poll(seconds: float) -> Any:
        try:
            return told.get(timeout=seconds)
        except Empty:
            return None

    def begin(user: str) -> EnsureCall:
        call = ensure_call(user, 60, None)
        core.begin(call)
        return call

    brokers.poll = poll
    interests = core.log._finder._interests
    first, other = begin(user_of(0)), begin(user_of(1))
    tell(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    assert isinstance(first.future.exception(20), LogError)
    assert isinstance(other.future.exception(20), LogError)
    published = len(core.log._writer)
    for partition in (0, 1, 2):  # permissions are for topics
        with pytest.raises(LogError, match="sandbox.ready can't be read"):
            begin(user_of(partition)).future.result(0)
    assert len(core.log._writer) == published
    # Reading continues from the same position, so that the end of the refusal is noticed.
    assert (brokers.unassigned, brokers.assigned[-1]) == ([("sandbox.ready", 0)], ("sandbox.ready", 0, 5))
    assert ("sandbox.ready", 0) not in interests.idle(math.inf)
    tell(KafkaError._PARTITION_EOF)
    deadline = time.monotonic() + 20
    while ("sandbox.ready", 0) not in interests.idle(math.inf) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not begin(user_of(0)).is_over
    core.close()


def test_a_topic_without_partitions_is_none_and_delays_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    it = make_log()
    brokers = Brokers(it, set())
    list_topics = brokers.list_topics

    def without_partitions(topic: str, timeout: float) -> Any:
        if topic == "sandbox.exited":
            return SimpleNamespace(topics={topic: SimpleNamespace(error=None, partitions={})})
        return list_topics(topic, timeout)

    monkeypatch.setattr(brokers, "list_topics", without_partitions)
    held = it.hold(b"user", ("exited",), time.monotonic() + 60)
    it.hold(b"user", ("ready",), time.monotonic() + 60).result(20)
    assert isinstance(held.exception(20), LogError)
    it.close()


def test_close_ends_the_look_for_new_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look-up asks for each topic; the consumers that it uses are closed afterwards."""
    monkeypatch.setattr(finder, "_CALL_SECONDS", 0.8)
    it = make_log()
    brokers = Brokers(it, set())
    looking = threading.Event()

    def list_topics(topic: str, timeout: float) -> Any:
        looking.set()
        time.sleep(timeout)
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    monkeypatch.setattr(brokers, "list_topics", list_topics)
    it._finder._interests.hold(b"user", RESULTS)
    it._finder._look_at = 0.0
    it.hold(b"user", ("exited",), time.monotonic() + 60)
    assert looking.wait(20)
    it.close()
    assert brokers.are_closed


def test_a_deadline_that_comes_during_the_look_for_new_partitions_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not only after the brokers were asked for all topics."""
    monkeypatch.setattr(finder, "_CALL_SECONDS", 0.8)
    it = make_log()
    brokers = Brokers(it, set())
    held: list[Future[None]] = []
    ends: Queue[bool] = Queue()

    def list_topics(topic: str, timeout: float) -> Any:
        if held:
            ends.put(held[0].done())
        else:
            held.append(it.hold(b"user", ("exited",), time.monotonic() + 0.3))
        time.sleep(timeout)
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    monkeypatch.setattr(brokers, "list_topics", list_topics)
    it._finder._interests.hold(b"user", RESULTS)
    it._finder._look_at = 0.0
    it.hold(b"user", ("exited",), time.monotonic() + 60)
    assert ends.get(timeout=20)
    assert isinstance(held[0].exception(0), TimeoutError)
    it.close()


@pytest.mark.parametrize("is_written_before", [True, False])
def test_an_answer_that_is_written_while_a_new_partition_is_looked_at_is_read(is_written_before: bool) -> None:
    """The position comes from the brokers' offset for the time, or their end offset: neither is after the answer."""
    it = make_log()
    brokers = Brokers(it, set())
    written = int(is_written_before)

    def offsets_for_times(asked: list[Any], timeout: float) -> list[Any]:
        nonlocal written
        (each,) = asked
        offset = written if each.offset == -1 else 0 if written else -1
        written = 1
        return [TopicPartition(each.topic, each.partition, offset)]

    brokers.offsets_for_times = offsets_for_times  # type: ignore[method-assign]
    it._finder._interests.count("sandbox.exited", 1, time.time())
    it._finder._interests.hold(user_of(2).encode(), ["exited"])
    it._finder._look()
    assert brokers.assigned == [("sandbox.exited", 2, 0)]
    it.close()


def test_a_partition_whose_time_is_not_told_is_looked_at_again() -> None:
    """What is asked with is no answer."""
    it = make_log()
    brokers = Brokers(it, set())
    brokers.offsets_for_times = lambda asked, timeout: [  # type: ignore[method-assign]
        TopicPartition(each.topic, each.partition, 7 if each.offset == -1 else each.offset) for each in asked
    ]
    it._finder._interests.count("sandbox.exited", 1, time.time())
    it._finder._interests.hold(user_of(2).encode(), ["exited"])
    it._finder._look()
    assert (brokers.assigned, it._finder._interests._counts["sandbox.exited"].partitions) == ([], 1)
    it.close()


def test_a_partition_whose_position_is_gone_is_read_from_an_hour_ago_on() -> None:
    """For example, because retention was faster than this client."""
    it = make_log()
    brokers: Any = Brokers(it, set())
    asked: list[int] = []

    def offsets_for_times(places: list[Any], timeout: float) -> list[Any]:
        asked.extend(each.offset for each in places)
        return [TopicPartition(each.topic, each.partition, 90 if each.offset == -1 else 70) for each in places]

    brokers.offsets_for_times = offsets_for_times
    message = SimpleNamespace(
        error=lambda: KafkaError(KafkaError._AUTO_OFFSET_RESET),
        topic=lambda: "sandbox.exited",
        partition=lambda: 0,
        key=lambda: None,
    )
    brokers.poll = lambda _: message
    it._finder._interests.count("sandbox.exited", 1, time.time())
    it._finder._interests.read([("sandbox.exited", 0)], time.monotonic())
    it.poll(0)
    it._finder.lost(("sandbox.exited", 5))  # which nobody needs any more
    for _ in range(2):  # the second one has nothing to do
        it._finder._find_lost()
    assert (brokers.unassigned, brokers.assigned) == ([("sandbox.exited", 0)], [("sandbox.exited", 0, 70)])
    end, since = asked
    assert end == -1
    assert abs(time.time() - 3600 - since / 1000) < 120
    it.close()


async def test_a_partition_without_a_leader_delays_no_other_task() -> None:
    core = Core("127.0.0.1:1", topic_prefix="sandbox.", reply_topic=None, name="test")
    Brokers(core.log, {3})
    unlucky = [asyncio.create_task(_begin(core, ensure_call(user_of(3), 60, None))) for _ in range(20)]
    await asyncio.sleep(0.5)
    for partition in (0, 1, 2):
        await asyncio.wait_for(_begin(core, ensure_call(user_of(partition), 60, None)), 20)
    assert not any(task.done() for task in unlucky)
    for task in unlucky:
        task.cancel()
    await asyncio.to_thread(core.close)


def test_a_wait_for_a_leader_is_given_up_with_its_call() -> None:
    core = Core("127.0.0.1:1", topic_prefix="sandbox.", reply_topic=None, name="test")
    Brokers(core.log, {3})
    call = ensure_call(user_of(3), 600, None)
    begun = in_thread(lambda: core.begin(call))
    with pytest.raises(Empty):
        begun.get(timeout=0.5)
    call.fail(ClientClosedError("given up"))
    begun.get(timeout=5)
    deadline = time.monotonic() + 20
    while core.log._finder.waits._waits and time.monotonic() < deadline:
        time.sleep(0.05)
    assert core.log._finder.waits._waits == []
    core.close()


async def test_a_partition_without_a_leader_takes_no_threads() -> None:
    """Of the asyncio client, in which file operations and releases of all users share a few."""
    async with AsyncClient("127.0.0.1:1") as client:
        core = client._client._core
        brokers = Brokers(core.log, {3})
        unlucky: list[asyncio.Task[Any]] = []
        for sandbox in (client.sandbox(user_of(3)) for _ in range(10)):
            unlucky += [asyncio.create_task(act) for act in (sandbox.files.list(), sandbox.release(wait=60))]
        await asyncio.sleep(0.5)
        lucky = user_of(0)
        read = asyncio.create_task(client.sandbox(lucky).files.read("a"))
        deadline = time.monotonic() + 60
        while set(core._in_flight._calls) != {lucky.encode()}:
            assert time.monotonic() < deadline, "nothing was published"
            await asyncio.sleep(0.05)
        assert not any(task.done() for task in unlucky)
        brokers.without_leader.clear()
        deadline = time.monotonic() + 90  # the releases may have the threads first, for 30 s
        while len(core._in_flight._calls) < 3:
            assert time.monotonic() < deadline, "nothing of the others was published"
            await asyncio.sleep(0.05)
        for task in (*unlucky, read):
            task.cancel()
        await asyncio.gather(*unlucky, read, return_exceptions=True)


async def test_a_file_operation_that_can_not_begin_tells_why() -> None:
    async with AsyncClient("127.0.0.1:1") as nowhere:
        with pytest.raises(KafkaUnreachableError, match="no Kafka broker .* Connection refused"):
            await asyncio.wait_for(nowhere.sandbox(new_user()).files.read("a"), 60)


def busy(client: AsyncClient, wait: float) -> list[asyncio.Task[object]]:
    """Calls that use all threads of a client, and more calls that wait for one."""
    calls: list[Coroutine[Any, Any, object]] = []
    for sandbox in (client.sandbox(new_user()) for _ in range(5)):
        calls += [sandbox.release(wait=wait) for _ in range(3)]
    calls += [sandbox.ensure(wait=wait), sandbox.run("true", wait=wait)]
    return [asyncio.create_task(call) for call in calls]


async def test_calls_that_wait_for_a_thread_end_in_time() -> None:
    async with AsyncClient("127.0.0.1:1") as nowhere:
        Brokers(nowhere._client._core.log, set())
        others = busy(nowhere, 60)
        await asyncio.sleep(0.2)
        before = time.monotonic()
        tasks = busy(nowhere, 1)
        ends = await asyncio.gather(*(asyncio.wait_for(task, 30) for task in tasks), return_exceptions=True)
        assert {type(end) for end in ends} == {NoAnswerError}
        assert time.monotonic() - before < 30, "as their own wait, not as that of the others"
        assert not any(task.done() for task in others)
        for task in others:
            task.cancel()


async def test_close_ends_calls_that_wait_for_a_thread() -> None:
    nowhere = AsyncClient("127.0.0.1:1")
    Brokers(nowhere._client._core.log, set())
    tasks: list[asyncio.Task[Any]] = [*busy(nowhere, 60)]
    tasks.append(asyncio.create_task(nowhere.sandbox(new_user()).files.list()))
    await asyncio.sleep(0.2)
    await nowhere.close()
    ends = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30)
    assert {type(end) for end in ends} == {ClientClosedError}


async def test_calls_that_are_cancelled_leave_their_threads() -> None:
    async with AsyncClient("127.0.0.1:1") as nowhere:
        Brokers(nowhere._client._core.log, set())
        sandbox = nowhere.sandbox(new_user())
        calls: list[Callable[[], Coroutine[Any, Any, object]]] = [
            sandbox.files.list,
            lambda: sandbox.files.write("a", BytesIO(b"a")),
            lambda: sandbox.release(wait=600),
            sandbox.release,
        ]
        for call in calls:
            tasks = [asyncio.create_task(call()) for _ in range(8)]
            await asyncio.sleep(0.3)
            for task in tasks:
                task.cancel()
            next_one = nowhere._client._core.submit(sandbox.user, lambda: "has a thread")
            assert await asyncio.to_thread(next_one.result, 20) == "has a thread"
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(end) for end in ends} == {asyncio.CancelledError}


async def test_an_ensure_that_is_cancelled_is_not_published() -> None:
    async with AsyncClient("127.0.0.1:1") as nowhere:
        core = nowhere._client._core
        brokers = Brokers(core.log, {0, 1, 2, 3})
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(nowhere.sandbox(new_user()).ensure(), 0.3)
        await assert_nothing_comes_of_it(core, brokers)


@pytest.mark.parametrize(
    "act",
    [Sandbox.ensure, lambda sandbox: sandbox.on_reaped(print), lambda sandbox: sandbox.run("true")],
)
async def test_nothing_comes_of_what_is_interrupted(
    act: Callable[[Sandbox], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example, by Ctrl-C while a thread waits."""

    def result(*_: object) -> None:
        time.sleep(0.3)
        raise KeyboardInterrupt

    with Client("127.0.0.1:1") as nowhere:
        brokers = Brokers(nowhere._core.log, {0, 1, 2, 3})
        with monkeypatch.context() as interrupted:
            interrupted.setattr(Future, "result", result)
            with pytest.raises(KeyboardInterrupt):
                act(nowhere.sandbox(new_user()))
        await assert_nothing_comes_of_it(nowhere._core, brokers)


async def assert_nothing_comes_of_it(core: Core, brokers: Brokers) -> None:
    brokers.without_leader.clear()
    deadline = time.monotonic() + 20
    while core.log._finder.waits._waits and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    assert (core.log._finder.waits._waits, core.log._finder._interests._held) == ([], {})
    assert (core._listeners._listeners, core._in_flight._calls) == ({}, {})
    assert len(core.log._writer) == 0, "nothing is published"


async def test_a_subscription_that_is_cancelled_listens_to_nothing() -> None:
    async with AsyncClient("127.0.0.1:1") as nowhere:
        core = nowhere._client._core
        Brokers(core.log, {0, 1, 2, 3})
        task = asyncio.create_task(nowhere.sandbox(new_user()).on_reaped(print))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        deadline = time.monotonic() + 20
        while core.log._finder.waits._waits and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        assert (core.log._finder.waits._waits, core.log._finder._interests._held) == ([], {})
        assert core._listeners._listeners == {}
