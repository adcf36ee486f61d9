/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.commands.Placement.Target;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * Runs the commands that agents send to their users' sandboxes, as the intake reads them, and takes
 * over what former owners of partitions left. Thread-safe.
 */
public final class Commands implements CommandWork, AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Commands.class);

  private final CommandQueues queues;
  private final CommandPorts ports;
  private final CommandAnswers answers;
  private final KnownCommands known;
  private final RunContext context;
  private final SandboxEnds ends;
  private final Placement placement;
  private final LostCommands lostCommands;
  private final ConcurrentHashMap<CommandKey, CommandRun> runs = new ConcurrentHashMap<>();

  /** The execs that wait in their users' lanes, with what their commands are sent meanwhile. */
  private final ConcurrentHashMap<CommandKey, Expected> expected = new ConcurrentHashMap<>();

  private volatile boolean closed;

  private record Expected(ExecRequest request, InputBuffer input) {}

  public Commands(CommandQueues queues, SandboxProvider provider, CommandPorts ports) {
    this.queues = queues;
    this.ports = ports;
    this.answers =
        new CommandAnswers(ports.sink(), ports.identity(), ports.time(), ports.metrics());
    this.ends =
        new SandboxEnds(
            ports.registry(), ports.termination(), ports.lanes(), ports.time(), ports.metrics());
    this.known = new KnownCommands(queues.setup().table());
    ChannelLoss loss = new ChannelLoss(ports.engine(), ends::endUnreachable);
    this.placement = new Placement(queues, ports.registry(), provider, loss, ends::endUnreachable);
    this.context =
        new RunContext(
            queues.setup(),
            ports.sink(),
            answers,
            known,
            new CommandMemory(),
            ports.time(),
            ports.metrics(),
            loss,
            run -> runs.remove(run.key(), run));
    this.lostCommands = new LostCommands(queues, ports.registry(), ports.sink(), answers, known);
  }

  /**
   * Takes an exec: has the sandbox made if there is none, and queues the command there. Runs in the
   * user's lane; returns once the command is queued or answered.
   *
   * @throws FencedException if another worker owns the user's partition by now; that worker answers
   * @throws InterruptedException if the worker stops first; the exec is not answered then
   */
  @Override
  public void exec(ExecRequest request) throws FencedException, InterruptedException {
    try (var _ = MDC.putCloseable("event", request.exec().eventId())) {
      if (closed) {
        throw new StoppedException("the worker stopped before the exec was taken", null);
      }
      if (isTaken(request)) {
        log.info("the exec was read before; it is not run again");
        request.done().run();
        return;
      }
      ExecOutcome ending = ending(request);
      if (ending != null) {
        answers.publish(
            answers.unstarted(request.key(), ending), request.context(), request.fence());
        known.add(request.key());
        request.done().run();
      }
    }
  }

  /** Whether an exec was read before and must not be run; answers it here if nobody else will. */
  private boolean isTaken(ExecRequest request) throws FencedException, InterruptedException {
    CommandKey key = request.key();
    CommandRun before = runs.get(key);
    if (known.contains(key) || (before != null && before.mayBegin())) {
      return true;
    }
    // It was read in an earlier assignment, or two execs have the same id.
    CommandFence.Remains remains =
        before == null ? CommandFence.Remains.NOTHING : before.renew(request.fence());
    if (remains == CommandFence.Remains.GOES_ON) {
      return true;
    }
    CommandEntry given =
        before != null && remains == CommandFence.Remains.GIVEN_UP
            ? before.entry()
            : known.givenUp(key);
    if (given != null) {
      answers.publish(answers.lost(given), request.context(), request.fence());
      known.answered(given);
      return true;
    }
    CommandEntry left = known.left(key);
    if (left == null) {
      return false;
    }
    if (left.offset() != request.offset()) { // the entry is of another record, or forged
      answers.publish(answers.lost(left), request.context(), request.fence());
      known.add(key);
    }
    return true;
  }

  /** Queues the command and returns null, or returns how the exec ended instead. */
  private @Nullable ExecOutcome ending(ExecRequest request)
      throws FencedException, InterruptedException {
    ExecOutcome refused = Refusals.of(request, queues.setup());
    if (refused != null) {
      return refused;
    }
    if (request.deadline().left(ports.time()) <= 0) {
      return ExecOutcome.expired();
    }
    return switch (placement.of(request)) {
      case Target.In(var commands) -> queue(request, commands);
      case Target.Nowhere(var ending) -> ending;
    };
  }

  private @Nullable ExecOutcome queue(ExecRequest request, UserCommands commands) {
    Runnable read = ExecMemory.take(request.exec(), context.memory().inputs());
    if (read == null) {
      return Refusals.tooMuchToRead();
    }
    Expected last = expected.get(request.key());
    Expected own = last != null && last.request().equals(request) ? last : null;
    InputBuffer input = own != null ? own.input() : context.inputOf(request.exec());
    input.onRead(read);
    CommandRun run = new CommandRun(request, commands, context, input);
    if (!commands.add(run)) {
      run.discard();
      return Refusals.tooManyCommands(queues.setup().limits());
    }
    runs.put(run.key(), run); // before it is expected no more, or inputs would be for nobody
    if (own != null) {
      expected.remove(run.key(), own);
    }
    run.begin();
    return null;
  }

  @Override
  public @Nullable CommandInput expect(ExecRequest request) {
    CommandKey key = request.key();
    Expected before = expected.get(key);
    if (isKnown(key) || (before != null && before.request().mayBegin().getAsBoolean())) {
      return null;
    }
    InputBuffer input = context.inputOf(request.exec());
    expected.put(key, new Expected(request, input));
    if (before != null) { // of an earlier assignment
      before.input().end();
    }
    return input;
  }

  @Override
  public void expectNoMore(ExecRequest request) {
    Expected last = expected.get(request.key());
    if (last != null && last.request().equals(request) && expected.remove(request.key(), last)) {
      last.input().end();
    }
  }

  /** Whether an exec is queued, runs, or is remembered as answered; then it is not run again. */
  private boolean isKnown(CommandKey key) {
    CommandRun run = runs.get(key);
    return (run != null && (run.isStarted() || run.mayBegin()))
        || known.contains(key)
        || known.givenUp(key) != null
        || known.left(key) != null;
  }

  @Override
  public @Nullable CommandInput inputOf(CommandKey key) {
    Expected last = expected.get(key);
    if (last != null) {
      return last.input();
    }
    CommandRun run = runs.get(key);
    if (run != null) {
      return run.input();
    }
    return known.contains(key) || known.left(key) != null ? CommandInput.ENDED : null;
  }

  /** The number of commands that run or wait. */
  public int active() {
    return runs.size();
  }

  /**
   * Ends the user's sandbox, if the release means it and has not expired. Runs in the user's lane.
   *
   * @throws FencedException if another worker owns the user's partition by now
   * @throws InterruptedException if the worker stops first
   */
  @Override
  public void release(Release release, Fence fence) throws FencedException, InterruptedException {
    ends.release(release, fence);
  }

  @Override
  public CompletableFuture<Void> takeOver(
      int partition, Collection<CommandEntry> entries, long execEnd, Fence fence) {
    known.gone(partition);
    List<CommandEntry> lost = new ArrayList<>();
    for (CommandEntry entry : entries) {
      CommandRun run = runs.get(CommandKey.of(entry));
      // An answer that was given here before the partition went may not be in the table yet.
      boolean isAnswered = entry.answered() || known.isAnswered(entry);
      if (isAnswered && (run == null || run.isOf(entry))) {
        known.answeredBefore(entry, execEnd);
        if (run != null) {
          run.abandon();
        }
      } else if (run == null || run.renew(fence) != CommandFence.Remains.GOES_ON) {
        lost.add(entry);
      }
    }
    // Commands whose entry somebody removed go on, too.
    runs.values().stream()
        .filter(run -> run.partition() == partition)
        .forEach(run -> run.renew(fence));
    return lostCommands.answer(lost, execEnd, fence);
  }

  /**
   * Execs below an offset are committed, so that nobody reads them again and the entries of
   * answered ones can be removed. Never blocks.
   */
  @Override
  public void committed(int partition, long offset) {
    known.committed(partition, offset);
  }

  @Override
  public boolean isFull() {
    return known.isFull();
  }

  /**
   * Leaves a partition. Commands that wait do not begin. Those that run go on, because the
   * partition may come back, and end unanswered unless it does. Never blocks.
   */
  @Override
  public void gone(int partition) {
    known.gone(partition);
    queues.all().forEach(UserCommands::lookAgain);
  }

  /** Checks deadlines and notes use. Called by a timer, about once a second; never blocks. */
  public void tick() {
    runs.values().forEach(CommandRun::look);
    queues.all().forEach(UserCommands::lookAgain);
  }

  /**
   * Stops without answers: the next owners of the partitions answer what was started {@code lost}.
   */
  @Override
  public void close() {
    closed = true;
    runs.values().forEach(CommandRun::stop);
    queues.all().forEach(UserCommands::disconnect);
  }
}
