/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.Exec;
import org.jspecify.annotations.Nullable;

/**
 * The memory that an exec takes until its command has read what it brought. Small ones are not
 * counted, because their number is bounded.
 */
final class ExecMemory {
  private static final int SMALL = 16 * 1024;

  private ExecMemory() {}

  /**
   * Takes what an exec needs.
   *
   * @return gives it back; null if there is not enough
   */
  static @Nullable Runnable take(Exec exec, MemoryBudget budget) {
    int bytes = sizeOf(exec);
    if (bytes <= SMALL) {
      return () -> {};
    }
    MemoryBudget.Share share = budget.of(exec.userId());
    return share.tryTakeAll(bytes) ? () -> share.give(bytes) : null;
  }

  private static int sizeOf(Exec exec) {
    int arguments = exec.program().arguments().stream().mapToInt(String::length).sum();
    int environment =
        exec.environment().entrySet().stream()
            .mapToInt(each -> each.getKey().length() + each.getValue().length())
            .sum();
    return exec.stdin().length() + arguments + environment;
  }
}
