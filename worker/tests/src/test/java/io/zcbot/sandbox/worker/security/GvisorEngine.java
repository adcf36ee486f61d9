/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import io.zcbot.sandbox.worker.testkit.machine.EngineHost;
import io.zcbot.sandbox.worker.testkit.machine.RunLock;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeClassTemplateInvocationCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ExtensionContext.Store;
import org.junit.jupiter.api.extension.ExtensionContext.StoreScope;

/**
 * A separate engine with gVisor. It takes a while to start, so all attacks of a run share one,
 * which ends with the run.
 */
final class GvisorEngine implements AutoCloseable {
  static final String RUNTIME = "runsc";

  private static final Path BASE = Path.of("/var/tmp/zcbot-security");

  private final RunLock lock;
  private final EngineHost host;
  private final Path config;
  private boolean closed;

  private GvisorEngine() {
    try {
      lock = RunLock.take(BASE.resolve("lock"));
      try {
        Path image = BASE.resolve("image.tar");
        EngineHost.saveImage(image);
        // The host's sockets: gVisor's own network stack does not start on every kernel.
        config =
            Files.writeString(
                BASE.resolve("daemon.json"),
                """
                {"runtimes": {"%s": {"path": "/usr/bin/runsc",
                 "runtimeArgs": ["--platform=systrap", "--network=host"]}}}"""
                    .formatted(RUNTIME));
        host = EngineHost.start(BASE, "gvisor", image, "--config-file=" + config);
        Files.delete(image);
      } catch (IOException | InterruptedException | RuntimeException e) {
        lock.close();
        throw e;
      }
      // The end of a run that is killed as well.
      Runtime.getRuntime().addShutdownHook(new Thread(this::closeQuietly));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while starting an engine", e);
    }
  }

  EngineHost host() {
    return host;
  }

  private void closeQuietly() {
    try {
      close();
    } catch (IOException e) {
      System.err.println("the engine with gVisor was not cleared away: " + e);
    }
  }

  @Override
  public synchronized void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    try {
      host.close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while stopping an engine");
    }
    Files.deleteIfExists(config);
    lock.close();
  }

  /** Provides the run's engine, started when it is first needed. */
  static final class OfTheRun implements BeforeAllCallback, BeforeClassTemplateInvocationCallback {
    private static volatile Store store;

    @Override
    public void beforeAll(ExtensionContext context) {
      beforeClassTemplateInvocation(context);
    }

    @Override
    public void beforeClassTemplateInvocation(ExtensionContext context) {
      store = context.getStore(StoreScope.LAUNCHER_SESSION, Namespace.create(GvisorEngine.class));
    }

    static GvisorEngine get() {
      return store.getOrComputeIfAbsent(
          GvisorEngine.class, _ -> new GvisorEngine(), GvisorEngine.class);
    }
  }
}
