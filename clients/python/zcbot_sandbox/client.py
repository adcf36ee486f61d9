# SPDX-License-Identifier: Apache-2.0
"""The synchronous client. Create one for a process; all of its objects can be used by any thread."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from . import outcomes, requests
from .calls import Call, ExecCall, patience
from .core import DEFAULT_ENSURE_SECONDS, Core
from .errors import (
    ClientClosedError,
    CommandError,
    NoAnswerError,
    SandboxError,
)
from .events import Expiring, Ready, Reaped
from .listeners import Listener
from .notices import Dispatcher
from .output import Chunk
from .plan import ensure_call, exec_call
from .result import Result
from .writer import OnDelivery

if TYPE_CHECKING:
    from .files import Files

_T = TypeVar("_T")

#: The longest piece of standard input in one record.
INPUT_PIECE = 512 * 1024

#: How many records of standard input may be on their way to the brokers.
_INPUTS_UNDER_WAY = 8

PUBLISH_SECONDS = 30.0

#: How long the end of a released sandbox usually takes at most. If it takes longer, there may be no sandbox.
_END_SECONDS = 1.0

#: Time between two attempts to hand a record to a producer that is full.
FULL_SECONDS = 0.01


class Client:
    """Publishes requests to Kafka and reads the answers, for all users of a process. Thread-safe.

    ``kafka`` is the brokers' addresses, or a mapping of librdkafka's properties, such as those for TLS and
    SASL. ``topic_prefix`` is the prefix of all topic names. With ``reply_topic``, an existing topic whose
    name begins with ``<topic_prefix>reply.``, workers copy the answers to that topic, so that the client does
    not read those of others. ``name`` is published as ``requested_by``. With ``repeats=False``, requests that are
    answered ``retryable``, so that nothing ran, are not repeated: the caller gets the error at once. Raises ``InvalidRequestError`` for an
    invalid argument; unreachable brokers are noticed by the first request (``KafkaUnreachableError``).

    Close the client, or use it as a context manager. A process that forks must create its client after the
    fork: in the child process, requests of an older client are refused.
    """

    def __init__(
        self,
        kafka: str | Mapping[str, Any] = "127.0.0.1:9092",
        *,
        topic_prefix: str = "sandbox.",
        reply_topic: str | None = None,
        name: str = "zcbot-sandbox-python",
        repeats: bool = True,
    ) -> None:
        self._core = Core(kafka, topic_prefix=topic_prefix, reply_topic=reply_topic, name=name, repeats=repeats)
        self._dispatcher = Dispatcher()
        self._finalizer = weakref.finalize(self, _end, weakref.ref(self), self._core, self._dispatcher)

    def sandbox(self, user: str | uuid.UUID) -> Sandbox:
        """Returns the user's sandbox. Nothing is published yet.

        ``user`` is a UUID; as text, it must be in lower case (``InvalidRequestError``).
        """
        return Sandbox(self._core, self._dispatcher, requests.user_id(user), self)

    def close(self) -> None:
        """Closes the client within seconds. Waiting calls raise ``ClientClosedError``; published requests are
        not withdrawn.
        """
        self._finalizer()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _end(client: weakref.ref[Client], core: Core, dispatcher: Dispatcher) -> None:
    if core.is_of_another_process:
        return  # librdkafka would wait for threads that this process does not have

    def end() -> None:
        core.close()
        dispatcher.close()

    if client() is not None:  # it is closed, or the process ends
        end()
    else:  # the garbage collector may run in a thread that has one of the locks
        threading.Thread(target=end, name="zcbot-sandbox-end").start()


class Subscription:
    """Calls a function for notices until it is closed: by ``close()``, as a context manager, or with its
    client.
    """

    def __init__(self, core: Core, listener: Listener, owner: object) -> None:
        self._core = core
        self._listener = listener
        self._owner = owner

    def close(self) -> None:
        """Ends the subscription. It can be called repeatedly."""
        self._core.unlisten(self._listener)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Sandbox:
    """One user's sandbox, whether it is running or not. Thread-safe.

    Times are in seconds. ``wait`` is how long the caller waits at most; within that time, requests that fail
    with ``retryable`` are repeated. A command is started at most once.

    At most 64 commands of a user are published at a time, because workers refuse more; up to 1000 others wait in this
    client, in order and within their times (``ClientOverloadedError``).

    In addition to the errors of each method, all methods raise ``InvalidRequestError`` for an invalid
    argument, ``KafkaUnreachableError`` if no broker was ever reached, ``LogError`` if Kafka refuses to write or read, and ``ClientClosedError`` if the client is
    closed.
    """

    def __init__(
        self,
        core: Core,
        dispatcher: Dispatcher,
        user: str,
        client: Client,
        cancellation: Cancellation | None = None,
    ) -> None:
        self.core = core
        self.client = client
        self._dispatcher = dispatcher
        self._cancellation = cancellation
        self.user = user

    def cancelled_by(self, cancellation: Cancellation) -> Sandbox:
        """Returns the same sandbox, whose commands end with a cancellation. For this package only."""
        return Sandbox(self.core, self._dispatcher, self.user, self.client, cancellation)

    def ensure(
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
        """Makes sure that the user has a sandbox; ``outcome`` of the answer says whether it was already
        running.

        ``idle_ttl`` is how long the sandbox may be unused, in whole seconds, until the user's next ensure and
        within the operator's bounds. ``labels`` replaces all labels of the sandbox, and ``ends_at``, which must have
        a time zone, is when it ends even if it is in use; without them, both stay as they are. ``profile`` names what
        the sandbox is made of, by default that of the sandbox that runs. A sandbox of another profile is replaced, and
        with ``replace=True`` even if commands run in it. ``network`` is what the sandbox may reach of what its profile
        allows by name, such as ``{"allow": ["github.com:443"]}``, or ``{}`` for all of that; without it, that stays.
        ``wait`` is at most 600. Commands make the sandbox as well, so this is needed only to have it ready early or to
        set these.

        Raises ``SandboxFailedError`` if the sandbox could not be made, and ``NoAnswerError`` if there was no
        answer.
        """
        call = ensure_call(self.user, wait, idle_ttl, labels, ends_at, profile, replace, network)
        try:
            self.core.begin(call)
            return _outcome(self.core, call)
        except BaseException:
            self.core.abandon(call, given_up())
            raise

    def run(
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
        """Runs a program with its arguments, and returns when it has ended, whatever its exit code.

        ``stdin`` is standard input (text in UTF-8), empty by default. ``env`` is added to the sandbox's
        variables. ``cwd`` is an absolute path, by default ``/workspace``. ``timeout`` is how long the command
        may run, rounded up to whole seconds; then it is killed with all its processes
        (``CommandTimeoutError``). ``wait`` is how long the caller waits, by default 80 s more than
        ``timeout``; then the command is killed (``NoAnswerError``). With ``ensure=False``, the command is not
        started if there is no sandbox (``CommandNotStartedError``). With ``profile``, a sandbox of another profile is
        replaced before, unless commands run in it (``CommandNotStartedError``). Output beyond ``max_output_bytes``, at
        most 16 MiB, is dropped, and ``truncated`` is set.

        Raises ``CommandError``, or the subclass that says why there is no result.
        """
        return self._run(
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

    def shell(
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
        """Runs a script with ``bash -c``, otherwise as ``run``."""
        return self._run(
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

    def start(
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
    ) -> Run:
        """Starts a program, or a ``script`` for ``bash -c``, and returns without waiting for its end.

        With ``stdin=True``, standard input stays open, for ``write`` and ``close_stdin`` of the :class:`Run`.
        ``tty`` is the size of the command's terminal as columns and rows, each from 1 to 10000; a command
        with a terminal has such a standard input as well. The other arguments are those of ``run``.
        """
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
        run = self._command(call)
        run.begin()
        return run

    def _run(self, call: ExecCall) -> Result:
        with self._command(call) as run:
            run.begin()
            return run.result()

    def run_unattended(self, *command: str) -> None:
        """Runs a short command if there is a sandbox, soon, and whether a cancellation has come or not. For this
        package only. Never blocks, and does nothing if the client is closed.
        """
        call = exec_call(
            self.user,
            command=command,
            stdin=None,
            env=None,
            cwd="/",
            timeout=10,
            wait=30,
            max_output_bytes=0,
            ensure=False,
        )
        call.takes_turn = False
        self.core.begin_soon(call)

    def _command(self, call: ExecCall) -> Run:
        if self._cancellation is not None:
            self._cancellation.watch(call)
        return Run(self.core, call, self.client)

    @property
    def files(self) -> Files:
        """Access to the files in the user's workspace."""
        from .files import Files

        return Files(self)

    def keep_alive(self) -> bool:
        """Reports that the sandbox is in use, and returns whether a record was written. Never blocks.

        Call it as often as you like while the user is active: it publishes one report in a tenth of the idle
        TTL, or in 30 s if that is shorter, or in 3 s if this client does not know the idle TTL. Commands
        count as use by themselves.
        """
        return self.core.keep_alive(self.user)

    def release(self, *, container_id: str | None = None, wait: float | None = None) -> Reaped | None:
        """Releases the sandbox, so that it is removed; the workspace stays.

        Without ``wait``, returns ``None`` when Kafka has stored the request. With ``wait``, at most 3600,
        returns the end of the sandbox, or ``None`` if none was announced in time. If there is no sandbox, that takes
        some 2 s at most, if this client may read the table ``sandbox.current``. With ``container_id``, only that container is removed. Raises ``NoAnswerError`` if no
        broker stored the request in time.
        """
        deadline = release_deadline(container_id, wait)
        return self.release_by(deadline, container_id, Future(), awaits_end=wait is not None)

    def release_by(
        self, deadline: float, container_id: str | None, gone: Future[Reaped], *, awaits_end: bool
    ) -> Reaped | None:
        """For this package only. Cancelling ``gone`` ends the wait for the sandbox's end."""
        listening: Future[Listener] | None = None

        def notice(reaped: Reaped) -> None:
            if container_id is None or reaped.container_id == container_id:
                outcomes.succeed(gone, reaped)

        try:
            self.core.end_with_client(gone)
            if awaits_end:
                begun = listening = self.core.listen_soon(self.user, "reaped", notice, deadline)
                gone.add_done_callback(lambda _: gone.cancelled() and begun.cancel())
                with no_answer_in_time():
                    listening.result(patience(deadline))
            self._send_release(container_id, deadline, gone)
            if listening is None:
                return None
            ended = _within(gone, min(_END_SECONDS, deadline - time.monotonic()))
            if ended is None and not gone.done():
                current = self.core.log.current_container(self.user.encode(), deadline, gone.done)
                is_there = current is None or (current != "" and container_id in (None, current))
                left = deadline - time.monotonic()
                ended = _within(gone, left if is_there else min(_END_SECONDS, left))
            return ended
        finally:
            gone.cancel()
            if listening is not None:
                self.core.stop_listening(listening)

    def _send_release(self, container_id: str | None, deadline: float, gone: Future[Reaped]) -> None:
        """Waits until the request is stored, or ``gone`` is cancelled."""
        patience = min(deadline, time.monotonic() + PUBLISH_SECONDS)
        self.core.log.await_contact("release", patience, gone.done)
        stored: Future[None] = Future()
        gone.add_done_callback(lambda _: gone.cancelled() and stored.cancel())
        while True:
            left = max(0.001, deadline - time.monotonic())
            try:
                self.core.send_release(self.user, left, container_id, into_future(stored))
                break
            except BufferError:
                if time.monotonic() >= patience:
                    raise NoAnswerError("no broker takes records", "") from None
                if stored.cancelled():
                    break
                time.sleep(FULL_SECONDS)
        _stored(stored, max(0.0, patience - time.monotonic()))

    def on_reaped(self, function: Callable[[Reaped], object]) -> Subscription:
        """Calls a function whenever a sandbox of the user is gone, from now on.

        The functions of a client are called in one thread of the client, one at a time. If more than 256
        calls are waiting, further notices are dropped and logged. Raises ``NoAnswerError`` if no broker
        answers within 30 s.
        """
        return self._subscribe("reaped", function)

    def on_expiring(self, function: Callable[[Expiring], object]) -> Subscription:
        """Calls a function before a sandbox of the user is reaped, otherwise as ``on_reaped``.

        Such notices are published only if the operator has set ``ZCBOT_SANDBOX_NOTICE``.
        """
        return self._subscribe("expiring", function)

    def _subscribe(self, kind: str, function: Callable[[Any], object]) -> Subscription:
        dispatch = self._dispatcher.dispatch
        deadline = time.monotonic() + PUBLISH_SECONDS
        listening = self.core.listen_soon(self.user, kind, lambda event: dispatch(function, event), deadline)
        with no_answer_in_time():
            try:
                return Subscription(self.core, listening.result(patience(deadline)), self.client)
            except BaseException:
                self.core.stop_listening(listening)
                raise


class Cancellation:
    """Cancels work that runs commands one after another, when its caller has gone. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._call: ExecCall | None = None
        self._is_cancelled = False

    def watch(self, call: ExecCall) -> None:
        """Sets the command that runs next; raises ``ClientClosedError`` if the work is cancelled."""
        with self._lock:
            if self._is_cancelled:
                raise _left()
            self._call = call

    def cancel(self, core: Core) -> None:
        """Kills the running command and lets no other one start. Never blocks."""
        with self._lock:
            self._is_cancelled = True
            call = self._call
        if call is not None:
            core.abandon(call, _left())


class StartedCommand:
    """The part of a started command that both clients share."""

    def __init__(self, core: Core, call: ExecCall, owner: object) -> None:
        self._core = core
        self._call = call
        self._owner = owner  # so that the garbage collector does not close the client
        self._result: Result | None = None

    @property
    def id(self) -> str:
        """The ``event_id`` of the exec, under which ``bin/sandbox watch`` shows it."""
        return self._call.id

    def _needs_nothing(self) -> bool:
        """Called while the producer is full. Returns whether the command has ended, so that nothing would
        read further input. Raises ``NoAnswerError`` at the call's deadline.
        """
        if time.monotonic() >= self._call.deadline:
            raise NoAnswerError("no broker takes records", self._call.id)
        return self._call.is_over

    def _leave(self) -> None:
        if not self._core.is_of_another_process and not self._call.is_over:
            self._core.abandon(self._call, _left())


class Run(StartedCommand):
    """A started command. As a context manager, it kills the command if the block is left before its end."""

    def stream(self) -> Iterator[Chunk]:
        """Yields the output as it arrives, each chunk once. Raises the errors of ``result`` at the end."""
        while True:
            chunk = self._call.wait_chunk(patience(self._call.deadline))
            if chunk is None:
                self._core.late(self._call)
                self._call.future.result()
                return
            yield chunk

    def result(self) -> Result:
        """Waits for the command's end; the result has the output that ``stream`` did not yield.

        Raises ``CommandError``, or the subclass that says why there is no result, and ``NoAnswerError`` if
        there was no answer; the command is killed then. It can be called repeatedly.
        """
        if self._result is None:
            try:
                self._result = with_output(self._call, _outcome(self._core, self._call))
            except CommandError as e:
                e.result = with_output(self._call, e.result)
                raise
        return self._result

    def write(self, data: bytes | str) -> None:
        """Writes to standard input (text in UTF-8); returns when Kafka has stored it or the command has
        ended.
        """
        self._write(requests.stdin_bytes(data))

    def write_from(self, pieces: Iterator[bytes]) -> int:
        """Writes pieces to standard input, as ``write`` does; stops when the command has ended. Returns the
        number of bytes.
        """
        written = 0
        under_way: list[Future[None]] = []
        for piece in pieces:
            for start in range(0, len(piece), INPUT_PIECE):
                part = piece[start : start + INPUT_PIECE]
                if len(under_way) >= _INPUTS_UNDER_WAY:
                    self._await_stored(under_way.pop(0))
                under_way.append(self._send(requests.data_field("data", part)))
                written += len(part)
                if self._call.is_over:
                    return written
        for each in under_way:
            self._await_stored(each)
        return written

    def close_stdin(self) -> None:
        """Ends standard input. A terminal gets Ctrl-D."""
        self._await_stored(self._send({"eof": True}))

    def signal(self, name: str) -> None:
        """Sends ``INT``, ``TERM``, ``KILL`` or ``HUP``. A command that has not started gets it when it
        starts.
        """
        content = {"signal": requests.signal_name(name)}
        self._call.may_retry = False
        self._await_stored(self._send(content))

    def kill(self) -> None:
        """Kills the command with the signal ``KILL``, without waiting for its end."""
        self.signal("KILL")

    def resize(self, columns: int, rows: int) -> None:
        """Changes the size of the command's terminal; ``columns`` and ``rows`` are from 1 to 10000."""
        content = {"resize": requests.terminal_size("size", (columns, rows))}
        self._await_stored(self._send(content))

    def begin(self) -> None:
        """Publishes the exec, and the part of its standard input that does not fit into it."""
        try:
            self._core.begin(self._call)
            if self._call.long_input and not self._call.is_over:
                self._write(self._call.long_input)
                if not self._call.is_over:
                    self.close_stdin()
        except BaseException:
            self._leave()
            raise

    def _write(self, data: bytes) -> None:
        self.write_from(iter([data]))

    def _send(self, content: Mapping[str, Any]) -> Future[None]:
        stored: Future[None] = Future()
        while True:
            try:
                self._core.send_input(self._call, content, into_future(stored))
                return stored
            except BufferError:
                if self._needs_nothing():
                    stored.set_result(None)
                    return stored
                time.sleep(FULL_SECONDS)

    def _await_stored(self, stored: Future[None]) -> None:
        """Waits until the input is stored or the command has ended: nothing reads it after that."""
        ends: list[Future[Any]] = [stored, self._call.future]
        futures.wait(ends, patience(self._call.deadline), futures.FIRST_COMPLETED)
        if stored.done() or not self._call.is_over:
            _stored(stored, 0)

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()


def _outcome(core: Core, call: Call[_T]) -> _T:
    futures.wait([call.future], patience(call.deadline))
    core.late(call)
    return call.future.result()


def with_output(call: ExecCall, result: Result) -> Result:
    """Returns the result with the streamed output that was not taken."""
    if not call.request.stream:
        return result
    stdout, stderr = call.drain()
    if not stdout and not stderr:
        return result
    return replace(result, stdout=result.stdout + stdout, stderr=result.stderr + stderr)


def _left() -> ClientClosedError:
    return ClientClosedError("the command was left and killed")


def given_up() -> ClientClosedError:
    return ClientClosedError("the request was given up")


@contextlib.contextmanager
def no_answer_in_time() -> Iterator[None]:
    """Converts a ``TimeoutError`` of the log to an error of this library."""
    try:
        yield
    except SandboxError:
        raise
    except (TimeoutError, FutureTimeoutError) as e:
        raise NoAnswerError(str(e) or "no broker answered in time", "") from e


def release_deadline(container_id: str | None, wait: float | None) -> float:
    """Checks the arguments of a release."""
    if container_id is not None:
        requests.label("container_id", container_id)
    return time.monotonic() + requests.seconds("wait", 60 if wait is None else wait, 3600)


def _within(gone: Future[Reaped], seconds: float) -> Reaped | None:
    """Returns the end of a sandbox; ``None`` if there is none in time."""
    try:
        return gone.result(max(0.0, seconds))
    except FutureTimeoutError:
        if gone.done():
            raise
        return None


def into_future(stored: Future[None]) -> OnDelivery:
    def delivered(error: SandboxError | None) -> None:
        if error is None:
            outcomes.succeed(stored, None)
        else:
            outcomes.fail(stored, error)

    return delivered


def _stored(stored: Future[None], seconds: float) -> None:
    try:
        stored.result(seconds)
    except FutureTimeoutError as e:
        if stored.done():
            raise
        raise NoAnswerError("no broker stored the record in time", "") from e
