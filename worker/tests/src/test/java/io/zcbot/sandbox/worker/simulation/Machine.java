/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Queue;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.LockSupport;

/**
 * Processes, their threads and their time, in one thread. The threads are virtual ones that run,
 * one at a time, where {@link #run} is called. Which of the runnable threads is next is drawn from
 * the seed. Time passes when none is runnable.
 */
final class Machine {
  /** An arbitrary start time, in seconds since 1970. */
  private static final Instant BEGIN = Instant.ofEpochSecond(1_800_000_000L);

  private static final long MOST_STEPS = 500_000;

  private static Machine current;

  private final Thread own = ScheduledThreads.carrier();
  private final Random random;
  private final List<Task> ready = new ArrayList<>();
  private final PriorityQueue<Timer> timers =
      new PriorityQueue<>(Comparator.comparingLong(Timer::at).thenComparingLong(Timer::number));
  private final Process outside = new Process("outside");
  private Process running = outside;
  private long nanos = 1_000_000_000_000L;
  private long numbers;
  private long steps;
  private long trace = 17;
  private Throwable failure;
  private final Queue<Runnable> late = new ConcurrentLinkedQueue<>();
  private volatile boolean disturbed;
  private volatile boolean closed;

  private record Task(Process process, Runnable work) {}

  private record Timer(long at, long number, Process process, Runnable work) {}

  Machine(long seed) {
    // The first numbers of a Random hardly differ between small seeds.
    this.random = new Random(new SplittableRandom(seed).nextLong());
    current = this;
  }

  static Machine current() {
    return current;
  }

  Random random() {
    return random;
  }

  long nanos() {
    return nanos;
  }

  /** The monotonic clock of the running process. */
  long monotonic() {
    return nanos - running.slept;
  }

  /** The wall clock of the running process. */
  Instant now() {
    return wall(nanos).plus(running.clockAhead);
  }

  /** The true time. */
  Instant wall(long at) {
    return BEGIN.plusNanos(at - 1_000_000_000_000L);
  }

  Process process() {
    return running;
  }

  /** The process of everything that is not a worker: brokers, engines, agents. */
  Process outside() {
    return outside;
  }

  long steps() {
    return steps;
  }

  /**
   * A hash of the run. If it differs for the same seed, something is not under the simulation's
   * control.
   */
  long trace() {
    return trace;
  }

  void trace(Object what) {
    trace = trace * 31 + what.hashCode();
  }

  /** One operating system process, which can be frozen and killed. */
  final class Process implements Executor {
    private final String name;
    private final List<Task> held = new ArrayList<>();
    private boolean frozen;
    private boolean dead;
    private long fellAsleep;
    private long slept;
    Duration clockAhead = Duration.ZERO;
    SimulatedWorker worker;

    Process(String name) {
      this.name = name;
    }

    /**
     * Makes a thread of the process runnable. Another thread of this Java process calls this if a
     * simulated one had to wait for a shared resource: a lock of the log, the loading of a class.
     * The simulated thread must not be forgotten, or nobody would get that lock after it; nor must
     * those that wait behind it, to which it hands the lock.
     */
    @Override
    public void execute(Runnable work) {
      if (ScheduledThreads.carrier() == own && !disturbed && !closed) {
        offer(new Task(this, work));
        return;
      }
      disturbed = true;
      late.add(work);
      if (closed) {
        Thread.ofPlatform().daemon().start(Machine.this::runLate);
      }
    }

    Thread.Builder.OfVirtual threads() {
      return ScheduledThreads.builder(this);
    }

    /**
     * Runs a task of the process after a delay, not in a separate thread. The task must not wait.
     */
    void after(Duration delay, Runnable work) {
      timers.add(new Timer(nanos + delay.toNanos(), numbers++, this, work));
    }

    void freeze() {
      frozen = true;
    }

    boolean hasSlept() {
      return slept > 0;
    }

    /** The machine's time when the monotonic clock of this process showed that. */
    long nanosAt(long monotonic) {
      return monotonic > fellAsleep ? monotonic + slept : monotonic;
    }

    void thaw() {
      frozen = false;
      held.forEach(Machine.this::offer);
      held.clear();
    }

    /** Thaws it after a sleep, once only, in which its monotonic clock stood still. */
    void wake(Duration asleep) {
      slept = asleep.toNanos();
      fellAsleep = nanos - slept;
      thaw();
    }

    void kill() {
      dead = true;
      held.clear();
      ready.removeIf(task -> task.process == this);
    }

    boolean isDead() {
      return dead;
    }

    boolean isFrozen() {
      return frozen;
    }

    @Override
    public String toString() {
      return name;
    }
  }

  Process process(String name) {
    return new Process(name);
  }

  private void offer(Task task) {
    if (task.process.dead) {
      return;
    }
    (task.process.frozen ? task.process.held : ready).add(task);
  }

  /** Reports an error; the run ends. */
  void fail(Throwable why) {
    if (failure == null) {
      failure = why;
    }
  }

  /** Whether something happened that a seed does not repeat. Then the history proves nothing. */
  boolean isDisturbed() {
    return disturbed;
  }

  private void endIfDisturbed() {
    if (disturbed) {
      runLate();
      throw new IllegalStateException("a simulated thread waited for one that is not");
    }
  }

  private void runLate() {
    for (Runnable work = late.poll(); work != null; work = late.poll()) {
      work.run();
    }
  }

  /** Runs everything until a time. */
  void runFor(Duration time) {
    long end = nanos + time.toNanos();
    while (true) {
      endIfDisturbed();
      while (!ready.isEmpty()) {
        step();
      }
      Timer next = timers.peek();
      if (next == null || next.at > end) {
        nanos = end;
        return;
      }
      timers.remove();
      nanos = Math.max(nanos, next.at);
      offer(new Task(next.process, next.work));
    }
  }

  private void step() {
    Task task = ready.remove(ready.size() == 1 ? 0 : random.nextInt(ready.size()));
    if (task.process.frozen) {
      task.process.held.add(task);
      return;
    }
    if (steps++ > MOST_STEPS) {
      throw new AssertionError("does not come to rest");
    }
    endIfDisturbed();
    running = task.process;
    try {
      task.work.run();
    } catch (Throwable e) {
      fail(e);
    } finally {
      running = outside;
    }
    if (failure != null) {
      throw new AssertionError(failure.getMessage(), failure);
    }
  }

  /** Waits, in a simulated thread. */
  void sleep(Duration time) throws InterruptedException {
    long until = nanos + time.toNanos();
    Thread me = Thread.currentThread();
    if (!me.isVirtual()) {
      throw new IllegalStateException("only simulated threads can wait");
    }
    running.after(time, () -> LockSupport.unpark(me));
    while (nanos < until) {
      LockSupport.park();
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
    }
  }

  /** Ends the run; the threads are forgotten. */
  void close() {
    closed = true;
    runLate();
    current = null;
    ScheduledThreads.forget(Process.class);
  }
}
