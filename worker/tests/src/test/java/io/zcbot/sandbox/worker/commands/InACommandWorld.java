/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Deadline;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.RequestContext;
import io.zcbot.sandbox.worker.testkit.FakeCommandEngine;
import io.zcbot.sandbox.worker.testkit.InAWorld;
import io.zcbot.sandbox.worker.testkit.World;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;

/** Base class for tests of commands, each with its own world. */
abstract class InACommandWorld extends InAWorld {
  private final AtomicInteger offsets = new AtomicInteger();

  /** The execs whose records need not be read again. */
  final Set<String> done = ConcurrentHashMap.newKeySet();

  volatile boolean mayBegin = true;
  volatile boolean fenced;

  /** The context of the execs from now on. */
  volatile RequestContext context = RequestContext.NONE;

  final Fence fence =
      () -> {
        if (fenced) {
          throw new FencedException("another worker owns the partition by now");
        }
      };

  @AfterEach
  void stopCommands() {
    world.domain.commands().close();
  }

  /** The parts of a request; each may be replaced. */
  record Asked(
      String id,
      UserId user,
      Data stdin,
      boolean inputFollows,
      Duration timeout,
      Integer maxOutput,
      boolean stream,
      boolean ensure,
      Duration expiresIn,
      boolean announced) {
    static Asked of(String id) {
      return new Asked(
          id, ANNA, Data.EMPTY, false, null, null, false, true, Duration.ofSeconds(60), false);
    }

    /** The same record, read in another assignment. */
    ExecRequest again(ExecRequest before, Fence fence) {
      return new ExecRequest(
          before.exec(),
          before.partition(),
          before.offset(),
          before.arrived(),
          before.deadline(),
          fence,
          () -> true,
          before.done(),
          before.context());
    }

    Asked by(UserId other) {
      return new Asked(
          id, other, stdin, inputFollows, timeout, maxOutput, stream, ensure, expiresIn, announced);
    }

    Asked reading(String text) {
      return new Asked(
          id, user, Data.of(text), true, timeout, maxOutput, stream, ensure, expiresIn, announced);
    }

    Asked within(Duration limit) {
      return new Asked(
          id, user, stdin, inputFollows, limit, maxOutput, stream, ensure, expiresIn, announced);
    }

    Asked keeping(int bytes) {
      return new Asked(
          id, user, stdin, inputFollows, timeout, bytes, stream, ensure, expiresIn, announced);
    }

    Asked streamed() {
      return new Asked(
          id, user, stdin, inputFollows, timeout, maxOutput, true, ensure, expiresIn, announced);
    }

    Asked whereThereIsOne() {
      return new Asked(
          id, user, stdin, inputFollows, timeout, maxOutput, stream, false, expiresIn, announced);
    }

    Asked expiringIn(Duration time) {
      return new Asked(
          id, user, stdin, inputFollows, timeout, maxOutput, stream, ensure, time, announced);
    }

    Asked announcing() {
      return new Asked(
          id, user, stdin, inputFollows, timeout, maxOutput, stream, ensure, expiresIn, true);
    }
  }

  ExecRequest request(Asked asked) {
    String id = asked.id(); // what is done must not hold what was asked
    return new ExecRequest(
        new Exec(
            asked.id(),
            asked.user(),
            Instant.EPOCH,
            null,
            null,
            new Exec.Program.Command(List.of(asked.id())),
            asked.stdin(),
            asked.inputFollows(),
            Map.of(),
            null,
            asked.timeout(),
            asked.maxOutput(),
            asked.stream(),
            null,
            asked.ensure(),
            asked.announced()),
        0,
        offsets.getAndIncrement(),
        world.now,
        Deadline.in(asked.expiresIn(), world.time()),
        fence,
        () -> mayBegin,
        () -> done.add(id),
        context);
  }

  void exec(Asked asked) throws Exception {
    world.domain.commands().exec(request(asked));
  }

  /** Like {@link #exec}, and returns the command once it runs. */
  FakeCommandEngine.Command run(Asked asked) throws Exception {
    exec(asked);
    return command(asked.id());
  }

  /** A command that was started. */
  FakeCommandEngine.Command command(String id) {
    until(() -> programs().contains(id));
    return world.commandEngine.commands.stream()
        .filter(each -> each.program().equals(id))
        .findFirst()
        .orElseThrow();
  }

  List<String> programs() {
    return world.commandEngine.commands.stream().map(FakeCommandEngine.Command::program).toList();
  }

  /** What became of an input. */
  enum Taken {
    TAKEN,
    FULL,
    /** The user has no such command here. */
    UNKNOWN
  }

  Taken input(String id, Input.Content content) {
    return input(ANNA, id, content, null);
  }

  Taken input(UserId user, String id, Input.Content content, @Nullable Origin forwardedFrom) {
    Input input = new Input("i", user, Instant.EPOCH, id, content);
    CommandInput to = inputOf(user, id);
    if (to == null) {
      return Taken.UNKNOWN;
    }
    return to.offer(new ReadInput(input, forwardedFrom)) ? Taken.TAKEN : Taken.FULL;
  }

  @Nullable CommandInput inputOf(UserId user, String id) {
    return world.domain.commands().inputOf(new CommandKey(user, id));
  }

  /** The answer, once there is one. */
  Exited answer(String id) {
    until(() -> answers().stream().anyMatch(each -> each.execId().equals(id)));
    List<Exited> all = answers().stream().filter(each -> each.execId().equals(id)).toList();
    assertThat(all).as("I11").hasSize(1);
    return all.getFirst();
  }

  List<Exited> answers() {
    synchronized (world.log) {
      return world.log.stream().filter(Exited.class::isInstance).map(Exited.class::cast).toList();
    }
  }

  List<Output> outputs() {
    synchronized (world.log) {
      return world.log.stream().filter(Output.class::isInstance).map(Output.class::cast).toList();
    }
  }

  /** Lets time pass while the worker looks after its commands, as it does every second. */
  void pass(Duration time) {
    for (long second = 0; second < time.toSeconds(); second++) {
      world.advance(Duration.ofSeconds(1));
      world.domain.commands().tick();
    }
  }

  static void until(Callable<Boolean> what) {
    await().pollInterval(Duration.ofMillis(1)).until(what);
  }

  /** Waits until nothing runs or waits any more. */
  void quiet() {
    World at = world;
    until(() -> at.domain.commands().active() == 0);
  }
}
