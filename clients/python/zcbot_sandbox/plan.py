# SPDX-License-Identifier: Apache-2.0
"""Turns the arguments of both clients into a request with its deadlines."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from . import requests
from .calls import EnsureCall, ExecCall
from .core import DEFAULT_START_SECONDS, GRACE_SECONDS
from .errors import InvalidRequestError

#: The longest allowed wait, in seconds.
_LONGEST_WAIT = 2 * requests.MAX_TIMEOUT_SECONDS


def ensure_call(
    user: str,
    wait: float,
    idle_ttl: int | None,
    labels: Mapping[str, str] | None = None,
    ends_at: datetime | None = None,
    profile: str | None = None,
    replace: bool = False,
    network: Mapping[str, Any] | None = None,
) -> EnsureCall:
    requests.seconds("wait", wait, 600)
    terms = requests.ensure_terms(idle_ttl, labels, ends_at, profile, replace, network)
    return EnsureCall(user, time.monotonic() + wait, terms)


def exec_call(
    user: str,
    *,
    command: Sequence[str] = (),
    script: str | None = None,
    stdin: bytes | str | bool | None,
    env: Mapping[str, str] | None,
    cwd: str | None,
    timeout: float,
    wait: float | None,
    max_output_bytes: int,
    stream: bool = False,
    tty: tuple[int, int] | None = None,
    ensure: bool,
    profile: str | None = None,
) -> ExecCall:
    """Returns the call of a command, or of a script for ``bash -c``."""
    if script is not None and command:
        raise InvalidRequestError("script", "is given together with a command")
    if stdin is True and not stream:
        raise InvalidRequestError("stdin", "is True, which is for start(); give bytes or str")
    content = b"" if stdin is True else requests.stdin_bytes(stdin or None)
    fits = len(content) <= requests.MAX_INLINE_INPUT
    if content and tty is not None:
        raise InvalidRequestError("stdin", "is given to a command with a terminal; write it with Run.write()")
    input_follows = stdin is True or tty is not None
    request = requests.exec_request(
        command=command,
        script=script,
        stdin=content if fits else b"",
        input_follows=input_follows or not fits,
        env=env,
        cwd=cwd,
        timeout=timeout,
        max_output_bytes=max_output_bytes,
        stream=stream or max_output_bytes > requests.MAX_INLINE_OUTPUT,
        tty=tty,
        ensure=ensure,
        profile=profile,
    )
    now = time.monotonic()
    longest = DEFAULT_START_SECONDS + timeout + GRACE_SECONDS
    deadline = now + (longest if wait is None else requests.seconds("wait", wait, _LONGEST_WAIT))
    return ExecCall(
        user, deadline, min(deadline, now + DEFAULT_START_SECONDS), request, b"" if fits else content
    )
