/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.util.ContextInitializer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.zcbot.sandbox.worker.config.LogConfig;
import io.zcbot.sandbox.worker.security.Row;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

@Isolated("it takes what the whole process logs")
class LoggingTest {
  private final PrintStream original = System.err;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final Logger own = LoggerFactory.getLogger("io.zcbot.sandbox.worker.Test");
  private final Logger kafka = LoggerFactory.getLogger("org.apache.kafka.clients.Test");

  @BeforeEach
  void capture() {
    System.setErr(new PrintStream(out, true, StandardCharsets.UTF_8));
  }

  @AfterEach
  void restore() throws Exception {
    System.setErr(original);
    MDC.clear();
    LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
    context.reset();
    new ContextInitializer(context).autoConfig();
  }

  private List<String> lines() {
    return out.toString(StandardCharsets.UTF_8).lines().toList();
  }

  @Test
  void textHasLevelLoggerMessageAndContext() {
    Logging.configure(new LogConfig(LogConfig.Format.TEXT, LogConfig.Level.INFO));
    own.info("plain");
    MDC.put("user", "u1");
    own.warn("with {}", "context");
    assertThat(lines()).hasSize(2);
    assertThat(lines().get(0)).matches("\\S+Z INFO  Test             plain");
    assertThat(lines().get(1)).matches("\\S+Z WARN  Test             with context \\[user=u1]");
  }

  /** What events, live-table entries and engines say ends up in messages, contexts and causes. */
  @Row(60)
  @Test
  void nothingThatIsLoggedCanForgeALineOrReachTheTerminal() {
    String forged = "x\r\n2026-11-24T12:00:00.000Z ERROR forged\u001b[31m\u009b\u2028\u202e\u007f";
    Logging.configure(new LogConfig(LogConfig.Format.TEXT, LogConfig.Level.INFO));
    MDC.put("event", forged);
    own.atInfo()
        .setMessage(forged)
        .addKeyValue("key", forged)
        .setCause(new IllegalStateException(forged, new IllegalArgumentException(forged)))
        .log();

    assertThat(lines().getFirst())
        .contains(
            "x\\r\\n2026-11-24T12:00:00.000Z ERROR forged\\u001b[31m\\u009b\\u2028\\u202e\\u007f [")
        .contains("event=x\\r\\n2026", "key=x\\r\\n2026");
    assertThat(lines()).filteredOn(line -> line.matches("\\S+Z .*")).hasSize(1);
    assertThat(forged.lines())
        .as("as it came it would have been a line")
        .anyMatch(line -> line.startsWith("2026-11-24T12:00:00.000Z ERROR"));
    assertThat(lines()).anyMatch(line -> line.contains("Caused by: java.lang.IllegalArgument"));
    assertThat(out.toString(StandardCharsets.UTF_8).chars())
        .noneMatch(c -> c != '\n' && c != '\t' && Character.isISOControl(c))
        .doesNotContain(0x2028, 0x202e);
  }

  @Test
  void jsonIsOneObjectPerLine() throws Exception {
    Logging.configure(new LogConfig(LogConfig.Format.JSON, LogConfig.Level.INFO));
    MDC.put("user", "u1");
    MDC.put("container", "c1");
    MDC.put("event", "e1");
    MDC.put("level", "fake");
    own.atError()
        .setMessage("two\nlines \"quoted\"")
        .setCause(new IllegalStateException("why"))
        .addKeyValue("attempt", 2)
        .log();

    assertThat(lines()).hasSize(1);
    JsonNode line = new JsonMapper().readTree(lines().getFirst());
    assertThat(Instant.parse(line.get("timestamp").textValue())).isBeforeOrEqualTo(Instant.now());
    assertThat(line.get("level").textValue()).isEqualTo("ERROR");
    assertThat(line.get("logger").textValue()).isEqualTo("io.zcbot.sandbox.worker.Test");
    assertThat(line.get("message").textValue()).isEqualTo("two\nlines \"quoted\"");
    assertThat(line.get("user").textValue()).isEqualTo("u1");
    assertThat(line.get("container").textValue()).isEqualTo("c1");
    assertThat(line.get("event").textValue()).isEqualTo("e1");
    assertThat(line.get("mdc_level").textValue()).isEqualTo("fake");
    assertThat(line.get("attempt").textValue()).isEqualTo("2");
    assertThat(line.get("exception").textValue())
        .contains("java.lang.IllegalStateException: why")
        .contains("LoggingTest");
  }

  @Test
  void librariesAreHeardFromWarnOnWhateverTheLevel() {
    Logging.configure(new LogConfig(LogConfig.Format.TEXT, LogConfig.Level.TRACE));
    own.trace("own");
    kafka.info("chatter");
    kafka.warn("broken");
    assertThat(lines()).hasSize(2);

    Logging.configure(new LogConfig(LogConfig.Format.TEXT, LogConfig.Level.ERROR));
    own.warn("own");
    kafka.warn("broken");
    kafka.error("very broken");
    assertThat(lines()).hasSize(3);
  }

  /** While brokers are away, each client says so at each of its attempts to connect. */
  @Test
  void kafkaClientsRepeatThemselvesOnceAMinuteOnly() {
    Logging.configure(new LogConfig(LogConfig.Format.TEXT, LogConfig.Level.INFO));
    for (int attempt = 0; attempt < 100; attempt++) {
      kafka.warn("connection {} could not be established", attempt);
      own.info("own");
    }
    kafka.error("another level");
    assertThat(lines()).filteredOn(line -> line.contains("connection")).hasSize(1);
    assertThat(lines()).filteredOn(line -> line.contains("own")).hasSize(100);
    assertThat(lines()).filteredOn(line -> line.contains("another level")).hasSize(1);
  }

  /** An agent can cause a line with each of its records. */
  @Test
  void linesAboutOneUserThatDifferInTheirArgumentsOnlyAreLimited() {
    Logging.configure(new LogConfig(LogConfig.Format.TEXT, LogConfig.Level.DEBUG));
    for (String user : List.of("u1", "u2")) {
      MDC.put("user", user);
      for (int i = 0; i < 2 * RepeatFilter.OF_USER; i++) {
        own.info("release {} is too late", i);
        own.debug("release {} was read", i);
      }
      own.warn("another line");
    }
    assertThat(lines())
        .filteredOn(line -> line.contains("too late"))
        .hasSize(2 * RepeatFilter.OF_USER)
        .filteredOn(line -> line.contains("user=u2"))
        .hasSize(RepeatFilter.OF_USER);
    assertThat(lines())
        .filteredOn(line -> line.contains("was read"))
        .hasSize(4 * RepeatFilter.OF_USER);
    assertThat(lines()).filteredOn(line -> line.contains("another line")).hasSize(2);
  }

  /** A record that is not a valid event has no user, and whoever may write can send many. */
  @Test
  void linesAboutNoUserThatDifferInTheirArgumentsOnlyAreLimited() {
    Logging.configure(new LogConfig(LogConfig.Format.TEXT, LogConfig.Level.DEBUG));
    for (int i = 0; i < 2 * RepeatFilter.OF_NOBODY; i++) {
      own.warn("record {} is not a valid ensure", i);
      own.debug("record {} was read", i);
    }
    own.error("record {} is not a valid ensure", "another level");
    own.warn("another line");
    MDC.put("user", "u1");
    own.warn("record {} is not a valid ensure", "of a user");
    assertThat(lines())
        .filteredOn(line -> line.matches(".* record \\d+ is not .*"))
        .hasSize(RepeatFilter.OF_NOBODY);
    assertThat(lines())
        .filteredOn(line -> line.contains("was read"))
        .hasSize(2 * RepeatFilter.OF_NOBODY);
    assertThat(lines())
        .filteredOn(line -> line.contains("another l") || line.contains("of a user"))
        .hasSize(3);
  }

  @Test
  void aCommandIsSilentUnlessVerbose() {
    Logging.configureForCommand(false);
    own.warn("x");
    kafka.error("x");
    assertThat(lines()).isEmpty();
    Logging.configureForCommand(true);
    own.debug("x");
    kafka.warn("x");
    assertThat(lines()).hasSize(2);
  }
}
