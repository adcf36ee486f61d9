/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import io.zcbot.sandbox.client.Sandbox;
import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.gateway.keys.ApiKey;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The sandboxes of a tenant's users whom it calls by names of its own. They are the same that E2B's
 * clients have with the name as {@code user_id} in their metadata.
 */
public final class NamedSandboxes {
  private final Sandboxes sandboxes;

  NamedSandboxes(Sandboxes sandboxes) {
    this.sandboxes = sandboxes;
  }

  /** Returns access to a user's sandbox, which need not exist. */
  public Sandbox of(ApiKey key, String name) {
    return sandboxes.of(key.tenant(), SandboxId.named(key.tenant(), name));
  }

  /**
   * Makes a user's sandbox if there is none, or one of another profile. It ends when it is unused
   * for as long as workers let sandboxes be unused.
   *
   * @param profile what it is to be made of; null for whatever there is, or else the default
   * @param isGone whether it was just found that there is none, which the table may not have yet
   * @throws E2bException if the key allows no more, or the brokers don't answer
   */
  public void ensure(ApiKey key, String name, @Nullable String profile, boolean isGone) {
    UserId user = SandboxId.named(key.tenant(), name);
    if (!isGone
        && sandboxes
            .current(user)
            .filter(view -> profile == null || view.profile().equals(profile))
            .isPresent()) {
      return;
    }
    String wanted = profile == null ? ProfileName.DEFAULT : profile;
    Templates.require(wanted, key);
    Instant now = Instant.now().truncatedTo(ChronoUnit.MILLIS);
    sandboxes.make(
        key,
        user,
        SandboxView.labels(
            key, Templates.of(wanted), Map.of(ControlPlane.USER_ID, name), Map.of(), false, now),
        profile,
        isGone);
  }

  /**
   * Does something that may wait for brokers and workers.
   *
   * @throws E2bException if the brokers don't answer
   */
  public <T, E extends Exception> T use(Brokers.Use<T, E> use) throws E, InterruptedException {
    return sandboxes.brokers().use(use);
  }

  /**
   * Ends a user's sandbox. Returns whether there was one. It is gone from the table then.
   *
   * @throws E2bException if it does not end in time, or the brokers don't answer
   */
  public boolean kill(ApiKey key, String name) {
    return sandboxes.kill(SandboxId.named(key.tenant(), name));
  }
}
