/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.invoke.VarHandle;
import java.lang.reflect.Field;
import java.util.Set;
import java.util.concurrent.Executor;

/**
 * Virtual threads on a custom scheduler, made as in the JDK's own tests. There is no public API for
 * that, so this depends on the JDK, whose version the build pins.
 */
final class ScheduledThreads {
  private static final MethodHandle BUILDER;
  private static final MethodHandle CARRIER;
  private static final VarHandle SCHEDULER;
  private static final Set<Thread> TRACKED;

  static {
    try {
      MethodHandles.Lookup trusted = trusted();
      BUILDER =
          trusted
              .findConstructor(
                  Class.forName("java.lang.ThreadBuilders$VirtualThreadBuilder"),
                  MethodType.methodType(void.class, Executor.class))
              .asType(MethodType.methodType(Thread.Builder.OfVirtual.class, Executor.class));
      CARRIER =
          trusted.findStatic(
              Thread.class, "currentCarrierThread", MethodType.methodType(Thread.class));
      SCHEDULER =
          trusted.findVarHandle(
              Class.forName("java.lang.VirtualThread"), "scheduler", Executor.class);
      TRACKED = tracked(trusted);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private ScheduledThreads() {}

  private static MethodHandles.Lookup trusted() throws ReflectiveOperationException {
    Class<?> type = Class.forName("sun.misc.Unsafe");
    Field instance = type.getDeclaredField("theUnsafe");
    instance.setAccessible(true);
    Object unsafe = instance.get(null);
    Field lookup = MethodHandles.Lookup.class.getDeclaredField("IMPL_LOOKUP");
    Object base = type.getMethod("staticFieldBase", Field.class).invoke(unsafe, lookup);
    Object offset = type.getMethod("staticFieldOffset", Field.class).invoke(unsafe, lookup);
    return (MethodHandles.Lookup)
        type.getMethod("getObject", Object.class, long.class).invoke(unsafe, base, offset);
  }

  @SuppressWarnings("unchecked")
  private static Set<Thread> tracked(MethodHandles.Lookup trusted)
      throws ReflectiveOperationException {
    Class<?> container =
        Class.forName("jdk.internal.vm.ThreadContainers$RootContainer$TrackingRootContainer");
    return (Set<Thread>) trusted.findStaticVarHandle(container, "VTHREADS", Set.class).get();
  }

  static Thread.Builder.OfVirtual builder(Executor scheduler) {
    try {
      return (Thread.Builder.OfVirtual) BUILDER.invokeExact(scheduler);
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * The platform thread on which the current thread runs; for a platform thread, the thread itself.
   */
  static Thread carrier() {
    try {
      return (Thread) CARRIER.invokeExact();
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }

  /** Allows the garbage collector to remove threads that will never run again. */
  static void forget(Class<? extends Executor> schedulers) {
    TRACKED.removeIf(
        thread -> thread.isVirtual() && schedulers.isInstance((Executor) SCHEDULER.get(thread)));
  }
}
