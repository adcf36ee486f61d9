/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reply;

import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Copies answers to the topics that their requests name. */
@FunctionalInterface
public interface Replies {
  /**
   * Copies an answer that the log has. Never blocks, and never fails: a copy that can't be written
   * is dropped. The copies for a topic are written in the order of the calls.
   *
   * @param topic the requester's
   * @param size about what the copy takes, in bytes
   * @param copy made when it is its turn, so that what waits takes no memory
   * @return completes when the topic has the copy or it is dropped, and after a short time in any
   *     case
   */
  CompletableFuture<Void> copy(
      String topic, int size, Supplier<ProducerRecord<byte[], byte[]>> copy);

  /** Copies nothing. */
  Replies NONE =
      (_, _, _) -> {
        CompletableFuture<Void> nothing = new CompletableFuture<>();
        nothing.complete(null);
        return nothing;
      };
}
