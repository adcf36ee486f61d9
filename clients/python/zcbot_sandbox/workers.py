# SPDX-License-Identifier: Apache-2.0
"""The threads for what blocks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from . import outcomes

_T = TypeVar("_T")


@dataclass
class _Jobs:
    """The jobs of a user: how many have a thread or are next, and those that wait, the oldest first."""

    given: int = 0
    waiting: dict[Future[Any], Callable[[], Any]] = field(default_factory=dict)


class Workers:
    """A few threads for all users. A user has some of them at most; the user's other jobs wait without a
    thread, so that a user whose jobs take long does not stop all others. Thread-safe.
    """

    def __init__(self, threads: int, threads_of_user: int) -> None:
        self._pool = ThreadPoolExecutor(threads, "zcbot-sandbox")
        self._threads_of_user = threads_of_user
        self._lock = threading.RLock()  # as InFlight.lock
        self._is_closed = False
        self._users: dict[str, _Jobs] = {}
        #: The jobs that are not done.
        self._jobs: set[Future[Any]] = set()

    def submit(self, user: str, act: Callable[[], _T]) -> Future[_T]:
        """Runs a function in a thread. The job can be cancelled until it has one."""
        job: Future[_T] = Future()
        with self._lock:
            self._jobs.add(job)
            of_user = self._users.setdefault(user, _Jobs())
            if of_user.given < self._threads_of_user:
                of_user.given += 1
                self._pool.submit(self._work, user, job, act)
            else:
                of_user.waiting[job] = act
        job.add_done_callback(lambda done: self._forget(user, done))
        return job

    def close(self) -> None:
        """Cancels the jobs that have no thread, and waits for no other one."""
        with self._lock:
            self._is_closed = True
            jobs = list(self._jobs)
        for job in jobs:
            job.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _work(self, user: str, job: Future[_T], act: Callable[[], _T]) -> None:
        try:
            if job.set_running_or_notify_cancel():
                outcomes.succeed(job, act())
        except BaseException as e:  # noqa: BLE001 - the caller waits
            outcomes.fail(job, e)
        finally:
            del job, act  # otherwise a failed job would be in a reference cycle with its error
            self._next(user)

    def _next(self, user: str) -> None:
        """Gives a thread that has become free to the user's oldest job that waits; others of the pool's queue
        come first.
        """
        with self._lock:
            of_user = self._users[user]
            if of_user.waiting and not self._is_closed:
                job = next(iter(of_user.waiting))
                self._pool.submit(self._work, user, job, of_user.waiting.pop(job))
                return
            of_user.given -= 1
            if of_user.given == 0:
                del self._users[user]

    def _forget(self, user: str, job: Future[Any]) -> None:
        with self._lock:
            self._jobs.discard(job)
            if user in self._users:
                self._users[user].waiting.pop(job, None)
