/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.UserId;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class ProjectIdsTest {
  private static final UserId ANNA = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");

  /** They are on disks: another choice would leave every workspace with the id of before. */
  @Test
  void aUsersIdsAreAlwaysTheSame() {
    assertThat(ProjectIds.ALL.of(ANNA))
        .containsExactly(
            1571911830,
            1490020827,
            1833665426,
            1485641050,
            1504290903,
            1385198509,
            1107297314,
            1422936310);
  }

  @Test
  void theyLieFarAboveOthersAndAreValid() {
    for (int i = 0; i < 1000; i++) {
      List<Integer> ids = ProjectIds.ALL.of(new UserId(new UUID(i, i)));
      assertThat(ids).doesNotHaveDuplicates().hasSizeBetween(7, 8);
      assertThat(ids).allMatch(id -> id >= 1 << 30, "no administrator's, none negative");
    }
  }

  @Test
  void usersThatHardlyDifferHaveOthers() {
    Set<Integer> first = new HashSet<>();
    for (int i = 0; i < 10_000; i++) {
      first.add(ProjectIds.ALL.of(new UserId(new UUID(0, i))).getFirst());
    }
    assertThat(first).hasSizeGreaterThan(9_990);
  }

  @Test
  void fewIdsCollideSoThatTestsCanTryIt() {
    assertThat(new ProjectIds(2).of(ANNA)).allMatch(id -> id >>> 2 == 1 << 28);
  }
}
