/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.Fence;
import org.jspecify.annotations.Nullable;

/**
 * An ensure as this worker received it.
 *
 * @param partition the partition that carries the user's records
 * @param arrived when it was read, on the monotonic clock
 * @param deadline when it expires, on the monotonic clock
 * @param fence passed before the answer is published
 * @param refusal why it is not served, but answered; null if it is
 */
public record EnsureRequest(
    Ensure ensure,
    int partition,
    long arrived,
    long deadline,
    Fence fence,
    @Nullable String refusal) {
  /** One that is served. */
  public EnsureRequest(Ensure ensure, int partition, long arrived, long deadline, Fence fence) {
    this(ensure, partition, arrived, deadline, fence, null);
  }

  UserId user() {
    return ensure.userId();
  }
}
