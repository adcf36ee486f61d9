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
    CommandError,
    CommandExitError,
    CommandLostError,
    CommandNotStartedError,
    CommandTimeoutError,
    FileError,
    InvalidRequestError,
    LogError,
    NoAnswerError,
    OutputLostError,
    SandboxError,
    SandboxFailedError,
    SandboxGoneError,
)
from .events import Expiring, Ready, Reaped
from .files import Entry, Files
from .output import Chunk
from .result import Result

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "AsyncRun",
    "AsyncSandbox",
    "Chunk",
    "Client",
    "ClientClosedError",
    "CommandError",
    "CommandExitError",
    "CommandLostError",
    "CommandNotStartedError",
    "CommandTimeoutError",
    "Entry",
    "Expiring",
    "FileError",
    "Files",
    "InvalidRequestError",
    "LogError",
    "NoAnswerError",
    "OutputLostError",
    "Ready",
    "Reaped",
    "Result",
    "Run",
    "Sandbox",
    "SandboxError",
    "SandboxFailedError",
    "SandboxGoneError",
    "Subscription",
]
