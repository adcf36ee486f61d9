/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.standalone;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.DockerEngine;
import io.zcbot.sandbox.worker.docker.DockerSandboxes;
import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.SandboxEngine;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.testkit.EngineContract;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** The stand-in behaves to the adapter like a real engine. */
class EngineStandInTest extends EngineContract {
  private static EngineStandIn standIn;
  private static DockerEngine engine;
  private static DockerSandboxes sandboxes;

  @BeforeAll
  static void start() throws IOException {
    Duration patience = Duration.ofSeconds(10);
    standIn = EngineStandIn.start();
    engine =
        DockerEngine.at(
            standIn.address(),
            "w1",
            new DockerEngineSettings(patience, patience, patience, patience, 4),
            SandboxMetrics.NONE);
    sandboxes =
        engine.sandboxes(
            new SandboxSpec(
                "image",
                null,
                new ResourceLimits(1 << 30, 1.0, 256, 1 << 20, null, null),
                "network",
                NetworkPolicy.DEFAULT));
  }

  @AfterAll
  static void stop() {
    engine.close();
    standIn.close();
  }

  @Override
  protected Engine engine() {
    return engine;
  }

  @Override
  protected SandboxEngine sandboxes() {
    return sandboxes;
  }

  @Override
  protected Path workspace(UserId user) {
    return Path.of("/workspaces", user.toString());
  }
}
