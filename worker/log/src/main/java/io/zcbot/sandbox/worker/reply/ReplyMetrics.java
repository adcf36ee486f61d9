/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reply;

/** Metrics of the copies of answers. */
public interface ReplyMetrics {
  /** The topic has a copy. */
  void copied();

  /** A copy could not be written. */
  void dropped(ReplyDrop why);
}
