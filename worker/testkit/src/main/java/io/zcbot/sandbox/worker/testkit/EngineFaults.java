/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit;

import io.zcbot.sandbox.worker.engine.EngineException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Faults of a fake engine, set by the test. */
public final class EngineFaults {
  /**
   * The next call of an operation fails.
   *
   * @param afterEffect whether what was asked has happened all the same
   */
  public record Fault(String operation, EngineException.Kind kind, boolean afterEffect) {}

  /** The worker's process ends at an operation's next call; it sees no answers to later calls. */
  public record Crash(String operation, boolean afterEffect) {}

  private final Map<String, Runnable> meanwhile = new HashMap<>();
  private final List<Fault> faults = new ArrayList<>();
  private @Nullable String interrupted;
  private int calls;
  private boolean gone;
  private @Nullable Crash crash;

  public synchronized void crashNext(Crash next) {
    crash = next;
  }

  /** From now on, another process of the worker makes the calls. */
  public synchronized void reconnect() {
    gone = false;
    crash = null;
  }

  public synchronized boolean crashed() {
    return gone;
  }

  public synchronized void failNext(Fault fault) {
    faults.add(fault);
  }

  /** The next call of an operation finds the caller interrupted, and so do all that follow. */
  public synchronized void interruptNext(String operation) {
    interrupted = operation;
  }

  /** Runs a task while the engine does this; a caller that it interrupts misses the answer. */
  public synchronized void meanwhile(String operation, Runnable event) {
    meanwhile.put(operation, event);
  }

  void missIfInterrupted(String operation) throws EngineException {
    Runnable event = meanwhile.remove(operation);
    if (event != null) {
      event.run();
      if (Thread.currentThread().isInterrupted()) {
        throw new EngineException(EngineException.Kind.UNAVAILABLE, operation, "interrupted", null);
      }
    }
  }

  public synchronized void heal() {
    faults.clear();
  }

  public synchronized int calls() {
    return calls;
  }

  synchronized @Nullable EngineException before(String operation) throws EngineException {
    calls++;
    if (operation.equals(interrupted)) {
      interrupted = null;
      Thread.currentThread().interrupt();
    }
    if (Thread.currentThread().isInterrupted()) {
      throw new EngineException(EngineException.Kind.UNAVAILABLE, operation, "interrupted", null);
    }
    Crash planned = crash;
    if (!gone && planned != null && planned.operation().equals(operation)) {
      gone = true;
      crash = null;
      if (planned.afterEffect()) {
        return goneIn(operation);
      }
    }
    if (gone) {
      throw goneIn(operation);
    }
    for (Fault fault : faults) {
      if (fault.operation().equals(operation)) {
        faults.remove(fault);
        EngineException failure =
            new EngineException(fault.kind(), operation, "fault of the test", null);
        if (!fault.afterEffect()) {
          throw failure;
        }
        return failure;
      }
    }
    return null;
  }

  private static EngineException goneIn(String operation) {
    return new EngineException(
        EngineException.Kind.REJECTED, operation, "the process is gone", null);
  }

  static void after(@Nullable EngineException failure) throws EngineException {
    if (failure != null) {
      throw failure;
    }
  }
}
