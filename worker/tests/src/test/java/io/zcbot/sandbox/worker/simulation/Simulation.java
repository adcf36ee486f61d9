/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.Rules;
import io.zcbot.sandbox.worker.config.ConfigException;
import io.zcbot.sandbox.worker.config.GroupConfig;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.testkit.TestWorkspaces;
import io.zcbot.sandbox.worker.testkit.World;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** One history, drawn from a seed: workers, agents and the faults that affect them. */
final class Simulation {
  static final List<UserId> USERS = IntStream.rangeClosed(1, 5).mapToObj(World::user).toList();

  private static final int PARTITIONS = 4;
  private static final Duration TTL = Duration.ofSeconds(20);
  private static final Duration EXPIRY = Duration.ofSeconds(20);

  /**
   * The time after which sessions have ended, members have joined again and publishers have
   * retried.
   */
  private static final Duration SETTLE = Duration.ofSeconds(50);

  private final long seed;
  private final Machine machine;
  private final Random random;
  private final ModelBroker broker;
  private final Judge judge;
  private final List<SimulatedHost> hosts = new ArrayList<>();
  private final Misfortunes misfortunes;
  private final CommandAgents agents;
  private final Transactions transactions;
  private final Leaders leaders;
  private final Stalls stalls;
  private final boolean calm;

  /**
   * Whether agents with a sandbox only say that they use it, so that no more than activity does.
   */
  private final boolean quiet;

  /**
   * Whether ensures label sandboxes and say when they end. The seeds of mutations are of others.
   */
  private final boolean ending;

  private final GroupConfig.Restart restart;
  private final EventCodec codec = new EventCodec();
  private final KeyPartitions keys = new KeyPartitions(PARTITIONS);
  private final List<String> story = new ArrayList<>();
  private final Instant began;
  private int numbers;

  Simulation(long seed, Path root) throws IOException, ConfigException {
    this.seed = seed;
    machine = new Machine(seed);
    began = machine.wall(machine.nanos());
    random = machine.random();
    calm = random.nextInt(8) == 0;
    quiet = seed % 7 == 4;
    ending = seed % 9 == 6;
    restart = GroupConfig.Restart.values()[random.nextInt(2)];
    judge = new Judge(machine, PARTITIONS, TTL, calm, hosts, this::tell);
    broker = new ModelBroker(machine, PARTITIONS, judge::appended);
    judge.of(broker);
    agents = new CommandAgents(this, random);
    transactions = new Transactions(broker, seed, this::tell);
    leaders = new Leaders(broker, judge, hosts, seed, this::tell);
    stalls = new Stalls(broker, judge, hosts, seed, this::tell);
    broker.of(leaders, stalls);
    misfortunes = new Misfortunes(broker, judge, hosts, this::tell);
    Workspaces workspaces = TestWorkspaces.open(root);
    int count = 1 + random.nextInt(3);
    int slots = 2 * random.nextInt(2);
    GroupConfig.Handover handover = GroupConfig.Handover.values()[random.nextInt(4) == 0 ? 1 : 0];
    for (int i = 0; i < count; i++) {
      Map<String, String> env = new HashMap<>();
      env.put("ZCBOT_WORKER_ID", "w" + i);
      env.put("ZCBOT_HOST", "w" + i);
      env.put("ZCBOT_KAFKA_BOOTSTRAP_SERVERS", "model:9092");
      env.put("ZCBOT_RESTART", restart.name().toLowerCase(java.util.Locale.ROOT));
      env.put("ZCBOT_SANDBOX_HANDOVER", handover.name().toLowerCase(java.util.Locale.ROOT));
      env.put("ZCBOT_SANDBOX_IDLE_TTL", TTL.toSeconds() + "s");
      env.put("ZCBOT_REAPER_INTERVAL", "2s");
      env.put("ZCBOT_ENSURE_EXPIRY", EXPIRY.toSeconds() + "s");
      env.put("ZCBOT_REVOKE_TIMEOUT", "5s");
      hosts.add(
          new SimulatedHost(WorkerConfig.fromEnvironment(env), slots, workspaces, broker, judge));
    }
  }

  /**
   * Runs the history.
   *
   * @return null if all is well
   */
  String run() {
    try {
      hosts.getFirst().start();
      hosts.stream()
          .skip(1)
          .filter(_ -> random.nextInt(4) > 0)
          .forEach(
              host -> {
                tell("start " + host.name);
                host.start();
              });
      machine.runFor(Duration.ofMillis(random.nextInt(2000)));
      if (!calm) {
        leaders.begin();
        stalls.begin();
      }
      int actions = 30 + random.nextInt(120);
      for (int i = 0; i < actions && judge.violation() == null; i++) {
        if (calm || random.nextInt(100) < 75) {
          use();
        } else {
          misfortunes.befall();
        }
        machine.runFor(pause());
      }
      return verdict();
    } catch (RuntimeException | AssertionError e) {
      return report(text(e));
    } finally {
      machine.close();
    }
  }

  /** The verdict on the whole history, once everything has settled. */
  private String verdict() {
    settle();
    if (judge.violation() == null) {
      judge.finish(rules());
    }
    return judge.violation() == null ? null : report(judge.violation());
  }

  /**
   * Runs a history in which nobody leads one partition of a topic for minutes, while workers come
   * and go.
   *
   * @return null if the users of all other partitions are served all the while, and in the end all
   */
  String runWithoutLeader(Topic topic) {
    try {
      SimulatedHost first = hosts.getFirst();
      first.start();
      machine.runFor(Duration.ofSeconds(10));
      USERS.forEach(this::plainEnsure);
      machine.runFor(Duration.ofSeconds(5));
      int away = random.nextInt(PARTITIONS);
      leaders.lose(new TopicPartition(ModelBroker.name(topic), away));
      serveAllBut(away);
      if (hosts.size() > 1) {
        hosts.stream().skip(1).forEach(SimulatedHost::start);
        serveAllBut(away);
        first.kill();
        serveAllBut(away);
        first.start();
        serveAllBut(away);
      }
      leaders.bringBack();
      return verdict();
    } catch (RuntimeException | AssertionError e) {
      return report(text(e));
    } finally {
      machine.close();
    }
  }

  /** For a minute and a half. Who has come before has taken over by its middle. */
  private void serveAllBut(int away) {
    List<UserId> others = USERS.stream().filter(user -> keys.of(user) != away).toList();
    machine.runFor(Duration.ofSeconds(60));
    for (UserId user : others) {
      if (judge.hasSandbox(user)) {
        throw new AssertionError(user + " is idle and has a sandbox for ever");
      }
    }
    List<String> asked = new ArrayList<>();
    others.forEach(user -> asked.add(plainEnsure(user)));
    others.forEach(user -> asked.add(agents.plainExec(user)));
    machine.runFor(Duration.ofSeconds(30));
    for (String id : asked) {
      if (!judge.isServed(id)) {
        throw new AssertionError(id + " waits for the leader of another user's partition");
      }
    }
  }

  private static String text(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    StringBuilder text = new StringBuilder(root.toString());
    Arrays.stream(root.getStackTrace()).limit(12).forEach(at -> text.append("\n    ").append(at));
    return text.toString();
  }

  long trace() {
    return machine.trace();
  }

  boolean isDisturbed() {
    return machine.isDisturbed();
  }

  long steps() {
    return machine.steps();
  }

  private String report(String violation) {
    for (SimulatedHost host : hosts) {
      if (host.worker != null) {
        story.add(host.name + ": " + host.worker.problem());
      }
    }
    return "seed " + seed + ": " + violation + "\n  " + String.join("\n  ", story);
  }

  private Duration pause() {
    return switch (random.nextInt(10)) {
      case 0 -> Duration.ofMillis(1000 + random.nextInt(5000));
      case 1, 2, 3 -> Duration.ofMillis(random.nextInt(1500));
      case 4, 5 -> Duration.ZERO;
      default -> Duration.ofMillis(random.nextInt(200));
    };
  }

  /** The partition in which workers expect a user's records. */
  int workersHome(UserId user) {
    return keys.of(user);
  }

  void tell(String what) {
    story.add(Duration.between(began, machine.wall(machine.nanos())).toMillis() + " ms: " + what);
  }

  private UserId user() {
    return USERS.get(random.nextInt(USERS.size()));
  }

  /** Lets agents act. */
  private void use() {
    int kind = random.nextInt(28);
    UserId user = user();
    if (quiet && (kind < 9 || kind >= 20) && judge.hasSandbox(user)) {
      put(new Activity(id(), user, now(), "agent"), partitionOf(user));
    } else if (kind < 9) {
      ensure(user, partitionOf(user));
    } else if (kind == 9) {
      ensure(user, random.nextInt(PARTITIONS));
    } else if (kind == 10) {
      tell("something that is no ensure");
      put(Topic.ENSURE, random.nextInt(PARTITIONS), new byte[] {1}, new byte[] {2});
    } else if (kind == 11) {
      put(new Activity(id(), user, now(), "agent"), random.nextInt(PARTITIONS));
    } else if (kind >= 20) {
      agents.use(user);
    } else if (kind == 12 && hosts.stream().anyMatch(host -> !host.isUp())) {
      misfortunes.startOne();
    } else {
      put(new Activity(id(), user, now(), "agent"), partitionOf(user));
    }
  }

  /** The partition to which an agent's client sends a user's records. */
  int partitionOf(UserId user) {
    return keys.of(user);
  }

  private void ensure(UserId user, int partition) {
    String id = id();
    tell("ensure " + id + " of " + user + " in " + partition + ", key of " + keys.of(user));
    Instant expires = random.nextInt(12) == 0 ? now().plusMillis(random.nextInt(4000)) : null;
    put(
        new Ensure(
            id,
            user,
            now(),
            "agent",
            expires,
            null,
            ending && numbers % 2 == 0 ? Map.of("n", "" + numbers % 3) : null,
            ending && numbers % 3 == 0 ? now().plusSeconds(numbers % 20) : null),
        partition);
  }

  private String plainEnsure(UserId user) {
    String id = id();
    tell("ensure " + id + " of " + user);
    put(new Ensure(id, user, now(), "agent", null), keys.of(user));
    return id;
  }

  Instant now() {
    return machine.wall(machine.nanos());
  }

  String id() {
    return "e" + ++numbers;
  }

  void put(SandboxEvent event, int partition) {
    put(event.topic(), partition, codec.key(event), codec.encode(event));
  }

  private void put(Topic topic, int partition, byte[] key, byte[] value) {
    String name = ModelBroker.name(topic);
    if (!broker.isAway(name)
        && !broker.isAway(ModelBroker.PRODUCE)
        && broker.reachesLeader(null, new TopicPartition(name, partition))) {
      transactions.written(broker.append(new ProducerRecord<>(name, partition, key, value)));
    }
  }

  /** Runs without faults, while agents use half of the sandboxes. */
  private void settle() {
    leaders.end();
    stalls.end();
    for (int second = 0; second < 30; second++) { // what is under way ends by itself
      if (second >= 26) {
        hosts.stream().filter(host -> !host.isUp()).forEach(SimulatedHost::start);
      }
      machine.runFor(Duration.ofSeconds(1));
    }
    hosts.stream().filter(host -> !host.isUp()).forEach(SimulatedHost::start);
    hosts.forEach(host -> host.fake.faults.heal());
    for (int second = 0; second < SETTLE.toSeconds() && judge.violation() == null; second++) {
      if (second == 20) {
        judge.calmed();
        USERS.forEach(user -> ensure(user, keys.of(user)));
      }
      if (second % 4 == 0) {
        USERS.stream()
            .limit(2)
            .forEach(user -> put(new Activity(id(), user, now(), "agent"), keys.of(user)));
      }
      machine.runFor(Duration.ofSeconds(1));
    }
  }

  /**
   * Nobody knows when dead workers should have reaped, so idleness counts where all is calm; and
   * elsewhere, what a producer was handed may arrive as late as it may be delivered.
   */
  private Rules rules() {
    List<Rules.Outage> known = calm ? List.of() : List.of(new Rules.Outage(began, now()));
    return new Rules(
        TTL,
        Duration.ofSeconds(2),
        EXPIRY,
        Rules.DEFAULT.maxTimeout(),
        calm ? Duration.ofSeconds(10) : ModelProducer.DELIVERY_TIMEOUT,
        Duration.ofSeconds(2),
        Duration.ofHours(1),
        restart == GroupConfig.Restart.PURGE,
        false,
        known);
  }
}
