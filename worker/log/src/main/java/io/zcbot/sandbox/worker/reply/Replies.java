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
   * is dropped. Copies to one topic are written in the order of the calls.
   *
   * @param topic the topic that the request names
   * @param size the approximate size of the copy, in bytes
   * @param copy called when it is the copy's turn, so that waiting copies take no memory
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
