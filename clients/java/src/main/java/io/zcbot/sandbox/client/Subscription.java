/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Calls a consumer for events of a user, each once, in a thread of its own, until it is closed.
 * What the consumer throws is logged. If the consumer is so slow that more than 64 events wait,
 * further ones are dropped and logged.
 */
public final class Subscription implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Subscription.class);

  private static final Duration TURN = Duration.ofHours(1);
  private static final int MAX_KNOWN = 256;

  private final Mailbox<SandboxEvent> events = new Mailbox<>();
  private final Resources resources = new Resources();
  private volatile boolean isClosed;

  /**
   * Ids of the events that were handed over, because workers publish at least once. Used by the
   * reader's thread only.
   */
  private final Map<String, Boolean> known =
      new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
          return size() > MAX_KNOWN;
        }
      };

  private Subscription() {}

  /** Waits until all events that are published from now on will be delivered. */
  static <E extends SandboxEvent> Subscription begin(
      Connection connection,
      UserId user,
      Topic topic,
      Class<E> type,
      Consumer<E> consumer,
      Deadline deadline)
      throws InterruptedException {
    Subscription subscription = new Subscription();
    var following = connection.reader().follow(user, List.of(topic), deadline);
    subscription.resources.add(following::close);
    subscription.resources.add(
        connection.answers().listen(user, subscription.new Filter(type))::close);
    Thread thread =
        Thread.ofVirtual()
            .name("zcbot-client-events")
            .start(() -> subscription.tell(type, consumer));
    subscription.resources.add(thread::interrupt);
    return subscription;
  }

  private final class Filter implements Answers.Listener {
    private final Class<? extends SandboxEvent> type;

    Filter(Class<? extends SandboxEvent> type) {
      this.type = type;
    }

    @Override
    public void heard(SandboxEvent event) {
      if (type.isInstance(event)
          && known.put(event.eventId(), true) == null
          && !events.put(event)) {
        log.warn("a subscriber is too slow; {} is left out", event.eventId());
      }
    }

    @Override
    public void closed() {
      events.close();
    }
  }

  private <E extends SandboxEvent> void tell(Class<E> type, Consumer<E> consumer) {
    try {
      while (!isClosed) {
        SandboxEvent event = events.take(Deadline.in(TURN));
        if (event != null) {
          tell(consumer, type.cast(event));
        }
      }
    } catch (InterruptedException | ClientClosedException e) {
      // it is over
    }
  }

  private static <E extends SandboxEvent> void tell(Consumer<E> consumer, E event) {
    try {
      consumer.accept(event);
    } catch (Throwable e) { // the consumer's own, and later events are for it, too
      log.error("a subscriber failed at {}", event.eventId(), e);
    }
  }

  /** Adds an action that is done when the subscription is closed. */
  void onClose(Runnable action) {
    resources.add(action);
  }

  /**
   * Ends the subscription. A call of the consumer that is in progress is interrupted, and may
   * continue; no other one begins.
   */
  @Override
  public void close() {
    isClosed = true;
    resources.close();
  }
}
