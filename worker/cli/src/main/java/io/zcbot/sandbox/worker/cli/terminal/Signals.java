/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli.terminal;

import java.lang.reflect.Proxy;

/**
 * Handles signals that would otherwise end the process. The JDK's only API for this is a class of
 * its module {@code jdk.unsupported}. It is used by reflection, because the compiler's warning
 * about it can't be suppressed. Where the class is missing, signals end the process.
 */
public final class Signals {
  private Signals() {}

  /**
   * Installs a handler for a signal.
   *
   * @param name without {@code SIG}, such as {@code INT}
   * @param handler called on a thread of the JVM
   * @return closing it restores the previous handler
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
                // only this method is ever called
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

  /** An installed handler. */
  public interface Handling extends AutoCloseable {
    @Override
    void close();
  }
}
