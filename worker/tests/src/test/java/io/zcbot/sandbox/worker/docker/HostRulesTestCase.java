/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static io.zcbot.sandbox.worker.docker.FakeDockerApi.status;

import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/**
 * The adapter over a fake Docker API that has a network, in a firewall mode in which the host has
 * the rules.
 */
abstract class HostRulesTestCase {
  static final SandboxSpec SPEC =
      new SandboxSpec(
          "image",
          null,
          new ResourceLimits(1 << 30, 1.0, 64, 1 << 20, null, null),
          "net",
          new NetworkPolicy(FirewallMode.HOST, new Egress.Public(), new Dns.Off(), List.of()));

  FakeDockerApi fake;
  DockerEngine engine;
  DockerSandboxes sandboxes;
  DockerProfiles profiles;

  @BeforeEach
  void connect() throws IOException {
    fake = new FakeDockerApi();
    Duration patience = Duration.ofSeconds(60);
    engine =
        fake.client(
            new DockerEngineSettings(patience, patience, patience, patience, 4),
            SandboxMetrics.NONE);
    profiles = engine.profiles(SandboxUids.SHARED, null);
    sandboxes = profiles.sandboxes(ProfileName.DEFAULT, SPEC);
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
                 "Options":{"com.docker.network.bridge.enable_icc":"false"}}\
                """));
  }

  @AfterEach
  void disconnect() throws IOException {
    engine.close();
    fake.close();
  }
}
