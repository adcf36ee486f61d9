/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static io.zcbot.sandbox.worker.docker.FakeDockerApi.error;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.frame;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.openStream;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.status;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.stream;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class HostFirewallTest extends HostRulesTestCase {

  @BeforeEach
  void setUp() {
    fake.on("POST", "/containers/create", status(201, "{\"Id\":\"c1\"}"))
        .on("POST", "/containers/c1/start", status(204, ""))
        .on("DELETE", "/containers/c1", status(204, ""));
    helperSays("zcbot-sandbox ready found=none");
  }

  private void helperSays(String line) {
    fake.on("POST", "/containers/c1/attach", openStream(frame(1, line + "\n")));
  }

  /** Or each would replace the rules of the other for ever, as they compare texts. */
  @Test
  void workersWhoseListsAreInAnotherOrderSetTheSameRules() {
    List<String> addresses = List.of("198.51.100.0/24", "203.0.113.7");
    for (List<String> list : List.of(addresses, addresses.reversed())) {
      NetworkPolicy policy =
          new NetworkPolicy(FirewallMode.HOST, new Egress.Only(list), new Dns.Off(), list);
      engine
          .sandboxes(new SandboxSpec(SPEC.image(), null, SPEC.limits(), SPEC.network(), policy))
          .checkFirewall();
    }

    assertThat(fake.asked("POST", "/containers/create"))
        .hasSize(2)
        .allSatisfy(
            request ->
                assertThat(request.body())
                    .contains(
                        "\"ZCBOT_PG_IPS=198.51.100.0/24,203.0.113.7\"",
                        "\"ZCBOT_EGRESS=198.51.100.0/24,203.0.113.7\""));
  }

  @Test
  void rulesThatWereSetAreNoProblem() {
    sandboxes.checkFirewall();

    assertThat(sandboxes.firewallProblem()).isNull();
  }

  /** Nobody looked: that says nothing about the rules. */
  @Test
  void anEngineThatIsAwayDoesNotMeanThatTheRulesAreGone() throws IOException {
    sandboxes.checkFirewall();
    fake.close();

    sandboxes.checkFirewall();

    assertThat(sandboxes.firewallProblem())
        .matches("could not be checked, last seen in force at 20\\d\\d-.*Z: .*the engine at .*");
  }

  @Test
  void anEngineThatIsBusyDoesNotEither() {
    fake.on("POST", "/containers/create", error(503, "busy"));

    sandboxes.checkFirewall();

    assertThat(sandboxes.firewallProblem())
        .startsWith("could not be checked, not seen in force yet: ")
        .endsWith("the engine answered 503: busy");
  }

  @Test
  void rulesThatCanNotBeSetAreNotInForce() {
    sandboxes.checkFirewall();
    helperSays("zcbot-sandbox failed rules: nft: Operation not permitted");

    sandboxes.checkFirewall();

    assertThat(sandboxes.firewallProblem())
        .startsWith("not in force: ")
        .contains("nft: Operation not permitted");
  }

  /** As an engine does that is short of processor time. */
  @Test
  void aStreamThatEndsBeforeItWasReadIsNoResult() {
    fake.on(
        "POST",
        "/containers/c1/attach",
        stream(),
        openStream(frame(1, "zcbot-sandbox ready found=none\n")));

    sandboxes.checkFirewall();

    assertThat(sandboxes.firewallProblem()).isNull();
  }

  @Test
  void aHelperThatAlwaysSaysNothingIsAFailure() {
    fake.on("POST", "/containers/c1/attach", stream());

    sandboxes.checkFirewall();

    assertThat(sandboxes.firewallProblem()).contains("ended without a result");
  }

  @Test
  void whereSandboxesSetTheirRulesThereIsNothingToWatchAndItEndsAtOnce() throws Exception {
    try (var watch = engine.sandboxes(AdapterTestCase.SPEC).watchFirewall()) {
      assertThat(watch).isNotNull();
    }
    assertThat(fake.asked("POST", "/containers/create")).isEmpty();
  }

  /** A check has set the rules and still removes its helper when somebody flushes them. */
  @Test
  void aCheckThatBeganBeforeADoubtAnswersNobodyWhoAsksAfterIt() throws Exception {
    CountDownLatch set = new CountDownLatch(1);
    CountDownLatch asked = new CountDownLatch(1);
    fake.on(
        "DELETE",
        "/containers/c1",
        (socket, out) -> {
          set.countDown();
          asked.await();
          status(204, "").send(socket, out);
        },
        status(204, ""));
    Thread check = Thread.ofVirtual().start(sandboxes::checkFirewall);
    set.await();

    profiles.doubtFirewalls();
    CompletableFuture<@Nullable String> problem = new CompletableFuture<>();
    Thread reuse =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    sandboxes.prepare();
                    problem.complete(sandboxes.firewallProblem());
                  } catch (EngineException e) {
                    problem.completeExceptionally(e);
                  }
                });
    await("the reuse waits for the check")
        .atMost(Duration.ofSeconds(60))
        .until(
            () ->
                Arrays.stream(reuse.getStackTrace())
                    .anyMatch(frame -> frame.getClassName().endsWith(".SharedAttempts")));
    asked.countDown();

    assertThat(problem.get(60, TimeUnit.SECONDS)).isNull();
    assertThat(fake.asked("POST", "/containers/create")).hasSizeGreaterThan(1);
    assertThat(check.join(Duration.ofSeconds(60))).isTrue();
  }

  /** As one that somebody flushes all the time, or that another program sets. */
  @Test
  void rulesThatAreDoubtedDuringEachCheckAreNotInForce() {
    fake.on(
        "DELETE",
        "/containers/c1",
        (socket, out) -> {
          profiles.doubtFirewalls();
          status(204, "").send(socket, out);
        });

    assertThatThrownBy(() -> sandboxes.prepare())
        .isInstanceOfSatisfying(
            EngineException.class, e -> assertThat(e.kind()).isEqualTo(Kind.UNPROTECTED));
  }

  @Test
  void leftoversAreRemovedOnce() {
    sandboxes.checkFirewall();
    sandboxes.checkFirewall();

    assertThat(fake.asked("GET", "/containers/json")).hasSize(1);
  }
}
