/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.base;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedTransferQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes calls to the file system of the workspaces with a deadline. Such a call may never return,
 * for example while the server of a network file system is away, and no interrupt ends it. On a
 * virtual thread it would hold one of the few threads that carry all virtual threads. So calls run
 * on a few threads of their own. Thread-safe.
 *
 * <p>A call that was given up may still take effect. Until it returns, further calls for its path
 * fail at once, so none overlaps with it; then what it returned is closed.
 *
 * <p>Once a few calls hang and none was answered since they began, the root itself counts as away:
 * calls are tried one at a time, and all others fail at once. If some are answered, only single
 * workspaces hang, each a mount of its own. While as many hang as there are threads, all others
 * fail at once.
 */
public final class FileCalls {
  private static final Logger log = LoggerFactory.getLogger(FileCalls.class);

  /** Makes each call on its caller's thread, without a deadline: for commands and tests. */
  public static final FileCalls DIRECT = new FileCalls(0, null, Duration.ZERO);

  private static final int FEW = 8;
  private static final int THREADS = 64;
  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final Duration KEPT_IDLE = Duration.ofMinutes(1);

  private final int few;
  private final @Nullable ThreadPoolExecutor threads;
  private final Duration patience;

  /** Calls that were given up and have not returned. */
  private final Set<Task<?>> hanging = ConcurrentHashMap.newKeySet();

  /** When the last call returned, or failed before it was given up. */
  private volatile long answered = System.nanoTime();

  /** Creates the calls of one workspace root. */
  public FileCalls() {
    this(FEW, THREADS, PATIENCE);
  }

  /**
   * Creates calls with other limits.
   *
   * @param few after how many calls without an answer the root counts as away
   * @param most how many threads calls may hold
   * @param patience how long a caller waits
   */
  public FileCalls(int few, int most, Duration patience) {
    this(
        few,
        new ThreadPoolExecutor(
            1,
            most,
            KEPT_IDLE.toSeconds(),
            TimeUnit.SECONDS,
            new Waiting(),
            Thread.ofPlatform().daemon().name("files-", 0).factory(),
            (call, pool) -> pool.getQueue().add(call)),
        patience);
  }

  private FileCalls(int few, @Nullable ThreadPoolExecutor threads, Duration patience) {
    this.few = few;
    this.threads = threads;
    this.patience = patience;
  }

  /** A call to the file system. */
  @FunctionalInterface
  public interface Call<T extends @Nullable Object> {
    T make() throws IOException;
  }

  /** A call that returns nothing. */
  @FunctionalInterface
  public interface Step {
    void run() throws IOException;
  }

  /** The file system did not answer in time. It may do so later. */
  public static final class UnansweredException extends IOException {
    private static final long serialVersionUID = 1L;

    public UnansweredException(String message) {
      super(message);
    }
  }

  /**
   * Makes a call and waits for it, even if the caller is interrupted.
   *
   * @param path what the call is about
   * @throws UnansweredException if it does not return in time; what it may return later is closed
   */
  public <T extends @Nullable Object> T at(Path path, Call<T> call) throws IOException {
    if (threads == null) {
      return call.make();
    }
    if (!hanging.isEmpty() && hanging.stream().anyMatch(task -> task.path.equals(path))) {
      throw new UnansweredException("there is still no answer from the file system of " + path);
    }
    if (hanging.size() >= threads.getMaximumPoolSize() || (isAway() && isTrying(threads))) {
      throw new UnansweredException(
          path + " is not tried while " + hanging.size() + " calls to its file system hang");
    }
    Task<T> task = new Task<>(path, call);
    Threads.orEnd(() -> threads.execute(task));
    try {
      return await(task);
    } catch (TimeoutException _) {
      return giveUp(task, threads);
    }
  }

  /** As {@link #at}, for a call that returns nothing. */
  public void run(Path path, Step step) throws IOException {
    boolean _ =
        at(
            path,
            () -> {
              step.run();
              return true;
            });
  }

  /** Why the workspaces can't be used; null while the file system answers. Any thread. */
  public @Nullable String problem() {
    long now = System.nanoTime();
    long longest = hanging.stream().mapToLong(task -> now - task.begun).max().orElse(-1);
    return longest < 0
        ? null
        : "the workspace root does not answer: calls to its file system hang, one of them for "
            + TimeUnit.NANOSECONDS.toSeconds(longest)
            + " s";
  }

  /** Whether a few calls hang that all began after the last answer. */
  private boolean isAway() {
    return hanging.stream().filter(task -> task.begun - answered > 0).count() >= few;
  }

  /** Whether a call is under way that was not given up. */
  private boolean isTrying(ThreadPoolExecutor pool) {
    return pool.getActiveCount() > hanging.size() || !pool.getQueue().isEmpty();
  }

  private <T extends @Nullable Object> T await(Task<T> task) throws IOException, TimeoutException {
    long deadline = System.nanoTime() + patience.toNanos();
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return task.get(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException _) {
          interrupted = true; // what is undone at a stop must be undone in spite of its interrupts
        } catch (ExecutionException e) {
          throw failure(e.getCause());
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private <T extends @Nullable Object> T giveUp(Task<T> task, ThreadPoolExecutor pool)
      throws IOException {
    hanging.add(task); // before the cancellation, since the end of the task removes it
    if (!task.cancel(true)) { // it has just ended
      boolean _ = hanging.remove(task);
      return ended(task);
    }
    if (pool.remove(task)) { // it had no turn
      boolean _ = hanging.remove(task);
    } else {
      log.warn("no answer from the file system of {} within {} s", task.path, patience.toSeconds());
    }
    throw new UnansweredException(
        "no answer from the file system of "
            + task.path
            + " within "
            + patience.toSeconds()
            + " s");
  }

  private <T extends @Nullable Object> T ended(Task<T> task) throws IOException {
    try {
      return await(task);
    } catch (TimeoutException e) {
      throw new IllegalStateException("a task that has ended has a result", e);
    }
  }

  private static IOException failure(@Nullable Throwable thrown) {
    return switch (thrown) {
      case IOException refused -> refused;
      case RuntimeException unexpected -> throw unexpected;
      case Error unexpected -> throw unexpected;
      case null, default -> throw new IllegalStateException("a call declares nothing else", thrown);
    };
  }

  /**
   * The calls that wait for a thread. A pool offers a call before it starts another thread, and
   * adds it if there can be no more.
   */
  private static final class Waiting extends LinkedTransferQueue<Runnable> {
    private static final long serialVersionUID = 1L;

    @Override
    public boolean offer(Runnable call) {
      return tryTransfer(call); // to an idle thread
    }

    @Override
    public boolean add(Runnable call) {
      return super.offer(call);
    }
  }

  private final class Task<T extends @Nullable Object> extends FutureTask<T> {
    private final Path path;
    private final long begun = System.nanoTime();

    Task(Path path, Call<T> call) {
      super(call::make);
      this.path = path;
    }

    @Override
    public void run() {
      try {
        super.run();
      } finally {
        if (hanging.remove(this)) {
          log.info("the file system of {} answers again", path);
        }
      }
    }

    /** Called with what the call returned; closes it if nobody gets it. */
    @Override
    protected void set(T returned) {
      answered = System.nanoTime(); // before its caller, or the caller's next call, can know
      super.set(returned);
      if (isCancelled() && returned instanceof AutoCloseable left) {
        try {
          left.close();
        } catch (Exception e) {
          log.warn("what was made late of {} could not be undone: {}", path, e.getMessage());
        }
      }
    }

    /** Called with how the call failed; that is no answer if the interrupt may have ended it. */
    @Override
    protected void setException(Throwable thrown) {
      if (!isCancelled()) {
        answered = System.nanoTime();
      }
      super.setException(thrown);
    }
  }
}
