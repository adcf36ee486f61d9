/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reply;

import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** Tells whether topics exist. */
@FunctionalInterface
interface Lookup extends AutoCloseable {
  /**
   * Why a topic can't be written to; empty if it exists. The future fails if Kafka does not answer.
   */
  CompletableFuture<Optional<ReplyDrop>> obstacle(String topic);

  @Override
  default void close() {}
}
