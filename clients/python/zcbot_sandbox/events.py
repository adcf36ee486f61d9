# SPDX-License-Identifier: Apache-2.0
"""The events that workers publish. Records that are not valid events are ignored.

Unknown fields are ignored. Enumerations are plain strings, so that values of newer workers are passed on
unchanged.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

#: The longest record value of the contract, in bytes. Longer values are not decoded.
MAX_VALUE_BYTES = 1_000_000

_MAX_TEXT = 4096


class _Invalid(Exception):
    """A record that is not a valid event."""


@dataclass(frozen=True)
class Ready:
    """The sandbox can be used.

    ``ensure_id`` is the ``event_id`` of the ensure. ``outcome`` is ``created``, ``reused``, ``recreated`` or
    ``claimed``. ``engine`` is the address of the host's container engine, ``workspace`` the path of the
    user's directory on the host. ``took_ms`` is the time from the ensure's arrival at the worker, in
    milliseconds. ``labels``, ``ends_at`` and ``profile`` are those of the sandbox. ``allow`` is what it may
    reach of what its profile allows by name, None if that is all; ``network_digest`` is a hash of all that it may reach.
    """

    event_id: str
    user_id: str
    ensure_id: str
    ready_at: datetime | None
    container_name: str
    container_id: str
    host: str
    engine: str
    worker_id: str
    outcome: str
    workspace: str
    idle_ttl_seconds: int | None
    took_ms: int
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    ends_at: datetime | None = None
    profile: str = "default"
    allow: tuple[str, ...] | None = None
    network_digest: str | None = None


@dataclass(frozen=True)
class Failed:
    """An ensure could not be met."""

    event_id: str
    user_id: str
    ensure_id: str
    reason: str
    message: str
    retryable: bool


@dataclass(frozen=True)
class Reaped:
    """A sandbox is gone. ``reason`` is, for example, ``idle``, ``requested`` or ``died``.

    ``last_use`` is what kept it in use last, if known. ``exit_code`` and ``oom_killed`` are set only if it
    ended by itself.
    """

    event_id: str
    user_id: str
    reaped_at: datetime | None
    container_id: str
    host: str
    worker_id: str
    reason: str
    last_use: str | None
    exit_code: int | None
    oom_killed: bool | None


@dataclass(frozen=True)
class Expiring:
    """The sandbox will be reaped at ``at`` at the earliest.

    ``reason`` is ``idle`` if using the sandbox keeps it, ``lifetime`` or ``ends_at`` if it is reaped in
    any case; another ensure may move ``ends_at``.
    """

    event_id: str
    user_id: str
    container_id: str
    at: datetime | None
    reason: str


@dataclass(frozen=True)
class Output:
    """A piece of a running command's output."""

    user_id: str
    exec_id: str
    seq: int
    stream: str
    data: bytes


@dataclass(frozen=True)
class Exited:
    """A command ended or will not run."""

    user_id: str
    exec_id: str
    reason: str
    exit_code: int | None
    signal: int | None
    stdout: bytes
    stderr: bytes
    output_count: int
    truncated: bool
    survivors: int
    container_id: str | None
    host: str
    worker_id: str
    started_at: datetime | None
    took_ms: int
    cpu_ms: int | None
    message: str
    retryable: bool
    oom_killed: bool = False
    memory_limit_bytes: int | None = None

    @property
    def has_run(self) -> bool:
        """Whether the command ran, or may have run."""
        return not self.retryable and (self.started_at is not None or self.reason == "lost")


class _Fields:
    """The fields of one record value."""

    def __init__(self, key: bytes, value: bytes | None) -> None:
        if value is None or len(value) > MAX_VALUE_BYTES:
            raise _Invalid
        try:
            # Decoded first, because json would accept bytes in UTF-16 and UTF-32.
            fields = json.loads(value.decode())
        except (ValueError, RecursionError):
            raise _Invalid from None
        if not isinstance(fields, dict):
            raise _Invalid
        self._fields: dict[str, Any] = fields
        if self.text("user_id").encode(errors="replace") != key:
            raise _Invalid

    def text(self, name: str) -> str:
        value = self._fields.get(name)
        if not isinstance(value, str) or not value or len(value) > _MAX_TEXT:
            raise _Invalid
        return value

    def optional_text(self, name: str) -> str | None:
        return None if self._fields.get(name) is None else self.text(name)

    def optional_number(self, name: str) -> int | None:
        value = self._fields.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value < 2**63:
            raise _Invalid
        return value

    def count(self, name: str) -> int:
        value = self.optional_number(name)
        if value is None or value < 0:
            raise _Invalid
        return value

    def optional_flag(self, name: str) -> bool | None:
        value = self._fields.get(name)
        if value is not None and not isinstance(value, bool):
            raise _Invalid
        return value

    def flag(self, name: str) -> bool:
        value = self.optional_flag(name)
        if value is None:
            raise _Invalid
        return value

    def time(self, name: str) -> datetime | None:
        """Returns a time; ``None`` if it is missing or malformed."""
        value = self._fields.get(name)
        if not isinstance(value, str):
            return None
        return parse_time(value)

    def labels(self) -> Mapping[str, str]:
        value = self._fields.get("labels")
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
            raise _Invalid
        return value

    def allow(self) -> tuple[str, ...] | None:
        network = self._fields.get("network")
        value = network.get("allow") if isinstance(network, dict) else None
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise _Invalid
        return tuple(value)

    def optional_data(self, name: str) -> bytes | None:
        text, coded = self._fields.get(name), self._fields.get(name + "_base64")
        if coded is None:
            if text is None:
                return None
            if not isinstance(text, str):
                raise _Invalid
            return text.encode(errors="replace")  # JSON can write unpaired surrogates
        if text is not None or not isinstance(coded, str):
            raise _Invalid
        try:
            return base64.b64decode(coded, validate=True)
        except (binascii.Error, ValueError):
            raise _Invalid from None


def parse_time(text: str) -> datetime | None:
    """Parses an RFC 3339 time in UTC, to the microsecond; ``None`` if it is malformed."""
    if not text.endswith("Z") or len(text) > 40:
        return None
    seconds, _, fraction = text[:-1].partition(".")
    try:
        return datetime.fromisoformat(f"{seconds}.{fraction[:6]:0<6}+00:00")
    except ValueError:
        return None


def _ready(fields: _Fields) -> Ready:
    return Ready(
        event_id=fields.text("event_id"),
        user_id=fields.text("user_id"),
        ensure_id=fields.text("ensure_id"),
        ready_at=fields.time("ready_at"),
        container_name=fields.text("container_name"),
        container_id=fields.text("container_id"),
        host=fields.text("host"),
        engine=fields.text("engine"),
        worker_id=fields.text("worker_id"),
        outcome=fields.text("outcome"),
        workspace=fields.text("workspace"),
        idle_ttl_seconds=fields.optional_number("idle_ttl_seconds"),
        took_ms=fields.count("took_ms"),
        labels=fields.labels(),
        ends_at=fields.time("ends_at"),
        profile=fields.optional_text("profile") or "default",
        allow=fields.allow(),
        network_digest=fields.optional_text("network_digest"),
    )


def _failed(fields: _Fields) -> Failed:
    return Failed(
        event_id=fields.text("event_id"),
        user_id=fields.text("user_id"),
        ensure_id=fields.text("ensure_id"),
        reason=fields.text("reason"),
        message=fields.optional_text("message") or "",
        retryable=fields.flag("retryable"),
    )


def _reaped(fields: _Fields) -> Reaped:
    return Reaped(
        event_id=fields.text("event_id"),
        user_id=fields.text("user_id"),
        reaped_at=fields.time("reaped_at"),
        container_id=fields.text("container_id"),
        host=fields.text("host"),
        worker_id=fields.text("worker_id"),
        reason=fields.text("reason"),
        last_use=fields.optional_text("last_use"),
        exit_code=fields.optional_number("exit_code"),
        oom_killed=fields.optional_flag("oom_killed"),
    )


def _expiring(fields: _Fields) -> Expiring:
    return Expiring(
        event_id=fields.text("event_id"),
        user_id=fields.text("user_id"),
        container_id=fields.text("container_id"),
        at=fields.time("at"),
        reason=fields.text("reason"),
    )


def _output(fields: _Fields) -> Output:
    data = fields.optional_data("data")
    if data is None:
        raise _Invalid
    return Output(
        user_id=fields.text("user_id"),
        exec_id=fields.text("exec_id"),
        seq=fields.count("seq"),
        stream=fields.text("stream"),
        data=data,
    )


def _exited(fields: _Fields) -> Exited:
    return Exited(
        user_id=fields.text("user_id"),
        exec_id=fields.text("exec_id"),
        reason=fields.text("reason"),
        exit_code=fields.optional_number("exit_code"),
        signal=fields.optional_number("signal"),
        stdout=fields.optional_data("stdout") or b"",
        stderr=fields.optional_data("stderr") or b"",
        output_count=fields.count("output_count"),
        truncated=fields.flag("truncated"),
        survivors=fields.optional_number("survivors") or 0,
        container_id=fields.optional_text("container_id"),
        host=fields.text("host"),
        worker_id=fields.text("worker_id"),
        started_at=fields.time("started_at"),
        took_ms=fields.count("took_ms"),
        cpu_ms=fields.optional_number("cpu_ms"),
        message=fields.optional_text("message") or "",
        retryable=fields.flag("retryable"),
        oom_killed=fields.optional_flag("oom_killed") or False,
        memory_limit_bytes=fields.optional_number("memory_limit_bytes"),
    )


_T = TypeVar("_T")


def _decoder(read: Callable[[_Fields], _T]) -> Callable[[bytes, bytes | None], _T | None]:
    def decode(key: bytes, value: bytes | None) -> _T | None:
        try:
            return read(_Fields(key, value))
        except _Invalid:
            return None

    return decode


#: Each decodes the value of a record with this key; ``None`` if it is not a valid event.
decode_ready = _decoder(_ready)
decode_failed = _decoder(_failed)
decode_reaped = _decoder(_reaped)
decode_expiring = _decoder(_expiring)
decode_output = _decoder(_output)
decode_exited = _decoder(_exited)
