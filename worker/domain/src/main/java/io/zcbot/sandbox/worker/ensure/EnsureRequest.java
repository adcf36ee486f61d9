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

/**
 * An ensure as this worker received it.
 *
 * @param partition the partition that carries the user's records
 * @param arrived when it was read, on the monotonic clock
 * @param deadline when it expires
 * @param fence passed before the answer is published
 * @param context what its headers say about its answers
 */
public record EnsureRequest(
    Ensure ensure,
    int partition,
    long arrived,
    Deadline deadline,
    Fence fence,
    RequestContext context) {
  /** A request without headers. */
  public EnsureRequest(Ensure ensure, int partition, long arrived, Deadline deadline, Fence fence) {
    this(ensure, partition, arrived, deadline, fence, RequestContext.NONE);
  }

  UserId user() {
    return ensure.userId();
  }
}
