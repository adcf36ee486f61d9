/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.testkit.EngineFaults;
import java.time.Duration;
import java.util.List;
import java.util.Random;

/** The faults of hosts, workers and brokers. All of them end within half a minute. */
final class Misfortunes {
  private final Machine machine;
  private final Random random;
  private final ModelBroker broker;
  private final Judge judge;
  private final List<SimulatedHost> hosts;
  private final Story story;

  /** Receives the faults as they happen. */
  interface Story {
    void tell(String what);
  }

  Misfortunes(ModelBroker broker, Judge judge, List<SimulatedHost> hosts, Story story) {
    this.machine = broker.machine;
    this.random = machine.random();
    this.broker = broker;
    this.judge = judge;
    this.hosts = hosts;
    this.story = story;
  }

  /** Starts a worker on a host without one. */
  void startOne() {
    for (SimulatedHost host : hosts) {
      if (!host.isUp()) {
        story.tell("start " + host.name);
        host.start();
        return;
      }
    }
  }

  /** Causes a fault. */
  void befall() {
    SimulatedHost host = hosts.get(random.nextInt(hosts.size()));
    int seconds = 1 + random.nextInt(random.nextInt(3) == 0 ? 25 : 6);
    int kind = random.nextInt(20);
    if (kind < 2 || kind > 5) {
      judge.disturbed();
    }
    switch (kind) {
      case 0, 1 -> {
        story.tell("kill -9 " + host.name);
        host.kill();
      }
      case 2, 3, 4 -> startOne();
      case 5 -> {
        story.tell("stop " + host.name);
        host.stop();
      }
      case 6 -> freeze(host, seconds);
      case 7, 8 -> cut(host, what(), seconds);
      case 9 -> away(what(), seconds);
      case 10 -> deny(seconds);
      case 11 -> slowReads(host, seconds);
      case 12 -> {
        List<Container> running = host.running();
        if (!running.isEmpty()) {
          Container harmed = running.get(random.nextInt(running.size()));
          boolean remove = random.nextBoolean();
          story.tell((remove ? "remove " : "kill ") + harmed.id());
          host.harm(harmed, remove);
        }
      }
      case 13 -> {
        Topic table = random.nextBoolean() ? Topic.LIVE : Topic.COMMANDS;
        judge.compacted(table);
        broker.compact(table);
      }
      case 14 -> engineFault(host, seconds);
      case 15 -> cut(host, ModelBroker.COORDINATOR, 12 + random.nextInt(15)); // a session is 10 s
      case 16 -> {
        story.tell("channels of " + host.name + " break");
        host.commands.breakChannels();
      }
      case 17 -> host.commands.failNext();
      default -> {
        boolean forGood = random.nextBoolean();
        story.tell((forGood ? "disk lost at " : "power cut at ") + host.name);
        host.crash(forGood);
      }
    }
  }

  private String what() {
    int drawn = random.nextInt(10);
    return Mutations.active.away == null ? what(drawn) : Mutations.active.away;
  }

  private static String what(int drawn) {
    return switch (drawn) {
      case 0, 1 -> ModelBroker.COORDINATOR;
      case 2 -> ModelBroker.PRODUCE;
      case 3 -> ModelBroker.name(Topic.ENSURE);
      case 4 -> ModelBroker.name(Topic.ACTIVITY);
      case 5 -> ModelBroker.name(Topic.LIVE);
      case 6 -> ModelBroker.name(Topic.EXEC);
      case 7 -> ModelBroker.name(Topic.COMMANDS);
      case 8 -> ModelBroker.name(Topic.EXITED);
      default -> ModelBroker.name(Topic.READY);
    };
  }

  private void freeze(SimulatedHost host, int seconds) {
    Machine.Process process = host.process;
    if (process != null && host.isUp() && !process.isFrozen()) {
      judge.froze();
      process.freeze();
      if (Mutations.active.hasSleeps() && seconds % 2 == 0 && !process.hasSlept()) {
        Duration asleep = ModelGroup.SESSION.plusSeconds(1 + seconds / 2);
        story.tell("the machine of " + host.name + " sleeps for " + asleep.toSeconds() + " s");
        machine.outside().after(asleep, () -> process.wake(asleep));
      } else {
        story.tell("freeze " + host.name + " for " + seconds + " s");
        machine.outside().after(Duration.ofSeconds(seconds), process::thaw);
      }
    }
  }

  private void cut(SimulatedHost host, String what, int most) {
    Machine.Process process = host.process;
    int seconds = most;
    if (what.equals(ModelBroker.name(Topic.ACTIVITY))) {
      seconds = 20 + random.nextInt(15); // or nobody is idle meanwhile
    }
    if (process != null && host.isUp()) {
      story.tell(host.name + " does not reach " + what + " for " + seconds + " s");
      broker.cut(process, what);
      machine.outside().after(Duration.ofSeconds(seconds), () -> broker.mend(process));
    }
  }

  private void away(String what, int seconds) {
    if (!broker.isAway(what)) {
      story.tell(what + " is away for " + seconds + " s");
      broker.away(what);
      machine.outside().after(Duration.ofSeconds(seconds), () -> broker.back(what));
    }
  }

  private void deny(int seconds) {
    String what =
        switch (random.nextInt(4)) {
          case 0, 1 -> ModelBroker.COORDINATOR;
          case 2 -> ModelBroker.name(Topic.EXEC);
          default -> ModelBroker.name(Topic.ENSURE);
        };
    if (!broker.isDenied(what)) {
      story.tell("nobody may use " + what + " for " + seconds + " s");
      broker.deny(what);
      machine.outside().after(Duration.ofSeconds(seconds), () -> broker.allow(what));
    }
  }

  private void slowReads(SimulatedHost host, int seconds) {
    Machine.Process process = host.process;
    if (process != null && host.isUp()) {
      story.tell(host.name + " reads the live table slowly");
      broker.slowReads(process, Duration.ofMillis(random.nextInt(1000 * seconds)));
      machine
          .outside()
          .after(Duration.ofSeconds(10), () -> broker.slowReads(process, Duration.ZERO));
    }
  }

  private void engineFault(SimulatedHost host, int seconds) {
    if (random.nextBoolean()) {
      story.tell("the engine of " + host.name + " is slow");
      host.engine.slowness = Duration.ofMillis(random.nextInt(600));
      machine
          .outside()
          .after(Duration.ofSeconds(seconds), () -> host.engine.slowness = Duration.ZERO);
      return;
    }
    String[] operations = {"find", "create", "start", "remove", "kill", "list", "exec"};
    String operation = operations[random.nextInt(operations.length)];
    story.tell("a fault of " + operation + " at " + host.name);
    EngineException.Kind kind =
        random.nextBoolean() ? EngineException.Kind.CONFLICT : EngineException.Kind.UNAVAILABLE;
    host.fake.faults.failNext(new EngineFaults.Fault(operation, kind, random.nextBoolean()));
  }
}
