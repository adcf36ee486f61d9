/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.LogRecord;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;

/**
 * Random histories that keep every guarantee, as workers with their own clocks would write them:
 * restarts, moves, lost hosts, redeliveries, misplaced records, invalid records.
 */
public final class Histories {
  public static final long START = Instant.parse("2026-11-24T12:00:00Z").toEpochMilli();
  static final Rules RULES = Rules.DEFAULT;
  private static final long TTL = RULES.ttl().toMillis();
  private static final long INTERVAL = RULES.interval().toMillis();

  final TestLog log = new TestLog();
  final Map<Reaped.Reason, Long> reaps = new EnumMap<>(Reaped.Reason.class);
  public final long end;
  long ensures;
  long answers;
  long activities;
  long duplicates;

  final RandomCommands commands;
  private final Random random;
  private final int partitions;
  private final long[] clocks;
  private final List<Disruption> disruptions = new ArrayList<>();
  private final Map<Integer, Integer> firstOwner = new HashMap<>();

  private enum Kind {
    RESTART,
    MOVE,
    LOSS
  }

  /** From {@code time} on, the partition belongs to the new owner; its sandboxes end then. */
  private record Disruption(long time, Kind kind, int partition, int from, int to) {
    static final long DARK = 6_000;
  }

  public Histories(long seed, int users, int partitions, int workers, long lengthMs) {
    this.random = new Random(seed);
    this.partitions = partitions;
    this.commands = new RandomCommands(log, random, partitions);
    this.end = START + lengthMs + 3 * TTL;
    this.clocks = random.longs(workers, -800, 800).toArray();
    Map<Integer, Integer> owner = firstOwner;
    for (int p = 0; p < partitions; p++) {
      owner.put(p, random.nextInt(workers));
    }
    Map<Integer, Integer> now = new HashMap<>(owner);
    long t = START + 600_000 + random.nextInt(1_200_000);
    while (t < START + lengthMs) {
      disrupt(t, now, workers);
      t += 600_000 + random.nextInt(1_800_000);
    }
    for (int u = 0; u < users; u++) {
      user(new UserId(new UUID(random.nextLong(), random.nextLong())), START + lengthMs);
    }
    poison(users / 4, lengthMs);
  }

  private void disrupt(long t, Map<Integer, Integer> owner, int workers) {
    Kind kind = Kind.values()[random.nextInt(3)];
    int worker = random.nextInt(workers);
    int partition = random.nextInt(partitions);
    for (Map.Entry<Integer, Integer> each : owner.entrySet()) {
      boolean hit = kind == Kind.MOVE ? each.getKey() == partition : each.getValue() == worker;
      if (hit) {
        int to = kind == Kind.RESTART ? worker : (each.getValue() + 1) % workers;
        // A host that is lost alone has nobody to tell of it.
        Kind reported = kind == Kind.LOSS && to == worker ? Kind.RESTART : kind;
        disruptions.add(new Disruption(t, reported, each.getKey(), each.getValue(), to));
        each.setValue(to);
      }
    }
  }

  private Disruption next(int partition, long after) {
    return disruptions.stream()
        .filter(d -> d.partition == partition && d.time > after)
        .findFirst()
        .orElse(new Disruption(Long.MAX_VALUE / 2, Kind.MOVE, partition, 0, 0));
  }

  private int owner(int partition, long at) {
    int owner = firstOwner.get(partition);
    for (Disruption d : disruptions) {
      if (d.partition == partition && d.time <= at) {
        owner = d.to;
      }
    }
    return owner;
  }

  private long between(long least, long most) {
    return least + (long) (random.nextDouble() * (most - least));
  }

  private boolean chance(double p) {
    return random.nextDouble() < p;
  }

  private void user(UserId user, long until) {
    int partition = random.nextInt(partitions);
    long t = START + between(0, 600_000);
    while (t < until) {
      Disruption next = next(partition, t);
      long ensured = t;
      long answered = ensured + between(200, 1_500);
      if (answered > next.time - Disruption.DARK) {
        // It waits for whoever comes next.
        answered = Math.max(answered, next.time) + between(1_500, 5_000);
      }
      String id = ask(user, partition, ensured);
      if (chance(0.2)) {
        long refused = ensured - between(100, 500);
        commands.refused(user, partition, refused, clocks[owner(partition, refused)]);
      }
      if (chance(0.06)) {
        fail(user, partition, answered, id);
        t = answered + between(1_000, TTL);
        continue;
      }
      t = session(user, partition, answered, id, uuid(), until);
    }
  }

  private String uuid() {
    return new UUID(random.nextLong(), random.nextLong()).toString();
  }

  /** Publishes an ensure, which may be in the wrong partition first, twice, or without an id. */
  private String ask(UserId user, int partition, long t) {
    ensures++;
    if (chance(0.1)) {
      TestLog.Entry bare =
          log.raw(
              Topic.ENSURE,
              partition,
              t,
              user.toString().getBytes(StandardCharsets.US_ASCII),
              ("{\"user_id\":\"" + user + "\"}").getBytes(StandardCharsets.UTF_8));
      bareEnsures.add(bare);
      return null;
    }
    String id = uuid();
    Instant expires = chance(0.3) ? Instant.ofEpochMilli(t + 30_000) : null;
    Ensure ensure = new Ensure(id, user, Instant.ofEpochMilli(t), "test", expires);
    if (chance(0.15) && partitions > 1) {
      log.add((partition + 1) % partitions, t - 1, ensure);
      duplicates++;
    }
    log.add(partition, t, ensure);
    if (chance(0.05)) {
      log.add(partition, t + between(1, 500), ensure);
      duplicates++;
    }
    return id;
  }

  private final List<TestLog.Entry> bareEnsures = new ArrayList<>();

  /**
   * The id of an ensure without one is its position, which is known once the log is laid out;
   * answers are made then.
   */
  private record Answer(TestLog.Entry answer, TestLog.Entry ensure) {}

  private final List<Answer> bareAnswers = new ArrayList<>();

  private void answered(TestLog.Entry answer, String ensureId) {
    answers++;
    if (ensureId == null) {
      bareAnswers.add(new Answer(answer, bareEnsures.removeLast()));
    }
  }

  private void fail(UserId user, int partition, long t, String ensureId) {
    int worker = owner(partition, t);
    String id = ensureId == null ? "?" : ensureId;
    long time = t + clocks[worker];
    Failed failed =
        new Failed(
            EventIds.failed(user, id),
            user,
            id,
            Instant.ofEpochMilli(time),
            Failed.Reason.values()[random.nextInt(Failed.Reason.values().length)],
            "no",
            true);
    answered(log.add(partition, t, time, failed), ensureId);
  }

  private TestLog.Entry ready(
      UserId user, int partition, long t, String ensureId, String container, boolean first) {
    int worker = owner(partition, t);
    String id = ensureId == null ? "?" : ensureId;
    long time = t + clocks[worker];
    Ready ready =
        SampleEvents.ready(
            user,
            id,
            Instant.ofEpochMilli(time - 1),
            new ContainerRef("zcbot-sandbox-" + user, container, "h" + worker, "w" + worker),
            first ? Ready.Outcome.CREATED : Ready.Outcome.REUSED,
            5);
    TestLog.Entry entry = log.add(partition, t, time, ready);
    answered(entry, ensureId);
    if (chance(0.05) && ensureId != null) {
      log.add(partition, t + 1, time + 1, ready);
      duplicates++;
    }
    return entry;
  }

  /** One session from its first ready on; returns when the user comes back. */
  private long session(
      UserId user, int partition, long begins, String ensureId, String container, long until) {
    Disruption next = next(partition, begins);
    ready(user, partition, begins, ensureId, container, true);
    long used = begins;
    long stop = next.time - Disruption.DARK;
    int uses = random.nextInt(30);
    for (int i = 0; i < uses; i++) {
      long t = used + between(10, chance(0.2) ? TTL - 5_000 : 20_000);
      if (t + 100 >= stop || t >= until) {
        break;
      }
      if (chance(0.25)) {
        long ended = Math.min(t + between(5, chance(0.1) ? 2 * TTL : 5_000), stop - 50);
        ran(user, partition, t - 3, t, ended, container, Exited.Reason.EXITED);
        used = ended;
      } else if (chance(0.2)) {
        String again = ask(user, partition, t);
        long answer = t + between(2, 30);
        ready(user, partition, answer, again, container, false);
        used = answer;
      } else {
        act(user, partition, t);
        used = t;
      }
    }
    long idle = used + TTL + between(0, INTERVAL + 3_000);
    if (idle + 2_000 >= next.time) {
      // Whatever it was doing, the disruption ends it.
      return disrupted(user, partition, next, used, container);
    }
    Reaped.Reason reason = Reaped.Reason.IDLE;
    long ends = idle;
    if (chance(0.2)) {
      reason = chance(0.5) ? Reaped.Reason.DIED : Reaped.Reason.REQUESTED;
      ends = used + between(100, TTL);
    } else if (chance(0.1) && idle + 100 < stop) {
      // Under way while it was judged: nobody could know.
      act(user, partition, idle - between(0, 4_000));
    }
    reap(user, partition, ends, owner(partition, ends), reason, container, used);
    return ends + between(1_000, 2 * TTL);
  }

  private long disrupted(UserId user, int partition, Disruption next, long used, String container) {
    long ends = next.time + between(0, 500);
    Reaped.Reason reason =
        switch (next.kind) {
          case RESTART -> Reaped.Reason.PURGED;
          case MOVE -> Reaped.Reason.MOVED;
          case LOSS -> Reaped.Reason.LOST;
        };
    if (chance(0.4)) {
      boolean isLost = next.kind != Kind.MOVE;
      ran(
          user,
          partition,
          next.time - Disruption.DARK + 100,
          next.time - Disruption.DARK + 200,
          isLost ? ends + 300 : ends - 1,
          container,
          isLost ? Exited.Reason.LOST : Exited.Reason.SANDBOX_GONE);
    }
    reap(
        user,
        partition,
        ends,
        next.kind == Kind.LOSS ? next.to : next.from,
        reason,
        container,
        used);
    return ends + between(1_500, TTL);
  }

  private void ran(
      UserId user,
      int partition,
      long asked,
      long started,
      long ended,
      String container,
      Exited.Reason reason) {
    int worker = owner(partition, started);
    commands.ran(
        user,
        partition,
        asked,
        new RandomCommands.Run(
            new ContainerRef("zcbot-sandbox-" + user, container, "h" + worker, "w" + worker),
            started,
            ended,
            reason),
        clocks[worker]);
  }

  private void act(UserId user, int partition, long t) {
    Activity activity = new Activity(uuid(), user, Instant.ofEpochMilli(t), "test");
    activities++;
    if (chance(0.1) && partitions > 1) {
      log.add((partition + 1) % partitions, t - 1, activity);
      duplicates++;
    }
    log.add(partition, t, activity);
  }

  private void reap(
      UserId user,
      int partition,
      long t,
      int worker,
      Reaped.Reason reason,
      String container,
      long used) {
    long time = t + clocks[worker];
    Reaped reaped =
        new Reaped(
            EventIds.reaped(user, container),
            user,
            Instant.ofEpochMilli(time - 1),
            new ContainerRef("zcbot-sandbox-" + user, container, "h" + worker, "w" + worker),
            reason,
            chance(0.5) ? Instant.ofEpochMilli(used + clocks[worker]) : null,
            null,
            null);
    log.add(partition, t, time, reaped);
    reaps.merge(reason, 1L, Long::sum);
    if (chance(0.05)) {
      log.add(partition, t + 500, time + 500, reaped);
      duplicates++;
    }
  }

  private void poison(int count, long lengthMs) {
    for (int i = 0; i < count; i++) {
      Topic topic = chance(0.5) ? Topic.ENSURE : Topic.ACTIVITY;
      byte[] key =
          chance(0.3) ? null : ("k" + random.nextInt(100)).getBytes(StandardCharsets.UTF_8);
      byte[] value = new byte[random.nextInt(40)];
      random.nextBytes(value);
      long t = START + between(0, lengthMs);
      TestLog.Entry bad = log.raw(topic, random.nextInt(partitions), t, key, value);
      poisoned.add(bad);
      letters.add(
          log.raw(
              Topic.DEAD_LETTER, random.nextInt(partitions), t + between(-500, 900), key, value));
    }
  }

  final List<TestLog.Entry> poisoned = new ArrayList<>();
  final List<TestLog.Entry> letters = new ArrayList<>();

  /**
   * Whether this answers an ensure without an id, so that the answer's id is derived when laid out.
   */
  boolean isBare(TestLog.Entry answer) {
    return bareAnswers.stream().anyMatch(each -> each.answer == answer);
  }

  /** Lays the log out twice: records that name a position need that position first. */
  public List<LogRecord> records() {
    log.partitions();
    for (int i = 0; i < letters.size(); i++) {
      TestLog.Entry bad = poisoned.get(i);
      letters.get(i).headers.remove("zcbot_topic").remove("zcbot_partition").remove("zcbot_offset");
      letters
          .get(i)
          .header("zcbot_topic", bad.topic.named("sandbox."))
          .header("zcbot_partition", bad.position.partition())
          .header("zcbot_offset", bad.position.offset());
    }
    for (Answer each : bareAnswers) {
      String id = each.ensure.position.toString();
      each.answer.event =
          switch (each.answer.event) {
            case Ready r ->
                new Ready(
                    EventIds.ready(r.userId(), id, r.containerId()),
                    r.userId(),
                    id,
                    r.readyAt(),
                    r.container(),
                    r.outcome(),
                    r.environment(),
                    r.tookMs());
            case Failed f ->
                new Failed(
                    EventIds.failed(f.userId(), id),
                    f.userId(),
                    id,
                    f.failedAt(),
                    f.reason(),
                    f.message(),
                    f.retryable());
            default -> throw new IllegalStateException();
          };
    }
    return log.records();
  }

  TestLog.Reported audit() {
    return TestLog.audit(RULES, records(), end);
  }
}
