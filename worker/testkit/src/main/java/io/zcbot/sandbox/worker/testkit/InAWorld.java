/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit;

import io.zcbot.sandbox.events.UserId;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** Base class for tests with their own world, which has room for two sandboxes. */
public abstract class InAWorld {
  protected static final UserId ANNA = World.user(1);
  protected static final UserId BEN = World.user(2);
  protected static final UserId CLARA = World.user(3);

  @TempDir protected Path root;
  protected World world;

  @BeforeEach
  void makeWorld() throws Exception {
    world = new World(root, 2, null);
  }
}
