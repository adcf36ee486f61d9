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
 * What the topics tell of sandboxes. It is input: anybody who may write to the topics may have
 * written it, so it is read within bounds and compared with what runs here.
 *
 * <p>The calls block, and throw what the client throws while the topics can't be read.
 */
public interface SandboxLog {
  /** How many partitions the topics have. */
  int partitions();

  /** Where a user's records are, as long as nobody changes the number of partitions. */
  int partitionOf(UserId user);

  /**
   * Reads the live table.
   *
   * @param running containers whose entries are wanted in any case, with their users
   * @param others whether entries of other containers are wanted too, as many as fit
   */
  Entries live(Set<Integer> partitions, Map<String, UserId> running, boolean others);

  /**
   * Reads what was announced of sandboxes.
   *
   * @param containers whose announcements are wanted, with their users
   * @param since none of them was announced before
   */
  Announcements announced(Set<Integer> partitions, Map<String, UserId> containers, Instant since);

  /**
   * Entries of the live table that agree with their key and lie in their user's partition.
   *
   * @param running those of the containers that were asked for
   * @param others those of other containers
   * @param isComplete whether all others are there; if not, there are more than fit into memory
   */
  record Entries(Map<String, LiveSandbox> running, List<LiveSandbox> others, boolean isComplete) {}
}
