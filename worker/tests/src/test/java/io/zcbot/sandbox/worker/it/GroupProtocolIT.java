/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A worker that joins takes over the users that move to it, and nobody else loses a sandbox. */
@Tag("engine")
@Tag("kafka")
class GroupProtocolIT {
  @Test
  void aWorkerThatJoinsAClassicGroupMovesNoMoreThanItGets() throws Exception {
    try (Deployment deployment = new Deployment().with("ZCBOT_KAFKA_GROUP_PROTOCOL", "classic")) {
      deployment.start("a");
      List<UserId> users = new ArrayList<>();
      for (int partition = 0; partition < deployment.partitions(); partition++) {
        UserId user = deployment.newUserOf(partition);
        users.add(user);
        deployment.agent().ensured(user);
      }
      deployment.start("b");
      Map<String, Set<Integer>> owners = deployment.group().assignment();
      Set<Integer> kept = owners.get(deployment.workerId("a"));
      assertThat(kept).hasSize(deployment.partitions() / 2);
      for (UserId user : users) {
        deployment.agent().ensured(user); // served behind the rebalance
        assertThat(deployment.log().reaped(user))
            .hasSize(kept.contains(deployment.partitionOf(user)) ? 0 : 1);
      }
    }
  }
}
