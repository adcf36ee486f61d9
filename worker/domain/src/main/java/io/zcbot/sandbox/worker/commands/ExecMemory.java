/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Budget;
import io.zcbot.sandbox.worker.base.TextMemory;
import org.jspecify.annotations.Nullable;

/**
 * The memory that an exec takes until its command has read its standard input. Small execs take
 * none of a user's share: the intake counts them while they wait, and few run.
 */
public final class ExecMemory {
  private static final int SMALL = 16 * 1024;

  private ExecMemory() {}

  /**
   * Takes the memory that an exec needs from the budget, without waiting.
   *
   * @return gives it back; null if the budget does not suffice
   */
  static @Nullable Runnable take(Exec exec, Budget<UserId> budget) {
    int bytes = sizeOf(exec);
    if (bytes <= SMALL) {
      return () -> {};
    }
    Budget<UserId>.Share share = budget.of(exec.userId());
    return share.tryTakeAll(bytes) ? () -> share.give(bytes) : null;
  }

  /** The size of what an exec brings, in bytes. */
  public static int sizeOf(Exec exec) {
    int arguments = exec.program().arguments().stream().mapToInt(text -> TextMemory.of(text)).sum();
    int environment =
        exec.environment().entrySet().stream()
            .mapToInt(each -> TextMemory.of(each.getKey(), each.getValue()))
            .sum();
    int texts = TextMemory.of(exec.eventId(), exec.requestedBy(), exec.directory());
    return exec.stdin().length() + arguments + environment + texts;
  }

  /** The bytes of an exec that no user's share counts while its command waits. */
  public static int uncounted(Exec exec) {
    int bytes = sizeOf(exec);
    return bytes <= SMALL ? bytes : 0;
  }
}
