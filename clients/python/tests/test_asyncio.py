# SPDX-License-Identifier: Apache-2.0
"""The asyncio client, against a real worker and a real Kafka."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import PATIENCE, Deployment, new_user
from kafka import Watch
from zcbot_sandbox import (
    AsyncClient,
    AsyncSandbox,
    ClientClosedError,
    CommandTimeoutError,
    NoAnswerError,
    Reaped,
    calls,
)

#: Of all tests that need no user of their own.
USER = new_user()


@pytest.fixture
async def client(deployment: Deployment) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(deployment.bootstrap) as it:
        yield it


@pytest.fixture
def sandbox(client: AsyncClient) -> AsyncSandbox:
    return client.sandbox(USER)


async def test_run(sandbox: AsyncSandbox) -> None:
    assert (await sandbox.ensure(wait=PATIENCE)).outcome in ("created", "claimed", "reused")
    result = await sandbox.run("python3", "-c", "print(6*7); exit(3)")
    assert (result.exit_code, result.text) == (3, "42\n")
    with pytest.raises(CommandTimeoutError) as timeout:
        await sandbox.shell("echo begun; sleep 100", timeout=5)
    assert timeout.value.result.text == "begun\n"
    with pytest.raises(NoAnswerError):
        await sandbox.run("sleep", "30", wait=0.3)
    await sandbox.files.write("a", b"\xff\x00")
    assert await sandbox.files.read("a") == b"\xff\x00"
    assert "a" in {entry.name for entry in await sandbox.files.list()}
    await sandbox.files.remove("a")


async def test_stream(sandbox: AsyncSandbox) -> None:
    async with await sandbox.start("cat", stdin=True) as run:
        pieces = []
        await run.write("one")
        async for chunk in run.stream():
            pieces.append(chunk.text)
            if len(pieces) == 1:
                await run.write("two")
                await run.close_stdin()
        assert "".join(pieces) == "onetwo"
        assert (await run.result()).exit_code == 0
    async with await sandbox.start(script="trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done") as run:
        async for _ in run.stream():
            await run.signal("TERM")
        assert (await run.result()).exit_code == 5
    long = b"0123456789" * 60_000
    result = await sandbox.run("sha256sum", stdin=long)
    assert result.text.startswith(hashlib.sha256(long).hexdigest())


async def test_what_is_retryable_is_repeated_and_runs_once(
    sandbox: AsyncSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers refuse more than 72 commands of a user."""
    monkeypatch.setattr(calls, "FIRST_TRY_SECONDS", 2.5)
    monkeypatch.setattr(calls, "CLOCK_SECONDS", 0.2)
    names = [f"n{n}" for n in range(85)]
    results = await asyncio.gather(*(sandbox.shell(f"sleep 0.1; echo {name} >>once") for name in names))
    assert all(result.ok for result in results)
    assert sorted((await sandbox.files.read("once")).decode().split()) == sorted(names)


async def test_a_cancelled_command_is_killed(deployment: Deployment, sandbox: AsyncSandbox) -> None:
    with Watch(deployment.bootstrap, "sandbox.exited") as exited:
        async with await sandbox.start(script="echo up; sleep 100") as run:
            async for _ in run.stream():
                break
            task = asyncio.create_task(run.result())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not run._call.is_over
        end = await asyncio.to_thread(exited.wait_for, lambda fields: fields["exec_id"] == run.id)
        assert (end["reason"], end["signal"]) == ("signalled", 9)
        task = asyncio.create_task(sandbox.shell("touch begun; exec sleep 77"))
        await sandbox.shell("until [ -e begun ]; do sleep 0.1; done", timeout=PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        end = await asyncio.to_thread(
            exited.wait_for,
            lambda fields: fields["exec_id"] != run.id and fields["reason"] == "signalled",
        )
        assert end["signal"] == 9


async def test_a_cancelled_write_leaves_neither_a_file_nor_a_part_of_it(sandbox: AsyncSandbox) -> None:
    goes_on = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"x" * 1000
        assert goes_on.wait(PATIENCE)
        yield b"y"

    its_pieces = pieces()
    content: Any = SimpleNamespace(read=lambda size: next(its_pieces, b""))
    task = asyncio.create_task(sandbox.files.write("left/file", content))
    begun = "until [ -s left/.zcbot-write-* ]; do sleep 0.1; done"
    (await sandbox.shell(begun, timeout=PATIENCE)).check()
    task.cancel()
    goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    removed = "while [ -e left/.zcbot-write-* ]; do sleep 0.1; done; ls -A left"
    assert (await sandbox.shell(removed, timeout=PATIENCE)).check().text == ""


async def test_keepalive_release_and_reaped(client: AsyncClient) -> None:
    sandbox = client.sandbox(new_user())
    noticed: asyncio.Queue[Reaped] = asyncio.Queue()
    with await sandbox.on_reaped(noticed.put):
        ready = await sandbox.ensure(wait=PATIENCE)
        assert [await sandbox.keep_alive() for _ in range(3)] == [True, False, False]
        reaped = await sandbox.release(wait=PATIENCE)
        assert reaped is not None
        assert reaped.container_id == ready.container_id
        assert (await asyncio.wait_for(noticed.get(), PATIENCE)).reason == "requested"


async def test_close_ends_waits(deployment: Deployment) -> None:
    client = AsyncClient(deployment.bootstrap)
    sandbox = client.sandbox(new_user())
    run = await sandbox.start(script="sleep 100")

    async def read() -> None:
        async for _ in run.stream():
            pass

    tasks = [asyncio.create_task(act) for act in (run.result(), read(), sandbox.run("sleep", "100"))]
    await asyncio.sleep(0.2)
    before = time.monotonic()
    await client.close()
    ends = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), PATIENCE)
    assert all(isinstance(end, ClientClosedError) for end in ends)
    assert time.monotonic() - before < 20
