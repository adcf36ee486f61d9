/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.client.ClientOptions;
import io.zcbot.sandbox.client.SandboxClient;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import org.HdrHistogram.Histogram;

/** Through {@code clients/java}, in this process. */
final class JavaLoad implements EnsureLoad {
  private final SandboxClient client;

  JavaLoad(Kafka kafka, String prefix) {
    client =
        SandboxClient.connect(
            Map.of("bootstrap.servers", kafka.servers()),
            ClientOptions.defaults().withTopicPrefix(prefix));
  }

  /**
   * Where an ensure's time went on average, in milliseconds.
   *
   * @param there until the answer was made
   * @param took the part of that since the worker had read the ensure, as the answer tells it
   * @param back from when the answer was made until it was here
   */
  record Halves(double there, double took, double back) {
    /** Answers tell whole milliseconds, and leave out the rest. */
    private static final double LEFT_OUT = 0.5;
  }

  @Override
  public void run(List<UserId> users, double perSecond, double seconds, Histogram into)
      throws Exception {
    var _ = halves(users, perSecond, seconds, into);
  }

  /** The same, and how long the two halves of the way took. All clocks are this machine's. */
  Halves halves(List<UserId> users, double perSecond, double seconds, Histogram into)
      throws Exception {
    LongAdder there = new LongAdder();
    LongAdder took = new LongAdder();
    LongAdder back = new LongAdder();
    Calls.atRate(
        perSecond,
        seconds,
        into,
        i -> {
          Instant begin = Instant.now();
          Ready ready = client.sandbox(users.get(i % users.size())).ensure();
          there.add(Duration.between(begin, ready.readyAt()).toNanos());
          took.add(ready.tookMs());
          back.add(Duration.between(ready.readyAt(), Instant.now()).toNanos());
        });
    double count = into.getTotalCount();
    return new Halves(
        there.sum() / 1e6 / count, took.sum() / count + Halves.LEFT_OUT, back.sum() / 1e6 / count);
  }

  @Override
  public void close() {
    client.close();
  }
}
