/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reply;

import java.time.Duration;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.jspecify.annotations.Nullable;

/** Writes copies. Its client is made for the first one, because most workers copy nothing. */
final class ReplyProducer implements AutoCloseable {
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(2);

  private final Supplier<Producer<byte[], byte[]>> clients;
  private @Nullable Producer<byte[], byte[]> client;
  private boolean isClosed;

  ReplyProducer(Supplier<Producer<byte[], byte[]>> clients) {
    this.clients = clients;
  }

  /**
   * Writes a copy. Failures go to the callback.
   *
   * @param settled called with the reason why it will not be written, or null once it is; perhaps
   *     more than once
   */
  void send(
      Supplier<ProducerRecord<byte[], byte[]>> record, Consumer<@Nullable ReplyDrop> settled) {
    try {
      var _ =
          client()
              .send(
                  record.get(),
                  (_, failure) -> settled.accept(failure == null ? null : reason(failure)));
    } catch (RuntimeException e) {
      settled.accept(reason(e));
    }
  }

  private synchronized Producer<byte[], byte[]> client() {
    if (isClosed) {
      throw new IllegalStateException("the worker stops");
    }
    if (client == null) {
      client = clients.get();
    }
    return client;
  }

  private static ReplyDrop reason(Exception failure) {
    return switch (failure) {
      case RecordTooLargeException _ -> ReplyDrop.TOO_LARGE;
      case AuthorizationException _ -> ReplyDrop.DENIED;
      case UnknownTopicOrPartitionException _, InvalidTopicException _ -> ReplyDrop.ABSENT;
      case RetriableException _ -> ReplyDrop.LATE; // the client's own retries are over
      default -> ReplyDrop.FAILED;
    };
  }

  /** Flushes what was sent, for a limited time. */
  @Override
  public synchronized void close() {
    isClosed = true;
    if (client != null) {
      client.close(CLOSE_TIMEOUT);
    }
  }
}
