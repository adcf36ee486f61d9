# SPDX-License-Identifier: Apache-2.0
"""Futures that several threads may end, the caller's among them."""

from __future__ import annotations

from concurrent.futures import Future, InvalidStateError
from typing import TypeVar

_T = TypeVar("_T")


def succeed(future: Future[_T], value: _T) -> bool:
    """Whether it had not ended before."""
    try:
        future.set_result(value)
    except InvalidStateError:
        return False
    return True


def fail(future: Future[_T], error: BaseException) -> bool:
    """As ``succeed``."""
    try:
        future.set_exception(error)
    except InvalidStateError:
        return False
    return True
