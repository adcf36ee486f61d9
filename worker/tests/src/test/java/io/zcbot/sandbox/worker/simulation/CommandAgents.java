/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Agents that publish execs. */
final class CommandAgents {
  private static final Duration TIMEOUT = Duration.ofSeconds(8);
  private static final int MOST_STREAMED = 1 << 20;

  private final Simulation simulation;
  private final Random random;
  private final List<Exec> reading = new ArrayList<>();

  CommandAgents(Simulation simulation, Random random) {
    this.simulation = simulation;
    this.random = random;
  }

  /** One of the agents acts. */
  void use(UserId user) {
    int kind = random.nextInt(12);
    if (kind < 8) {
      exec(user);
    } else if (kind == 8) {
      String id = simulation.id();
      simulation.tell("release " + id + " of " + user);
      simulation.put(
          new Release(id, user, simulation.now(), "agent", null, null),
          simulation.partitionOf(user));
    } else {
      input();
    }
  }

  /** A command that neither reads nor writes much. */
  String plainExec(UserId user) {
    String id = "x" + simulation.id();
    simulation.tell("exec " + id + " of " + user);
    simulation.put(
        new Exec(
            id,
            user,
            simulation.now(),
            "agent",
            null,
            new Exec.Program.Command(List.of(id)),
            Data.EMPTY,
            false,
            Map.of(),
            null,
            TIMEOUT,
            null,
            false,
            null,
            true),
        simulation.workersHome(user));
    return id;
  }

  private void exec(UserId user) {
    String id = "x" + simulation.id();
    boolean reads = random.nextInt(3) == 0;
    int partition = random.nextInt(12) == 0 ? random.nextInt(4) : simulation.partitionOf(user);
    simulation.tell("exec " + id + " of " + user + " in " + partition);
    Instant expires =
        random.nextInt(10) == 0 ? simulation.now().plusMillis(random.nextInt(4000)) : null;
    boolean streams = random.nextBoolean();
    List<String> arguments = new ArrayList<>(List.of(id));
    if (reads) {
      arguments.add(SimulatedCommands.READS);
    } else if (streams && Mutations.active.hasFloods() && random.nextInt(12) == 0) {
      arguments.add(SimulatedCommands.FLOODS);
    }
    Exec exec =
        new Exec(
            id,
            user,
            simulation.now(),
            "agent",
            expires,
            new Exec.Program.Command(arguments),
            Data.EMPTY,
            reads,
            Map.of(),
            null,
            TIMEOUT,
            streams ? MOST_STREAMED : null,
            streams,
            null,
            random.nextInt(6) > 0);
    simulation.put(exec, partition);
    if (reads) {
      reading.add(exec);
    }
  }

  private void input() {
    if (reading.isEmpty()) {
      return;
    }
    Exec exec = reading.get(random.nextInt(reading.size()));
    Input.Content content =
        switch (random.nextInt(8)) {
          case 0, 1, 2 -> {
            reading.remove(exec);
            yield new Input.Content.End();
          }
          case 3 -> new Input.Content.Signal(CommandSignal.TERM);
          default -> new Input.Content.Bytes(Data.of(simulation.id() + " "));
        };
    // In the partition of its user by the workers' number: what is forwarded may be overtaken.
    simulation.put(
        new Input(simulation.id(), exec.userId(), simulation.now(), exec.eventId(), content),
        simulation.workersHome(exec.userId()));
  }
}
