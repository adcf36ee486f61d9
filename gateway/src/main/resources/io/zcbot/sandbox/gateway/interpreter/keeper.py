# SPDX-License-Identifier: Apache-2.0
# Keeps the contexts of the code interpreter of a sandbox: Jupyter kernels that last between calls. It is started by a
# command, outlives it, and serves later commands at a socket. The first line of a request is a JSON object. So is each
# line of the answer; the first one has a status as HTTP has. A client that goes away interrupts its execution.
#
#   python3 -I -c keeper.py DIRECTORY      returns when the keeper of this directory listens
import fcntl
import importlib.util
import os
import socket
import sys

MISSING = 69  # the exit code if the image has no kernel

MOST_CONTEXTS = 8
LONGEST_REQUEST = 8 << 20
LONGEST_ANSWER = 15 << 20  # workers drop a command's output beyond 16 MiB
DEFAULT = "default"

# Lines are collected for so many seconds, since each write to the client is a record in Kafka.
COLLECTING = 0.01

# How long a kernel may take to start, in seconds.
STARTING = 60

NAMES = {
    "text/plain": "text", "text/html": "html", "text/markdown": "markdown", "image/svg+xml": "svg", "image/png": "png",
    "image/jpeg": "jpeg", "application/pdf": "pdf", "text/latex": "latex", "application/json": "json",
    "application/javascript": "javascript", "e2b/data": "data",
}

# What a new kernel runs first: tables are results as data too, column by column.
PRELUDE = """
def _prelude():
    from IPython.core.formatters import BaseFormatter
    from traitlets import ObjectName, Unicode

    class Data(BaseFormatter):
        format_type = Unicode("e2b/data")
        print_method = ObjectName("_repr_e2b_data_")
        _return_type = dict

    def columns(table):
        import json
        return json.loads(table.iloc[:10000].to_json(orient="split", date_format="iso", default_handler=str))

    def data(table):
        split = columns(table)
        return {str(name): [row[i] for row in split["data"]] for i, name in enumerate(split["columns"])}

    formatter = get_ipython().display_formatter
    formatter.formatters["e2b/data"] = Data(parent=formatter)
    formatter.formatters["e2b/data"].for_type_by_name("pandas.core.frame", "DataFrame", data)

_prelude()
del _prelude
"""


def start(directory):
    """Returns in two processes: in the one that is to serve with the listening socket and a pipe, in the other None."""
    if any(importlib.util.find_spec(name) is None for name in ("ipykernel", "jupyter_client")):
        print("the modules ipykernel and jupyter_client are missing", file=sys.stderr)
        sys.exit(MISSING)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    lock = os.open(directory + "/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    path = directory + "/socket"
    with socket.socket(socket.AF_UNIX) as other:
        try:
            other.connect(path)
            return None  # another command was faster
        except (FileNotFoundError, ConnectionRefusedError):
            pass
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    # It listens before it can serve: clients wait, and don't start another one.
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(128)
    if os.fork() > 0:
        return None
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    log = os.open(directory + "/log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.dup2(log, 2)
    os.close(null)
    os.close(lock)
    return listener


class Refusal(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def serve(directory, listener):
    import asyncio
    import json
    import shutil
    import time
    import uuid

    # Neither this program nor the kernels leave anything in the home.
    os.environ["IPYTHONDIR"] = directory + "/ipython"
    from jupyter_client.manager import AsyncKernelManager

    contexts = {}

    class Context:
        """A kernel, which starts when it is first needed and again after it has died."""

        def __init__(self, id, cwd):
            self.id = id
            self.cwd = cwd
            self.lock = asyncio.Lock()
            self.manager = None
            self.client = None

        def described(self):
            return {"id": self.id, "language": "python", "cwd": self.cwd}

        async def start(self):
            if self.manager is not None:
                return
            manager = AsyncKernelManager(kernel_name="python3", transport="ipc")
            name = "%s/%s" % (directory, uuid.uuid4().hex[:8])
            manager.ip = name
            manager.connection_file = name + ".json"
            await manager.start_kernel(
                cwd=self.cwd, env=kernel_environment(), extra_arguments=["--HistoryManager.enabled=False"])
            client = manager.client()
            try:
                client.start_channels(hb=False, stdin=False)
                await client.wait_for_ready(timeout=STARTING)
            except BaseException:
                client.stop_channels()
                await manager.shutdown_kernel(now=True)
                raise
            self.manager, self.client = manager, client
            await self.run(PRELUDE, None)

        async def stop(self):
            manager, client = self.manager, self.client
            self.manager = self.client = None
            if manager is not None:
                client.stop_channels()
                await manager.shutdown_kernel(now=True)

        async def run(self, code, answer):
            """Runs code, silently if there is no answer to write to. Whoever calls has the lock."""
            manager, client = self.manager, self.client
            id = client.execute(code, silent=answer is None, store_history=answer is not None, allow_stdin=False)
            interrupted = False
            while True:
                message = asyncio.ensure_future(client.get_iopub_msg(timeout=None))
                waited = {message}
                if answer is not None and not interrupted:
                    waited.add(answer.gone)
                while not message.done():
                    done, _ = await asyncio.wait(waited, timeout=1, return_when=asyncio.FIRST_COMPLETED)
                    if answer is not None and answer.gone.done() and not interrupted:
                        interrupted = True
                        waited.discard(answer.gone)
                        if self.manager is manager:
                            await manager.interrupt_kernel()
                    if not done and (self.manager is not manager or not await manager.is_alive()):
                        message.cancel()
                        if self.manager is manager:
                            await self.stop()
                            raise KernelError(
                                "KernelDied", "the kernel died, perhaps for lack of memory; the next call starts a new"
                                " one in this context, without the variables")
                        raise KernelError("KernelRestarted", "the context was restarted or removed")
                message = message.result()
                if message["parent_header"].get("msg_id") != id:
                    continue
                content, type = message["content"], message["msg_type"]
                if type == "status" and content["execution_state"] == "idle":
                    return
                if answer is not None:
                    await answer.pass_on(type, content, message["header"]["date"])

    class KernelError(Exception):
        def __init__(self, name, value):
            super().__init__(value)
            self.name = name

    def kernel_environment():
        environment = dict(os.environ)
        # The image has the list of fonts, which takes a second to make.
        fonts = directory + "/matplotlib"
        if "MPLCONFIGDIR" not in environment and os.path.isdir("/usr/share/zcbot/matplotlib"):
            shutil.copytree("/usr/share/zcbot/matplotlib", fonts, dirs_exist_ok=True)
            environment["MPLCONFIGDIR"] = fonts
        return environment

    class Answer:
        """The lines of an answer to one client, collected for a moment."""

        def __init__(self, reader, writer):
            self.writer = writer
            self.gone = asyncio.ensure_future(reader.read(1))
            self.lines = []
            self.length = 0
            self.timer = None

        def line(self, value):
            line = json.dumps(value).encode() + b"\n"
            self.length += len(line)
            self.lines.append(line)
            if self.timer is None:
                self.timer = asyncio.get_running_loop().call_later(COLLECTING, self.flush)

        def flush(self):
            if self.timer is not None:
                self.timer.cancel()
                self.timer = None
            if self.lines:
                self.writer.write(b"".join(self.lines))
                self.lines = []

        def error(self, name, value, traceback=""):
            self.line({"type": "error", "name": name, "value": value, "traceback": traceback})

        async def pass_on(self, type, content, date):
            if self.gone.done() or self.length > LONGEST_ANSWER:
                return
            if type == "stream":
                value = {"type": content["name"], "text": content["text"], "timestamp": date.isoformat()}
            elif type in ("execute_result", "display_data"):
                value = {"type": "result", "is_main_result": type == "execute_result"}
                for mime, data in content["data"].items():
                    if mime == "text/plain" and len(data) > 1 and data[0] == data[-1] and data[0] in "'\"":
                        data = data[1:-1]
                    value[NAMES.get(mime, mime)] = data
            elif type == "error":
                value = {"type": "error", "name": content["ename"], "value": content["evalue"],
                         "traceback": "\n".join(content["traceback"])}
            elif type == "execute_input":
                value = {"type": "number_of_executions", "execution_count": content["execution_count"]}
            else:
                return
            if self.length + len(json.dumps(value)) > LONGEST_ANSWER:
                self.length = LONGEST_ANSWER + 1
                self.error("OutputTooLong", "more than 15 MiB of output; the rest was dropped. Write it to a file")
                return
            self.line(value)
            try:
                await self.writer.drain()
            except ConnectionError:
                pass  # which gone says as well

    def variables(values):
        """Returns code that sets environment variables, and code that takes them back."""
        before = ("import os as _os\n_zcbot_before = {n: _os.environ.get(n) for n in %r}\n_os.environ.update(%r)\n"
                  % (list(values), values))
        after = ("for _n, _v in _zcbot_before.items():\n    _os.environ.pop(_n, None) if _v is None else"
                 " _os.environ.__setitem__(_n, _v)\ndel _zcbot_before, _n, _v\n")
        return before, after

    async def execute(request, answer):
        context = found(request.get("context_id") or DEFAULT)
        python_only(request.get("language"))
        answer.line({"status": 200})
        waiting = asyncio.ensure_future(context.lock.acquire())
        await asyncio.wait({waiting, answer.gone}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done() or answer.gone.done():
            if not waiting.cancel():
                context.lock.release()
            return
        try:
            await context.start()
            before, after = variables(request["env_vars"]) if request.get("env_vars") else (None, None)
            if request.get("cwd"):
                before = (before or "") + "__import__('os').chdir(%r)\n" % request["cwd"]
            if before:
                await context.run(before, None)
            try:
                await context.run(request["code"], answer)
            finally:
                if after and context.manager is not None:
                    await context.run(after, None)
        except KernelError as e:
            answer.error(e.name, str(e))
        finally:
            context.lock.release()
        answer.line({"type": "end_of_execution"})

    def python_only(language):
        if language not in (None, "", "python", "python3"):
            raise Refusal(400, "there is no kernel for '%s' here; the only language is python" % language)

    def found(id):
        if id not in contexts:
            if id != DEFAULT:
                raise Refusal(404, "Context %s not found" % id)
            contexts[id] = Context(DEFAULT, os.path.expanduser("~"))
        return contexts[id]

    async def create(request, answer):
        python_only(request.get("language"))
        cwd = os.path.join(os.path.expanduser("~"), os.path.expanduser(request.get("cwd") or "~"))
        if not os.path.isdir(cwd):
            raise Refusal(400, "cwd '%s' does not exist" % cwd)
        if len(contexts) >= MOST_CONTEXTS:
            raise Refusal(429, "there are %d contexts, which is the most; remove one" % len(contexts))
        context = Context(str(uuid.uuid4()), cwd)
        contexts[context.id] = context
        try:
            async with context.lock:
                await context.start()
        except BaseException:
            del contexts[context.id]
            raise
        answer.line({"status": 201})
        answer.line(context.described())

    async def remove(request, answer):
        context = found(request["context_id"])
        del contexts[context.id]
        await context.stop()
        answer.line({"status": 204})

    async def restart(request, answer):
        context = found(request["context_id"])
        await context.stop()
        async with context.lock:
            await context.start()
        answer.line({"status": 204})

    async def list_contexts(request, answer):
        answer.line({"status": 200})
        answer.line([context.described() for context in contexts.values()])

    operations = {"execute": execute, "create": create, "remove": remove, "restart": restart, "list": list_contexts}

    async def client(reader, writer):
        answer = None
        try:
            line = await reader.readline()
            request = json.loads(line)
            answer = Answer(reader, writer)
            await operations[request["operation"]](request, answer)
        except Refusal as e:
            answer.line({"status": e.status, "message": str(e)})
        except Exception as e:
            import traceback
            traceback.print_exc()
            if answer is not None:
                if answer.length == 0:
                    answer.line({"status": 500, "message": "the interpreter failed: %r" % e})
                else:
                    answer.error("InterpreterFailed", repr(e))
        finally:
            if answer is not None:
                answer.flush()
                answer.gone.cancel()
            writer.close()

    async def main():
        server = await asyncio.start_unix_server(client, sock=listener, limit=LONGEST_REQUEST)
        async with server:
            await server.serve_forever()

    asyncio.run(main())


if __name__ == "__main__":
    listening = start(sys.argv[1])
    if listening is not None:
        serve(sys.argv[1], listening)
