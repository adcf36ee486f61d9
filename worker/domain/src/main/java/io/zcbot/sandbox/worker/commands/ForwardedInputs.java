/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.worker.base.Recent;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Remembers how far a command has taken the inputs that were forwarded to its partition, to drop
 * duplicates: a worker that reads the original partition anew forwards inputs a second time. Inputs
 * of one kind arrive in their original order. Standard input, sizes and each signal are kinds,
 * which may overtake each other. Guarded by the lock of {@link InputBuffer}.
 */
final class ForwardedInputs {
  /**
   * Room for two original partitions with six kinds each; clients that hash keys alike use one.
   * Anybody can make up others, which take memory.
   */
  private static final int MAX_SOURCES = 12;

  private final Map<Source, Long> taken = Recent.mapByUse(MAX_SOURCES);

  private record Source(int partition, boolean isOfStream, @Nullable CommandSignal signal) {
    static Source of(ReadInput input, Origin from) {
      CommandSignal signal =
          input.content() instanceof Input.Content.Signal(var sent) ? sent : null;
      return new Source(from.partition(), input.isOfStream(), signal);
    }
  }

  /** Whether a forwarded input was taken before. */
  boolean contain(ReadInput input) {
    Origin from = input.forwardedFrom();
    return from != null && from.offset() <= taken.getOrDefault(Source.of(input, from), -1L);
  }

  void add(ReadInput input) {
    Origin from = input.forwardedFrom();
    if (from != null) {
      taken.put(Source.of(input, from), from.offset());
    }
  }
}
