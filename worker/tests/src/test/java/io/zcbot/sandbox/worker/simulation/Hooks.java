/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/**
 * The methods that simulated classes call instead of the JDK's: for threads, waits, clocks and
 * random numbers.
 */
public final class Hooks {
  private static final Duration SLICE = Duration.ofMillis(200);

  private Hooks() {}

  @InPlaceOf(owner = "java.lang.Thread", name = "ofVirtual", isStatic = true)
  public static Thread.Builder.OfVirtual ofVirtual() {
    return Machine.current().process().threads();
  }

  @InPlaceOf(owner = "java.lang.Thread", name = "ofPlatform", isStatic = true)
  public static Thread.Builder.OfVirtual ofPlatform() {
    return ofVirtual();
  }

  @InPlaceOf(
      owner = "java.util.concurrent.Executors",
      name = "newVirtualThreadPerTaskExecutor",
      isStatic = true)
  public static ExecutorService newVirtualThreadPerTaskExecutor() {
    return Executors.newThreadPerTaskExecutor(ofVirtual().factory());
  }

  /** Lists no threads, since most never end: they are forgotten with their machine. */
  @InPlaceOf(owner = "io.zcbot.sandbox.worker.base.Threads", name = "run", isStatic = true)
  public static void run(Runnable task) {
    task.run();
  }

  @InPlaceOf(owner = "java.lang.Thread", name = "sleep", isStatic = true)
  public static void sleep(long millis) throws InterruptedException {
    Machine.current().sleep(Duration.ofMillis(millis));
  }

  @InPlaceOf(owner = "java.lang.System", name = "nanoTime", isStatic = true)
  public static long nanoTime() {
    return Machine.current().monotonic();
  }

  @InPlaceOf(owner = "java.time.Instant", name = "now", isStatic = true)
  public static Instant now() {
    return Machine.current().now();
  }

  @InPlaceOf(owner = "java.lang.Math", name = "random", isStatic = true)
  public static double random() {
    return Machine.current().random().nextDouble();
  }

  @InPlaceOf(owner = "java.util.concurrent.ThreadLocalRandom", name = "nextLong")
  public static long nextLong(ThreadLocalRandom random) {
    return Machine.current().random().nextLong();
  }

  /** A key, on which nothing depends that is judged. */
  @InPlaceOf(owner = "java.security.SecureRandom", name = "nextLong")
  public static long nextLong(SecureRandom random) {
    return 1;
  }

  @InPlaceOf(owner = "java.util.concurrent.CompletableFuture", name = "get")
  public static Object get(CompletableFuture<?> future, long time, TimeUnit unit)
      throws InterruptedException, ExecutionException, TimeoutException {
    if (!future.isDone() && time > 0) {
      Machine machine = Machine.current();
      CompletableFuture<Object> either = new CompletableFuture<>();
      future.whenComplete((_, _) -> either.complete(true));
      machine.process().after(Duration.ofNanos(unit.toNanos(time)), () -> either.complete(false));
      either.get();
    }
    if (!future.isDone()) {
      throw new TimeoutException();
    }
    return future.get();
  }

  @InPlaceOf(owner = "java.util.concurrent.CountDownLatch", name = "await")
  public static boolean await(CountDownLatch latch, long time, TimeUnit unit)
      throws InterruptedException {
    return until(() -> latch.getCount() == 0, unit.toNanos(time));
  }

  @InPlaceOf(owner = "java.util.concurrent.Semaphore", name = "tryAcquire")
  public static boolean tryAcquire(Semaphore semaphore, long time, TimeUnit unit)
      throws InterruptedException {
    return until(semaphore::tryAcquire, unit.toNanos(time));
  }

  @InPlaceOf(owner = "java.lang.Thread", name = "join")
  public static boolean join(Thread thread, Duration limit) throws InterruptedException {
    return until(() -> !thread.isAlive(), limit.toNanos());
  }

  private static boolean until(BooleanSupplier done, long nanos) throws InterruptedException {
    Machine machine = Machine.current();
    long deadline = machine.nanos() + nanos;
    while (!done.getAsBoolean()) {
      long left = deadline - machine.nanos();
      if (left <= 0) {
        return false;
      }
      machine.sleep(Duration.ofNanos(Math.min(left, SLICE.toNanos())));
    }
    return true;
  }

  /** A condition whose timed waits use simulated time. */
  @InPlaceOf(owner = "java.util.concurrent.locks.ReentrantLock", name = "newCondition")
  public static Condition newCondition(ReentrantLock lock) {
    return new SimulatedCondition(lock);
  }

  @InPlaceOf(owner = "java.util.Set", name = "copyOf", isStatic = true)
  public static Set<?> copyOf(Collection<?> all) {
    return Collections.unmodifiableSet(new LinkedHashSet<>(all)); // the JDK's order varies by run
  }

  @InPlaceOf(owner = "java.util.Map", name = "copyOf", isStatic = true)
  public static Map<?, ?> copyOf(Map<?, ?> all) {
    return Collections.unmodifiableMap(new LinkedHashMap<>(all));
  }
}
