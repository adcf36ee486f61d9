/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class ChannelOpeningsTest {
  private long now = -1_000_000_000_000L;
  private Duration takes = Duration.ofSeconds(6);
  private EngineException.Kind kind = EngineException.Kind.TRANSIENT;
  private int tries;

  private final ChannelOpenings openings =
      new ChannelOpenings(
          _ -> {
            tries++;
            now += takes.toNanos();
            throw new EngineException(kind, "open", "silent", null);
          },
          "c",
          new Time() {
            @Override
            public long nanos() {
              return now;
            }

            @Override
            public Instant now() {
              return Instant.EPOCH;
            }
          });

  private void fails() {
    assertThatThrownBy(openings::open).hasMessageContaining("silent");
  }

  @Test
  void oneThatFailedIsRepeatedOnlyWhenItIsAsLongAgoAsItTook() {
    fails();
    now += takes.toNanos() - 1;
    fails();
    assertThat(tries).isEqualTo(1);
    now++;
    fails();
    assertThat(tries).isEqualTo(2);
  }

  /** Users must not wait after the engine is back, and no sandbox may be ended for its absence. */
  @Test
  void oneThatFailedBecauseOfTheEngineIsRepeatedAtOnce() {
    kind = EngineException.Kind.UNAVAILABLE;
    fails();
    fails();
    assertThat(tries).isEqualTo(2);
  }

  @Test
  void aPauseOfTheWorkerIsNotTakenForASlowOpening() {
    takes = Duration.ofHours(1);
    fails();
    now += Duration.ofSeconds(10).toNanos();
    fails();
    assertThat(tries).isEqualTo(2);
  }
}
