/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import io.zcbot.sandbox.worker.base.Recent;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.EngineRequests;
import io.zcbot.sandbox.worker.docker.api.EngineStream;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.engine.CommandEngine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics.ChannelWay;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Collections;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Opens channels to the runners in sandboxes, through which commands run. A runner is either the
 * container's first process, to which the engine attaches, or one that the engine starts by an
 * exec. If the first process does not answer as a runner should, the exec is used for that
 * container from then on.
 *
 * <p>Thread-safe. {@link #open} blocks until the runner has answered.
 */
public final class DockerCommands implements CommandEngine {
  private static final Logger log = LoggerFactory.getLogger(DockerCommands.class);

  /**
   * The maximum time for a runner's first answer. A runner that is not stopped answers within
   * milliseconds, or within 2 s if it has to kill processes that end slowly.
   */
  public static final Duration PATIENCE = Duration.ofSeconds(5);

  /** The engine's message if the runner's program does not exist in the container. */
  private static final Pattern NO_PROGRAM =
      Pattern.compile("no such file or directory|executable file not found");

  /** Bound of the set; more than a host has sandboxes. */
  private static final int MOST_DOUBTED = 1024;

  private final EngineCalls calls;
  private final ChannelWay way;
  private final RunnerExec exec;
  private final Duration patience;
  private final SandboxMetrics metrics;
  private final Unsent unsent = new Unsent();

  /**
   * Ids of containers whose first process violated the runner's protocol or did not answer. The
   * oldest is forgotten first.
   */
  private final Set<String> doubted = Collections.synchronizedSet(Recent.set(MOST_DOUBTED));

  /**
   * Creates channels for sandboxes of one spec.
   *
   * @param way {@link ChannelWay#RUNNER} only where the runner is a sandbox's first process
   * @param exec how the engine starts a runner
   * @param patience maximum time for a runner's first answer
   */
  public DockerCommands(
      EngineCalls calls,
      ChannelWay way,
      RunnerExec exec,
      Duration patience,
      SandboxMetrics metrics) {
    this.calls = calls;
    this.way = way;
    this.exec = exec;
    this.patience = patience;
    this.metrics = metrics;
  }

  @Override
  public CommandChannel open(String containerId) throws EngineException {
    if (way == ChannelWay.ENGINE) {
      return executed(containerId);
    }
    if (!doubted.contains(containerId)) {
      Attempt first = attach(containerId);
      IOException failure = first.failure();
      if (failure != null) {
        return executedInsteadOf(first.channel(), failure, containerId);
      }
      metrics.channelOpened(ChannelWay.RUNNER);
      return first.channel();
    }
    CommandChannel instead = executed(containerId);
    metrics.channelFellBack();
    return instead;
  }

  /**
   * Opens a channel by an exec, because the first process did not answer. If that works, the runner
   * is to blame and not the engine: it is not used any more, but the connection to it stays, since
   * the engine reads its output no faster than whoever is attached. Otherwise the connection is
   * closed, because the next try makes another.
   */
  private CommandChannel executedInsteadOf(
      RunnerChannel first, IOException failure, String containerId) throws EngineException {
    CommandChannel instead;
    try {
      instead = executed(containerId);
    } catch (EngineException | RuntimeException e) {
      first.close();
      throw e;
    }
    String why = String.valueOf(failure.getMessage());
    doubt(containerId, why);
    first.abandon(why);
    metrics.channelFellBack();
    return instead;
  }

  private static EngineException unanswered(IOException e) {
    String said = String.valueOf(e.getMessage());
    return NO_PROGRAM.matcher(said).find()
        ? EngineErrors.exception(
            Kind.REJECTED,
            Operation.EXEC_START,
            "the sandbox's image has no runner, without which no command runs: " + said,
            "build it from the sandbox-image of this worker's version (docker build -t NAME"
                + " sandbox-image), or FROM an image built from there, and name it in"
                + " ZCBOT_SANDBOX_IMAGE",
            e)
        : EngineErrors.exception(
            Kind.TRANSIENT, // the engine has answered
            Operation.EXEC_START,
            "the runner in the sandbox does not answer: " + said,
            "check whether the image was built from sandbox-image",
            e);
  }

  private void doubt(String containerId, String why) {
    if (doubted.add(containerId)) {
      log.warn(
          "The runner of container {} is not used any more, the engine starts another: {}",
          containerId,
          why);
    }
  }

  private Attempt attach(String containerId) throws EngineException {
    return connect(
        Operation.ATTACH,
        (requests, input) -> requests.attach(containerId, input),
        () -> requireRunning(containerId),
        why -> doubt(containerId, why));
  }

  private CommandChannel executed(String containerId) throws EngineException {
    String id = exec.create(containerId);
    Attempt attempt =
        connect(
            Operation.EXEC_START,
            (requests, input) -> requests.startExec(id, input),
            () -> {},
            why -> log.warn("In container {} {}", containerId, why));
    IOException failure = attempt.failure();
    if (failure != null) {
      attempt.channel().close();
      throw unanswered(failure);
    }
    metrics.channelOpened(ChannelWay.ENGINE);
    return attempt.channel();
  }

  /**
   * Throws if the container does not run. Needed because the engine also attaches to a container
   * that has ended, and then waits for its next start.
   */
  private void requireRunning(String containerId) throws EngineException {
    boolean runs =
        calls.call(
            Operation.INSPECT,
            engine ->
                Boolean.TRUE.equals(
                    engine
                        .docker()
                        .inspectContainerCmd(containerId)
                        .exec()
                        .getState()
                        .getRunning()));
    if (!runs) {
      throw EngineErrors.exception(
          Kind.CONFLICT,
          Operation.ATTACH,
          "container " + containerId + " is not running",
          "",
          null);
    }
  }

  /**
   * Connects a channel and returns it when its runner has answered, or has not answered in time.
   * Closes it if anything else fails.
   *
   * @param onSilence called if the runner has not answered after a quarter of the time
   */
  private Attempt connect(
      Operation operation, Connect connect, Look onSilence, Consumer<String> onNonsense)
      throws EngineException {
    RunnerChannel channel = new RunnerChannel(operation, onNonsense, unsent);
    Attempt attempt = null;
    try {
      var _ =
          EngineStream.open(
              calls,
              operation,
              requests -> connect.to(requests, channel.input()),
              body -> {
                boolean talks = channel.read(body);
                if (talks) {
                  Trickle.drain(body);
                }
                return talks;
              });
      if (channel.isSilentFor(patience.dividedBy(4))) {
        onSilence.look();
      }
      attempt = new Attempt(channel, awaitHello(channel));
      return attempt;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw EngineErrors.unanswered(operation, "interrupted while waiting for the runner", e);
    } finally {
      if (attempt == null) {
        channel.close();
      }
    }
  }

  /** Returns why the runner did not answer, or null if it did. */
  private @Nullable IOException awaitHello(RunnerChannel channel) throws InterruptedException {
    try {
      log.debug("a runner answers: {}", channel.awaitHello(patience));
      return null;
    } catch (IOException e) {
      return e;
    }
  }

  /**
   * A connected channel.
   *
   * @param failure why its runner did not answer; null if it did
   */
  private record Attempt(RunnerChannel channel, @Nullable IOException failure) {}

  private interface Look {
    void look() throws EngineException;
  }

  private interface Connect {
    InputStream to(EngineRequests requests, InputStream input) throws IOException;
  }
}
