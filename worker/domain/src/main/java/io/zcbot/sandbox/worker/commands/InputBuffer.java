/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Budget;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Standard input that a command has not asked for yet. Signals and sizes bypass it; before the
 * command's start, the last size and the last of each signal wait. Thread-safe; no method blocks.
 */
final class InputBuffer implements CommandInput {
  static final int MAX_BYTES = 256 * 1024;

  /** What each command that runs may keep without the shared budget. */
  private static final int WINDOW = 16 * 1024;

  /** What it may keep before its start: far more commands wait than run. */
  private static final int EARLY = 1024;

  private final ByteQueue bytes = new ByteQueue();
  private final ForwardedInputs forwarded = new ForwardedInputs();
  private final Budget<UserId>.Share budget;
  private final Set<CommandSignal> early = new LinkedHashSet<>();
  private @Nullable TerminalSize size;
  private CommandChannel.@Nullable Command command;
  private CompletableFuture<Void> room = CompletableFuture.completedFuture(null);
  private long wanted;
  private boolean endsBehind;
  private boolean over; // takes no more standard input
  private boolean ended;
  private @Nullable Runnable read;
  private int unpaid; // bytes that need no budget: the window, and what the exec paid for
  private int paid;
  private int promised; // the part of paid for bytes that were refused and will come again
  private Budget.@Nullable Claim<UserId> claim;
  private boolean withdrew; // so that claims behind it may fit

  /**
   * Creates the buffer with the standard input of an exec.
   *
   * @param budget for what input events bring
   */
  InputBuffer(Exec exec, Budget<UserId>.Share budget) {
    this.budget = budget;
    bytes.add(exec.stdin(), exec.stdin().length());
    unpaid = EARLY + exec.stdin().length();
    endsBehind = !exec.inputFollows();
  }

  /** Sets what to run once what the exec brought is read, or will not be. */
  synchronized void onRead(Runnable run) {
    read = run;
  }

  @Override
  public boolean offer(ReadInput given) {
    AtomicBoolean taken = new AtomicBoolean();
    change(() -> taken.set(takeOnce(given)));
    return taken.get();
  }

  private boolean takeOnce(ReadInput given) {
    if (forwarded.contain(given)) {
      return true;
    }
    boolean isTaken = take(given.content());
    if (isTaken) {
      forwarded.add(given);
    }
    return isTaken;
  }

  private boolean take(Input.Content content) {
    switch (content) {
      case Input.Content.Bytes(var data) -> {
        if (over || endsBehind) {
          return true;
        }
        if (!hasRoom(data.length())) {
          if (room.isDone()) {
            room = new CompletableFuture<>();
          }
          return false;
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
    return true;
  }

  @Override
  public synchronized CompletableFuture<Void> room() {
    return room;
  }

  @Override
  public synchronized boolean isOpen() {
    return !ended;
  }

  @Override
  public synchronized boolean goesOn() {
    return !over && !endsBehind;
  }

  /** Sets the command, once it is started, and passes it what waited. */
  void attach(CommandChannel.Command started) {
    change(
        () -> {
          command = started;
          unpaid += WINDOW - EARLY;
          if (size != null) {
            started.resize(size);
          }
          early.forEach(started::signal);
          early.clear();
          pass();
        });
  }

  /** The command asks for more bytes. */
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
          ended = true;
          bytes.clear();
          early.clear();
          room.complete(null);
          notifyRead();
          withdraw();
        });
  }

  /** Whether there is room for more bytes; if not, claims budget for them. */
  private boolean hasRoom(int count) {
    if (bytes.length() == 0 && command != null && count <= wanted) {
      withdraw();
      return true; // the command takes all of it at once
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
      withdrew = true;
    }
  }

  /** The budget needed for what is kept, with so many more bytes. */
  private int toPay(int more) {
    return Math.max(0, bytes.memory() + more - unpaid);
  }

  /** Takes back the budget that is no longer needed, for the caller to return. */
  private int surplus() {
    int back = Math.max(0, over ? paid : paid - promised - toPay(0));
    paid -= back;
    return back;
  }

  /**
   * Changes the state, and lets others have what is not needed any more, surplus budget or a place
   * in the queue for it, only after releasing the lock: the budget calls other buffers back, which
   * take their own locks.
   */
  private void change(Runnable change) {
    int back;
    boolean gives;
    synchronized (this) {
      change.run();
      back = surplus();
      gives = back > 0 || withdrew;
      withdrew = false;
    }
    if (gives) {
      budget.give(back);
    }
  }

  private void notifyRead() {
    Runnable onRead = read;
    if (onRead != null) {
      read = null;
      unpaid = WINDOW;
      onRead.run();
    }
  }

  private void signal(CommandSignal signal) {
    if (command != null) {
      command.signal(signal);
    } else if (!early.contains(CommandSignal.KILL)) {
      early.remove(signal); // keep the last of each signal, in order
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
      notifyRead();
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
