/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.runner;

import static io.zcbot.sandbox.worker.docker.runner.RunnerCommandView.EXITED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.zcbot.sandbox.worker.docker.runner.RunnerContainer.Place;
import io.zcbot.sandbox.worker.docker.runner.RunnerLink.Start;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Programs of Debian work under the runner's filter of system calls. The other tests of the runner
 * have only what the sandboxes' image has.
 */
@Tag("engine")
@Tag("programs")
class FilteredProgramsIT {
  private static RunnerContainer container;
  private static RunnerLink runner;

  @BeforeAll
  static void start() throws Exception {
    container = new RunnerContainer(Place.FIRST_PROCESS, List.of("zcbot-programs:latest"));
    runner = container.attach();
  }

  @AfterAll
  static void stop() throws Exception {
    if (runner != null) {
      runner.close();
    }
    if (container != null) {
      container.close();
    }
  }

  static Stream<Arguments> programs() {
    return Stream.of(
        arguments("pip", "python3 -m venv venv && venv/bin/pip list", "pip"),
        arguments(
            "numpy", "python3 -c 'import numpy; print(numpy.linalg.det(numpy.eye(99)))'", "1.0"),
        arguments(
            "multiprocessing",
            "python3 -c 'import multiprocessing as m; print(m.Pool(2).map(abs, [-1, -2]))'",
            "[1, 2]"),
        arguments(
            "asyncio",
            "python3 -c 'import asyncio; print(asyncio.run(asyncio.sleep(0.01, 42)))'",
            "42"),
        arguments(
            "node",
            "node -e 'require(\"fs\").promises.readFile(\"/etc/passwd\").then(b => new (require(\"worker_threads\").Worker)(\"console.log(6*7)\", {eval: true}))'",
            "42"),
        arguments(
            "git",
            "git init -q g && cd g && git -c user.name=a -c user.email=b commit -q --allow-empty -m first && git clone -q . ../c && git -C ../c log --format=%s",
            "first"),
        arguments(
            "gcc and gdb",
            "echo 'int main() { return 7; }' > seven.c && gcc -g seven.c -o seven && gdb -batch -ex 'break main' -ex run -ex backtrace ./seven",
            "main ()"),
        arguments(
            "strace",
            "strace -f -o trace bash -c '/bin/true; true' && grep -c 'execve(' trace",
            "2"),
        arguments(
            "strace with a filter of its own",
            "strace --seccomp-bpf -f -o trace bash -c '/bin/true; true' && grep -c 'execve(' trace",
            "2"),
        arguments(
            "man",
            "printf '.TH seven 1\\n.SH NAME\\nseven \\\\- returns 7\\n' > seven.1 && man -l seven.1 | cat",
            "returns 7"),
        arguments(
            "gpg",
            "gpg --batch -q --passphrase '' --quick-gen-key a@b default default never && echo x > x && gpg -q -s x && gpg --verify x.gpg 2>&1",
            "Good signature"),
        arguments(
            "ssh-agent",
            "eval $(ssh-agent) && ssh-keygen -q -t ed25519 -N '' -f key && ssh-add key 2>&1; ssh-agent -k",
            "Identity added"),
        arguments("ulimit", "set -e; ulimit -c 0; echo done", "done"),
        arguments(
            "curl",
            "python3 -m http.server 8123 2>/dev/null & curl -s --retry 30 --retry-connrefused -o page -w '%{http_code}' http://localhost:8123/; kill $!",
            "200"),
        arguments("getent", "getent ahosts localhost", "127.0.0.1"),
        arguments("ping", "ping -c 1 127.0.0.1", "1 received"),
        arguments("ip", "ip -o address", "127.0.0.1"),
        arguments("ss", "ss -tuan", "State"),
        arguments("ps", "ps ax", "ps ax"),
        arguments("file", "file /bin/bash /usr/bin/python3.13", "ELF"),
        arguments("ripgrep", "rg -c sandbox /etc/passwd", "1"),
        arguments("xz", "head -c 1000000 /dev/zero | xz -T2 | xz -d | wc -c", "1000000"),
        arguments(
            "sqlite",
            "sqlite3 d 'create table t(a); insert into t values(42); select a from t'",
            "42"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("programs")
  void works(String name, String script, String said) throws Exception {
    RunnerCommandView command = runner.start(Start.bash(script)).endInput();
    RunnerCommandView.End end = command.end();
    assertThat(command.out()).as("%s: %s", end, command.err()).contains(said);
    assertThat(end.how()).isEqualTo(EXITED);
  }
}
