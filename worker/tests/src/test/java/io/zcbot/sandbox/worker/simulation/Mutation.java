/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import io.zcbot.sandbox.events.Topic;
import org.jspecify.annotations.Nullable;

/** A precaution in the worker's code that a simulation can leave out. */
enum Mutation {
  NONE(1),
  /** Ensures are answered without a check who owns the partition. */
  NO_FENCE(66),
  /** A process considers itself a member, whether it runs, reaches the group and polls or not. */
  LEASE_FOR_EVER(66),
  /** Records that were read are committed, done or not. */
  COMMIT_PAST_OPEN_RECORDS(1),
  /** A worker that is out of the group ends its sandboxes. */
  REAP_WHAT_IS_LOST(5),
  /** Records that were read for one assignment are handled in another. */
  ACT_ON_LATE_READ(458, ModelBroker.name(Topic.LIVE)),
  FORWARD_TWICE(21),
  /** Activity counts as read when the last fetch returned no more. */
  TRUST_THE_LAG(144, ModelBroker.name(Topic.ACTIVITY)),
  /** Records of transactions that did not end are not read, nor those behind them. */
  READ_COMMITTED(41),
  SAY_NOTHING_OF_LOST_HOSTS(3),
  /** Sandboxes that others announced lost keep running. */
  KEEP_WHAT_IS_ANOTHERS(118),
  /** Sandboxes are not entered in the live table. */
  NO_LIVE_ENTRY(23),
  /** Sandboxes are not removed from the live table. */
  ENTRY_STAYS(1),
  ANNOUNCE_BEFORE_THE_KILL(1),
  /** Commands are started while their entry in the command table is on its way. */
  START_BEFORE_THE_ENTRY(2),
  /** Execs are done, and so committed, before their command is entered. */
  COMMIT_BEFORE_THE_ENTRY(128),
  /** An entry is removed with the answer, though its exec may be read again. */
  ENTRY_GOES_WITH_THE_ANSWER(71),
  /** Commands that a former owner of a partition started are not looked up. */
  TABLE_NOT_READ(1),
  /** Execs are run while the table is being read. */
  EXECS_BEFORE_THE_TABLE(208),
  /** Commands are started and answered without a check who owns the partition. */
  NO_FENCE_FOR_COMMANDS(121),
  /**
   * A worker that ends a sandbox removes its user from the table, even if another worker owns the
   * user.
   */
  REMOVE_ANOTHERS_ENTRY(8431, ModelBroker.COORDINATOR),
  /** The first commit that is acknowledged after an outage counts, though it keeps no session. */
  TRUST_THE_FIRST_ANSWER(2599, ModelBroker.COORDINATOR),
  /** A sandbox whose ready may come late ends without a word. */
  END_SILENTLY_WHAT_MAY_BE_READY(2702),
  /** A lease lasts on while the machine sleeps. */
  TRUST_THE_MONOTONIC_CLOCK(359);

  /** The seed of a history that was seen to show it; others do as well, but not all. */
  final long seed;

  /**
   * What is unavailable during each outage; null if that is drawn. Few histories show the mutation
   * otherwise.
   */
  final @Nullable String away;

  /** Whether the table of current sandboxes is written; most seeds are of histories without it. */
  boolean writesCurrent() {
    return this == NONE
        || this == REMOVE_ANOTHERS_ENTRY
        || this == TRUST_THE_FIRST_ANSWER
        || this == END_SILENTLY_WHAT_MAY_BE_READY;
  }

  /** Whether some commands write very much; the seeds are of histories without them. */
  boolean hasFloods() {
    return this == NONE || this == END_SILENTLY_WHAT_MAY_BE_READY;
  }

  /** Whether machines sleep; the seeds of most are of histories in which they do not. */
  boolean hasSleeps() {
    return this == NONE
        || this == END_SILENTLY_WHAT_MAY_BE_READY
        || this == TRUST_THE_MONOTONIC_CLOCK;
  }

  Mutation(long seed) {
    this(seed, null);
  }

  Mutation(long seed, @Nullable String away) {
    this.seed = seed;
    this.away = away;
  }
}
