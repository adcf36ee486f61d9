# SPDX-License-Identifier: Apache-2.0
"""An agent loop that gives a model the tools ``shell`` and ``python``.

The model is a script here, so that the example runs anywhere. A real one gets the same: what the user
wants, the descriptions of the tools, and what the tools answered.

    python3 agent_loop.py [BROKERS [USER]]
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from zcbot_sandbox import (
    Client,
    CommandError,
    InvalidRequestError,
    NoAnswerError,
    Result,
    Sandbox,
    SandboxError,
)

#: What a model reads of a tool's output. The client bounds what it keeps as well.
MAX_SHOWN = 4000

TOOLS = {
    "shell": "Runs a script with bash in the user's sandbox. Files in /workspace are kept.",
    "python": "Runs Python code in the user's sandbox.",
}


@dataclass(frozen=True)
class ToolCall:
    name: str
    argument: str


def scripted_model(task: str, tools: dict[str, str]) -> Generator[ToolCall | str, str, None]:
    """Yields tool calls and at last an answer; each tool's answer is sent to it, as to any model."""
    listing = yield ToolCall("shell", "printf '3\\n1\\n2\\n' >numbers.txt; wc -l numbers.txt")
    total = yield ToolCall("python", "print(sum(int(line) for line in open('numbers.txt')))")
    failure = yield ToolCall("python", "print(1/0)")
    assert "ZeroDivisionError" in failure, (listing, failure)
    refusal = yield ToolCall("shell", "")  # models err, too
    assert "script: is empty" in refusal, refusal
    yield f"The sum is {total.splitlines()[-1]}."


def use_tool(sandbox: Sandbox, call: ToolCall) -> str:
    """What the model is told. That a tool fails is for the model to handle, not for this program."""
    try:
        if call.name == "shell":
            result = sandbox.shell(call.argument, timeout=30)
        elif call.name == "python":
            result = sandbox.run("python3", "-c", call.argument, timeout=30)
        else:
            return f"There is no tool {call.name}; there are {', '.join(TOOLS)}."
    except CommandError as e:  # a time-out, or the sandbox is gone
        return shown(e.result) + f"\nIt did not end by itself: {e}"
    except NoAnswerError as e:
        return f"There was no answer, and it may have run: {e}"
    except InvalidRequestError as e:
        return f"Nothing ran, because the call was not valid: {e}"
    return shown(result)


def shown(result: Result) -> str:
    output = (result.stdout.decode(errors="replace") + result.error_text)[:MAX_SHOWN]
    cut = "\n(output was cut)" if result.truncated else ""
    return f"exit code {result.exit_code}\n{output}{cut}"


@contextmanager
def kept_alive(sandbox: Sandbox) -> Iterator[None]:
    """Reports use meanwhile: a model may think for longer than a sandbox may be unused."""
    is_over = threading.Event()

    def report() -> None:
        while not is_over.wait(1):
            sandbox.keep_alive()  # publishes what is of use

    thread = threading.Thread(target=report)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def run_agent(sandbox: Sandbox, task: str) -> str:
    model = scripted_model(task, TOOLS)
    with kept_alive(sandbox):
        step = next(model)
        while isinstance(step, ToolCall):
            answer = use_tool(sandbox, step)
            # Output is hostile: repr shows its control characters instead of sending them to a terminal.
            print(f"{step.name} {step.argument!r}\n  {answer!r}")
            step = model.send(answer)
    return step


def main(brokers: str = "127.0.0.1:9092", user: str = "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10") -> int:
    try:
        with Client(brokers, name="agent-loop") as client:
            print(run_agent(client.sandbox(user), "What is the sum of 3, 1 and 2?"))
    except SandboxError as e:
        print(f"agent_loop: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
