/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Exited.Reason;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Started;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Deadline;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.RequestContext;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.testkit.FakeCommandEngine;
import io.zcbot.sandbox.worker.testkit.World;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import org.awaitility.core.ConditionTimeoutException;
import org.jspecify.annotations.Nullable;

/** Everything that the outside did and saw in one history of commands, to judge the domain by. */
final class CommandHistoryModel {
  private static final List<UserId> USERS = List.of(World.user(1), World.user(2));
  private static final int MOST_STREAMED = 4 << 20;

  /** More than a command may write before anything of it is published. */
  private static final int MUCH = 600 * 1024;

  enum Verb {
    EXEC,
    EXEC_STREAMED,
    EXEC_SHORT_LIVED,
    /** Somebody publishes an exec again. */
    REPEATED,
    WRITE,
    EXIT,
    TIMES_OUT,
    INPUT,
    COMMIT,
    SETTLE,
    TIME_PASSES,
    SANDBOX_DIES,
    SANDBOX_DIES_UNNOTICED,
    RELEASE,
    CHANNEL_BREAKS,
    CHANNEL_DOES_NOT_OPEN,
    OUTPUT_FAILS_ONCE,
    /** Outputs are not acknowledged until {@link #LOG_IS_BACK}. */
    LOG_IS_AWAY,
    EXIT_WHILE_LOG_IS_AWAY,
    LOG_IS_BACK,
    /** What waited for the log has failed. */
    LOG_IS_BACK_WITHOUT_IT,
    PARTITION_GOES_AND_COMES,
    ANOTHER_WORKER_ANSWERS,
    CRASH,
    CRASH_BEFORE_PUBLISH,
    CRASH_AFTER_PUBLISH
  }

  record Step(Verb verb, int user, int number) {}

  /** An exec in the log; its place in the list is its offset. */
  private record Record(Exec exec) {
    String id() {
      return exec.eventId();
    }
  }

  /** One assignment of the partition. */
  private static final class Assignment {
    volatile boolean over;
    final Set<Integer> done = ConcurrentHashMap.newKeySet();
    final Fence fence =
        () -> {
          if (over) {
            throw new FencedException("another worker owns the partition by now");
          }
        };
  }

  private final World world;
  private final List<Record> records = new ArrayList<>();
  private final Map<String, StringBuffer> written = new HashMap<>();
  private final Map<String, Instant> ended = new HashMap<>();
  private final Set<String> answeredByAnother = new HashSet<>();
  private Assignment assignment = new Assignment();
  private boolean logWasAway;
  private boolean diedUnnoticed;
  private int committed;

  CommandHistoryModel(World world) {
    this.world = world;
  }

  private Commands commands() {
    return world.domain.commands();
  }

  void take(Step step) throws Exception {
    UserId user = USERS.get(step.user());
    switch (step.verb()) {
      case EXEC -> append(user, step.number() % 2 == 0, Duration.ofSeconds(60));
      case EXEC_STREAMED -> append(user, true, Duration.ofSeconds(60));
      case EXEC_SHORT_LIVED -> append(user, false, Duration.ofSeconds(3));
      case REPEATED -> {
        if (committed < records.size()) {
          deliver(committed + step.number() % (records.size() - committed), false);
        }
      }
      case WRITE -> {
        for (FakeCommandEngine.Command command : running()) {
          write(command, step.number());
        }
      }
      case EXIT ->
          any(step)
              .ifPresent(command -> end(command, new CommandEnd.Exited(step.number() % 3, null)));
      case TIMES_OUT ->
          any(step).ifPresent(command -> end(command, new CommandEnd.Killed(true, 0, null)));
      case INPUT -> {
        for (Record record : records) {
          UserId of = record.exec().userId();
          CommandInput to = commands().inputOf(new CommandKey(of, record.id()));
          if (to != null) {
            Input.Content signal = new Input.Content.Signal(CommandSignal.INT);
            Input input = new Input("i", of, Instant.EPOCH, record.id(), signal);
            assertThat(to.offer(new ReadInput(input, null))).isTrue();
          }
        }
      }
      case COMMIT -> commit();
      case SETTLE -> settle();
      case TIME_PASSES -> pass(Duration.ofSeconds(step.number() % 200));
      case SANDBOX_DIES_UNNOTICED -> {
        world.release();
        diedUnnoticed = true;
        for (Container c : world.engine.running(user)) {
          world.engine.die(c.id(), 1);
        }
      }
      case SANDBOX_DIES -> {
        world.release();
        for (Container c : world.engine.running(user)) {
          world.engine.die(c.id(), 1);
        }
        world.domain.reconciler().reconcile();
        world.settle();
      }
      case RELEASE -> {
        world.release();
        trying(
            () ->
                commands()
                    .release(
                        new Release("r", user, Instant.EPOCH, null, null, null), assignment.fence));
      }
      case CHANNEL_BREAKS ->
          any(step).ifPresent(command -> world.commandEngine.channel(command.containerId).close());
      case CHANNEL_DOES_NOT_OPEN -> world.commandEngine.failOpens.set(1);
      case OUTPUT_FAILS_ONCE -> world.failsOnce = Output.class::isInstance;
      case LOG_IS_AWAY -> logGoes();
      case EXIT_WHILE_LOG_IS_AWAY -> {
        logGoes();
        any(step)
            .ifPresent(
                command -> {
                  write(command, 0);
                  end(command, new CommandEnd.Exited(step.number() % 3, null));
                });
      }
      case LOG_IS_BACK -> world.release();
      case LOG_IS_BACK_WITHOUT_IT -> world.lose();
      case PARTITION_GOES_AND_COMES -> loseAndTakeOver(false);
      // What waited for the log could be behind another worker's answer.
      case ANOTHER_WORKER_ANSWERS -> loseAndTakeOver(!logWasAway);
      case CRASH -> world.crashed = true;
      case CRASH_BEFORE_PUBLISH -> world.publishing = World.Publishing.CRASHES_BEFORE;
      case CRASH_AFTER_PUBLISH -> world.publishing = World.Publishing.CRASHES_AFTER;
    }
    if (world.isCrashed()) {
      restart();
    }
  }

  /**
   * Lets time pass in steps: a worker checks every second, and may find a command just as the log
   * allows it to continue.
   */
  private void pass(Duration time) throws Exception {
    for (Duration left = time; left.isPositive(); left = left.minus(CommandProgram.LONGEST_PAUSE)) {
      until(
          "all allowed output was written",
          () -> world.commandEngine.commands.stream().allMatch(each -> each.isSettled()));
      world.advance(
          left.compareTo(CommandProgram.LONGEST_PAUSE) < 0 ? left : CommandProgram.LONGEST_PAUSE);
      commands().tick();
      world.settle();
    }
  }

  /**
   * Makes the log unavailable, unless a dead sandbox is still to be found: its end waits seconds
   * for the answers.
   */
  private void logGoes() {
    if (diedUnnoticed) {
      return;
    }
    world.heldUp = Output.class::isInstance;
    logWasAway = true;
  }

  private void append(UserId user, boolean streamed, Duration expiry) throws Exception {
    String id = "x" + records.size();
    records.add(
        new Record(
            new Exec(
                id,
                user,
                world.time().now(),
                null,
                world.time().now().plus(expiry),
                new Exec.Program.Command(List.of(id)),
                Data.EMPTY,
                true,
                Map.of(),
                null,
                null,
                streamed ? MOST_STREAMED : null,
                streamed,
                null,
                true,
                records.size() % 2 == 0)));
    written.put(id, new StringBuffer());
    deliver(records.size() - 1, true);
  }

  /**
   * Hands an exec over.
   *
   * @param original whether it is the record itself, and not another one with the same id
   */
  private void deliver(int offset, boolean original) throws Exception {
    Exec exec = records.get(offset).exec();
    Assignment in = assignment;
    trying(
        () ->
            commands()
                .exec(
                    new ExecRequest(
                        exec,
                        0,
                        offset,
                        world.now,
                        Deadline.in(
                            Duration.between(world.time().now(), exec.expiresAt()), world.time()),
                        in.fence,
                        () -> !in.over,
                        () -> {
                          if (original) {
                            in.done.add(offset);
                          }
                        },
                        RequestContext.NONE)));
  }

  private interface Call {
    void run() throws FencedException, InterruptedException;
  }

  private void trying(Call call) {
    try {
      call.run();
    } catch (FencedException | StoppedException _) {
      // It is read again.
    } catch (InterruptedException _) {
      assertThat(world.isCrashed()).isTrue();
    } finally {
      boolean _ = Thread.interrupted();
    }
  }

  private List<FakeCommandEngine.Command> running() {
    return world.commandEngine.commands.stream().filter(command -> !command.over).toList();
  }

  private Optional<FakeCommandEngine.Command> any(Step step) {
    List<FakeCommandEngine.Command> running = running();
    return running.isEmpty()
        ? Optional.empty()
        : Optional.of(running.get(step.number() % running.size()));
  }

  private void write(FakeCommandEngine.Command command, int number) {
    Exec exec = records.get(Integer.parseInt(command.program().substring(1))).exec();
    String word = command.program() + ":" + number + " ";
    String text =
        word.repeat(exec.stream() && number % 4 == 0 ? MUCH / word.length() : 1 + number % 50);
    StringBuffer all = written.get(command.program());
    int most = exec.stream() ? MOST_STREAMED : CommandLimits.DEFAULT.defaultOutput();
    if (all.length() + text.length() <= most) {
      // Noted first, because it may be published at once.
      all.append(text);
      command.print(text);
    }
  }

  private void end(FakeCommandEngine.Command command, CommandEnd how) {
    ended.put(command.program(), world.time().now());
    command.end(how);
  }

  private void commit() {
    while (committed < records.size() && assignment.done.contains(committed)) {
      committed++;
    }
    commands().committed(0, committed);
  }

  private void loseAndTakeOver(boolean anotherAnswers) throws Exception {
    world.release(); // or what was sent before could be behind the answer to what is given up
    assignment.over = true;
    commands().gone(0);
    if (anotherAnswers) {
      for (CommandEntry entry : world.commandTable.all()) {
        if (!entry.answered()) {
          answeredByAnother.add(entry.execId());
          world.log.add(lost(entry));
          world.commandTable.answered(entry);
        }
      }
    }
    assignment = new Assignment();
    takeOver();
  }

  private Exited lost(CommandEntry entry) {
    return new CommandAnswers(_ -> {}, World.ME, world.time(), SandboxMetrics.NONE).lost(entry);
  }

  private void takeOver() throws Exception {
    try {
      commands().takeOver(0, world.commandTable.all(), records.size(), assignment.fence).join();
    } catch (CompletionException e) {
      assertThat(world.isCrashed()).as("%s", e).isTrue();
      return;
    }
    commands().committed(0, committed);
    for (int offset = committed; offset < records.size(); offset++) {
      deliver(offset, true);
    }
  }

  private void restart() throws Exception {
    while (world.isCrashed()) {
      world.crashed = true;
      Commands dead = commands();
      dead.close();
      until("the dead worker's commands ended", () -> dead.active() == 0);
      assignment.over = true;
      world.restart();
      world.settle();
      assignment = new Assignment();
      takeOver();
    }
  }

  private void settle() throws Exception {
    world.settle();
    commands().tick();
    Thread.yield();
  }

  private void until(String what, Callable<Boolean> isSo) {
    try {
      await()
          .atMost(Duration.ofSeconds(60))
          .pollDelay(Duration.ZERO)
          .pollInterval(Duration.ofMillis(1))
          .until(isSo);
    } catch (ConditionTimeoutException e) {
      throw new AssertionError("not so: " + what + "; " + world.commandEngine.commands, e);
    }
  }

  /** Lets everything end, until all records that were read are committed. */
  void comeToRest() throws Exception {
    world.publishing = World.Publishing.WORKS;
    world.release();
    world.commandEngine.failOpens.set(0);
    until(
        "all commands ended",
        () -> {
          running().forEach(command -> command.exit(0));
          world.settle();
          commands().tick();
          if (world.isCrashed()) {
            restart();
          }
          return commands().active() == 0;
        });
    commit();
  }

  void checkAtRest() {
    List<SandboxEvent> log = List.copyOf(world.log);
    Set<String> ended = new HashSet<>();
    Map<String, Exited> answers = new HashMap<>();
    Map<String, TreeMap<Long, String>> outputs = new HashMap<>();
    Map<String, Integer> endedAt = new HashMap<>();
    Set<String> unstarted = new HashSet<>();
    Map<String, Started> starts = new HashMap<>();
    // One record may have passed the fence just before another worker answered.
    Set<String> mayBeLate = new HashSet<>();
    for (int i = 0; i < log.size(); i++) {
      switch (log.get(i)) {
        case Exited exited -> {
          assertThat(exited.eventId())
              .as("I11")
              .isEqualTo(EventIds.exited(exited.userId(), exited.execId()));
          if (exited.startedAt() == null) {
            unstarted.add(exited.execId());
          } else {
            ended.add(exited.execId());
          }
          if (answeredByAnother.remove(exited.execId())) {
            mayBeLate.add(exited.execId());
          }
          answers.merge(
              exited.execId(), exited, (one, next) -> one.startedAt() == null ? next : one);
          if (exited.reason() == Reason.SANDBOX_GONE && exited.container() != null && !logWasAway) {
            assertThat(endedAt)
                .as("commands are answered before their sandbox's end is told")
                .doesNotContainKey(exited.container().id());
          }
        }
        case Started started -> {
          String id = started.execId();
          if (!mayBeLate.remove(id)) {
            assertThat(ended).as("no start behind the end").doesNotContain(id);
          }
          assertThat(outputs).as("no start behind output").doesNotContainKey(id);
          Started before = starts.put(id, started);
          assertThat(before == null || before.equals(started)).as("I12").isTrue();
        }
        case Output output -> {
          if (!mayBeLate.remove(output.execId())) {
            assertThat(ended).as("I14: nothing behind the end").doesNotContain(output.execId());
          }
          String text = String.valueOf(output.data().text());
          String before =
              outputs
                  .computeIfAbsent(output.execId(), _ -> new TreeMap<>())
                  .put(output.seq(), text);
          assertThat(before == null || before.equals(text)).as("I14: repeated as it was").isTrue();
        }
        case Reaped reaped -> endedAt.putIfAbsent(reaped.containerId(), i);
        default -> {}
      }
    }
    for (Record record : records) {
      assertThat(answers).as("I11").containsKey(record.id());
      checkStart(starts.get(record.id()), answers.get(record.id()), record.exec());
      checkOutput(
          answers.get(record.id()), outputs.getOrDefault(record.id(), new TreeMap<>()), record);
    }
    checkStarts(unstarted);
    assertThat(committed).as("all records are done").isEqualTo(records.size());
    assertThat(world.commandTable.all()).as("the table").isEmpty();
    for (Container c : world.engine.everything()) {
      assertThat(world.commandEngine.running(c.id())).as("nothing runs on").isEmpty();
    }
  }

  private static void checkStart(@Nullable Started started, Exited exited, Exec exec) {
    if (started != null) {
      assertThat(exec.announceStart()).as("its start was to be announced").isTrue();
      assertThat(List.of(started.startedAt(), started.container()))
          .as("I12")
          .isEqualTo(List.of(exited.startedAt(), exited.container()));
    }
    if (exec.announceStart() && exited.reason() == Reason.EXITED) {
      assertThat(started).as("its start is announced").isNotNull();
    }
  }

  private void checkOutput(Exited exited, TreeMap<Long, String> outputs, Record record) {
    long next = 0;
    for (long seq : outputs.keySet()) {
      assertThat(seq).as("I14: no gaps").isEqualTo(next++);
    }
    String all = written.get(record.id()).toString();
    String published =
        record.exec().stream()
            ? String.join("", outputs.values())
            : exited.stdout() == null ? "" : exited.stdout().text();
    assertThat(all).as("I14").startsWith(published);
    Instant end = ended.get(record.id());
    if (end != null && exited.startedAt() != null && end.isBefore(overdue(exited))) {
      assertThat(String.valueOf(exited.message()))
          .as("its end was reported, however long the log kept it waiting")
          .doesNotContain("was not reported");
    }
    boolean reported =
        exited.reason() == Reason.EXITED
            || exited.reason() == Reason.TIMEOUT
                && String.valueOf(exited.message()).contains("ran into");
    if (reported) {
      assertThat(published).as("I14: complete").isEqualTo(all);
      assertThat(exited.outputCount()).isEqualTo(next);
    }
  }

  private static Instant overdue(Exited exited) {
    return exited
        .startedAt()
        .plus(CommandLimits.DEFAULT.defaultTimeout())
        .plus(CommandProgram.PATIENCE);
  }

  /**
   * I12, and the order.
   *
   * @param unstarted were answered without a start, and then perhaps read again after a crash
   */
  private void checkStarts(Set<String> unstarted) {
    Map<String, Integer> offsets = new HashMap<>();
    for (int i = 0; i < records.size(); i++) {
      offsets.put(records.get(i).id(), i);
    }
    for (UserId user : USERS) {
      List<String> started =
          world.commandEngine.commands.stream()
              .map(FakeCommandEngine.Command::program)
              .filter(id -> records.get(offsets.get(id)).exec().userId().equals(user))
              .toList();
      assertThat(started).as("I12").doesNotHaveDuplicates();
      assertThat(started.stream().filter(id -> !unstarted.contains(id)).map(offsets::get))
          .as("in the order of the log")
          .isSorted();
    }
  }
}
