/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.EngineStream;
import io.zcbot.sandbox.worker.docker.api.InputQueue;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.api.StandardOutput;
import io.zcbot.sandbox.worker.docker.host.RuntimeVolume;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.engine.SlotEngine;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Makes a claimed slot's workspace visible at {@code /workspace}, for runtimes on which a later
 * mount does not show there by itself. An exec of the engine is started while the slot is idle,
 * before any user's command can run in it. It waits for a line on its standard input, mounts once
 * and ends.
 *
 * <p>The exec is root with all capabilities, but only in the slot's own kernel; it has no rights on
 * the host.
 */
public final class EntranceExec implements SlotEngine.Entrance {
  /** Path of the program in the container. */
  private static final String PROGRAM = RuntimeVolume.DIRECTORY + "/zcbot-entrance";

  private static final String WORKSPACE = "/workspace";
  private static final String WAITING = "waiting";
  private static final String OPEN = "open";
  private static final int MAX_LINE = 200;
  private static final int ROOM = 64;

  /** Maximum time until the exec waits. Usually takes 0.1 s. */
  private static final Duration START = Duration.ofSeconds(15);

  private static final Duration ANSWER = Duration.ofSeconds(5);

  private final InputQueue input = new InputQueue(ROOM);
  private final CompletableFuture<String> first = new CompletableFuture<>();
  private final CompletableFuture<String> second = new CompletableFuture<>();
  private @Nullable EngineStream<Boolean> stream;

  private EntranceExec() {}

  /**
   * Starts the exec in a slot and returns when it waits.
   *
   * @param shows where in the container the workspace becomes visible when it is mounted
   */
  public static EntranceExec start(EngineCalls calls, String containerId, String shows)
      throws EngineException {
    String exec =
        calls.call(
            Operation.EXEC_CREATE,
            engine -> {
              String id =
                  engine
                      .docker()
                      .execCreateCmd(containerId)
                      .withUser("0:0")
                      .withPrivileged(true)
                      .withAttachStdin(true)
                      .withAttachStdout(true)
                      .withAttachStderr(true)
                      .withCmd(PROGRAM, shows, WORKSPACE)
                      .exec()
                      .getId();
              if (id == null) {
                throw new IOException("the engine created a command but returned no id");
              }
              return id;
            });
    EntranceExec entrance = new EntranceExec();
    boolean waits = false;
    try {
      entrance.stream =
          EngineStream.open(
              calls,
              Operation.EXEC_START,
              requests -> requests.startExec(exec, entrance.input),
              entrance::read);
      expect(WAITING, entrance.first, START);
      waits = true;
      return entrance;
    } finally {
      if (!waits) {
        entrance.close();
      }
    }
  }

  /** Whether a command line, from an event of the engine, is that of this exec. */
  static boolean isStart(String command) {
    return command.startsWith(PROGRAM + " ");
  }

  @Override
  public void open() throws EngineException {
    input.offer(new byte[] {'\n'}, 0);
    expect(OPEN, second, ANSWER);
  }

  @Override
  public void close() {
    input.close();
    EngineStream<Boolean> opened = stream;
    if (opened != null) {
      opened.close();
    }
  }

  private boolean read(InputStream body) {
    String why = "it ended";
    try {
      InputStream output = new StandardOutput(body);
      first.complete(line(output));
      second.complete(line(output));
    } catch (IOException e) {
      why = EngineErrors.clean(String.valueOf(e.getMessage()));
    } finally {
      input.close();
      first.completeExceptionally(new IOException(why));
      second.completeExceptionally(new IOException(why));
    }
    return true;
  }

  private static String line(InputStream output) throws IOException {
    byte[] line = new byte[MAX_LINE];
    int length = 0;
    for (int next = output.read(); next != '\n'; next = output.read()) {
      if (next < 0 || length == MAX_LINE) {
        throw new IOException("its output ended, or is too long");
      }
      line[length++] = (byte) next;
    }
    return EngineErrors.clean(new String(line, 0, length, StandardCharsets.UTF_8));
  }

  private static void expect(String wanted, CompletableFuture<String> line, Duration patience)
      throws EngineException {
    String said;
    try {
      said = line.get(patience.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      throw failure("no answer within " + EngineCalls.seconds(patience), e);
    } catch (ExecutionException e) {
      Throwable cause = e.getCause();
      throw failure(String.valueOf(cause == null ? e : cause.getMessage()), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw EngineErrors.unanswered(
          Operation.EXEC_START, "interrupted while waiting for the slot's entrance", e);
    }
    if (!said.equals(wanted)) {
      throw failure(said, null);
    }
  }

  private static EngineException failure(String said, @Nullable Throwable cause) {
    return EngineErrors.exception(
        Kind.REJECTED,
        Operation.EXEC_START,
        "the entrance of the slot does not let its workspace in: " + said,
        "check whether the image was built from the sandbox-image of this worker's version",
        cause);
  }
}
