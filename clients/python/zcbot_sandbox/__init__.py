# SPDX-License-Identifier: Apache-2.0
"""Sandboxes for AI agents, over Kafka.

>>> from zcbot_sandbox import Client
>>> with Client("127.0.0.1:9092") as client:
...     sandbox = client.sandbox("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10")
...     print(sandbox.run("python3", "-c", "print(6*7)").text)
"""

from .aio import AsyncClient, AsyncRun, AsyncSandbox
from .client import Client, Run, Sandbox, Subscription
from .errors import (
    ClientClosedError,
    ClientOverloadedError,
    CommandError,
    CommandExitError,
    CommandLostError,
    CommandNotStartedError,
    CommandTimeoutError,
    ExistsError,
    FileError,
    InvalidRequestError,
    IsDirectoryError,
    KafkaUnreachableError,
    LogError,
    NoAnswerError,
    NoSpaceError,
    NotDirectoryError,
    NotFoundError,
    NotPermittedError,
    OutputLostError,
    OutputTruncatedError,
    SandboxError,
    SandboxFailedError,
    SandboxGoneError,
)
from .events import Expiring, Ready, Reaped
from .files import Entry, Files
from .output import Chunk
from .requests import user_id_of as user_id
from .result import Result

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "AsyncRun",
    "AsyncSandbox",
    "Chunk",
    "Client",
    "ClientClosedError",
    "ClientOverloadedError",
    "CommandError",
    "CommandExitError",
    "CommandLostError",
    "CommandNotStartedError",
    "CommandTimeoutError",
    "Entry",
    "ExistsError",
    "Expiring",
    "FileError",
    "Files",
    "InvalidRequestError",
    "IsDirectoryError",
    "KafkaUnreachableError",
    "LogError",
    "NoAnswerError",
    "NoSpaceError",
    "NotDirectoryError",
    "NotFoundError",
    "NotPermittedError",
    "OutputLostError",
    "OutputTruncatedError",
    "Ready",
    "Reaped",
    "Result",
    "Run",
    "Sandbox",
    "SandboxError",
    "SandboxFailedError",
    "SandboxGoneError",
    "Subscription",
    "user_id",
]
