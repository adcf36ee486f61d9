# SPDX-License-Identifier: Apache-2.0
"""The asyncio client. Commands and ensures wait in no thread; calls that can block run in a few threads."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future
from datetime import datetime
from types import TracebackType
from typing import Any, BinaryIO, TypeVar

from . import outcomes, requests
from .calls import Call, ExecCall, patience
from .client import (
    FULL_SECONDS,
    INPUT_PIECE,
    PUBLISH_SECONDS,
    Cancellation,
    Client,
    Sandbox,
    StartedCommand,
    Subscription,
    given_up,
    into_future,
    no_answer_in_time,
    release_deadline,
    with_output,
)
from .core import DEFAULT_ENSURE_SECONDS, Core
from .errors import ClientClosedError, CommandError, NoAnswerError
from .events import Expiring, Ready, Reaped
from .files import IN_MEMORY, TIMEOUT, WORKSPACE, Entry, Files
from .output import Chunk
from .plan import ensure_call, exec_call
from .result import Result
from .settings import logger

_T = TypeVar("_T")

#: The time that an operation with files has at least if it gets a thread at its deadline.
_LEAST_SECONDS = 0.001

#: The answers to commands whose output may be streamed, and to others.
_STREAMED = ("output", "exited")
_UNSTREAMED = ("exited",)


class AsyncClient:
    """As :class:`Client`, for asyncio. It can be used by one event loop."""

    def __init__(
        self,
        kafka: str | Mapping[str, Any] = "127.0.0.1:9092",
        *,
        topic_prefix: str = "sandbox.",
        reply_topic: str | None = None,
        name: str = "zcbot-sandbox-python",
        repeats: bool = True,
    ) -> None:
        self._client = Client(kafka, topic_prefix=topic_prefix, reply_topic=reply_topic, name=name, repeats=repeats)

    def sandbox(self, user: str | uuid.UUID) -> AsyncSandbox:
        """Returns the user's sandbox; see :meth:`Client.sandbox`."""
        return AsyncSandbox(self._client.sandbox(user))

    async def close(self) -> None:
        """Closes the client; see :meth:`Client.close`."""
        await asyncio.to_thread(self._client.close)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class AsyncSandbox:
    """As :class:`Sandbox`, for asyncio. A command whose task is cancelled is killed."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._core = sandbox.core
        self.user = sandbox.user

    async def ensure(
        self,
        *,
        idle_ttl: int | None = None,
        labels: Mapping[str, str] | None = None,
        ends_at: datetime | None = None,
        profile: str | None = None,
        replace: bool = False,
        network: Mapping[str, Any] | None = None,
        wait: float = DEFAULT_ENSURE_SECONDS,
    ) -> Ready:
        """See :meth:`Sandbox.ensure`."""
        call = ensure_call(self.user, wait, idle_ttl, labels, ends_at, profile, replace, network)
        try:
            await _begin(self._core, call)
            return await _outcome(self._core, call)
        except BaseException:
            self._core.abandon(call, given_up())
            raise

    async def run(
        self,
        *command: str,
        stdin: bytes | str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        timeout: float = 60,
        max_output_bytes: int = requests.MAX_INLINE_OUTPUT,
        ensure: bool = True,
        profile: str | None = None,
        wait: float | None = None,
    ) -> Result:
        """See :meth:`Sandbox.run`."""
        return await self._run(
            exec_call(
                self.user,
                command=command,
                stdin=stdin,
                env=env,
                cwd=cwd,
                timeout=timeout,
                wait=wait,
                max_output_bytes=max_output_bytes,
                ensure=ensure,
                profile=profile,
            )
        )

    async def shell(
        self,
        script: str,
        *,
        stdin: bytes | str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        timeout: float = 60,
        max_output_bytes: int = requests.MAX_INLINE_OUTPUT,
        ensure: bool = True,
        profile: str | None = None,
        wait: float | None = None,
    ) -> Result:
        """See :meth:`Sandbox.shell`."""
        return await self._run(
            exec_call(
                self.user,
                script=script,
                stdin=stdin,
                env=env,
                cwd=cwd,
                timeout=timeout,
                wait=wait,
                max_output_bytes=max_output_bytes,
                ensure=ensure,
                profile=profile,
            )
        )

    async def start(
        self,
        *command: str,
        script: str | None = None,
        stdin: bytes | str | bool | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        timeout: float = 60,
        max_output_bytes: int = requests.MAX_OUTPUT_BYTES,
        tty: tuple[int, int] | None = None,
        ensure: bool = True,
        profile: str | None = None,
        wait: float | None = None,
    ) -> AsyncRun:
        """See :meth:`Sandbox.start`."""
        call = exec_call(
            self.user,
            command=command,
            script=script,
            stdin=stdin,
                        env=env,
            cwd=cwd,
            timeout=timeout,
            wait=wait,
            max_output_bytes=max_output_bytes,
            stream=True,
            tty=tty,
            ensure=ensure,
            profile=profile,
        )
        run = AsyncRun(self._core, call, self._sandbox.client)
        await run.begin()
        return run

    async def _run(self, call: ExecCall) -> Result:
        async with AsyncRun(self._core, call, self._sandbox.client) as run:
            await run.begin()
            return await run.result()

    @property
    def files(self) -> AsyncFiles:
        """Access to the files in the user's workspace."""
        return AsyncFiles(self._sandbox)

    async def keep_alive(self) -> bool:
        """See :meth:`Sandbox.keep_alive`."""
        return self._sandbox.keep_alive()

    async def release(self, *, container_id: str | None = None, wait: float | None = None) -> Reaped | None:
        """See :meth:`Sandbox.release`."""
        deadline = release_deadline(container_id, wait)
        gone: Future[Reaped] = Future()

        def act() -> Reaped | None:
            return self._sandbox.release_by(deadline, container_id, gone, awaits_end=wait is not None)

        kinds = () if wait is None else ("reaped",)
        return await _in_thread(self._core, self.user, act, gone.cancel, kinds, deadline)

    async def on_reaped(self, function: Callable[[Reaped], object]) -> Subscription:
        """Calls a function or a coroutine function in this loop whenever a sandbox of the user is gone.

        Raises ``NoAnswerError`` if no broker answers within 30 s.
        """
        return await self._subscribe("reaped", function)

    async def on_expiring(self, function: Callable[[Expiring], object]) -> Subscription:
        """Calls a function before a sandbox of the user is reaped, otherwise as ``on_reaped``.

        Such notices are published only if the operator has set ``ZCBOT_SANDBOX_NOTICE``.
        """
        return await self._subscribe("expiring", function)

    async def _subscribe(self, kind: str, function: Callable[[Any], object]) -> Subscription:
        loop = asyncio.get_running_loop()
        tasks: set[asyncio.Task[object]] = set()

        def call(event: Any) -> None:
            outcome = function(event)
            if inspect.iscoroutine(outcome):
                task = loop.create_task(outcome)
                tasks.add(task)
                task.add_done_callback(tasks.discard)

        deadline = time.monotonic() + PUBLISH_SECONDS
        listening = self._core.listen_soon(self.user, kind, _in_loop(loop, call), deadline)
        with no_answer_in_time():
            try:
                listener = await _within(listening, patience(deadline))
            except BaseException:
                self._core.stop_listening(listening)
                raise
        return Subscription(self._core, listener, self._sandbox.client)


class AsyncRun(StartedCommand):
    """A started command. As a context manager, it kills the command if the block is left before its end."""

    async def begin(self) -> None:
        """Publishes the exec, and the part of its standard input that does not fit into it."""
        try:
            await _begin(self._core, self._call)
            if self._call.long_input and not self._call.is_over:
                await self._write(self._call.long_input)
                if not self._call.is_over:
                    await self.close_stdin()
        except BaseException:
            self._leave()
            raise

    async def stream(self) -> AsyncIterator[Chunk]:
        """Yields the output as it arrives, each chunk once. Raises the errors of ``result`` at the end."""
        loop = asyncio.get_running_loop()
        news = asyncio.Event()
        waker = _in_loop(loop, lambda _: news.set())

        def wake() -> None:
            waker(None)

        self._call.add_waker(wake)
        try:
            while True:
                news.clear()
                is_over = self._call.is_over
                chunk = self._call.take()
                if chunk is not None:
                    yield chunk
                elif is_over:
                    await _outcome(self._core, self._call)
                    return
                else:
                    with _in_time(self._core, self._call):
                        await news.wait()
        finally:
            self._call.remove_waker(wake)

    async def result(self) -> Result:
        """Waits for the command's end; see :meth:`Run.result`."""
        if self._result is None:
            try:
                self._result = with_output(self._call, await _outcome(self._core, self._call))
            except CommandError as e:
                e.result = with_output(self._call, e.result)
                raise
        return self._result

    async def write(self, data: bytes | str) -> None:
        """Writes to standard input (text in UTF-8); returns when Kafka has stored it or the command has
        ended.
        """
        await self._write(requests.stdin_bytes(data))

    async def close_stdin(self) -> None:
        """Ends standard input. A terminal gets Ctrl-D."""
        await self._send({"eof": True})

    async def signal(self, name: str) -> None:
        """Sends ``INT``, ``TERM``, ``KILL`` or ``HUP``. A command that has not started gets it when it
        starts.
        """
        content = {"signal": requests.signal_name(name)}
        self._call.may_retry = False
        await self._send(content)

    async def kill(self) -> None:
        """Kills the command with the signal ``KILL``, without waiting for its end."""
        await self.signal("KILL")

    async def resize(self, columns: int, rows: int) -> None:
        """Changes the size of the command's terminal; ``columns`` and ``rows`` are from 1 to 10000."""
        await self._send({"resize": requests.terminal_size("size", (columns, rows))})

    async def _write(self, data: bytes) -> None:
        for start in range(0, len(data), INPUT_PIECE):
            await self._send(requests.data_field("data", data[start : start + INPUT_PIECE]))
            if self._call.is_over:
                return

    async def _send(self, content: Mapping[str, Any]) -> None:
        stored: Future[None] = Future()
        while True:
            try:
                self._core.send_input(self._call, content, into_future(stored))
                break
            except BufferError:
                if self._needs_nothing():
                    return
                await asyncio.sleep(FULL_SECONDS)
        await self._await_stored(stored)

    async def _await_stored(self, stored: Future[None]) -> None:
        """Waits until the input is stored or the command has ended: nothing reads it after that."""

        def wake() -> None:
            if self._call.is_over:
                outcomes.succeed(stored, None)

        self._call.add_waker(wake)
        try:
            wake()
            await _within(stored, patience(self._call.deadline))
        except TimeoutError as e:
            raise NoAnswerError("no broker stored the record in time", self._call.id) from e
        finally:
            self._call.remove_waker(wake)

    async def __aenter__(self) -> AsyncRun:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()


class AsyncFiles:
    """As :class:`Files`, for asyncio. Operations run in threads of the client: at most eight at a time, and two
    of one user. One that can't begin within its ``timeout`` raises ``NoAnswerError``; nothing was published then.

    If the task of an operation is cancelled, its command in the sandbox is killed.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def write(
        self, path: str, data: bytes | str | BinaryIO, *, mode: int = 0o644, timeout: float = TIMEOUT
    ) -> int:
        """See :meth:`Files.write`."""
        kinds = _UNSTREAMED if isinstance(data, IN_MEMORY) else _STREAMED
        return await self._in_thread(
            lambda files, left: files.write(path, data, mode=mode, timeout=left), timeout, kinds
        )

    async def read(self, path: str, *, max_bytes: int = 64 << 20, timeout: float = TIMEOUT) -> bytes:
        """See :meth:`Files.read`."""
        return await self._in_thread(
            lambda files, left: files.read(path, max_bytes=max_bytes, timeout=left), timeout
        )

    async def read_into(
        self, path: str, into: BinaryIO, *, max_bytes: int | None = None, timeout: float = TIMEOUT
    ) -> int:
        """See :meth:`Files.read_into`."""
        return await self._in_thread(
            lambda files, left: files.read_into(path, into, max_bytes=max_bytes, timeout=left), timeout
        )

    async def list(self, path: str = WORKSPACE, *, timeout: float = TIMEOUT) -> list[Entry]:
        """See :meth:`Files.list`."""
        return await self._in_thread(lambda files, left: files.list(path, timeout=left), timeout)

    async def remove(
        self, path: str, *, recursive: bool = False, missing_ok: bool = False, timeout: float = TIMEOUT
    ) -> None:
        """See :meth:`Files.remove`."""
        await self._in_thread(
            lambda files, left: files.remove(path, recursive=recursive, missing_ok=missing_ok, timeout=left),
            timeout,
            _UNSTREAMED,
        )

    async def _in_thread(
        self, act: Callable[[Files, float], _T], timeout: float, kinds: tuple[str, ...] = _STREAMED
    ) -> _T:
        """Passes the time that is left when there is a thread."""
        core, user, cancellation = self._sandbox.core, self._sandbox.user, Cancellation()
        files = Files(self._sandbox.cancelled_by(cancellation))
        deadline = time.monotonic() + requests.seconds("timeout", timeout)

        def in_thread() -> _T:
            return act(files, max(_LEAST_SECONDS, deadline - time.monotonic()))

        return await _in_thread(core, user, in_thread, lambda: cancellation.cancel(core), kinds, deadline)


async def _begin(core: Core, call: Call[Any]) -> None:
    begun = core.begin_soon(call)
    if not begun.done():
        with _in_time(core, call):
            await asyncio.wrap_future(begun)


async def _outcome(core: Core, call: Call[_T]) -> _T:
    # Not awaited itself: a cancelled task must not look like an answered call. Its outcome is ignored then.
    outcome = asyncio.wrap_future(call.future)
    outcome.add_done_callback(lambda done: done.cancelled() or done.exception())
    with _in_time(core, call):
        await asyncio.wait([outcome])
    return outcome.result()


@contextlib.contextmanager
def _in_time(core: Core, call: Call[Any]) -> Iterator[None]:
    """Ends the call, and kills its command, at the deadline, even if the core's threads hang."""
    late = asyncio.get_running_loop().call_later(patience(call.deadline), core.late, call)
    try:
        yield
    finally:
        late.cancel()


async def _within(job: Future[_T], seconds: float) -> _T:
    """As ``asyncio.wait_for``, which before Python 3.12 ignores a cancellation that comes together with the
    outcome.
    """
    outcome = asyncio.wrap_future(job)
    try:
        await asyncio.wait([outcome], timeout=seconds)
        if not outcome.done():
            raise TimeoutError
        return await outcome
    finally:
        outcome.cancel()


async def _in_thread(
    core: Core,
    user: str,
    act: Callable[[], _T],
    cancel: Callable[[], object],
    kinds: tuple[str, ...],
    deadline: float,
) -> _T:
    """Returns the outcome of a job that reads answers of some kinds, and that keeps to its own deadline once a
    thread has begun with it, which must be by ``deadline``. If the caller is cancelled, ``cancel`` ends the
    job early.
    """
    async with _held(core, user, kinds, deadline):
        job = core.submit(user, act)
        outcome = asyncio.wrap_future(job)
        try:
            await asyncio.wait([outcome], timeout=max(0.0, deadline - time.monotonic()))
            if job.cancelled():
                raise ClientClosedError
            if not outcome.done() and job.cancel():
                raise NoAnswerError("no thread of this client was free in time; nothing was published", "")
            return await outcome
        finally:
            if not job.cancel() and not job.done():
                cancel()
            outcome.cancel()


@contextlib.asynccontextmanager
async def _held(core: Core, user: str, kinds: tuple[str, ...], deadline: float) -> AsyncIterator[None]:
    """Reads answers to a user meanwhile. A partition without a leader is waited for here, in no thread."""
    held = core.hold(user, kinds, deadline)
    try:
        try:
            await _within(held, patience(deadline))
        except TimeoutError as e:
            problem = f"nothing was published: {str(e) or 'no broker answered in time'}"
            raise NoAnswerError(f"{problem}; check the argument kafka, and the brokers", "") from e
        yield
    finally:
        core.stop_holding(user, kinds, held)


def _in_loop(loop: asyncio.AbstractEventLoop, act: Callable[[Any], None]) -> Callable[[Any], None]:
    def call(argument: Any) -> None:
        try:
            loop.call_soon_threadsafe(act, argument)
        except RuntimeError:
            logger.debug("the event loop is closed")

    return call
