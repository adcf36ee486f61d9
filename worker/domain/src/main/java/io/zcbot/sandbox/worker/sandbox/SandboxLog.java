/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.UserId;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What the topics say about sandboxes. It is untrusted input: anybody who may write to the topics
 * may have written it, so it is read within bounds and compared with what runs here.
 *
 * <p>The calls block, and throw what the Kafka client throws while the topics can't be read.
 */
public interface SandboxLog {
  /** The number of partitions of the topics. */
  int partitions();

  /** The partition of a user's records, as long as nobody changes the number of partitions. */
  int partitionOf(UserId user);

  /**
   * Reads the live table.
   *
   * @param running containers whose entries are always included, with their users
   * @param others whether to include entries of other containers, as many as fit
   */
  Entries live(Set<Integer> partitions, Map<String, UserId> running, boolean others);

  /**
   * Reads what was announced about sandboxes.
   *
   * @param containers whose announcements are wanted, with their users
   * @param since the earliest time of such an announcement
   */
  Announcements announced(Set<Integer> partitions, Map<String, UserId> containers, Instant since);

  /**
   * Valid entries of the live table: those that agree with their key and are in their user's
   * partition.
   *
   * @param running of the containers that were asked for
   * @param others of other containers
   * @param isComplete whether all others are included; if not, they do not fit into memory
   */
  record Entries(Map<String, LiveSandbox> running, List<LiveSandbox> others, boolean isComplete) {}
}
