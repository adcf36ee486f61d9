# SPDX-License-Identifier: Apache-2.0
"""Futures that several threads may end, including the caller's."""

from __future__ import annotations

from concurrent.futures import Future, InvalidStateError
from typing import TypeVar

_T = TypeVar("_T")


def succeed(future: Future[_T], value: _T) -> bool:
    """Sets the result, and returns whether the future had not ended before."""
    try:
        future.set_result(value)
    except InvalidStateError:
        return False
    return True


def fail(future: Future[_T], error: BaseException) -> bool:
    """Sets the exception, and returns whether the future had not ended before."""
    try:
        future.set_exception(error)
    except InvalidStateError:
        return False
    return True
