/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reply;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.jspecify.annotations.Nullable;

/** What is known of a topic for replies, and what is to be copied there. Not thread-safe. */
final class ReplyTopic {
  final String name;

  /** Copies that the producer does not have yet. */
  final ArrayDeque<Copy> waiting = new ArrayDeque<>();

  /** Whether Kafka said so. Only then the producer may hear of it. */
  volatile boolean exists;

  /** Whether a thread is at work on what waits. */
  boolean isSending;

  /** Whether its last copies took so long that nobody waits for them any more. */
  boolean isLate;

  /** What the producer has and Kafka has not acknowledged. */
  int bytes;

  private @Nullable ReplyDrop refusal;
  private long refusedUntil;

  /** An answer that is to be copied. */
  record Copy(
      int size,
      Supplier<ProducerRecord<byte[], byte[]>> record,
      CompletableFuture<Void> settled,
      AtomicBoolean isOver) {
    Copy(int size, Supplier<ProducerRecord<byte[], byte[]>> record) {
      this(size, record, new CompletableFuture<>(), new AtomicBoolean());
    }
  }

  ReplyTopic(String name) {
    this.name = name;
  }

  /** Why nothing is copied to it now; null if copies are tried. */
  @Nullable ReplyDrop refusal(long now) {
    return refusal != null && refusedUntil - now > 0 ? refusal : null;
  }

  /** Takes no copies for a while; returns those that waited. */
  List<Copy> refuse(ReplyDrop why, long until) {
    exists = false;
    refusal = why;
    refusedUntil = until;
    return takeAll();
  }

  /** Nobody waits any more for its copies; returns those that the producer does not have. */
  List<Copy> late() {
    isLate = true;
    return takeAll();
  }

  List<Copy> takeAll() {
    List<Copy> all = new ArrayList<>(waiting);
    waiting.clear();
    return all;
  }

  boolean isIdle() {
    return !isSending && bytes == 0;
  }
}
