/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.LogAudit;
import io.zcbot.sandbox.worker.audit.Rules;
import io.zcbot.sandbox.worker.audit.log.LogRecord;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/**
 * Judges a history: at each record, commit and removal by the state of the models, and at its end
 * by the audit and by what is left.
 */
final class Judge {
  private final EventCodec codec = new EventCodec();
  private final Consumer<String> story;
  private final Machine machine;
  private final KeyPartitions keys;
  private final Duration ttl;
  private final boolean calm;
  private final List<SimulatedHost> hosts;
  private ModelBroker broker;

  private final List<LogRecord> log = new ArrayList<>();
  private final Map<String, Ensure> asked = new LinkedHashMap<>();
  private final Map<String, Integer> answers = new HashMap<>();
  private final Set<String> served = new HashSet<>();
  private final Map<String, Set<Integer>> ensureLiesIn = new HashMap<>();
  private final Map<String, Integer> copies = new HashMap<>();
  private final Set<String> deadLetters = new HashSet<>();
  private final Map<Integer, Long> checked = new HashMap<>();

  /** The partitions of an activity and of the reaped that is said to have ignored it. */
  private static final Pattern USED_AND_IDLE =
      Pattern.compile("^I5: .*sandbox\\.activity-(\\d+)-\\d+, sandbox\\.reaped-(\\d+)-");

  /** A start does not read when commands ended. */
  private static final Pattern USED_BY_A_COMMAND =
      Pattern.compile("^I5: .*sandbox\\.exited-\\d+-\\d+, sandbox\\.reaped-");

  private final Map<UserId, List<Long>> activities = new HashMap<>();
  private final Map<String, Ready> readied = new LinkedHashMap<>();
  private final Map<String, Set<String>> ends = new HashMap<>();
  private final Map<String, String> live = new TreeMap<>();
  private final Map<UserId, Known> current = new HashMap<>();

  /** The state of each user's sandbox according to ready and reaped events. */
  private final Map<UserId, Known> announced = new HashMap<>();

  /** What clients know of a sandbox. */
  private record Known(String container, Map<String, String> labels, @Nullable Instant endsAt) {}

  private final Set<String> acknowledged = new HashSet<>();
  final CommandJudge commands;
  private boolean wasFrozen;
  private boolean wasDisturbed;
  private boolean wasAdopted;
  private String violation;

  /**
   * Judges.
   *
   * @param calm whether nothing is done to anything, so that nothing may be done twice
   */
  Judge(
      Machine machine,
      int partitions,
      Duration ttl,
      boolean calm,
      List<SimulatedHost> hosts,
      Consumer<String> story) {
    this.story = story;
    this.machine = machine;
    this.keys = new KeyPartitions(partitions);
    this.ttl = ttl;
    this.calm = calm;
    this.hosts = hosts;
    this.commands = new CommandJudge(keys, calm, found -> violated("%s", found));
  }

  void of(ModelBroker topics) {
    broker = topics;
    broker.group.onCommit(this::committed);
    broker.onCommitOfCommands(
        (partition, to) -> {
          if (partition.topic().equals(ModelBroker.name(Topic.EXEC))) {
            commands.committed(broker, partition.partition(), to);
          }
        });
  }

  @Nullable String violation() {
    return violation;
  }

  private void violated(String format, Object... args) {
    if (violation == null) {
      violation = format.formatted(args);
    }
  }

  /** A record is in the log. */
  void appended(Topic topic, ConsumerRecord<byte[], byte[]> record) {
    if (topic == Topic.LIVE) {
      String key = new String(record.key(), StandardCharsets.UTF_8);
      String container = key.substring(key.indexOf('/') + 1);
      if (record.value() == null) {
        live.remove(container);
        story.accept("entry removed: " + container);
      } else {
        live.put(container, key);
        story.accept("entry: " + container);
      }
      return;
    }
    if (topic == Topic.CURRENT) {
      entered(record);
      return;
    }
    if (topic == Topic.COMMANDS) {
      commands.entered(record);
      return;
    }
    log.add(new LogRecord(topic, record));
    if (topic == Topic.DEAD_LETTER) {
      deadLetters.add(header(record, "zcbot_partition") + "-" + header(record, "zcbot_offset"));
      return;
    }
    try {
      switch (codec.decode(topic, record.key(), record.value(), origin(record))) {
        case Ensure ensure -> {
          asked.put(ensure.eventId(), ensure);
          ensureLiesIn
              .computeIfAbsent(ensure.eventId(), _ -> new HashSet<>())
              .add(record.partition());
          int copy = copies.merge(ensure.eventId(), 1, Integer::sum);
          if (calm && copy > 2) {
            violated("an ensure was forwarded twice: %s", ensure);
          }
        }
        case Activity activity -> {
          // What lies elsewhere counts once it is forwarded, and with the time that it had.
          if (record.partition() == keys.of(activity.userId())
              && machine.wall(machine.nanos()).toEpochMilli() == record.timestamp()) {
            activities
                .computeIfAbsent(activity.userId(), _ -> new ArrayList<>())
                .add(machine.nanos());
          }
        }
        case Ready ready -> {
          readied.putIfAbsent(ready.containerId(), ready);
          if (!ends.containsKey(ready.containerId())) {
            announced.put(
                ready.userId(), new Known(ready.containerId(), ready.labels(), ready.endsAt()));
          }
          served.add(ready.ensureId());
          story.accept(ready.ensureId() + " ready: " + ready.containerId());
          answered(ready.ensureId());
        }
        case Failed failed -> {
          answered(failed.ensureId());
          story.accept(failed.ensureId() + " failed: " + failed.reason());
        }
        case Reaped reaped -> {
          ends.computeIfAbsent(reaped.containerId(), _ -> new HashSet<>()).add(reaped.eventId());
          Known known = announced.get(reaped.userId());
          if (known != null && known.container.equals(reaped.containerId())) {
            announced.remove(reaped.userId());
          }
          story.accept(
              reaped.containerId() + " reaped: " + reaped.reason() + " by " + reaped.workerId());
        }
        case Exec exec -> commands.asked(exec, record.partition());
        case Input input -> commands.sent(input);
        case Output output -> commands.said(output);
        case Exited exited -> {
          commands.answered(exited);
          if (exited.startedAt() != null) {
            served.add(exited.execId());
          }
          story.accept(exited.execId() + " exited: " + exited.reason());
        }
        default -> {}
      }
    } catch (EventFormatException _) {
      // It belongs in the dead-letter topic.
    }
  }

  private void entered(ConsumerRecord<byte[], byte[]> record) {
    UserId user = UserId.parse(new String(record.key(), StandardCharsets.UTF_8));
    if (record.value() == null) {
      current.remove(user);
      return;
    }
    try {
      CurrentSandbox entry = codec.decodeCurrent(record.value());
      current.put(user, new Known(entry.container().id(), entry.labels(), entry.endsAt()));
    } catch (EventFormatException e) {
      violated("no entry of a current sandbox: %s", e.getMessage());
    }
  }

  private void answered(String ensureId) {
    int before = answers.merge(ensureId, 1, Integer::sum);
    // An exec that its next owner has run there has two sandboxes made, one after the other.
    if (calm && before > 1 && asked.containsKey(ensureId)) {
      violated("I2: answered twice, though nothing happened: %s", ensureId);
    }
  }

  private static Origin origin(ConsumerRecord<byte[], byte[]> record) {
    return new Origin(
        record.topic(),
        record.partition(),
        record.offset(),
        Instant.ofEpochMilli(record.timestamp()));
  }

  private static String header(ConsumerRecord<byte[], byte[]> record, String name) {
    Header header = record.headers().lastHeader(name);
    return header == null ? "" : new String(header.value(), StandardCharsets.UTF_8);
  }

  /** I8: committed records have had their effect in the log. */
  private void committed(int partition, long to) {
    long from = checked.getOrDefault(partition, 0L);
    for (ConsumerRecord<byte[], byte[]> record : broker.log(Topic.ENSURE, partition).records) {
      if (record.offset() >= from && record.offset() < to && !isDone(record)) {
        violated(
            "I8: %d of partition %d is committed, but %d has no effect in the log",
            to, partition, record.offset());
      }
    }
    checked.put(partition, Math.max(from, to));
  }

  private boolean isDone(ConsumerRecord<byte[], byte[]> record) {
    try {
      Ensure ensure = codec.decodeEnsure(record.key(), record.value(), origin(record));
      int keyPartition = keys.of(record.key());
      return answers.containsKey(ensure.eventId())
          || keyPartition != record.partition()
              && ensureLiesIn.get(ensure.eventId()).contains(keyPartition);
    } catch (EventFormatException _) {
      return deadLetters.contains(record.partition() + "-" + record.offset());
    }
  }

  /**
   * A worker is about to publish.
   *
   * @param readUpTo how far it had read activity when it last judged, in this lane
   */
  void publishing(String worker, SandboxEvent event, @Nullable Long readUpTo) {
    switch (event) {
      case Ready ready -> checkOwner(worker, ready.userId(), ready);
      // An exec that comes to nothing may be answered where it lies, and so may one that is expired
      // there and whose command was entered after it had been forwarded.
      case Exited exited
          when exited.startedAt() != null
              && !(exited.reason() == Exited.Reason.LOST
                  && commands.liesElsewhere(exited.execId())) ->
          checkOwner(worker, exited.userId(), exited);
      case Reaped reaped when reaped.reason() == Reaped.Reason.IDLE -> {
        checkIdle(reaped, readUpTo);
        checkEnded(reaped);
      }
      case Reaped reaped when reaped.reason() == Reaped.Reason.LOST -> checkLost(worker, reaped);
      case Reaped reaped -> checkEnded(reaped);
      default -> {}
    }
  }

  /** Whether an ensure was answered with a sandbox, or the command of an exec ran. */
  boolean isServed(String id) {
    return served.contains(id);
  }

  /** Whether agents know of a sandbox of the user. */
  boolean hasSandbox(UserId user) {
    return announced.containsKey(user);
  }

  /** The event's worker knows that it is in the log. */
  void published(SandboxEvent event) {
    if (event instanceof Ready ready) {
      acknowledged.add(ready.containerId());
    }
  }

  private void checkEnded(Reaped reaped) {
    if (host(reaped.userId(), reaped.containerId()) != null) {
      violated("I4: is announced reaped and runs: %s", reaped);
    }
  }

  /** The host that a container runs on. */
  private @Nullable SimulatedHost host(UserId user, String containerId) {
    for (SimulatedHost host : hosts) {
      for (Container container : host.fake.running(user)) {
        if (container.id().equals(containerId)) {
          return host;
        }
      }
    }
    return null;
  }

  /** The answering worker has passed the fence just now. */
  private void checkOwner(String worker, UserId user, SandboxEvent answer) {
    String owner = broker.group.ownerOf(keys.of(user));
    if (owner != null && !owner.equals(worker)) {
      violated("the fence: %s answers for a user of %s: %s", worker, owner, answer);
    }
  }

  private void checkIdle(Reaped reaped, @Nullable Long readUpTo) {
    for (long at : activities.getOrDefault(reaped.userId(), List.of())) {
      if (readUpTo == null || (at <= readUpTo && at > readUpTo - ttl.toNanos())) {
        violated(
            "I5: reaped as idle with an activity %d ms before what was read: %s",
            readUpTo == null ? -1 : (readUpTo - at) / 1_000_000, reaped);
      }
    }
  }

  private void checkLost(String worker, Reaped reaped) {
    SimulatedHost host = host(reaped.userId(), reaped.containerId());
    if (host != null && host.name.equals(broker.group.ownerOf(keys.of(reaped.userId())))) {
      violated(
          "%s announces lost what runs at %s, whose user it is: %s", worker, host.name, reaped);
    }
  }

  /** A worker removed a container. */
  void removed(String worker, Container container) {
    if (container.user() != null
        && container.isRunning()
        && live.containsKey(container.id())
        // Whoever announced it lost may have died before it removed the entry.
        && !ends.containsKey(container.id())
        && acknowledged.contains(container.id())) {
      String owner = broker.group.ownerOf(keys.of(container.user()));
      if (owner == null || owner.equals(worker)) {
        violated("I4: a sandbox was removed without a word: %s", container);
      }
    }
  }

  /** A container was started. */
  void started() {
    for (SimulatedHost host : hosts) {
      for (UserId user : Simulation.USERS) {
        if (host.fake.running(user).size() > 1) {
          violated("I1: two sandboxes of %s on %s", user, host.name);
        }
      }
    }
    for (UserId user : Simulation.USERS) {
      if (!wasDisturbed && hosts.stream().filter(host -> host.runsOf(user)).count() > 1) {
        violated("I1: sandboxes of %s on two hosts, and every worker reaches Kafka", user);
      }
    }
  }

  /** From now on, a worker may be cut off from Kafka, or its engine too slow for a handover. */
  void disturbed() {
    wasDisturbed = true;
  }

  /**
   * A process was frozen. Records that it had handed to its producer are sent when it continues,
   * whoever owns the partition by then: the fence is not a transaction.
   */
  void froze() {
    wasFrozen = true;
  }

  /** A worker starts on a host on which one ran, and adopts its sandboxes. */
  void adopts() {
    wasAdopted = true;
  }

  /** Compaction removed what later records of a table supersede. */
  void compacted(Topic table) {
    if (table == Topic.COMMANDS) {
      commands.compacted();
    }
  }

  private boolean isKnownLimit(String found) {
    return wasFrozen && found.contains(" was announced ready ")
        || isOfMisplacedActivity(found)
        || commands.isOfLateEntry(found)
        || wasAdopted && USED_BY_A_COMMAND.matcher(found).find();
  }

  /** An activity counts once it is forwarded, and the partition that it is in may have no owner. */
  private static boolean isOfMisplacedActivity(String found) {
    Matcher matcher = USED_AND_IDLE.matcher(found);
    return matcher.find() && !matcher.group(1).equals(matcher.group(2));
  }

  /** Judges a while without faults: whoever runs a sandbox serves its user. */
  void calmed() {
    for (SimulatedHost host : hosts) {
      for (Container container : host.fake.everything()) {
        if (container.isRunning() && container.user() != null) {
          String owner = broker.group.ownerOf(keys.of(container.user()));
          if (owner != null && !owner.equals(host.name)) {
            violated("I6: %s runs on %s, and its user is %s's", container.id(), host.name, owner);
          }
        }
      }
    }
  }

  /** Judges the end, after a while without faults. */
  void finish(Rules rules) {
    for (Ensure ensure : asked.values()) {
      if (!answers.containsKey(ensure.eventId())) {
        violated("I2: never answered: %s", ensure);
      }
    }
    Map<String, String> running = new TreeMap<>();
    for (SimulatedHost host : hosts) {
      for (Container container : host.fake.everything()) {
        if (container.isRunning() && container.user() != null) {
          running.put(container.id(), host.name);
        }
      }
    }
    // An entry that was written too late for its worker to announce the sandbox goes with the
    // partition's next takeover.
    for (String container : live.keySet()) {
      if (!running.containsKey(container) && readied.containsKey(container)) {
        violated("I4: in the live table, and does not run: %s", live.get(container));
      }
    }
    running.forEach(
        (container, host) -> {
          if (!live.containsKey(container)) {
            violated("%s runs on %s and is not in the live table", container, host);
          }
        });
    boolean isKept = // DESIGN.md, known limits
        Mutations.active.writesCurrent() && !wasFrozen && broker.late(Topic.CURRENT).isEmpty();
    if (isKept && !current.equals(announced)) {
      violated("the table of current sandboxes has %s instead of %s", current, announced);
    }
    readied.forEach(
        (container, ready) -> {
          int ended = ends.getOrDefault(container, Set.of()).size();
          if (ended != (running.containsKey(container) ? 0 : 1)) {
            violated(
                "I4: %s, announced ready, %s, was announced reaped %d times",
                container, running.containsKey(container) ? "runs" : "is gone", ended);
          }
        });
    commands.finish(broker.late(Topic.COMMANDS));
    for (String found : LogAudit.violations(rules, log, machine.wall(machine.nanos()))) {
      if (!isKnownLimit(found)) {
        violated("audit: %s", found);
      }
    }
  }
}
