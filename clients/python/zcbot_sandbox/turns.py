# SPDX-License-Identifier: Apache-2.0
"""How many commands of a user are published at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .errors import ClientOverloadedError

#: How many commands of a user are published at a time. Workers run 8 by default and let 64 others wait; they refuse
#: what comes then, and a refused command can be repeated only when its exec has expired. This stays below whatever
#: their operator has set, and keeps all that run busy.
COMMANDS_OF_USER = 64

#: How many further commands of a user wait in the client.
WAITING_OF_USER = 1000


@dataclass
class _OfUser:
    """The commands that have a turn, and those that wait, the oldest first, with what begins them."""

    begun: set[Any] = field(default_factory=set)
    waiting: dict[Any, Callable[[], None]] = field(default_factory=dict)


class Turns:
    """Commands begin in the order in which they come, and wait without a thread. Safe for concurrent use."""

    def __init__(self, begin: Callable[[Callable[[], None]], object]) -> None:
        """``begin`` gets what begins a command whose turn has come, and must not call it at once."""
        self._begin = begin
        self._lock = threading.RLock()  # as InFlight.lock
        self._users: dict[bytes, _OfUser] = {}

    def take(self, key: bytes, call: Any, begin: Callable[[], None]) -> None:
        """Calls ``begin`` when it is the command's turn, which may be now. Raises ``ClientOverloadedError`` if too
        many wait.
        """
        with self._lock:
            of_user = self._users.setdefault(key, _OfUser())
            if len(of_user.begun) >= COMMANDS_OF_USER:
                if len(of_user.waiting) >= WAITING_OF_USER:
                    raise ClientOverloadedError(
                        f"{WAITING_OF_USER} commands of the user wait in this client already, and as many as workers"
                        " take run or wait in the sandbox; run fewer at a time"
                    )
                of_user.waiting[call] = begin
                return
            of_user.begun.add(call)
        begin()

    def leave(self, key: bytes, call: Any) -> None:
        """Ends the command's turn, or its wait for one. It can be called repeatedly."""
        with self._lock:
            of_user = self._users.get(key)
            if of_user is None:
                return
            of_user.waiting.pop(call, None)
            of_user.begun.discard(call)
            while of_user.waiting and len(of_user.begun) < COMMANDS_OF_USER:
                following = next(iter(of_user.waiting))
                of_user.begun.add(following)
                self._begin(of_user.waiting.pop(following))
            if not of_user.begun:
                del self._users[key]

    def is_waiting(self, key: bytes, call: Any) -> bool:
        with self._lock:
            return key in self._users and call in self._users[key].waiting

    def waiting(self) -> list[Any]:
        """Returns the commands that wait for their turn."""
        with self._lock:
            return [call for of_user in self._users.values() for call in of_user.waiting]
