/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Deadline;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.RequestContext;
import org.jspecify.annotations.Nullable;

/**
 * An ensure as this worker received it.
 *
 * @param partition the partition that carries the user's records
 * @param arrived when it was read, on the monotonic clock
 * @param deadline when it expires
 * @param fence passed before the answer is published
 * @param refusal why it is answered with a failure without being tried; null if it is tried
 * @param context what its headers say about its answers
 */
public record EnsureRequest(
    Ensure ensure,
    int partition,
    long arrived,
    Deadline deadline,
    Fence fence,
    @Nullable String refusal,
    RequestContext context) {
  /** A request without a refusal and without headers. */
  public EnsureRequest(Ensure ensure, int partition, long arrived, Deadline deadline, Fence fence) {
    this(ensure, partition, arrived, deadline, fence, null, RequestContext.NONE);
  }

  UserId user() {
    return ensure.userId();
  }
}
