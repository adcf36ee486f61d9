/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit;

import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.SlotEngine;
import io.zcbot.sandbox.worker.pool.SlotMounts;

class FakeSlotEngineTest extends SlotEngineContract {
  private final FakeEngine engine = new FakeEngine(World.SPEC, "me");
  private final FakeMounts mounts = new FakeMounts(() -> false);

  @Override
  protected Engine engine() {
    return engine;
  }

  @Override
  protected SlotEngine slots() {
    return engine;
  }

  @Override
  protected SlotMounts mounts() {
    return mounts;
  }
}
