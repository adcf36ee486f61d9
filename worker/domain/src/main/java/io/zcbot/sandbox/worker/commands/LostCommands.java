/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.RequestContext;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Answers commands that a former owner started, or was about to start. */
final class LostCommands {
  private static final Logger log = LoggerFactory.getLogger(LostCommands.class);

  /** Published in batches, because answers take more memory than entries. */
  private static final int AT_A_TIME = 500;

  private final CommandQueues queues;
  private final Registry registry;
  private final EventSink sink;
  private final CommandAnswers answers;
  private final KnownCommands known;

  LostCommands(
      CommandQueues queues,
      Registry registry,
      EventSink sink,
      CommandAnswers answers,
      KnownCommands known) {
    this.queues = queues;
    this.registry = registry;
    this.sink = sink;
    this.answers = answers;
    this.known = known;
  }

  private record Answer(CommandEntry entry, Exited exited, CompletableFuture<Void> sent) {}

  /**
   * Answers commands {@code lost}, on another thread.
   *
   * @param execEnd the offset behind the execs of their partition
   * @return completes when the log has all answers
   */
  CompletableFuture<Void> answer(List<CommandEntry> lost, long execEnd, Fence fence) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    if (lost.isEmpty()) {
      done.complete(null);
      return done;
    }
    killRemains(lost);
    Threads.start(
        "lost-commands",
        () -> {
          try {
            for (int i = 0; i < lost.size(); i += AT_A_TIME) {
              publish(lost.subList(i, Math.min(i + AT_A_TIME, lost.size())), execEnd, fence);
            }
            log.info("{} commands were lost with the worker that ran them", lost.size());
            done.complete(null);
          } catch (FencedException | InterruptedException | RuntimeException e) {
            done.completeExceptionally(e);
          }
        });
    return done;
  }

  private void publish(List<CommandEntry> lost, long execEnd, Fence fence)
      throws FencedException, InterruptedException {
    fence.pass();
    List<Answer> sent = new ArrayList<>();
    for (CommandEntry entry : lost) {
      Exited exited = answers.lost(entry);
      sent.add(new Answer(entry, exited, sink.answering(contextOf(entry)).publishAsync(exited)));
    }
    for (Answer answer : sent) {
      try {
        answer.sent().get();
        answers.published(answer.exited());
      } catch (ExecutionException _) {
        answers.publish(answer.exited(), contextOf(answer.entry()), fence);
      }
      known.lost(answer.entry(), execEnd);
    }
  }

  /** The entry carries what the exec's headers said, because its record is not read again. */
  private static RequestContext contextOf(CommandEntry entry) {
    return new RequestContext(entry.replyTo(), null);
  }

  /** Kills commands of a previous run that go on in adopted sandboxes, by opening a new channel. */
  private void killRemains(List<CommandEntry> lost) {
    Set<Sandbox> adopted = new HashSet<>();
    for (CommandEntry entry : lost) {
      Sandbox sandbox = registry.get(entry.userId());
      if (sandbox != null && sandbox.containerId().equals(entry.container().id())) {
        adopted.add(sandbox);
      }
    }
    adopted.forEach(sandbox -> reconnect(queues.of(sandbox)));
  }

  private static void reconnect(UserCommands commands) {
    Threads.start(
        "reconnect",
        () -> {
          try {
            commands.reconnect();
          } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
          }
        });
  }
}
