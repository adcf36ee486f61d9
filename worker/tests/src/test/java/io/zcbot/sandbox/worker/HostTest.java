/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.zcbot.sandbox.worker.base.FileCalls;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import io.zcbot.sandbox.worker.publish.StartRetry;
import java.io.Closeable;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.slf4j.LoggerFactory;

@ResourceLock("logging")
class HostTest {
  private static final Path ROOT = Path.of("/workspaces");

  private final CountDownLatch answers = new CountDownLatch(1);
  private final Closer closer = new Closer();
  private final Logger logger = (Logger) LoggerFactory.getLogger(Host.class);
  private final ListAppender<ILoggingEvent> lines = new ListAppender<>();

  @BeforeEach
  void listen() {
    lines.start();
    logger.setLevel(Level.WARN);
    logger.addAppender(lines);
  }

  @AfterEach
  void comesBack() {
    logger.detachAppender(lines);
    logger.setLevel(null); // as of its package
    answers.countDown();
  }

  @Test
  void aStopGoesOnThoughWhatIsOpenInTheRootDoesNotClose() throws Exception {
    FileCalls files = new FileCalls(2, 2, Duration.ofSeconds(1));
    AtomicBoolean lastClosed = new AtomicBoolean();
    closer.add(() -> lastClosed.set(true));
    Closeable _ = Host.open(files, ROOT, Mount::new, closer);

    Thread stop = Thread.ofVirtual().start(closer::close);

    assertThat(stop.join(Duration.ofSeconds(60))).as("the stop ends").isTrue();
    assertThat(lastClosed).isTrue();
    assertThat(lines.list)
        .singleElement()
        .satisfies(
            line -> {
              assertThat(line.getFormattedMessage())
                  .startsWith("the Mount of /workspaces is left as it is: no answer");
              assertThat(line.getThrowableProxy()).isNull();
            });
  }

  /** As at a boot, or while DNS is away. */
  @Test
  void aStartWaitsWhileNoBrokersNameHasAnAddress() throws Exception {
    KafkaConfig config =
        new KafkaConfig(
            Map.of("bootstrap.servers", "no.such.host.invalid:9092"),
            "group",
            "sandbox.",
            false,
            1,
            (short) 1);
    KafkaClients clients = new KafkaClients(config, "test");
    AtomicBoolean stopping = new AtomicBoolean();
    StartRetry retry = new StartRetry(stopping::get);
    AtomicReference<@Nullable Throwable> end = new AtomicReference<>();
    Thread start =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    var _ = Host.verifyTopics(clients, config, retry);
                  } catch (Exception e) {
                    end.set(e);
                  }
                });
    await().until(() -> retry.problem() != null || !start.isAlive());
    assertThat(retry.problem())
        .as("why the start waits; it ended with %s", end)
        .contains("ZCBOT_KAFKA_BOOTSTRAP_SERVERS=no.such.host.invalid:9092 has an address");

    stopping.set(true);
    start.interrupt();
    assertThat(start.join(Duration.ofSeconds(60))).as("the start ends").isTrue();
    assertThat(end.get()).isInstanceOf(StoppedException.class);
  }

  private final class Mount implements Closeable {
    @Override
    public void close() {
      hang();
    }
  }

  /** Heeds no interrupt, as in the kernel. */
  private void hang() {
    boolean waits = true;
    while (waits) {
      try {
        answers.await();
        waits = false;
      } catch (InterruptedException _) {
        // the kernel would not notice
      }
    }
  }

  @Test
  void whatIsOpenInTheRootIsClosedAtTheStop() throws Exception {
    AtomicBoolean closed = new AtomicBoolean();
    Closeable _ = Host.open(new FileCalls(), ROOT, () -> () -> closed.set(true), closer);

    closer.close();

    assertThat(closed).isTrue();
  }
}
