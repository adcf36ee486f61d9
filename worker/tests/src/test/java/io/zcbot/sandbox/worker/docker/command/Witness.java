/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.engine.CommandObserver;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/** Records what it is told about a command, and fails if that is impossible. */
public final class Witness implements CommandObserver {
  private final ByteArrayOutputStream stdout = new ByteArrayOutputStream();
  private final ByteArrayOutputStream stderr = new ByteArrayOutputStream();
  private final CompletableFuture<CommandEnd> end = new CompletableFuture<>();
  private final CompletableFuture<Integer> started = new CompletableFuture<>();
  private final AtomicBoolean told = new AtomicBoolean();
  public final List<String> wrong = new CopyOnWriteArrayList<>();
  private long wanted;

  @Override
  public void started(int pid) {
    alone(
        () -> {
          if (!started.complete(pid)) {
            wrong.add("started twice");
          }
        });
  }

  @Override
  public void output(OutputStreamName stream, Data data) {
    alone(
        () -> {
          if (!started.isDone()) {
            wrong.add("output before the start");
          }
          synchronized (stdout) {
            (stream == OutputStreamName.STDOUT ? stdout : stderr).writeBytes(data.toByteArray());
          }
        });
  }

  @Override
  public synchronized void inputWanted(int bytes) {
    alone(
        () -> {
          if (bytes < 1) {
            wrong.add("no input wanted");
          }
        });
    wanted += bytes;
    notifyAll();
  }

  @Override
  public void ended(CommandEnd how) {
    alone(() -> {});
    if (!end.complete(how)) {
      wrong.add("ended twice");
    }
  }

  private void alone(Runnable what) {
    if (told.getAndSet(true)) {
      wrong.add("two at a time");
    }
    if (end.isDone()) {
      wrong.add("told something after the end");
    }
    what.run();
    told.set(false);
  }

  /** Waits until that much input may be sent, which then counts as sent. */
  public synchronized int takeWanted(int most) throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(90);
    while (wanted == 0) {
      long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
      if (left <= 0) {
        throw new AssertionError("no input is wanted");
      }
      wait(left);
    }
    int taken = (int) Math.min(most, wanted);
    wanted -= taken;
    return taken;
  }

  public String stdout() {
    synchronized (stdout) {
      return stdout.toString(StandardCharsets.UTF_8);
    }
  }

  public String stderr() {
    synchronized (stdout) {
      return stderr.toString(StandardCharsets.UTF_8);
    }
  }

  public int written() {
    synchronized (stdout) {
      return stdout.size() + stderr.size();
    }
  }

  public boolean hasEnded() {
    return end.isDone();
  }

  /** Waits for the start; returns the process id, or 0. */
  public int awaitStart() throws Exception {
    return started.get(90, TimeUnit.SECONDS);
  }

  public CommandEnd awaitEnd() throws Exception {
    return end.get(90, TimeUnit.SECONDS);
  }
}
