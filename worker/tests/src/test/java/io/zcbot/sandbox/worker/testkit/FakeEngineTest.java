/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.SandboxEngine;
import java.nio.file.Path;

class FakeEngineTest extends EngineContract {
  private final FakeEngine engine = new FakeEngine(World.SPEC, "me");

  @Override
  protected Engine engine() {
    return engine;
  }

  @Override
  protected SandboxEngine sandboxes() {
    return engine;
  }

  @Override
  protected Path workspace(UserId user) {
    return Path.of("/workspaces", user.toString());
  }
}
