/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.drawn;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.worker.docker.drawn.DrawnCommand.Meddling;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.engine.CommandObserver;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Runs a generated command, and compares its behaviour with the expected one. */
final class Conduct implements CommandObserver {
  /** The commands of which a process had not ended two seconds after it was killed. */
  static final AtomicInteger SLOWLY_KILLED = new AtomicInteger();

  private final DrawnCommand drawn;
  private final byte[] input;
  private final ByteArrayOutputStream stdout = new ByteArrayOutputStream();
  private final ByteArrayOutputStream stderr = new ByteArrayOutputStream();
  private final CompletableFuture<CommandEnd> end = new CompletableFuture<>();
  private final StringBuilder wrong = new StringBuilder();
  private CommandChannel.@Nullable Command command;
  private boolean started;
  private boolean meddled;
  private long allowed;
  private int owed;
  private int wanted;
  private int given;

  private Conduct(DrawnCommand drawn) {
    this.drawn = drawn;
    this.input = drawn.input.toByteArray();
    this.allowed = drawn.window;
  }

  /** The differences from the expected behaviour; empty if there are none. */
  static String differences(DrawnCommand drawn, CommandChannel channel) throws Exception {
    Conduct conduct = new Conduct(drawn);
    conduct.attach(channel.start(drawn.request(), conduct));
    CommandEnd how = conduct.end.get(90, TimeUnit.SECONDS);
    if (how instanceof CommandEnd.Killed killed && killed.survivors() > 0) {
      SLOWLY_KILLED.incrementAndGet();
    }
    return conduct.compare(how);
  }

  private synchronized String compare(CommandEnd how) {
    String ended = DrawnCommand.describe(how);
    if (!ended.equals(drawn.end)) {
      wrong.append("it ").append(ended).append(" and not ").append(drawn.end).append("; ");
    }
    compare("stdout", stdout, drawn.stdout);
    compare("stderr", stderr, drawn.stderr);
    return wrong.toString();
  }

  private void compare(String name, ByteArrayOutputStream said, Data expected) {
    int at = Arrays.mismatch(said.toByteArray(), expected.toByteArray());
    if (at >= 0) {
      wrong
          .append(name)
          .append(" has ")
          .append(said.size())
          .append(" bytes and not ")
          .append(expected.length())
          .append(", and differs at ")
          .append(at)
          .append("; ");
    }
  }

  private synchronized void attach(CommandChannel.Command begun) {
    command = begun;
    allow();
    act();
  }

  /**
   * Sends the input that the command asks for, and makes the planned interventions as soon as
   * possible.
   */
  private void act() {
    if (command == null || !started) {
      return;
    }
    if (!meddled) {
      meddled = true;
      switch (drawn.meddling) {
        case Meddling.None _ -> {}
        case Meddling.Kill _ -> command.kill();
        case Meddling.Signal(var signal) -> command.signal(signal);
      }
    }
    int part = Math.min(wanted, input.length - given);
    if (part > 0) {
      command.input(Data.of(input, given, part));
      wanted -= part;
      given += part;
    }
    if (given == input.length) {
      command.endInput();
    }
  }

  @Override
  public synchronized void started(int pid) {
    if (started) {
      wrong.append("it started twice; ");
    }
    started = true;
    act();
  }

  @Override
  public synchronized void output(OutputStreamName stream, Data data) {
    allowed -= data.length();
    if (!started || end.isDone() || allowed < 0) {
      wrong.append("output that was not allowed; ");
    }
    (stream == OutputStreamName.STDOUT ? stdout : stderr).writeBytes(data.toByteArray());
    owed += data.length();
    allow();
  }

  private void allow() {
    if (command != null && owed > 0) {
      command.allowOutput(owed);
      allowed += owed;
      owed = 0;
    }
  }

  @Override
  public synchronized void inputWanted(int bytes) {
    wanted += bytes;
    act();
  }

  @Override
  public void ended(CommandEnd how) {
    if (!end.complete(how)) {
      synchronized (this) {
        wrong.append("it ended twice; ");
      }
    }
  }
}
