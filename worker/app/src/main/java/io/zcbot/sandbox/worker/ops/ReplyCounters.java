/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.zcbot.sandbox.worker.reply.ReplyDrop;
import io.zcbot.sandbox.worker.reply.ReplyMetrics;
import java.util.Locale;

/** Counts copies of answers. */
final class ReplyCounters implements ReplyMetrics {
  private final MeterRegistry registry;
  private final Counter copied;

  /**
   * Registers every series with the value zero, so that a first occurrence shows as an increase.
   */
  ReplyCounters(MeterRegistry registry) {
    this.registry = registry;
    this.copied =
        Counter.builder("zcbot.replies.copied")
            .description("Answers copied to the topics that their requests name")
            .register(registry);
    for (ReplyDrop why : ReplyDrop.values()) {
      drops(why);
    }
  }

  @Override
  public void copied() {
    copied.increment();
  }

  @Override
  public void dropped(ReplyDrop why) {
    drops(why).increment();
  }

  private Counter drops(ReplyDrop why) {
    return Counter.builder("zcbot.replies.dropped")
        .description("Copies of answers that could not be written, by reason")
        .tag("reason", why.name().toLowerCase(Locale.ROOT))
        .register(registry);
  }
}
