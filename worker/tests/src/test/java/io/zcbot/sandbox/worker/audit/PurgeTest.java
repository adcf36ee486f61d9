/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import java.util.List;
import org.junit.jupiter.api.Test;

class PurgeTest {
  /** A report names the same record as evidence, however many threads have read the log. */
  @Test
  void theLaterOneDoesNotDependOnTheOrderOfReading() {
    List<Purge> purges = List.of(at(1, 2, 0), at(2, 0, 2), at(2, 2, 1), at(2, 2, 3));
    for (Purge one : purges) {
      for (Purge other : purges) {
        assertThat(Purge.later(one, other))
            .isEqualTo(purges.get(Math.max(purges.indexOf(one), purges.indexOf(other))));
      }
    }
  }

  private static Purge at(long time, int partition, long offset) {
    return new Purge(time, new RecordPosition(Topic.REAPED, partition, offset));
  }
}
