/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.spec.IdleTtls;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.Warm;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;

/**
 * Fills a registry as a worker's lanes do, without an engine behind it. It is in this package
 * because only lanes take places and make sandboxes, and for one measurement they should not be
 * public.
 */
public final class RegistryFill {
  private RegistryFill() {}

  public static Registry of(List<UserId> users) {
    Registry registry = new Registry();
    Capacity capacity = new Capacity(users.size());
    Random random = new Random(1);
    byte[] id = new byte[32];
    Profile profile =
        new Profile(
            ProfileName.DEFAULT,
            new SandboxSpec(
                "image",
                null,
                new ResourceLimits(1 << 30, 1.0, 256, 1 << 20, null, null),
                "network",
                NetworkPolicy.DEFAULT),
            IdleTtls.always(Duration.ofMinutes(5)),
            null,
            new Warm(0, 0),
            Map.of());
    for (UserId user : users) {
      random.nextBytes(id);
      Reservation place = Objects.requireNonNull(capacity.tryTake());
      long now = System.nanoTime();
      UserId own = new UserId(user.uuid());
      Container container =
          new Container(
              HexFormat.of().formatHex(id),
              Container.nameOf(own),
              Container.State.RUNNING,
              new Container.Ownership(own, null, "", true),
              null,
              Instant.now(),
              null,
              false);
      registry.add(new Sandbox(own, profile, container, 0, now, now, place));
    }
    return registry;
  }
}
