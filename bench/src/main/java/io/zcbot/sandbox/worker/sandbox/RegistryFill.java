/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.UserId;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;

/** Fills a registry as a worker's lanes do, without an engine behind it. */
public final class RegistryFill {
  private RegistryFill() {}

  /** A registry in which each user has a sandbox. */
  public static Registry of(List<UserId> users) {
    Registry registry = new Registry(users.size());
    Random random = new Random(1);
    byte[] id = new byte[32];
    for (UserId user : users) {
      random.nextBytes(id);
      if (!registry.tryReserve()) {
        throw new IllegalStateException("full");
      }
      long now = System.nanoTime();
      registry.add(new Sandbox(new UserId(user.uuid()), HexFormat.of().formatHex(id), 0, now, now));
    }
    return registry;
  }
}
