/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.dockerjava.api.exception.NotFoundException;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.io.EOFException;
import java.net.ConnectException;
import java.net.SocketException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class EngineErrorsTest {
  private static final String ADDRESS = "tcp://10.0.0.1:2376";

  /** The table of engine-errors.md, with texts of engines from 20.10 to 29. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          INSPECT        | 503 | whatever                                                                                    | TRANSIENT
          INSPECT        | 500 | layer does not exist                                                                        | TRANSIENT
          LIST           | 502 | bad gateway                                                                                 | TRANSIENT
          LIST           | 429 | too many requests                                                                           | TRANSIENT
          LIST           | 403 | forbidden by an authorization plugin                                                        | REJECTED
          PING           | 401 | who are you                                                                                 | REJECTED
          CREATE         | 400 | Invalid container name (a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed                    | REJECTED
          CREATE         | 400 | invalid mount config for type "bind": bind source path does not exist: /w/x                 | TRANSIENT
          CREATE         | 400 | invalid mount config for type "bind": source path must be a directory                       | REJECTED
          CREATE         | 400 | unknown or invalid runtime name: runsc                                                      | REJECTED
          CREATE         | 404 | No such image: zcbot-sandbox:latest                                                         | IMAGE_MISSING
          CREATE         | 404 | network zcbot not found                                                                     | CONFLICT
          CREATE         | 404 | could not find plugin x in v1 plugin registry                                               | REJECTED
          CREATE         | 409 | Conflict. The container name "/zcbot-sandbox-1" is already in use by container "abc". You have to remove | CONFLICT
          CREATE         | 500 | open /var/lib/docker/x: no space left on device                                             | CAPACITY
          CREATE         | 500 | error creating overlay mount: disk quota exceeded                                           | CAPACITY
          CREATE         | 500 | fork/exec /usr/bin/runc: cannot allocate memory                                             | CAPACITY
          START          | 404 | No such container: abc                                                                      | ABSENT
          START          | 404 | network zcbot not found                                                                     | CONFLICT
          START          | 400 | failed to create task: OCI runtime create failed: exec: "/x": stat /x: no such file or directory | REJECTED
          START          | 400 | OCI runtime create failed: exec: "/x": permission denied: unknown                           | REJECTED
          START          | 500 | OCI runtime create failed: exec: "/x": executable file not found in $PATH: unknown          | REJECTED
          START          | 400 | failed to create shim task: unknown or invalid runtime name: runsc                          | REJECTED
          START          | 409 | can't start: container is marked for removal and cannot be started                          | CONFLICT
          START          | 500 | driver failed programming external connectivity on endpoint x (abc): iptables failed        | TRANSIENT
          START          | 500 | failed to set up container networking: no available IPv4 addresses on this network's address pools: zcbot (abc) | CAPACITY
          START          | 500 | adding interface veth1 to bridge br-1 failed: exchange full                                 | CAPACITY
          START          | 403 | adding interface veth1 to bridge br-1 failed: exchange full                                 | CAPACITY
          START          | 500 | OCI runtime create failed: open /proc/sys/net/ipv6/conf/all/disable_ipv6: no such file or directory | CONFLICT
          START          | 400 | OCI runtime create failed: error setting cgroup config for procHooks process: openat2 /sys/fs/cgroup/docker/6992/io.weight: no such file or directory | REJECTED
          ATTACH         | 404 | No such container: abc                                                                      | ABSENT
          NETWORK_CREATE | 400 | all predefined address pools have been fully subnetted                                      | CAPACITY
          NETWORK_CREATE | 404 | could not find an available, non-overlapping IPv4 address pool among the defaults           | CAPACITY
          NETWORK_CREATE | 409 | network with name zcbot already exists                                                      | CONFLICT
          NETWORK_INSPECT| 404 | network zcbot not found                                                                     | ABSENT
          INSPECT        | 404 | No such container: abc                                                                      | ABSENT
          EXEC_INSPECT   | 404 | No such exec instance: abc                                                                  | ABSENT
          EXEC_INSPECT   | 409 | container abc is not running                                                                | CONFLICT
          KILL           | 404 | No such container: abc                                                                      | ABSENT
          KILL           | 409 | container abc is not running                                                                | CONFLICT
          KILL           | 500 | Cannot kill container abc: Container abc is not running                                     | CONFLICT
          KILL           | 500 | Cannot kill container abc: unknown error after kill                                         | TRANSIENT
          REMOVE         | 404 | No such container: abc                                                                      | ABSENT
          REMOVE         | 409 | removal of container abc is already in progress                                             | CONFLICT
          REMOVE         | 500 | cannot remove container: tried to kill container, but did not receive an exit event         | TRANSIENT
          REMOVE         | 500 | unable to remove filesystem for abc: device or resource busy                                | TRANSIENT
          """)
  void classifiesByOperationStatusAndText(
      Operation operation, int status, String message, Kind kind) {
    EngineException e =
        EngineErrors.classify(operation, status, EngineErrors.bodyOf(message), null, ADDRESS);

    assertThat(e.kind()).isEqualTo(kind);
    assertThat(e.operation()).isEqualTo(operation.label());
    assertThat(e.getMessage()).contains(message, String.valueOf(status));
  }

  /** What runc says where the kernel has neither BFQ's groups nor io.cost. */
  @Test
  void aWeightThatTheKernelDoesNotKnowIsNamed() {
    EngineException e =
        EngineErrors.classify(
            Operation.START,
            400,
            EngineErrors.bodyOf("openat2 /sys/fs/cgroup/docker/6992/io.weight: no such file"),
            null,
            ADDRESS);

    assertThat(e.getMessage()).contains("bfq", "ZCBOT_SANDBOX_IO_WEIGHT");
  }

  static Stream<Exception> unanswered() {
    return Stream.of(
        new RuntimeException(new ConnectException("Connection refused")),
        new RuntimeException(new SocketException("Connection reset")),
        new RuntimeException(new RuntimeException(new EOFException())),
        new EOFException("half"));
  }

  @ParameterizedTest
  @MethodSource("unanswered")
  void whatWasNotAnsweredHasAnUnknownOutcome(Exception failure) {
    EngineException e = EngineErrors.classify(Operation.CREATE, failure, ADDRESS);

    assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
    assertThat(e.getMessage()).contains("the engine at " + ADDRESS, "DOCKER_HOST");
    assertThat(e).hasCause(failure);
  }

  /** As the JDK says it where this process, or its host, can open no more sockets. */
  @ParameterizedTest
  @ValueSource(strings = {"Too many open files", "Too many open files in system"})
  void whereThisProcessHasNoDescriptorsTheEngineIsNotBlamed(String message) {
    EngineException e =
        EngineErrors.classify(
            Operation.LIST, new RuntimeException(new SocketException(message)), ADDRESS);

    assertThat(e.kind()).isEqualTo(Kind.UNAVAILABLE);
    assertThat(e.getMessage())
        .startsWith("list: could not connect to the engine at " + ADDRESS + ": " + message + "; ")
        .endsWith("raise the limit of open files of this process or its host");
  }

  @Test
  void takesStatusAndTextOutOfDockerJavasExceptions() {
    EngineException e =
        EngineErrors.classify(
            Operation.CREATE,
            new NotFoundException("{\"message\":\"No such image: x\"}\n"),
            ADDRESS);

    assertThat(e.kind()).isEqualTo(Kind.IMAGE_MISSING);
    assertThat(e.getMessage())
        .startsWith("create: the engine answered 404: No such image: x; ")
        .contains("ZCBOT_SANDBOX_IMAGE");
  }

  @Test
  void whatIsNoEngineIsNotBelieved() {
    EngineException e =
        EngineErrors.classify(
            Operation.INSPECT, 404, "<html>404\nbackend away</html>", null, ADDRESS);

    assertThat(e.kind()).isEqualTo(Kind.TRANSIENT);
    assertThat(e.getMessage()).contains("<html>404 backend away</html>", ADDRESS, "DOCKER_HOST");
  }

  @Test
  void messagesAreBoundedLinesThatKeepTheAdvice() {
    EngineException e =
        EngineErrors.classify(
            Operation.CREATE,
            404,
            EngineErrors.bodyOf("No such image: " + "x\r\n".repeat(10_000)),
            null,
            ADDRESS);

    assertThat(e.getMessage())
        .hasSizeLessThanOrEqualTo(1000)
        .doesNotContain("\n", "\r")
        .endsWith("ZCBOT_SANDBOX_IMAGE");
  }

  /** Not only for terminals that know ASCII. */
  @Test
  void noCharacterOfAMessageActsOnWhatShowsIt() {
    assertThat(
            EngineErrors.clean(
                "\u0000a\r\n\u009b2J\u0085b\u2028c\u2029d\u202ee\u2066f\u200fg\u061c "))
        .isEqualTo("a 2J b c d e f g");
    assertThat(EngineErrors.clean("Größe: 3 µs, 箱 🙂")).isEqualTo("Größe: 3 µs, 箱 🙂");
  }

  @Test
  void bugsStayBugs() {
    IllegalStateException bug = new IllegalStateException("bug");

    assertThatThrownBy(() -> EngineErrors.classify(Operation.LIST, bug, ADDRESS)).isSameAs(bug);
  }
}
