/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.SandboxLog;

/** A log whose only partition has all users. */
public interface OnePartitionLog extends SandboxLog {
  @Override
  default int partitions() {
    return 1;
  }

  @Override
  default int partitionOf(UserId user) {
    return 0;
  }
}
