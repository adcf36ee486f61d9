# SPDX-License-Identifier: Apache-2.0
"""Requests of agent services as record values. They are checked here, because nobody answers a record that is
not a valid event.
"""

from __future__ import annotations

import base64
import json
import math
import re
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from .errors import InvalidRequestError

MAX_ARGUMENTS = 4096
MAX_ARGUMENT_BYTES = 128 * 1024
MAX_VARIABLES = 1024
MAX_VARIABLE_BYTES = 64 * 1024
MAX_DIRECTORY_BYTES = 4095
MAX_TIMEOUT_SECONDS = 24 * 3600
MAX_IDLE_TTL_SECONDS = 365 * 24 * 3600
MAX_LABELS = 128
MAX_LABEL_KEY_LENGTH = 128
MAX_LABEL_BYTES = 4096

#: The longest output that a worker keeps for the answer; longer output is streamed.
MAX_INLINE_OUTPUT = 256 * 1024
MAX_OUTPUT_BYTES = 16 << 20

#: The longest standard input in an exec's record, in bytes; longer input follows in other records.
MAX_INLINE_INPUT = 256 * 1024

_USER = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
#: As ``network.allow`` of the contract.
_ALLOWED = re.compile(r"[a-z0-9*._:/-]{1,253}")
_MOST_ALLOWED = 100
_ALLOWED_BYTES = 4096

_PROFILE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_UNSAFE = ("Cc", "Cf", "Zl", "Zp", "Cs")

SIGNALS = ("INT", "TERM", "KILL", "HUP")


def user_id(user: str | uuid.UUID) -> str:
    """Returns a user's id in its canonical form."""
    text = str(user)
    if not _USER.fullmatch(text):
        lower = text.lower()
        if len(text) == 36 and _USER.fullmatch(lower):
            raise InvalidRequestError("user", f"is not in canonical form; write it in lower case: {lower!r}")
        raise InvalidRequestError("user", f"is not a UUID in lower case: {text[:64]!r}")
    return text


def user_id_of(namespace: uuid.UUID, name: str) -> str:
    """Returns the id of a user whom an application knows by another name, such as a number or an e-mail address: the
    UUID version 5 of that name in UTF-8. The same arguments always give the same id, and other ones another. It can
    be computed by anybody who knows the arguments, so it keeps no secret.

    ``namespace`` is a UUID that the application has chosen once and never changes, ``name`` its own id of the user,
    which is not normalized in any way.
    """
    if not isinstance(namespace, uuid.UUID):
        problem = f"is {type(namespace).__name__}; give a uuid.UUID, chosen once for your application"
        raise InvalidRequestError("namespace", problem)
    if _literal("name", "it", name) == "":
        raise InvalidRequestError("name", "is empty; give the id that your application has of the user")
    return str(uuid.uuid5(namespace, name))


def new_id() -> str:
    return str(uuid.uuid4())


def timestamp(seconds_from_now: float = 0) -> str:
    """Returns an RFC 3339 time to the millisecond."""
    return _rfc_3339(datetime.now(timezone.utc) + timedelta(seconds=seconds_from_now))


def _rfc_3339(at: datetime) -> str:
    return at.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds(name: str, value: float, most: float = MAX_TIMEOUT_SECONDS) -> float:
    """Checks a duration argument: above 0 and at most ``most`` seconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InvalidRequestError(name, f"is {value!r}; give a number of seconds")
    if not 0 < value <= most:
        raise InvalidRequestError(name, f"is {value} s; it must be above 0 and at most {most} s")
    return value


def label(name: str, value: str) -> str:
    """Checks a text that identifies something and is shown in logs: 1 to 256 characters, all visible."""
    if not isinstance(value, str) or not value.strip() or len(value) > 256:
        raise InvalidRequestError(name, "must be a text of 1 to 256 characters")
    if _is_unsafe(value):
        raise InvalidRequestError(name, "has control or invisible characters; remove them")
    return value


def _is_unsafe(value: str) -> bool:
    return any(unicodedata.category(c) in _UNSAFE for c in value)


def _literal(name: str, which: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidRequestError(name, f"{which} is {type(value).__name__}; make it a str")
    if "\0" in value:
        raise InvalidRequestError(name, f"{which} has a NUL character; remove it")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidRequestError(name, f"{which} has an unpaired surrogate; send complete characters") from None
    return value


def _size(value: str) -> int:
    return len(value.encode())


def data_field(name: str, data: bytes) -> dict[str, str]:
    """Returns bytes as text if they are UTF-8 and base64 is not shorter, otherwise as base64."""
    coded = (len(data) + 2) // 3 * 4
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = None
    if text is not None and len(json.dumps(text, ensure_ascii=False).encode()) - 2 <= coded:
        return {name: text}
    return {name + "_base64": base64.b64encode(data).decode()}


def encode(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Exec:
    """A checked command. Each attempt to run it is published with an id of its own."""

    program: Mapping[str, Any]
    stdin: bytes
    input_follows: bool
    env: Mapping[str, str]
    cwd: str | None
    timeout: float
    max_output_bytes: int
    stream: bool
    tty: tuple[int, int] | None
    ensure: bool
    profile: str | None

    def value(self, event_id: str, user: str, requested_by: str, start_within: float) -> bytes:
        """Returns the record's value, which expires ``start_within`` seconds from now."""
        fields: dict[str, Any] = {
            "event_id": event_id,
            "user_id": user,
            "requested_at": timestamp(),
            "requested_by": requested_by,
            "expires_at": timestamp(start_within),
            **self.program,
        }
        if self.stdin:
            fields.update(data_field("stdin", self.stdin))
        if self.input_follows != (self.tty is not None):
            fields["input"] = self.input_follows
        if self.env:
            fields["env"] = dict(self.env)
        if self.cwd is not None:
            fields["cwd"] = self.cwd
        fields["timeout_seconds"] = math.ceil(self.timeout)
        fields["max_output_bytes"] = self.max_output_bytes
        if self.stream:
            fields["stream"] = True
        if self.tty is not None:
            fields["tty"] = {"columns": self.tty[0], "rows": self.tty[1]}
        if not self.ensure:
            fields["ensure"] = False
        if self.profile is not None:
            fields["profile"] = self.profile
        return encode(fields)


def exec_request(
    *,
    command: Sequence[str] | None = None,
    script: str | None = None,
    stdin: bytes = b"",
    input_follows: bool = False,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    timeout: float = 60,
    max_output_bytes: int = MAX_INLINE_OUTPUT,
    stream: bool = False,
    tty: tuple[int, int] | None = None,
    ensure: bool = True,
    profile: str | None = None,
) -> Exec:
    """Returns an exec that workers accept, or raises ``InvalidRequestError`` with the name of the argument."""
    return Exec(
        program=_program(command, script),
        stdin=stdin,
        input_follows=input_follows,
        env=_environment(env or {}),
        cwd=_directory(cwd),
        timeout=seconds("timeout", timeout),
        max_output_bytes=_max_output(max_output_bytes),
        stream=stream,
        tty=_terminal(tty),
        ensure=ensure,
        profile=None if profile is None else profile_name(profile),
    )


def _program(command: Sequence[str] | None, script: str | None) -> dict[str, Any]:
    if script is not None:
        _literal("script", "it", script)
        if not script.strip():
            raise InvalidRequestError("script", "is empty")
        _fits("script", _size(f"bash -c {script}") + 1)
        return {"shell": script}
    arguments = list(command or ())
    if not arguments or arguments[0] == "":
        raise InvalidRequestError("command", "names no program; its first element must be one")
    if len(arguments) > MAX_ARGUMENTS:
        raise InvalidRequestError("command", f"has more than {MAX_ARGUMENTS} elements; send fewer")
    for index, argument in enumerate(arguments):
        if isinstance(argument, (list, tuple)):
            raise InvalidRequestError(
                "command", f"element {index} is a {type(argument).__name__}; pass its elements: run(*args)"
            )
        _literal("command", f"element {index}", argument)
    _fits("command", sum(_size(argument) + 1 for argument in arguments))
    return {"command": arguments}


def _fits(name: str, size: int) -> None:
    if size > MAX_ARGUMENT_BYTES:
        raise InvalidRequestError(
            name, f"takes {size} bytes; at most {MAX_ARGUMENT_BYTES} are allowed; send long input as stdin"
        )


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    if len(env) > MAX_VARIABLES:
        raise InvalidRequestError("env", f"has more than {MAX_VARIABLES} variables; send fewer")
    size = 0
    for name, value in env.items():
        _literal("env", "a name", name)
        if not name or "=" in name:
            raise InvalidRequestError("env", f"the name {name[:64]!r} is empty or has a =")
        _literal("env", f"the value of {name[:64]!r}", value)
        size += _size(name) + _size(value) + 2
    if size > MAX_VARIABLE_BYTES:
        raise InvalidRequestError("env", f"takes {size} bytes; at most {MAX_VARIABLE_BYTES} are allowed")
    return dict(env)


def _directory(cwd: str | None) -> str | None:
    if cwd is None:
        return None
    _literal("cwd", "it", cwd)
    if not cwd.startswith("/"):
        raise InvalidRequestError("cwd", f"is not absolute: {cwd[:64]!r}; begin it with a /")
    if _size(cwd) > MAX_DIRECTORY_BYTES:
        raise InvalidRequestError("cwd", f"takes more than {MAX_DIRECTORY_BYTES} bytes")
    return cwd


def _max_output(value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_OUTPUT_BYTES:
        raise InvalidRequestError("max_output_bytes", f"is {value!r}; it must be from 0 to {MAX_OUTPUT_BYTES}")
    return value


def _terminal(tty: tuple[int, int] | None) -> tuple[int, int] | None:
    if tty is not None:
        terminal_size("tty", tty)
    return tty


def terminal_size(name: str, size: tuple[int, int]) -> dict[str, int]:
    columns, rows = size
    for side in (columns, rows):
        if isinstance(side, bool) or not isinstance(side, int) or not 1 <= side <= 10_000:
            raise InvalidRequestError(name, f"is {size!r}; columns and rows are numbers from 1 to 10000")
    return {"columns": columns, "rows": rows}


def stdin_bytes(value: bytes | bytearray | memoryview | str | None) -> bytes:
    """Returns the standard input that was given for a command."""
    if value is None:
        return b""
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise InvalidRequestError("stdin", "has an unpaired surrogate; send complete characters") from None
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise InvalidRequestError("stdin", f"is {type(value).__name__}; give bytes or str")


def ensure_value(event_id: str, user: str, requested_by: str, within: float, terms: Mapping[str, Any]) -> bytes:
    fields: dict[str, Any] = {
        "event_id": event_id,
        "user_id": user,
        "requested_at": timestamp(),
        "requested_by": requested_by,
        "expires_at": timestamp(within),
        **terms,
    }
    return encode(fields)


def ensure_terms(
    idle_ttl: int | None,
    labels: Mapping[str, str] | None,
    ends_at: datetime | None,
    profile: str | None = None,
    replace: bool = False,
    network: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Returns what an ensure asks for, as fields of its record."""
    terms: dict[str, Any] = {}
    if idle_ttl is not None:
        terms["idle_ttl_seconds"] = _idle_ttl_seconds(idle_ttl)
    if labels is not None:
        terms["labels"] = _labels(labels)
    if ends_at is not None:
        if not isinstance(ends_at, datetime) or ends_at.tzinfo is None:
            raise InvalidRequestError("ends_at", f"is {ends_at!r}; give a datetime with a time zone")
        terms["ends_at"] = _rfc_3339(ends_at)
    if profile is not None:
        terms["profile"] = profile_name(profile)
    if replace:
        terms["replace"] = True
    if network is not None:
        terms["network"] = _network(network)
    return terms


def _network(value: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not set(value) <= {"allow"}:
        raise InvalidRequestError("network", f"is {value!r:.80}; give {{'allow': ['github.com']}}, or {{}} for all")
    allow = value.get("allow")
    if allow is None:
        return {}
    if isinstance(allow, str) or not isinstance(allow, Sequence) or len(allow) > _MOST_ALLOWED:
        raise InvalidRequestError("network", f"allow is {allow!r:.80}; give at most {_MOST_ALLOWED} names")
    for entry in allow:
        if not isinstance(entry, str) or not _ALLOWED.fullmatch(entry):
            raise InvalidRequestError(
                "network", f"allow has {entry!r:.80}; an entry is a name or an address, such as github.com:443"
            )
    if sum(map(len, allow)) > _ALLOWED_BYTES:
        raise InvalidRequestError("network", f"allow takes more than {_ALLOWED_BYTES} bytes")
    return {"allow": list(allow)}


def profile_name(value: str) -> str:
    """Checks the name of a profile."""
    if not isinstance(value, str) or not _PROFILE.fullmatch(value):
        raise InvalidRequestError(
            "profile",
            f"is {value!r:.80}; a name has 1 to 63 characters, lower-case letters, digits and hyphens, no hyphen"
            " first or last",
        )
    return value


def _idle_ttl_seconds(value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_IDLE_TTL_SECONDS:
        raise InvalidRequestError("idle_ttl", f"is {value!r}; it must be whole seconds from 1 on")
    return value


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    if len(labels) > MAX_LABELS:
        raise InvalidRequestError("labels", f"has more than {MAX_LABELS} labels; send fewer")
    size = 0
    for key, value in labels.items():
        _literal("labels", "a key", key)
        length = len(key.encode("utf-16-le")) // 2  # as workers count
        if not key.strip() or length > MAX_LABEL_KEY_LENGTH or _is_unsafe(key):
            raise InvalidRequestError(
                "labels", f"the key {key[:64]!r} does not have 1 to {MAX_LABEL_KEY_LENGTH} printable characters"
            )
        _literal("labels", f"the value of {key[:64]!r}", value)
        size += _size(key) + _size(value)
    if size > MAX_LABEL_BYTES:
        raise InvalidRequestError(
            "labels", f"takes {size} bytes, keys and values together; at most {MAX_LABEL_BYTES} are allowed"
        )
    return dict(labels)


def activity_value(user: str, source: str) -> bytes:
    return encode({"event_id": new_id(), "user_id": user, "occurred_at": timestamp(), "source": source})


def release_value(user: str, requested_by: str, within: float, container_id: str | None) -> bytes:
    fields = {
        "event_id": new_id(),
        "user_id": user,
        "requested_at": timestamp(),
        "requested_by": requested_by,
        "expires_at": timestamp(within),
    }
    if container_id is not None:
        fields["container_id"] = container_id
    return encode(fields)


def input_value(user: str, exec_id: str, content: Mapping[str, Any]) -> bytes:
    return encode(
        {"event_id": new_id(), "user_id": user, "occurred_at": timestamp(), "exec_id": exec_id, **content}
    )


def signal_name(value: str) -> str:
    name = str(value).upper().removeprefix("SIG")
    if name not in SIGNALS:
        raise InvalidRequestError("signal", f"is {value!r}; send one of {', '.join(SIGNALS)}")
    return name
