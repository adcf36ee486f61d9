/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.zcbot.sandbox.worker.testkit.ManualTime;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.slf4j.LoggerFactory;

@ResourceLock("logging")
class OutageLogTest {
  private final Logger logger = (Logger) LoggerFactory.getLogger("io.zcbot.OutageLogTest");
  private final ListAppender<ILoggingEvent> lines = new ListAppender<>();
  private final ManualTime time = new ManualTime(17);
  private final OutageLog outage = new OutageLog(logger, time);

  @BeforeEach
  void listen() {
    lines.start();
    logger.setLevel(ch.qos.logback.classic.Level.INFO);
    logger.addAppender(lines);
  }

  @AfterEach
  void listenNoLonger() {
    logger.detachAppender(lines);
  }

  private List<String> messages() {
    return lines.list.stream().map(ILoggingEvent::getFormattedMessage).toList();
  }

  @Test
  void anOutageIsReportedAtItsBeginningOnceAMinuteAndAtItsEnd() {
    outage.works("again");
    for (int attempt = 0; attempt < 150; attempt++) {
      outage.failed("away");
      time.pass(Duration.ofSeconds(1));
    }
    outage.works("again");
    outage.works("again");
    assertThat(messages())
        .containsExactly("away", "away (for 60 s)", "away (for 120 s)", "again after 150 s");
  }

  @Test
  void anotherOutageIsReportedAtOnce() {
    outage.failed("away");
    outage.works("again");
    outage.failed("away once more");
    assertThat(messages()).containsExactly("away", "again after 0 s", "away once more");
  }
}
