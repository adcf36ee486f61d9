/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.SlotEngine;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import io.zcbot.sandbox.worker.testkit.SlotEngineContract;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;

/** The real adapter over the real engine, with real mounts. */
@Tag("engine")
class DockerSlotsContractIT extends SlotEngineContract {
  @TempDir static Path root;
  private static EngineFixture fixture;
  private static DomainFixture worker;

  @BeforeAll
  static void setUp() throws IOException {
    fixture = new EngineFixture(root, Duration.ofSeconds(60));
    worker = new DomainFixture(fixture, root);
  }

  @AfterAll
  static void tearDown() throws Exception {
    worker.close();
  }

  @Override
  protected Engine engine() {
    return fixture.engine;
  }

  @Override
  protected SlotEngine slots() {
    return fixture.sandboxes();
  }

  @Override
  protected SlotMounts mounts() {
    return worker.mounts();
  }
}
