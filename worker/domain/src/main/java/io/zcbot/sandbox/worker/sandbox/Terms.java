/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Network;
import io.zcbot.sandbox.events.Ready;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the ensures of its user ask for a sandbox.
 *
 * @param idleTtl asked for by the last ensure, or announced by a previous run; null for the
 *     worker's default
 * @param endsAt when it ends, used or not, by the wall clock; null if no ensure set that
 * @param network what it may reach of what its profile allows by name
 */
public record Terms(
    @Nullable Duration idleTtl,
    Map<String, String> labels,
    @Nullable Instant endsAt,
    Network network) {
  /** Those of a sandbox before its first ensure. */
  public static final Terms NONE = new Terms(null, Map.of(), null, Network.WHOLE);

  /** The terms after an ensure: labels, an end and a network that it leaves out stay. */
  public Terms after(Ensure ensure) {
    return new Terms(
        ensure.idleTtl(),
        ensure.labels() == null ? labels : ensure.labels(),
        ensure.endsAt() == null ? endsAt : ensure.endsAt(),
        ensure.network() == null ? network : ensure.network());
  }

  /** The terms that an entry of the live table has. */
  public static Terms of(LiveSandbox entry) {
    return new Terms(entry.idleTtl(), entry.labels(), entry.endsAt(), entry.network());
  }

  /** The terms that were announced. */
  static Terms of(Ready ready) {
    return new Terms(
        ready.environment().idleTtl(), ready.labels(), ready.endsAt(), ready.network());
  }
}
