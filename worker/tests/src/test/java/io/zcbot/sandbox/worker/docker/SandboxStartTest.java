/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static io.zcbot.sandbox.worker.docker.FakeDockerApi.eof;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.error;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.frame;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.half;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.openStream;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.reset;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.status;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.stream;
import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.docker.FakeDockerApi.Reply;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import org.junit.jupiter.api.Test;

class SandboxStartTest extends AdapterTestCase {
  @Test
  void attachesBeforeItStarts() throws EngineException {
    fake.on("GET", "/containers/c1/json", running("c1"));

    assertThat(sandboxes.start("c1").startedAt()).isEqualTo("2026-11-26T08:00:00Z");

    assertThat(fake.asked())
        .containsExactly(
            "POST /containers/c1/attach", "POST /containers/c1/start", "GET /containers/c1/json");
    assertThat(fake.asked("POST", "/containers/c1/attach").getFirst().target())
        .contains("stdout=1", "stream=1")
        .doesNotContain("logs=1", "stdin=1");
  }

  @Test
  void whatNobodySawBecomeReadyIsKilled() {
    fake.on("POST", "/containers/c1/start", status(304, ""));
    fake.on("POST", "/containers/c1/attach", openStream());
    fake.on("POST", "/containers/c1/kill", status(204, ""));

    assertThat(failure(() -> sandboxes.start("c1")).kind()).isEqualTo(Kind.TRANSIENT);

    assertThat(fake.asked("POST", "/containers/c1/kill")).hasSize(1);
  }

  @Test
  void refusedStarts() {
    assertStartFails(error(404, "No such container: c1"), Kind.ABSENT);
    assertStartFails(error(400, "exec: \"/x\": permission denied: unknown"), Kind.REJECTED);
    assertStartFails(
        error(409, "container is marked for removal and cannot be started"), Kind.CONFLICT);
    assertStartFails(
        error(500, "driver failed programming external connectivity on endpoint"), Kind.TRANSIENT);
    assertStartFails(
        error(500, "no available IPv4 addresses on this network's address pools"), Kind.CAPACITY);
    assertStartFails(error(500, "adding interface veth1 failed: exchange full"), Kind.CAPACITY);
    assertStartFails(reset(), Kind.UNAVAILABLE);
    assertStartFails(eof(), Kind.UNAVAILABLE);
  }

  @Test
  void attachesThatFail() {
    // this one answer of the engine is plain text
    assertAttachFails(status(404, "No such container: c1\r\n"), Kind.ABSENT);
    assertAttachFails(
        status(409, "container c1 is paused, unpause the container\r\n"), Kind.CONFLICT);
    assertAttachFails(reset(), Kind.UNAVAILABLE);
    assertThat(fake.asked("POST", "/containers/c1/start")).isEmpty();
  }

  @Test
  void aFirewallThatFailedIsNeverReady() {
    fake.on(
        "POST",
        "/containers/c1/attach",
        stream(frame(1, "zcbot-sandbox failed rules: nft: Permission denied\n")));

    EngineException e = failure(() -> sandboxes.start("c1"));

    assertThat(e.kind()).isEqualTo(Kind.FIREWALL);
    assertThat(e.getMessage())
        .isEqualTo("start: init could not put the firewall in force: nft: Permission denied");
  }

  @Test
  void aRunnerWithoutItsFilterIsNeverReady() {
    fake.on(
        "POST",
        "/containers/c1/attach",
        stream(frame(1, "zcbot-sandbox failed filter: no filter (errno 524)\n")));

    EngineException e = failure(() -> sandboxes.start("c1"));

    assertThat(e.kind()).isEqualTo(Kind.TRANSIENT);
    assertThat(e.getMessage())
        .contains("filter of system calls: no filter (errno 524)", "net.core.bpf_jit_limit");
  }

  /** They are set again before the next try, so there is one. */
  @Test
  void hostsRulesThatAreNotInForceAreKnownByTheirCode() {
    fake.on(
        "POST", "/containers/c1/attach", stream(frame(1, "zcbot-sandbox failed host-rules: x\n")));

    assertThat(failure(() -> sandboxes.start("c1")).kind()).isEqualTo(Kind.UNPROTECTED);
  }

  @Test
  void whatAnEndBeforeReadyMeansIsInTheExitCode() {
    assertEndFails(status(200, "{\"StatusCode\":1}"), Kind.FIREWALL);
    assertEndFails(status(200, "{\"StatusCode\":0}"), Kind.FIREWALL);
    assertEndFails(status(200, "{\"StatusCode\":127}"), Kind.REJECTED);
    assertEndFails(status(200, "{\"StatusCode\":137}"), Kind.TRANSIENT);
    assertEndFails(error(404, "No such container: c1"), Kind.ABSENT);
    assertEndFails(reset(), Kind.UNAVAILABLE);
    assertEndFails(half("{"), Kind.UNAVAILABLE);

    fake.on("POST", "/containers/c1/wait", status(200, "{\"StatusCode\":2}"));
    assertThat(failure(() -> sandboxes.start("c1")).getMessage())
        .contains("exit code 2", "its last output: bash: nft: not found");
  }

  @Test
  void aTornStreamIsNoVerdict() {
    fake.on("POST", "/containers/c1/attach", stream(new byte[] {1, 0, 0, 0, 0, 0, 0, 99, 'z'}));

    assertThat(failure(() -> sandboxes.start("c1")).kind()).isEqualTo(Kind.UNAVAILABLE);
  }

  @Test
  void whatDoesNotGetReadyIsKilled() {
    impatient();
    fake.on("POST", "/containers/c1/attach", openStream(frame(1, "thinking\n")));
    fake.on("POST", "/containers/c1/kill", status(204, ""));

    EngineException e = failure(() -> sandboxes.start("c1"));

    assertThat(e.kind()).isEqualTo(Kind.TRANSIENT);
    assertThat(e.getMessage()).contains("did not report within 5 s that the firewall is in force");
    assertThat(fake.asked("POST", "/containers/c1/kill")).hasSize(1);
  }

  @Test
  void aHostWithoutIpv6NeedsNoSwitchingOff() throws EngineException {
    fake.on(
        "POST",
        "/containers/c1/start",
        error(
            500,
            "runc create failed: open /proc/sys/net/ipv6/conf/all/disable_ipv6: no such file or"
                + " directory"));

    assertThat(failure(() -> sandboxes.start("c1")).kind()).isEqualTo(Kind.CONFLICT);

    create();
    assertThat(fake.asked("POST", "/containers/create").getLast().body())
        .doesNotContain("disable_ipv6");
  }

  private void assertStartFails(Reply reply, Kind kind) {
    fake.on("POST", "/containers/c1/attach", openStream());
    fake.on("POST", "/containers/c1/start", reply);
    assertThat(failure(() -> sandboxes.start("c1")).kind()).isEqualTo(kind);
  }

  private void assertAttachFails(Reply reply, Kind kind) {
    fake.on("POST", "/containers/c1/attach", reply);
    assertThat(failure(() -> sandboxes.start("c1")).kind()).isEqualTo(kind);
  }

  private void assertEndFails(Reply wait, Kind kind) {
    fake.on("POST", "/containers/c1/attach", stream(frame(2, "bash: nft: not found\n")));
    fake.on("POST", "/containers/c1/wait", wait);
    assertThat(failure(() -> sandboxes.start("c1")).kind()).isEqualTo(kind);
  }
}
