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
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * What a command is to read and has not asked for yet. Signals and sizes pass it by; before the
 * command's start the last size and the last of each signal wait for it. No method blocks.
 */
final class InputBuffer {
  static final int MAX_BYTES = 256 * 1024;

  /** What each command may keep, whatever others do. */
  private static final int WINDOW = 16 * 1024;

  private final ByteQueue bytes = new ByteQueue();
  private final ForwardedInputs forwarded = new ForwardedInputs();
  private final MemoryBudget.Share budget;
  private final Set<CommandSignal> early = new LinkedHashSet<>();
  private @Nullable TerminalSize size;
  private CommandChannel.@Nullable Command command;
  private CompletableFuture<Void> room = CompletableFuture.completedFuture(null);
  private long wanted;
  private boolean endsBehind;
  private boolean over;
  private @Nullable Runnable read;
  private int unpaid; // the window, and what the exec pays for
  private int paid;
  private int promised; // of what is paid: for bytes that come again
  private MemoryBudget.@Nullable Claim claim;

  /**
   * The standard input of an exec.
   *
   * @param read run once what the exec brings is read, or will not be
   * @param budget for what comes behind that
   */
  InputBuffer(Exec exec, Runnable read, MemoryBudget.Share budget) {
    this.read = read;
    this.budget = budget;
    bytes.add(exec.stdin(), exec.stdin().length());
    unpaid = WINDOW + exec.stdin().length();
    endsBehind = !exec.inputFollows();
  }

  Taken offer(ReadInput given) {
    AtomicReference<Taken> taken = new AtomicReference<>(Taken.TAKEN);
    change(() -> taken.set(takeOnce(given)));
    return taken.get();
  }

  private Taken takeOnce(ReadInput given) {
    if (forwarded.contain(given)) {
      return Taken.TAKEN;
    }
    Taken taken = take(given.content());
    if (taken == Taken.TAKEN) {
      forwarded.add(given);
    }
    return taken;
  }

  private Taken take(Input.Content content) {
    switch (content) {
      case Input.Content.Bytes(var data) -> {
        if (over || endsBehind) {
          return Taken.TAKEN;
        }
        if (!hasRoom(data.length())) {
          if (room.isDone()) {
            room = new CompletableFuture<>();
          }
          return Taken.FULL;
        }
        promised = 0;
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

  /** Whether bytes or their end may come. */
  synchronized boolean goesOn() {
    return !over && !endsBehind;
  }

  /** The command that reads, once it is known. */
  void attach(CommandChannel.Command started) {
    change(
        () -> {
          command = started;
          if (size != null) {
            started.resize(size);
          }
          early.forEach(started::signal);
          early.clear();
          pass();
        });
  }

  /** The command asks for so much more. */
  void wanted(int count) {
    change(
        () -> {
          wanted = Math.min(wanted + Math.max(0, count), Integer.MAX_VALUE);
          pass();
        });
  }

  /** The command ended. */
  void end() {
    change(
        () -> {
          over = true;
          bytes.clear();
          early.clear();
          room.complete(null);
          tellRead();
          withdraw();
        });
  }

  /** Whether so many bytes may come; if not, they are asked for. */
  private boolean hasRoom(int count) {
    if (bytes.length() == 0 && command != null && count <= wanted) {
      withdraw();
      return true; // nothing of it is kept
    }
    if (bytes.length() > 0 && bytes.length() + count > MAX_BYTES) {
      return false;
    }
    int missing = toPay(count) - paid;
    if (missing > 0 && claim == null) {
      claim = budget.await(missing, () -> granted(missing));
    } else if (missing <= 0) {
      withdraw();
    }
    return missing <= 0 || claim == null;
  }

  private void granted(int count) {
    change(
        () -> {
          claim = null;
          paid += count;
          promised += count;
          room.complete(null);
        });
  }

  private void withdraw() {
    if (claim != null && budget.withdraw(claim)) {
      claim = null;
    }
  }

  /** For what is kept, if there are so many more bytes. */
  private int toPay(int more) {
    return Math.max(0, bytes.memory() + more - unpaid);
  }

  /** What is paid for nothing. */
  private int surplus() {
    int back = Math.max(0, over ? paid : paid - promised - toPay(0));
    paid -= back;
    return back;
  }

  /** Gives back without the lock: those who wait are told at once, and have locks of their own. */
  private void change(Runnable change) {
    int back;
    synchronized (this) {
      change.run();
      back = surplus();
    }
    if (back > 0) {
      budget.give(back);
    }
  }

  private void tellRead() {
    Runnable told = read;
    if (told != null) {
      read = null;
      unpaid = WINDOW;
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
