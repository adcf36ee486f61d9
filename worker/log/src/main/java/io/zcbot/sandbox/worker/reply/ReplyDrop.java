/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reply;

/** Why an answer was not copied to the topic that its request names. */
public enum ReplyDrop {
  /** The topic does not exist, or the worker may not see it. */
  ABSENT,
  /** The worker may not write to it. */
  DENIED,
  /** The topic takes smaller records only. */
  TOO_LARGE,
  /** The topic does not take records, or too slowly. */
  LATE,
  /** Too many topics are named at once, or the worker stops. */
  FULL,
  /** The client failed. */
  FAILED
}
