/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import java.time.Instant;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.QuorumInfo;
import org.jspecify.annotations.Nullable;

/** The clock of Kafka's controller, with which the brokers' clocks should agree. */
public final class BrokerClock {
  private BrokerClock() {}

  /**
   * Asks for the time of the quorum's leader, which reports its current time as the time at which
   * it last caught up with itself; null if it does not report it.
   *
   * @throws ExecutionException if it can't be asked, for example because this client has no
   *     permission Describe on the cluster
   */
  public static @Nullable Instant time(Admin admin)
      throws ExecutionException, InterruptedException {
    QuorumInfo quorum = admin.describeMetadataQuorum().quorumInfo().get();
    for (QuorumInfo.ReplicaState voter : quorum.voters()) {
      if (voter.replicaId() == quorum.leaderId() && voter.lastCaughtUpTimestamp().isPresent()) {
        return Instant.ofEpochMilli(voter.lastCaughtUpTimestamp().getAsLong());
      }
    }
    return null;
  }
}
