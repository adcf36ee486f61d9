/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.deployment.CommandLedger;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * An agent service with many users. Each user is active for some seconds, with requests, activity
 * and commands, and then silent for some, at random. Some records are duplicates, have no id, or
 * are not events.
 */
final class Agent {
  private static final long TICK_MS = 50;

  private final KafkaProducer<byte[], byte[]> producer;
  private final String prefix;
  private final Random random;
  private final List<User> users = new ArrayList<>();
  private final AtomicReference<Exception> failure = new AtomicReference<>();
  private final int kept;
  private final Thread thread;
  private volatile Mode mode = Mode.SILENT;

  private enum Mode {
    SILENT,
    LOAD,
    /** A few users stay in use; nobody else does anything. */
    KEEP
  }

  private static final class User {
    final UserId id;
    long until;
    boolean inUse;
    long next;

    User(UserId id) {
      this.id = id;
    }
  }

  Agent(String bootstrapServers, String prefix, Random random, int users, int kept) {
    this.prefix = prefix;
    this.random = random;
    this.kept = kept;
    this.producer =
        new KafkaProducer<>(
            Map.of(
                "bootstrap.servers", bootstrapServers,
                "linger.ms", "0",
                "reconnect.backoff.max.ms", "500",
                "max.block.ms", "120000"),
            new ByteArraySerializer(),
            new ByteArraySerializer());
    for (int i = 0; i < users; i++) {
      this.users.add(new User(newUser()));
    }
    this.thread = Thread.ofPlatform().name("agent").daemon().start(this::run);
  }

  private UserId newUser() {
    return new UserId(new UUID(random.nextLong(), random.nextLong()));
  }

  void load() {
    mode = Mode.LOAD;
  }

  /** Keeps a few users' sandboxes in use; each of them asks once more. */
  synchronized void keep() {
    mode = Mode.KEEP;
    for (User user : users.subList(0, kept)) {
      ensure(user.id, "keep-" + UUID.randomUUID());
      user.next = 0;
    }
    producer.flush();
  }

  void silence() throws InterruptedException {
    mode = Mode.SILENT;
    TimeUnit.MILLISECONDS.sleep(3 * TICK_MS);
    producer.flush();
  }

  /** Asks for sandboxes of the given number of new users at once, for half of them by an exec. */
  synchronized void burst(int count) {
    for (int i = 0; i < count; i++) {
      if (i % 2 == 0) {
        ensure(newUser(), "burst-" + UUID.randomUUID());
      } else {
        exec(newUser());
      }
    }
    producer.flush();
  }

  /** Publishes the given number of execs at once, for sandboxes of users that are in use. */
  synchronized void commands(int count) {
    List<User> working = users.stream().filter(user -> user.inUse).toList();
    for (int i = 0; i < count && !working.isEmpty(); i++) {
      exec(working.get(random.nextInt(working.size())).id);
    }
    producer.flush();
  }

  /** The error of a send, if there was one. */
  Exception failure() {
    return failure.get();
  }

  private void run() {
    try {
      while (!Thread.interrupted()) {
        TimeUnit.MILLISECONDS.sleep(TICK_MS);
        tick();
      }
    } catch (InterruptedException _) {
      // The end.
    } catch (org.apache.kafka.common.errors.InterruptException _) {
      // The end as well.
    }
  }

  private synchronized void tick() {
    long now = System.nanoTime();
    switch (mode) {
      case SILENT -> {}
      case KEEP -> {
        for (User user : users.subList(0, kept)) {
          if (now >= user.next) {
            activity(user.id);
            user.next = now + Duration.ofSeconds(1).toNanos();
          }
        }
      }
      case LOAD -> users.forEach(user -> live(user, now));
    }
  }

  private void live(User user, long now) {
    if (now >= user.until) {
      user.inUse = user.until == 0 ? random.nextInt(3) == 0 : !user.inUse;
      user.until = now + millis(user.inUse ? 3_000 : 4_000, user.inUse ? 15_000 : 24_000);
      user.next = now;
    }
    if (!user.inUse || now < user.next) {
      return;
    }
    user.next = now + millis(300, 1_500);
    int dice = random.nextInt(100);
    if (dice < 40 || user.next == now) {
      ensure(user.id, dice < 5 ? null : "e-" + new UUID(random.nextLong(), random.nextLong()));
    } else if (dice < 43) {
      String id = "twice-" + new UUID(random.nextLong(), random.nextLong());
      ensure(user.id, id);
      ensure(user.id, id);
    } else if (dice < 44) {
      send(Topic.ENSURE, user.id, "no event");
    } else if (dice < 60) {
      exec(user.id);
    } else {
      activity(user.id);
    }
  }

  private long millis(int least, int most) {
    return Duration.ofMillis(least + random.nextInt(most - least)).toNanos();
  }

  void ensure(UserId user, String eventId) {
    send(
        Topic.ENSURE,
        user,
        eventId == null
            ? "{\"user_id\":\"" + user + "\"}"
            : "{\"user_id\":\"" + user + "\",\"event_id\":\"" + eventId + "\"}");
  }

  void activity(UserId user) {
    send(Topic.ACTIVITY, user, "{\"user_id\":\"" + user + "\"}");
  }

  /**
   * Publishes an exec: most commands are short, some take seconds, some write while they run. One
   * in ten is published twice.
   */
  private void exec(UserId user) {
    String id = "x-" + new UUID(random.nextLong(), random.nextLong());
    int dice = random.nextInt(10);
    String script = CommandLedger.script(id);
    if (dice < 3) {
      script += "; sleep " + (1 + random.nextInt(3));
    } else if (dice < 5) {
      script += "; for i in 1 2 3 4 5; do echo line $i; sleep 0.2; done";
    }
    String value =
        "{'user_id':'%s','event_id':'%s','shell':'%s','stream':%b}"
            .formatted(user, id, script, dice == 3 || dice == 4)
            .replace('\'', '"');
    send(Topic.EXEC, user, value);
    if (dice == 9) {
      send(Topic.EXEC, user, value);
    }
  }

  private void send(Topic topic, UserId user, String value) {
    producer.send(
        new ProducerRecord<>(
            topic.named(prefix),
            user.toString().getBytes(StandardCharsets.UTF_8),
            value.getBytes(StandardCharsets.UTF_8)),
        (_, e) -> {
          if (e != null) {
            failure.set(e);
          }
        });
  }

  void close() throws InterruptedException {
    mode = Mode.SILENT;
    thread.interrupt();
    thread.join(5000);
    producer.close(Duration.ofSeconds(5));
  }
}
