/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.Started;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import io.zcbot.sandbox.worker.audit.result.Check;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A user's commands. Execs, outputs and answers may be read in any order, since they are in
 * different topics. Checks I11, I12 and I14.
 */
final class CommandHistory {
  private static final int CLOSED_KEPT = 64;

  private final UserId user;
  private final FoldContext context;
  private final UserPartition userPartition;

  /** Commands that are not answered yet, by the id of the exec. */
  private final Map<String, TrackedCommand> open = new LinkedHashMap<>(4);

  /** Commands that are answered, or whose exec was not read; the eldest is forgotten first. */
  private final LinkedHashMap<String, TrackedCommand> others = new LinkedHashMap<>(4);

  CommandHistory(UserId user, FoldContext context, UserPartition userPartition) {
    this.user = user;
    this.context = context;
    this.userPartition = userPartition;
  }

  boolean isQuiet() {
    return open.isEmpty();
  }

  /** Whether an exec was read and is remembered. */
  boolean knows(String execId) {
    TrackedCommand command = find(execId);
    return command != null && command.asked() != null;
  }

  /** Whether an unanswered command may have been running at a time, because its end was not due. */
  boolean mayRunAt(long time) {
    for (TrackedCommand command : open.values()) {
      TrackedCommand.Asked asked = command.asked();
      if (asked != null && time <= asked.due()) {
        return true;
      }
    }
    return false;
  }

  void asked(Exec exec, long time, RecordPosition position) {
    TrackedCommand command = find(exec.eventId());
    if (command == null) {
      command = new TrackedCommand(exec.eventId());
    }
    if (command.asked() != null) {
      return;
    }
    context.counters().commands.asked++;
    command.asked(exec, time, context.rules().commandDue(exec, time), position);
    if (command.isOpen()) {
      others.remove(exec.eventId());
      open.put(exec.eventId(), command);
    } else {
      settle(command);
    }
  }

  void wrote(Output output, long time, RecordPosition position) {
    TrackedCommand command = findOrTrack(output.execId());
    TrackedCommand.Asked asked = command.asked();
    boolean isComplete =
        command.outputs() > 0
            || (asked != null && userPartition.isKnown(Topic.OUTPUT, position, asked.time()));
    long missing = command.wrote(output);
    if (missing < 0) {
      context.counters().duplicate(Topic.OUTPUT);
      return;
    }
    context.counters().commands.wrote(output.data().length());
    if (missing > 0 && isComplete && !command.gapReported) {
      command.gapReported = true;
      context.violation(
          Check.I14,
          user,
          time,
          "command "
              + command.execId()
              + " has no output "
              + (output.seq() - missing)
              + ", but output "
              + output.seq(),
          position);
    }
    settle(command);
  }

  /**
   * Notes an answer.
   *
   * @param profile of the sandbox; null if it is not known
   */
  void answered(Exited exited, @Nullable String profile, long time, RecordPosition position) {
    TrackedCommand command = findOrTrack(exited.execId());
    TrackedCommand.Answer now = TrackedCommand.Answer.of(exited, profile, time, position);
    startedAs(command, now.start());
    TrackedCommand.Answer first = command.answer();
    if (first != null) {
      context.counters().commands.answeredAgain++;
      judgeAgain(command, first, now);
      command.answered(now);
      return;
    }
    command.answered(now);
    if (open.remove(command.execId()) != null) {
      keep(command);
    }
    settle(command);
  }

  private void judgeAgain(
      TrackedCommand command, TrackedCommand.Answer first, TrackedCommand.Answer now) {
    if (!first.eventId().equals(now.eventId()) && !command.answeredAgainReported) {
      command.answeredAgainReported = true;
      context.violation(
          Check.I11,
          user,
          Math.max(first.time(), now.time()),
          "exec " + command.execId() + " was answered under two event ids",
          first.position(),
          now.position());
    }
  }

  void started(Started started, long time, RecordPosition position) {
    startedAs(
        findOrTrack(started.execId()),
        new TrackedCommand.Start(
            started.startedAt(), started.container().id(), started.pid(), time, position));
  }

  private void startedAs(TrackedCommand command, TrackedCommand.@Nullable Start now) {
    if (now == null) {
      return;
    }
    TrackedCommand.Start start = command.start();
    if (start != null && now.isAnotherThan(start) && !command.startedAgainReported) {
      command.startedAgainReported = true;
      context.violation(
          Check.I12,
          user,
          Math.max(start.time(), now.time()),
          "the command of exec "
              + command.execId()
              + " was started twice: at "
              + start
              + ", and at "
              + now,
          start.position(),
          now.position());
    }
    command.started(now);
  }

  private @Nullable TrackedCommand find(String execId) {
    TrackedCommand command = open.get(execId);
    return command == null ? others.get(execId) : command;
  }

  private TrackedCommand findOrTrack(String execId) {
    TrackedCommand known = find(execId);
    return known == null ? keep(new TrackedCommand(execId)) : known;
  }

  private TrackedCommand keep(TrackedCommand command) {
    others.put(command.execId(), command);
    if (others.size() > CLOSED_KEPT) {
      forget(others.pollFirstEntry().getValue(), Long.MAX_VALUE);
    }
    return command;
  }

  /** Reports a command once its exec, its answer and all its outputs were read. */
  private void settle(TrackedCommand command) {
    if (command.missing() == 0) {
      report(command);
    }
  }

  private void report(TrackedCommand command) {
    TrackedCommand.Asked asked = command.asked();
    TrackedCommand.Answer answer = command.answer();
    if (asked == null || answer == null || command.reported) {
      return;
    }
    command.reported = true;
    context
        .counters()
        .commands
        .answered(
            answer.reason(),
            answer.startedAt() == null ? null : TrackedCommand.latency(asked, answer));
    context.report(command.asObservation(user, asked));
  }

  private void forget(TrackedCommand command, long end) {
    TrackedCommand.Asked asked = command.asked();
    TrackedCommand.Answer answer = command.answer();
    if (asked == null) {
      context.counters().commands.answersWithoutExec += answer == null ? 0 : 1;
      return;
    }
    if (answer != null
        && command.missing() > 0
        && !command.gapReported
        && end - answer.time() > context.rules().grace().toMillis()
        && userPartition.isKnown(Topic.OUTPUT, asked.position(), asked.time())) {
      context.violation(
          Check.I14,
          user,
          answer.time(),
          "command "
              + command.execId()
              + " had "
              + answer.outputs()
              + " outputs by its exited event, and "
              + command.outputs()
              + " are in the log",
          answer.position());
    }
    report(command);
  }

  /** Forgets commands that are not open. */
  void forget() {
    others.values().forEach(command -> forget(command, Long.MAX_VALUE));
    others.clear();
  }

  /** Judges the commands that are open at the end of the log, and whose exec is no dead letter. */
  void finish(long end, Predicate<RecordPosition> isDeadLetter) {
    for (TrackedCommand command : open.values()) {
      TrackedCommand.Asked asked = command.asked();
      if (asked == null) {
        continue;
      }
      context.counters().commands.unanswered++;
      context.report(command.asObservation(user, asked));
      if (end > asked.due()
          && !isDeadLetter.test(asked.position())
          && userPartition.isKnown(Topic.EXITED, asked.position(), asked.time())) {
        context.violation(
            Check.I11,
            user,
            asked.due(),
            "exec "
                + command.execId()
                + " has no answer "
                + FoldContext.seconds(end - asked.time())
                + " after it was recorded",
            asked.position());
      }
    }
    others.values().forEach(command -> forget(command, end));
  }
}
