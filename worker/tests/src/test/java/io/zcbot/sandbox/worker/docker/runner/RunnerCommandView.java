/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.runner;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** A command in a runner, as seen in its frames. */
final class RunnerCommandView {
  static final int EXITED = 0;
  static final int SIGNALLED = 1;
  static final int TIMED_OUT = 2;
  static final int KILLED = 3;

  private static final Duration PATIENCE = Duration.ofSeconds(90);

  /**
   * The end of the command.
   *
   * @param memory the limit of memory, if it was used up; -1 if the frame has no such field
   */
  record End(int how, int code, int survivors, Duration cpu, long memory) {}

  /** Why it did not start. */
  record NotStarted(int errno, String text) {}

  private final RunnerLink link;
  private final int number;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private boolean keepsOutput = true;
  private boolean executed;
  private int pid;
  private long bytes;
  private int frames;
  private long wanted;
  private @Nullable End end;
  private @Nullable NotStarted notStarted;
  private @Nullable String wrong;

  RunnerCommandView(RunnerLink link, int number) {
    this.link = link;
    this.number = number;
  }

  synchronized void on(char type, byte[] payload) {
    if (end != null || notStarted != null) {
      wrong = "a frame " + type + " after the last";
    }
    ByteBuffer in = ByteBuffer.wrap(payload);
    switch (type) {
      case 'P' -> {
        executed = true;
        pid = in.hasRemaining() ? in.getInt() : 0;
      }
      case 'O' -> output(out, payload);
      case 'E' -> output(err, payload);
      case 'C' -> wanted += in.getInt();
      case 'X' ->
          end =
              new End(
                  in.get(),
                  in.getInt(),
                  in.getInt(),
                  Duration.ofNanos(in.getLong() * 1000),
                  in.hasRemaining() ? in.getLong() : -1);
      case 'F' ->
          notStarted =
              new NotStarted(
                  in.getInt(),
                  new String(payload, 4, payload.length - 4, StandardCharsets.US_ASCII));
      default -> wrong = "a frame of type " + type;
    }
    notifyAll();
  }

  private void output(ByteArrayOutputStream to, byte[] payload) {
    if (!executed || payload.length == 0) {
      wrong = "output before its program was executed, or none";
    }
    bytes += payload.length;
    frames++;
    if (keepsOutput) {
      to.writeBytes(payload);
    }
  }

  /** The runner is gone, or was reset. */
  synchronized void lost(String why) {
    wrong = why;
    notifyAll();
  }

  private synchronized void await(BooleanSupplier condition, String what)
      throws InterruptedException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      long left = (deadline - System.nanoTime()) / 1_000_000;
      if (left <= 0 || wrong != null) {
        throw new AssertionError(
            "command %d: expected %s, but %s; %s, %s, %s; it wrote '%s' and '%s'"
                .formatted(
                    number,
                    what,
                    wrong == null ? "waited in vain" : wrong,
                    executed ? "executed" : "not executed",
                    notStarted,
                    end,
                    text(out),
                    text(err)));
      }
      wait(left);
    }
  }

  RunnerCommandView forgetOutput() {
    synchronized (this) {
      keepsOutput = false;
    }
    return this;
  }

  /** The process id that it was told with its execution; 0 if none. */
  synchronized int pid() {
    return pid;
  }

  End end() throws InterruptedException {
    await(() -> end != null, "its end");
    if (wrong != null || end == null) {
      throw new AssertionError(wrong);
    }
    return end;
  }

  NotStarted notStarted() throws InterruptedException {
    await(() -> notStarted != null, "that it does not start");
    if (wrong != null || notStarted == null || executed) {
      throw new AssertionError("it was executed, or " + wrong);
    }
    return notStarted;
  }

  RunnerCommandView awaitExecuted() throws InterruptedException {
    await(() -> executed, "that it is executed");
    return this;
  }

  /** Waits until it started, or failed to start. */
  boolean isStarted() throws InterruptedException {
    await(() -> executed || notStarted != null, "that it is executed or not");
    synchronized (this) {
      return executed;
    }
  }

  RunnerCommandView awaitOutput(String text) throws InterruptedException {
    await(() -> text(out).contains(text), "the output '" + text + "'");
    return this;
  }

  RunnerCommandView awaitBytes(long count) throws InterruptedException {
    await(() -> bytes >= count, count + " bytes of output");
    return this;
  }

  int number() {
    return number;
  }

  synchronized long bytes() {
    return bytes;
  }

  synchronized int frames() {
    return frames;
  }

  synchronized String out() {
    return text(out);
  }

  synchronized String err() {
    return text(err);
  }

  private static String text(ByteArrayOutputStream bytes) {
    return bytes.toString(StandardCharsets.UTF_8);
  }

  /** Sends input as the command asks for it. */
  RunnerCommandView input(byte[] data) throws InterruptedException {
    for (int at = 0; at < data.length; ) {
      await(() -> wanted > 0, "that it takes input");
      int length;
      synchronized (this) {
        length = (int) Math.min(Math.min(wanted, RunnerLink.MAX_PAYLOAD), data.length - at);
        wanted -= length;
      }
      link.send('I', number, Arrays.copyOfRange(data, at, at + length));
      at += length;
    }
    return this;
  }

  RunnerCommandView input(String text) throws InterruptedException {
    return input(text.getBytes(StandardCharsets.UTF_8));
  }

  RunnerCommandView endInput() {
    link.send('E', number);
    return this;
  }

  RunnerCommandView signal(int signal) {
    link.send('K', number, (byte) signal);
    return this;
  }

  RunnerCommandView resize(int columns, int rows) {
    byte[] size = ByteBuffer.allocate(4).putShort((short) columns).putShort((short) rows).array();
    link.send('W', number, size);
    return this;
  }

  RunnerCommandView allow(int count) {
    link.send('C', number, ByteBuffer.allocate(4).putInt(count).array());
    return this;
  }

  RunnerCommandView discard() {
    link.send('D', number);
    return this;
  }

  RunnerCommandView kill() {
    link.send('T', number);
    return this;
  }
}
