/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.usage;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.result.Check;
import io.zcbot.sandbox.worker.audit.result.Violation;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class UsageProofTest {
  private static final Instant FROM = Instant.parse("2026-11-24T12:00:00Z");
  private final UserId user = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");

  @Test
  void howeverManyOldViolationsAUserHasTheyPutNoSumInDoubt() {
    UsageProof proof = new UsageProof(FROM);
    for (int i = 0; i < 100_001; i++) {
      proof.found(new Violation(Check.I11, user, FROM.minusSeconds(1), "lost", List.of()));
    }
    assertThat(proof.unproved()).isEmpty();
    assertThat(proof.older()).isEqualTo(Map.of(Check.I11, 100_001L));
  }
}
