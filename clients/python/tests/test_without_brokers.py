# SPDX-License-Identifier: Apache-2.0
"""Waits while no broker can be reached."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Queue

import pytest
from conftest import new_user
from zcbot_sandbox import Client, ClientClosedError, LogError, NoAnswerError, SandboxError


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
