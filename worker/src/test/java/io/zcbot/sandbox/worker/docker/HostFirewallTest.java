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

import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class HostFirewallTest {
  private static final SandboxSpec SPEC =
      new SandboxSpec(
          "image",
          null,
          new ResourceLimits(1 << 30, 1.0, 64, 1 << 20, null),
          "net",
          new NetworkPolicy(FirewallMode.HOST, new Egress.Public(), new Dns.Off(), List.of()));

  private FakeDockerApi fake;
  private DockerEngine engine;
  private DockerSandboxes sandboxes;

  @BeforeEach
  void setUp() throws IOException {
    fake = new FakeDockerApi();
    Duration patience = Duration.ofSeconds(5);
    engine =
        fake.client(
            new DockerEngineSettings(patience, patience, patience, patience, 4),
            SandboxMetrics.NONE);
    sandboxes = engine.sandboxes(SPEC);
    fake.on("GET", "/containers/json", status(200, "[]"))
        .on("GET", "/info", status(200, "{}"))
        .on("GET", "/version", status(200, "{}"))
        .on(
            "GET",
            "/networks/net",
            status(
                200,
                """
                {"Name":"net","Id":"0123456789abcdef","Driver":"bridge",
                 "IPAM":{"Config":[{"Subnet":"172.30.0.0/16"}]},
                 "Options":{"com.docker.network.bridge.enable_icc":"false"}}"""))
        .on("POST", "/containers/create", status(201, "{\"Id\":\"c1\"}"))
        .on("POST", "/containers/c1/start", status(204, ""))
        .on("DELETE", "/containers/c1", status(204, ""));
    helperSays("zcbot-sandbox ready found=none");
  }

  @AfterEach
  void tearDown() throws IOException {
    engine.close();
    fake.close();
  }

  private void helperSays(String line) {
    fake.on("POST", "/containers/c1/attach", openStream(frame(1, line + "\n")));
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

  @Test
  void leftoversAreRemovedOnce() {
    sandboxes.checkFirewall();
    sandboxes.checkFirewall();

    assertThat(fake.asked("GET", "/containers/json")).hasSize(1);
  }
}
