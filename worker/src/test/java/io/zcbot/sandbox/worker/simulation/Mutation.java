/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

/** A precaution of the worker's that a simulation can leave out. */
enum Mutation {
  NONE(1),
  /** Ensures are answered without a look at whose the partition is. */
  NO_FENCE(69),
  /** A process that did not run for long takes itself for a member. */
  LEASE_FOR_EVER(251),
  /** What was read is committed, done or not. */
  COMMIT_PAST_OPEN_RECORDS(1),
  /** Who is out of the group ends its sandboxes. */
  REAP_WHAT_IS_LOST(3),
  /** What was read for one assignment is acted on in another. */
  ACT_ON_LATE_READ(139),
  FORWARD_TWICE(21),
  /** Activity counts as read when the last fetch knew of no more. */
  TRUST_THE_LAG(1649),
  SAY_NOTHING_OF_LOST_HOSTS(2),
  /** What others announced lost goes on running. */
  KEEP_WHAT_IS_ANOTHERS(34),
  /** Sandboxes are not entered in the live table. */
  NO_LIVE_ENTRY(8),
  /** They are not removed from it. */
  ENTRY_STAYS(1),
  ANNOUNCE_BEFORE_THE_KILL(1),
  /** Commands are started while their entry in the command table is on its way. */
  START_BEFORE_THE_ENTRY(2),
  /** Execs are done, and so committed, before their command is entered. */
  COMMIT_BEFORE_THE_ENTRY(16),
  /** An entry goes with the answer, though its exec may be read again. */
  ENTRY_GOES_WITH_THE_ANSWER(2),
  /** What a former owner of a partition started is not looked up. */
  TABLE_NOT_READ(1),
  /** Execs are run while the table is being read. */
  EXECS_BEFORE_THE_TABLE(14),
  /** Commands are started and answered without a look at whose the partition is. */
  NO_FENCE_FOR_COMMANDS(2);

  /** Of a history that was seen to show it; others do as well, but not all. */
  final long seed;

  Mutation(long seed) {
    this.seed = seed;
  }
}
