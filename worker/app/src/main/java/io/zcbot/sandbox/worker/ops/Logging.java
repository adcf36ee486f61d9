/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.encoder.Encoder;
import io.zcbot.sandbox.worker.config.LogConfig;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.ILoggerFactory;
import org.slf4j.LoggerFactory;
import org.slf4j.helpers.SubstituteLoggerFactory;

/**
 * Configures logback. Log lines go to standard error, because standard output is for the output of
 * commands. Libraries log only warnings and errors; at lower levels they log much, including
 * settings.
 */
public final class Logging {
  /**
   * A logger that is switched off: it logs an error for each record that is left for the next poll
   * ({@code PollBudget}). Nothing else of it is of interest, because workers deserialize nothing.
   */
  private static final String DESERIALIZATION =
      "org.apache.kafka.clients.consumer.internals.CompletedFetch";

  private static volatile boolean leavesOutFile;

  private Logging() {}

  public static void configure(LogConfig config) {
    Level own = Level.toLevel(config.level().name());
    configure(config.format(), own, own.isGreaterOrEqual(Level.WARN) ? own : Level.WARN);
  }

  /**
   * Configures logging for a command: errors of our own only, or with {@code verbose} all of our
   * own and libraries' warnings.
   */
  public static void configureForCommand(boolean verbose) {
    leavesOutFile = true;
    try {
      var _ = LoggerFactory.getILoggerFactory(); // creates logback, which would read its file now
    } finally {
      leavesOutFile = false;
    }
    configure(
        LogConfig.Format.TEXT,
        verbose ? Level.DEBUG : Level.ERROR,
        verbose ? Level.WARN : Level.OFF);
  }

  /**
   * Whether logback must skip its configuration file; asked by {@link CommandLogging} while logback
   * is created.
   */
  static boolean leavesOutFile() {
    return leavesOutFile;
  }

  /** Restricts a logger to errors from now on. */
  public static void quiet(String logger) {
    restrict(logger, Level.ERROR);
  }

  /** Switches a logger off from now on. */
  public static void silence(String logger) {
    restrict(logger, Level.OFF);
  }

  private static void restrict(String logger, Level level) {
    if (LoggerFactory.getLogger(logger) instanceof ch.qos.logback.classic.Logger restricted) {
      restricted.setLevel(level);
    }
  }

  /**
   * Returns slf4j's back end. While another thread initializes slf4j, that is a substitute, so this
   * waits for up to 10 s.
   */
  private static ILoggerFactory backEnd() {
    long begin = System.nanoTime();
    ILoggerFactory found = LoggerFactory.getILoggerFactory();
    while (found instanceof SubstituteLoggerFactory
        && System.nanoTime() - begin < TimeUnit.SECONDS.toNanos(10)) {
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
      found = LoggerFactory.getILoggerFactory();
    }
    return found;
  }

  private static synchronized void configure(LogConfig.Format format, Level own, Level libraries) {
    if (!(backEnd() instanceof LoggerContext context)) {
      throw new IllegalStateException(
          "could not set up logging: slf4j found another back end than logback;"
              + " remove it from the class path");
    }
    context.reset();
    Encoder<ILoggingEvent> encoder =
        switch (format) {
          case TEXT -> new TextLineEncoder();
          case JSON -> new JsonLineEncoder();
        };
    encoder.setContext(context);
    encoder.start();
    ConsoleAppender<ILoggingEvent> console = new ConsoleAppender<>();
    console.setName("console");
    console.setTarget("System.err");
    console.setContext(context);
    console.setEncoder(encoder);
    RepeatFilter repeats = new RepeatFilter();
    repeats.start();
    console.addFilter(repeats);
    console.start();
    ch.qos.logback.classic.Logger root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    // before the appender is added: after the reset, the root level is DEBUG
    root.setLevel(libraries);
    context.getLogger("io.zcbot").setLevel(own);
    context.getLogger(DESERIALIZATION).setLevel(Level.OFF);
    root.addAppender(console);
  }
}
