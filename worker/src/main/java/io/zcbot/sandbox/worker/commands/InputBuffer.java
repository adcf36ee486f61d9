/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * What a command is to read and has not asked for yet. Signals and sizes pass it by; before the
 * command's start the last size and the last of each signal wait for it. No method blocks.
 */
final class InputBuffer {
  static final int MAX_BYTES = 256 * 1024;

  private final ByteQueue bytes = new ByteQueue();
  private final Set<CommandSignal> early = new LinkedHashSet<>();
  private @Nullable TerminalSize size;
  private CommandChannel.@Nullable Command command;
  private CompletableFuture<Void> room = CompletableFuture.completedFuture(null);
  private long wanted;
  private boolean endsBehind;
  private boolean over;
  private @Nullable Runnable read;

  /**
   * The standard input of an exec.
   *
   * @param read run once what the exec brings is read, or will not be
   */
  InputBuffer(Exec exec, Runnable read) {
    this.read = read;
    bytes.add(exec.stdin(), exec.stdin().length());
    endsBehind = !exec.inputFollows();
  }

  synchronized Taken offer(Input.Content content) {
    switch (content) {
      case Input.Content.Bytes(var data) -> {
        if (over || endsBehind) {
          return Taken.TAKEN;
        }
        if (bytes.length() > 0 && bytes.length() + data.length() > MAX_BYTES) {
          if (room.isDone()) {
            room = new CompletableFuture<>();
          }
          return Taken.FULL;
        }
        bytes.add(data, data.length());
        pass();
      }
      case Input.Content.End() -> {
        if (!endsBehind) {
          endsBehind = true;
          pass();
        }
      }
      case Input.Content.Signal(var signal) -> signal(signal);
      case Input.Content.Resize(var to) -> resize(to);
    }
    return Taken.TAKEN;
  }

  /** Completes when bytes that were too much can come again, or there is no need to. */
  synchronized CompletableFuture<Void> room() {
    return room;
  }

  /** The command that reads, once it is known. */
  synchronized void attach(CommandChannel.Command started) {
    command = started;
    if (size != null) {
      started.resize(size);
    }
    early.forEach(started::signal);
    early.clear();
    pass();
  }

  /** The command asks for so much more. */
  synchronized void wanted(int count) {
    wanted = Math.min(wanted + Math.max(0, count), Integer.MAX_VALUE);
    pass();
  }

  /** The command ended. */
  synchronized void end() {
    over = true;
    bytes.take(Integer.MAX_VALUE);
    early.clear();
    room.complete(null);
    tellRead();
  }

  private void tellRead() {
    Runnable told = read;
    if (told != null) {
      read = null;
      told.run();
    }
  }

  private void signal(CommandSignal signal) {
    if (command != null) {
      command.signal(signal);
    } else if (!early.contains(CommandSignal.KILL)) {
      early.remove(signal); // the last of each counts, in the order of these
      early.add(signal);
    }
  }

  private void resize(TerminalSize to) {
    if (command != null) {
      command.resize(to);
    } else {
      size = to;
    }
  }

  private void pass() {
    if (command == null || over) {
      return;
    }
    int count = (int) Math.min(wanted, bytes.length());
    if (count > 0) {
      wanted -= count;
      command.input(bytes.take(count));
    }
    if (bytes.length() == 0) {
      tellRead();
    }
    if (bytes.length() == 0 && endsBehind) {
      over = true;
      command.endInput();
    }
    if (bytes.length() <= MAX_BYTES / 2) {
      room.complete(null);
    }
  }
}
