# SPDX-License-Identifier: Apache-2.0
"""Waits while no broker can be reached."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from queue import Queue
from typing import Any

import pytest
from conftest import new_user
from zcbot_sandbox import (
    AsyncClient,
    Client,
    ClientClosedError,
    LogError,
    NoAnswerError,
    SandboxError,
)
from zcbot_sandbox.log import Log


def test_deadline_without_brokers() -> None:
    with Client("127.0.0.1:1") as nowhere:
        for act in (
            lambda: nowhere.sandbox(new_user()).ensure(wait=0.3),
            lambda: nowhere.sandbox(new_user()).run("true", wait=0.3),
        ):
            before = time.monotonic()
            with pytest.raises(NoAnswerError):
                act()
            assert time.monotonic() - before < 20


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


def test_a_release_does_not_wait_for_a_hold() -> None:
    """It is called where calls end: in an event loop, or in the thread that reads."""
    log = Log(
        "127.0.0.1:1",
        client_name="test",
        topic_prefix="sandbox.",
        reply_topic=None,
        on_record=lambda *_: None,
        on_refusal=lambda _: None,
    )
    log._counts["sandbox.exited"] = log._counts["sandbox.ready"] = 1
    log._assigned["sandbox.exited", 0] = 0.0
    log.hold(b"one", ("exited",), time.monotonic() + 1)
    held: Queue[BaseException] = Queue()

    def hold() -> None:
        try:
            log.hold(b"two", ("ready",), time.monotonic() + 5)
        except TimeoutError as e:
            held.put(e)

    threading.Thread(target=hold, daemon=True).start()
    time.sleep(0.2)
    before = time.monotonic()
    log.release(b"one", ("exited",))
    assert time.monotonic() - before < 1
    held.get(timeout=90)
    log._look(time.monotonic())
    assert log._held == {}
    assert log._assigned["sandbox.exited", 0] >= before
    log.close()


def busy(client: AsyncClient, wait: float) -> list[asyncio.Task[object]]:
    """Calls that have all threads of a client, and more that wait for one."""
    sandbox = client.sandbox(new_user())
    calls: list[Coroutine[Any, Any, object]] = [sandbox.release(wait=wait) for _ in range(9)]
    calls += [sandbox.ensure(wait=wait), sandbox.run("true", wait=wait)]
    return [asyncio.create_task(call) for call in calls]


async def test_calls_that_wait_for_a_thread_end_in_time() -> None:
    async with AsyncClient("127.0.0.1:1") as nowhere:
        others = busy(nowhere, 20)
        await asyncio.sleep(0.2)
        before = time.monotonic()
        tasks = busy(nowhere, 1)
        ends = await asyncio.gather(*(asyncio.wait_for(task, 10) for task in tasks), return_exceptions=True)
        assert {type(end) for end in ends} == {NoAnswerError}
        assert time.monotonic() - before < 5
        assert not any(task.done() for task in others)
        for task in others:
            task.cancel()


async def test_close_ends_calls_that_wait_for_a_thread() -> None:
    nowhere = AsyncClient("127.0.0.1:1")
    tasks: list[asyncio.Task[Any]] = [*busy(nowhere, 60)]
    tasks.append(asyncio.create_task(nowhere.sandbox(new_user()).files.list()))
    await asyncio.sleep(0.2)
    await nowhere.close()
    ends = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30)
    assert {type(end) for end in ends} == {ClientClosedError}
