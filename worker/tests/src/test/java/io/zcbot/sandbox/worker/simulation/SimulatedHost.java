/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.GroupConfig;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.testkit.FakeEngine;
import io.zcbot.sandbox.worker.testkit.FakeMounts;
import io.zcbot.sandbox.worker.testkit.World;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A host: an engine and, at times, a worker's process. */
final class SimulatedHost {
  final String name;
  final FakeEngine fake;
  final SimulatedEngine engine;
  final SimulatedCommands commands;
  final FakeMounts mounts = new FakeMounts(() -> false);
  private final WorkerConfig config;
  private final int slots;
  private final Workspaces workspaces;
  private final ModelBroker broker;
  private final Judge judge;
  Machine.@Nullable Process process;
  @Nullable SimulatedWorker worker;

  /**
   * A host without a worker. It is named as its worker is.
   *
   * @param slots how many are to be idle
   */
  SimulatedHost(
      WorkerConfig config, int slots, Workspaces workspaces, ModelBroker broker, Judge judge) {
    this.slots = slots;
    this.name = config.workerId();
    this.config = config;
    this.workspaces = workspaces;
    this.broker = broker;
    this.judge = judge;
    this.fake = new FakeEngine(World.SPEC, name, name + "-");
    this.engine = new SimulatedEngine(name, broker.machine, fake, judge);
    this.commands = new SimulatedCommands(name, broker.machine, fake, judge.commands);
  }

  boolean isUp() {
    return process != null && !process.isDead();
  }

  void start() {
    if (process != null && config.group().restart == GroupConfig.Restart.ADOPT) {
      judge.adopts();
    }
    Machine.Process fresh = broker.machine.process(name);
    process = fresh;
    fake.faults.heal();
    fresh
        .threads()
        .name("main")
        .start(
            () -> {
              try {
                worker = new SimulatedWorker(config, this, slots, workspaces, broker, judge);
                worker.start();
              } catch (Throwable e) {
                broker.machine.fail(e);
              }
            });
  }

  /** Kills the process. */
  void kill() {
    if (process != null) {
      broker.mend(process);
      process.kill();
    }
    worker = null;
  }

  /**
   * As kill, and what ran on the host has ended.
   *
   * @param forGood whether the host is set up anew
   */
  void crash(boolean forGood) {
    kill();
    for (Container container : fake.everything()) {
      if (forGood) {
        fake.removeByHand(container.id());
      } else {
        fake.die(container.id(), 137);
      }
    }
  }

  /** Somebody stops the worker. */
  void stop() {
    SimulatedWorker running = worker;
    Machine.Process ending = process;
    if (running == null || ending == null || ending.isFrozen()) {
      return;
    }
    if (config.group().restart == GroupConfig.Restart.ADOPT) {
      judge.disturbed(); // its sandboxes run on, and it does not reach Kafka until its next start
    }
    worker = null;
    ending
        .threads()
        .name("stop")
        .start(
            () -> {
              try {
                running.stop();
              } catch (Exception e) {
                broker.machine.fail(e);
              }
              broker.machine.outside().after(java.time.Duration.ofMillis(1), this::kill);
            });
  }

  /** A container dies, or is removed by hand. */
  void harm(Container container, boolean remove) {
    if (remove) {
      fake.removeByHand(container.id());
      engine.tell(EngineEvent.Kind.DESTROYED, container);
    } else {
      fake.die(container.id(), 1);
      engine.tell(EngineEvent.Kind.DIED, container);
    }
  }

  boolean runsOf(UserId user) {
    return !fake.running(user).isEmpty();
  }

  List<Container> running() {
    return fake.everything().stream().filter(Container::isRunning).toList();
  }
}
