/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.zcbot.sandbox.client.OutputPiece;
import io.zcbot.sandbox.client.RunningCommand;
import io.zcbot.sandbox.client.SandboxException;
import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.gateway.e2b.Connect.Stream;
import io.zcbot.sandbox.gateway.e2b.ConnectException.Code;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * A command that streams of this gateway follow. One thread reads its output and passes each piece
 * to all of them before it reads the next, so a slow client holds the command back; with no client
 * left, output is dropped. A client that goes away changes nothing for the command.
 */
final class LiveProcess {
  /** How much a message has, as with E2B's daemon: a client that does not read holds no more. */
  private static final int PIECE = 32 << 10;

  private final RunningCommand command;
  private final int pid;
  private final boolean hasTerminal;
  private final boolean hasInput;
  private final List<Follower> followers = new CopyOnWriteArrayList<>();
  private final CompletableFuture<Exited> end = new CompletableFuture<>();

  // Guarded by this.
  private long usedAt = System.nanoTime();
  private boolean isLeft;

  // Guarded by itself: writes of several requests must not mix.
  private final OutputStream input;

  /**
   * @param pid the process id in the sandbox
   * @param hasTerminal whether the command runs in a terminal
   */
  LiveProcess(RunningCommand command, int pid, boolean hasTerminal, @Nullable OutputStream input) {
    this.command = command;
    this.pid = pid;
    this.hasTerminal = hasTerminal;
    this.input = input == null ? OutputStream.nullOutputStream() : input;
    this.hasInput = input != null;
  }

  /** A stream to a client. */
  final class Follower {
    private final Stream stream;
    private final CompletableFuture<Void> over = new CompletableFuture<>();

    private Follower(Stream stream) {
      this.stream = stream;
    }

    /**
     * Waits until the command has ended or the client is gone.
     *
     * @return whether that happened in time
     */
    boolean await(Duration atMost) throws InterruptedException {
      try {
        over.get(Math.max(0, atMost.toNanos()), TimeUnit.NANOSECONDS);
        return true;
      } catch (TimeoutException e) {
        return false;
      } catch (ExecutionException e) {
        return true; // the client is gone
      }
    }

    /** Takes no more output. */
    void leave() {
      followers.remove(this);
    }

    private synchronized void send(ObjectNode event) {
      try {
        stream.send(event);
      } catch (UncheckedIOException e) {
        leave();
        over.completeExceptionally(e);
      }
    }
  }

  /** Lets a stream follow from now on. Its first event is the start, whatever is written then. */
  Follower follow(Stream stream) {
    Follower follower = new Follower(stream);
    synchronized (follower) { // output that is read meanwhile waits
      followers.add(follower);
      follower.send(startEvent());
    }
    if (isEnded()) {
      boolean _ = follower.over.complete(null);
    }
    return follower;
  }

  private ObjectNode startEvent() {
    ObjectNode event = Json.MAPPER.createObjectNode();
    event.putObject("event").putObject("start").put("pid", pid);
    return event;
  }

  int pid() {
    return pid;
  }

  String execId() {
    return command.id();
  }

  /** Notes that somebody uses it now. Returns whether it runs and is followed. */
  synchronized boolean use() {
    usedAt = System.nanoTime();
    return !isLeft && !isEnded();
  }

  /** Follows the command no more if nobody has used it for a time. The command goes on. */
  synchronized void leaveIfUnused(Duration time) {
    if (followers.isEmpty() && System.nanoTime() - usedAt >= time.toNanos()) {
      isLeft = true;
      command.detach();
    }
  }

  /** Returns whether its command goes on without it. */
  synchronized boolean isLeft() {
    return isLeft;
  }

  /** Reads the command's output until it has ended, or is left. Called once. */
  void run() {
    try (command) { // which has ended, unless its end can't be known
      end.complete(command.forEachPiece(this::pass));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      end.completeExceptionally(e);
    } catch (SandboxException e) {
      end.completeExceptionally(e);
    } finally {
      followers.forEach(follower -> follower.over.complete(null));
    }
  }

  private void pass(OutputPiece piece) {
    String name =
        hasTerminal ? "pty" : piece.stream() == OutputStreamName.STDERR ? "stderr" : "stdout";
    byte[] bytes = piece.bytes();
    for (int at = 0; at < bytes.length && !followers.isEmpty(); at += PIECE) {
      byte[] part = Arrays.copyOfRange(bytes, at, Math.min(bytes.length, at + PIECE));
      ObjectNode event = Json.MAPPER.createObjectNode();
      event.putObject("event").putObject("data").put(name, part);
      followers.forEach(follower -> follower.send(event));
    }
  }

  boolean isEnded() {
    return end.isDone();
  }

  /** Waits for the command's end, and tells nothing of it. */
  void awaitEnd(Duration atMost) throws InterruptedException {
    try {
      Exited _ = end.get(atMost.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException | ExecutionException e) {
      // whoever follows it is told
    }
  }

  /** Returns the event of the end. Only once {@link #isEnded}. */
  ObjectNode endEvent() {
    Exited exited;
    try {
      exited = end.join();
    } catch (CompletionException e) {
      throw new ConnectException(
          Code.INTERNAL, "the end of the command is not known: " + e.getMessage());
    }
    return endEvent(exited);
  }

  private static ObjectNode endEvent(Exited exited) {
    ObjectNode event = Json.MAPPER.createObjectNode();
    ObjectNode end = event.putObject("event").putObject("end");
    switch (exited.reason()) {
      case EXITED -> {
        int code = exited.exitCode() == null ? 0 : exited.exitCode();
        end.put("exitCode", code).put("exited", true).put("status", "exit status " + code);
        if (code != 0) {
          end.put("error", "exit status " + code);
        }
      }
      case SIGNALLED -> {
        String status = "signal: " + signal(exited.signal() == null ? 0 : exited.signal());
        end.put("exitCode", -1).put("exited", false).put("status", status);
        end.put("error", exited.oomKilled() ? status + " (out of memory)" : status);
      }
      case TIMEOUT ->
          throw new ConnectException(Code.DEADLINE_EXCEEDED, "the command reached its time-out");
      case SANDBOX_GONE ->
          throw new ConnectException(
              Code.UNAVAILABLE, "the sandbox was killed or reached its end of life");
      case EXPIRED, REJECTED, NO_SANDBOX, FAILED, LOST, UNKNOWN ->
          throw new ConnectException(
              Code.INTERNAL, exited.message() == null ? exited.reason().wire() : exited.message());
    }
    if (exited.truncated()) {
      throw new ConnectException(
          Code.INTERNAL,
          "the command wrote more than 16 MiB; the rest was dropped. Write to a file and download"
              + " that");
    }
    return event;
  }

  private static String signal(int number) {
    return switch (number) {
      case 1 -> "hangup";
      case 2 -> "interrupt";
      case 6 -> "aborted";
      case 9 -> "killed";
      case 11 -> "segmentation fault";
      case 13 -> "broken pipe";
      case 15 -> "terminated";
      default -> Integer.toString(number);
    };
  }

  /** Writes to standard input. */
  void write(byte[] bytes) {
    if (!hasInput) {
      throw new ConnectException(Code.INTERNAL, "standard input of process " + pid + " is closed");
    }
    try {
      synchronized (input) {
        input.write(bytes);
        input.flush();
      }
    } catch (IOException e) {
      throw new ConnectException(
          isEnded() ? Code.NOT_FOUND : Code.INTERNAL,
          "standard input of process " + pid + " can't be written: " + e.getMessage());
    }
  }

  /** Ends standard input; does nothing the second time. */
  void closeInput() {
    try {
      synchronized (input) {
        input.close();
      }
    } catch (IOException e) {
      if (!isEnded()) {
        throw new ConnectException(
            Code.INTERNAL,
            "standard input of process " + pid + " can't be closed: " + e.getMessage());
      }
    }
  }

  /** Sends a signal. A killed command has most likely ended when this returns. */
  void signal(CommandSignal signal) throws InterruptedException {
    command.signal(signal);
    if (signal == CommandSignal.KILL) {
      awaitEnd(Duration.ofSeconds(1));
    }
  }

  void resize(int columns, int rows) throws InterruptedException {
    command.resize(new TerminalSize(columns, rows));
  }
}
