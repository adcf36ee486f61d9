/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.SandboxEngine;
import io.zcbot.sandbox.worker.testkit.EngineContract;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;

/** The real adapter over the real engine. */
@Tag("engine")
class DockerEngineContractIT extends EngineContract {
  @TempDir static Path directory;
  private static EngineFixture fixture;

  @BeforeAll
  static void setUp() throws IOException {
    fixture =
        new EngineFixture(
            Files.createDirectory(directory.resolve("workspaces")), Duration.ofSeconds(60));
  }

  @AfterAll
  static void tearDown() throws IOException {
    fixture.close();
  }

  @Override
  protected Engine engine() {
    return fixture.engine;
  }

  @Override
  protected SandboxEngine sandboxes() {
    return fixture.sandboxes();
  }

  @Override
  protected Path workspace(UserId user) throws IOException {
    return fixture.workspace(user);
  }
}
