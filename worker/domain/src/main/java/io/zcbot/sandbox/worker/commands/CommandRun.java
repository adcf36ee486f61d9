/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.base.Deadline;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.RequestContext;
import io.zcbot.sandbox.worker.spans.Spans;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * One command, from its place in the queue to its answer. It has a virtual thread that waits for
 * its turn, starts it, waits for its end and answers. Other threads report events to it: the
 * channel's, the user's lane, the poll thread, and a timer.
 */
final class CommandRun implements Runnable {
  private static final Logger log = LoggerFactory.getLogger(CommandRun.class);

  private final CommandKey key;
  private final int partition;
  private final long offset;
  private final long arrived;
  private final Deadline deadline;
  private final BooleanSupplier mayBegin;
  private final Runnable done;
  private final RequestContext requested;
  private final UserCommands queue;
  private final RunContext context;
  private final CommandFence fence;
  private final CommandOutput output;
  private final Duration timeout;
  private final CommandProgram program;

  /** Open until the program was executed, or ended before; null if the exec asks for no notice. */
  private final @Nullable CountDownLatch executing;

  private volatile int pid; // 0: not known
  private volatile @Nullable Exec exec; // null once it is started, to free its memory
  private volatile @Nullable CommandEntry entry;
  private volatile @Nullable Thread thread;
  private volatile boolean running;

  /** Creates a command that does not wait yet. */
  CommandRun(ExecRequest request, UserCommands queue, RunContext context, InputBuffer input) {
    Exec asked = request.exec();
    this.exec = asked;
    this.key = request.key();
    this.partition = request.partition();
    this.offset = request.offset();
    this.arrived = request.arrived();
    this.deadline = request.deadline();
    this.mayBegin = request.mayBegin();
    this.done = request.done();
    this.requested = request.context();
    this.queue = queue;
    this.context = context;
    this.fence = new CommandFence(request.fence());
    this.output = context.outputOf(request, fence);
    this.timeout = context.timeoutOf(asked);
    this.program =
        new CommandProgram(input, output, timeout, context.time(), this::runs, this::ended);
    this.executing = asked.announceStart() ? new CountDownLatch(1) : null;
  }

  CommandKey key() {
    return key;
  }

  int partition() {
    return partition;
  }

  /** Its entry in the command table; null before it has one. */
  @Nullable CommandEntry entry() {
    return entry;
  }

  /**
   * Whether an entry of the command table can belong to this run: the run has no entry yet, or the
   * same.
   */
  boolean isOf(CommandEntry other) {
    CommandEntry own = entry;
    return own == null
        || (own.offset() == other.offset()
            && own.startedAt().equals(other.startedAt())
            && own.container().equals(other.container()));
  }

  InputBuffer input() {
    return program.input();
  }

  boolean mayBegin() {
    return mayBegin.getAsBoolean();
  }

  boolean isExpired() {
    return deadline.left(context.time()) <= 0;
  }

  /** Whether it was started, or is being started. */
  boolean isStarted() {
    return fence.isStarted();
  }

  /** Whether it does not run: it has ended, or is not started yet. */
  boolean isOver() {
    return !isStarted() || program.end() != null;
  }

  /** Its partition was assigned again: a started command goes on under the new fence. */
  CommandFence.Remains renew(Fence next) {
    return fence.renew(next);
  }

  /** Ends it without an answer, since another worker answered it. */
  void abandon() {
    fence.close();
    giveUp("another worker answered the command");
  }

  /** Ends it, because nothing more will be heard from the sandbox. */
  void giveUp(String why) {
    program.giveUp(why);
  }

  /** Checks its deadlines, and notes that it uses the sandbox. Called by a timer. */
  void look() {
    if (isStarted()) {
      program.look();
    }
    if (running && program.end() == null) {
      touchSandbox();
    }
  }

  /** Releases its memory, if it was never queued. */
  void discard() {
    program.release();
  }

  /** Starts its thread, which waits for its turn. */
  void begin() {
    thread = Threads.start("command-".concat(key.execId()), Spans.carried("command", this));
  }

  /** Stops its thread, without an answer, because the worker stops. */
  void stop() {
    Thread running = thread;
    if (running != null) {
      running.interrupt();
    }
  }

  @Override
  public void run() {
    MDC.put("user", key.user().toString());
    MDC.put("event", key.execId());
    try {
      ExecOutcome ending = ending();
      if (ending != null) {
        answer(ending);
      }
    } catch (FencedException e) {
      log.info("not answered by this worker: {}", e.getMessage());
      CommandEntry left = entry;
      if (left != null) {
        context.known().givenUp(left, isStarted());
        program.disconnect(); // nobody here watches it any more
      }
    } catch (StoppedException | InterruptedException e) {
      log.info("the worker stopped before the command was answered");
    } catch (RuntimeException e) {
      log.error("a command could not be answered; please report this", e);
    } finally {
      program.release();
      context.forget(this);
      queue.leave(this);
    }
  }

  private @Nullable ExecOutcome ending() throws FencedException, InterruptedException {
    try {
      return switch (queue.awaitTurn(this)) {
        case NOT_OURS -> null;
        case EXPIRED -> ExecOutcome.expired();
        case SANDBOX_GONE -> ExecOutcome.goneBeforeStart();
        case START -> startAndWait();
      };
    } catch (StoppedException e) {
      throw e;
    } catch (RuntimeException e) {
      log.error("a command failed unexpectedly; please report this", e);
      program.kill();
      String why = "unexpected error in the worker: " + e;
      return isStarted() ? ExecOutcome.lost(why) : ExecOutcome.failed(why, false);
    }
  }

  private ExecOutcome startAndWait() throws FencedException, InterruptedException {
    try {
      ExecOutcome refused = enter();
      if (refused != null) {
        return refused;
      }
    } finally {
      queue.passTurn();
    }
    announce();
    output.complete();
    ExecOutcome ending = endingOf(program.end());
    if (ending.started()) {
      touchSandbox();
    }
    return ending;
  }

  /**
   * Announces the program's process id, if the exec asks for that and the sandbox tells it. What
   * the command writes waits until the log has that, as it would for its own record.
   */
  private void announce() throws FencedException, InterruptedException {
    if (executing == null) {
      return;
    }
    executing.await(); // until its end at the latest, which has a deadline
    if (pid > 0) {
      context
          .sink()
          .answering(requested)
          .publish(context.answers().announced(Objects.requireNonNull(entry), pid), fence);
    }
  }

  /** Notes that a command uses the sandbox. One that can't be started does not. */
  private void touchSandbox() {
    queue.sandbox().touch(context.time().nanos(), Reaped.Use.COMMAND);
  }

  /**
   * Enters the command in the command table and starts it. Once it is entered, nobody starts it
   * again, whatever happens (I12).
   *
   * @return how it ended if it did not start; else null
   */
  private @Nullable ExecOutcome enter() throws FencedException, InterruptedException {
    CommandEntry entering =
        new CommandEntry(
            key.user(),
            key.execId(),
            partition,
            offset,
            context.answers().containerOf(queue.sandbox()),
            context.time().now(),
            false,
            requested.replyTo());
    context.table().started(entering, fence);
    entry = entering;
    done.run();
    try {
      CommandChannel channel = queue.awaitChannel();
      fence.pass(); // waiting for the log or the sandbox may have taken long
      if (isExpired()) {
        return ExecOutcome.expired();
      }
      program.starts();
      fence.start();
      program.start(Objects.requireNonNull(exec), channel, queue);
      exec = null;
      return null;
    } catch (EngineException e) {
      return context.loss().unopened(queue, e);
    }
  }

  private void runs(int pid) {
    running = true;
    this.pid = pid;
    mayAnnounce();
    touchSandbox();
    context.metrics().commandStarted(Duration.ofNanos(context.time().nanos() - arrived));
  }

  private void ended() {
    mayAnnounce();
    queue.lookAgain();
  }

  private void mayAnnounce() {
    if (executing != null) {
      executing.countDown();
    }
  }

  private ExecOutcome endingOf(@Nullable CommandEnd end) throws InterruptedException {
    if (end instanceof CommandEnd.Broken broken) {
      if (!program.isOverdue()) {
        return context.loss().broken(queue, broken.why());
      }
      program.disconnect();
      return context.loss().unreported(queue, timeout);
    }
    return ExecOutcome.of(Objects.requireNonNull(end), timeout);
  }

  private void answer(ExecOutcome ending) throws FencedException, InterruptedException {
    CommandEntry entered = entry;
    context
        .answers()
        .publish(
            entered == null || !ending.started()
                ? context.answers().unstarted(key, ending)
                : context.answers().started(entered, ending, program.took(), output),
            requested,
            fence);
    if (entered == null) {
      context.known().add(key);
      done.run();
    } else {
      context.known().answered(entered);
    }
  }
}
