/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli.terminal;

import java.lang.reflect.Proxy;

/**
 * Signals that this process handles instead of ending. The JDK has no other way to do so than a
 * class of its module {@code jdk.unsupported}; it is used by reflection, because the compiler can't
 * be told not to warn of it. Where it is missing, signals end the process.
 */
public final class Signals {
  private Signals() {}

  /**
   * Handles a signal from now on.
   *
   * @param name without {@code SIG}, such as {@code INT}
   * @param handler called by a thread of its own
   * @return takes the handler away again
   */
  public static Handling handle(String name, Runnable handler) {
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handlers = Class.forName("sun.misc.SignalHandler");
      Object number = signal.getConstructor(String.class).newInstance(name);
      Object ours =
          Proxy.newProxyInstance(
              handlers.getClassLoader(),
              new Class<?>[] {handlers},
              (_, method, _) -> {
                // Nobody calls anything else.
                if (method.getName().equals("handle")) {
                  handler.run();
                }
                return null;
              });
      var handle = signal.getMethod("handle", signal, handlers);
      Object before = handle.invoke(null, number, ours);
      return () -> {
        try {
          var _ = handle.invoke(null, number, before);
        } catch (ReflectiveOperationException e) {
          throw new IllegalStateException("the handler of " + name + " could not be removed", e);
        }
      };
    } catch (ReflectiveOperationException _) {
      return () -> {};
    }
  }

  /** A signal's handler that is in place. */
  public interface Handling extends AutoCloseable {
    @Override
    void close();
  }
}
