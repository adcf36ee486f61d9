/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What sandboxes that users ask for by this name are made of, and how long they live. Running
 * sandboxes keep the profile that they were made of when the operator changes it.
 *
 * @param name see {@link io.zcbot.sandbox.events.ProfileName}
 * @param maxLifetime the age at which a sandbox is reaped, used or not; null for never
 * @param environment variables of every command; those of an exec take precedence
 */
public record Profile(
    String name,
    SandboxSpec spec,
    IdleTtls idleTtls,
    @Nullable Duration maxLifetime,
    Warm warm,
    Map<String, String> environment) {
  public Profile {
    environment = Map.copyOf(environment);
  }

  /** Whether sandboxes and slots of another profile can be used as this one's. */
  public boolean makesTheSameAs(Profile other) {
    return name.equals(other.name) && spec.equals(other.spec);
  }
}
