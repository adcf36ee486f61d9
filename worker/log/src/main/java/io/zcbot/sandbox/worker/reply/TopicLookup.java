/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reply;

import io.zcbot.sandbox.worker.base.Threads;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.jspecify.annotations.Nullable;

/**
 * Asks Kafka whether topics exist, with one request at a time for all topics asked about meanwhile.
 * A producer would ask too, but again and again, and a broker that creates topics automatically
 * would create whatever a request names. Thread-safe.
 */
final class TopicLookup implements Lookup {
  private static final int MOST_AT_ONCE = 200;
  private static final int TIMEOUT_MS = 5_000;

  private final Supplier<Admin> clients;
  private final Map<String, CompletableFuture<Optional<ReplyDrop>>> asked = new LinkedHashMap<>();
  private @Nullable Admin admin;
  private boolean isAsking;
  private boolean closed;

  /** Makes its client only when it is needed. */
  TopicLookup(Supplier<Admin> clients) {
    this.clients = clients;
  }

  @Override
  public CompletableFuture<Optional<ReplyDrop>> obstacle(String topic) {
    synchronized (asked) {
      CompletableFuture<Optional<ReplyDrop>> answer =
          asked.computeIfAbsent(topic, _ -> new CompletableFuture<>());
      if (!isAsking) {
        isAsking = true;
        Threads.start("reply-topics", this::askAll);
      }
      return answer;
    }
  }

  private void askAll() {
    for (var next = next(); !next.isEmpty(); next = next()) {
      try {
        ask(next);
      } catch (InterruptedException | RuntimeException e) {
        next.values().forEach(answer -> answer.completeExceptionally(e));
      }
    }
  }

  private Map<String, CompletableFuture<Optional<ReplyDrop>>> next() {
    Map<String, CompletableFuture<Optional<ReplyDrop>>> next = new LinkedHashMap<>();
    synchronized (asked) {
      for (var each = asked.entrySet().iterator(); each.hasNext() && next.size() < MOST_AT_ONCE; ) {
        var entry = each.next();
        next.put(entry.getKey(), entry.getValue());
        each.remove();
      }
      isAsking = !next.isEmpty();
    }
    return next;
  }

  private void ask(Map<String, CompletableFuture<Optional<ReplyDrop>>> names)
      throws InterruptedException {
    Map<String, KafkaFuture<TopicDescription>> answers =
        admin()
            .describeTopics(names.keySet(), new DescribeTopicsOptions().timeoutMs(TIMEOUT_MS))
            .topicNameValues();
    for (var each : names.entrySet()) {
      try {
        Objects.requireNonNull(answers.get(each.getKey()), "an answer").get();
        each.getValue().complete(Optional.empty());
      } catch (ExecutionException e) {
        switch (e.getCause()) {
          case UnknownTopicOrPartitionException _, InvalidTopicException _ ->
              each.getValue().complete(Optional.of(ReplyDrop.ABSENT));
          case AuthorizationException _ -> each.getValue().complete(Optional.of(ReplyDrop.DENIED));
          case null, default -> each.getValue().completeExceptionally(e);
        }
      }
    }
  }

  private Admin admin() {
    synchronized (asked) {
      if (closed) {
        throw new IllegalStateException("the worker stops");
      }
      if (admin == null) {
        admin = clients.get();
      }
      return admin;
    }
  }

  @Override
  public void close() {
    Admin open;
    synchronized (asked) {
      closed = true;
      open = admin;
    }
    if (open != null) {
      open.close(Duration.ZERO);
    }
  }
}
