/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Deadline;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.RequestContext;
import java.util.function.BooleanSupplier;

/**
 * An exec as this worker received it.
 *
 * @param partition the partition that carries the user's records
 * @param offset of the exec's record in that partition
 * @param arrived when it was read, on the monotonic clock
 * @param deadline until when it may start
 * @param fence passed before its start and its answer are published
 * @param mayBegin whether its work may begin; once it may not, the user's next worker reads it
 * @param done called once, when the record need not be read again because the command table has its
 *     start or it is answered. Any thread; does not block
 * @param context what its headers say about its answers
 */
public record ExecRequest(
    Exec exec,
    int partition,
    long offset,
    long arrived,
    Deadline deadline,
    Fence fence,
    BooleanSupplier mayBegin,
    Runnable done,
    RequestContext context) {
  UserId user() {
    return exec.userId();
  }

  CommandKey key() {
    return CommandKey.of(exec);
  }
}
