/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.standalone.EmbeddedBroker;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Pattern;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every command shows text from the topics, whether it is from a sandbox's commands or from anybody
 * else who can write there, so that no terminal obeys it, in lines of bounded length.
 */
class HostileTextIT {
  /**
   * Clears the screen, sets the title and sends an answer, with escape sequences that terminals
   * know.
   */
  private static final String HOSTILE =
      "\u001b[2J\u001b]0;title\u0007\u009b6n\rover\b\u007f\u202egnirts\u2066\u2028";

  private static final Pattern ACTING = Pattern.compile("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}&&[^\n]]");
  private static final int LONG = 60_000;

  @TempDir private static Path data;
  private static EmbeddedBroker broker;
  private static Map<String, String> env;

  private static final UserId USER = new UserId(UUID.randomUUID());
  private final StringWriter out = new StringWriter();

  @BeforeAll
  static void start() throws Exception {
    broker = EmbeddedBroker.start(data, 0);
    env =
        Map.of(
            "ZCBOT_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrapServers(),
            "ZCBOT_TOPICS_PARTITIONS", "2",
            "ZCBOT_OPS_ADDRESS", "off");
    PrintWriter nowhere = new PrintWriter(new StringWriter());
    assertThat(
            Cli.commandLine(new Console(env, nowhere, nowhere, false)).execute("topics", "create"))
        .isZero();
    publish();
  }

  @AfterAll
  static void stop() throws Exception {
    broker.close();
  }

  private static void publish() throws Exception {
    EventCodec codec = new EventCodec();
    String inJson = HOSTILE.replace("\u001b", "\\u001b").replace("\u0007", "\\u0007");
    inJson = inJson.replace("\r", "\\r").replace("\b", "\\b") + "x".repeat(LONG);
    String head = "{\"event_id\":\"e\",\"user_id\":\"" + USER + "\",";
    String exited =
        "\"exec_id\":\"e\",\"exited_at\":\"%s\",\"reason\":\"failed\",\"took_ms\":1,\"output_count\":0"
            + ",\"truncated\":false,\"retryable\":false,\"host\":\"h\",\"worker_id\":\"w\",\"message\":\"%s\"}";
    Instant now = Instant.now();
    try (KafkaLog log = new KafkaLog(WorkerConfig.fromEnvironment(env).kafka());
        Producer<byte[], byte[]> producer = log.clients().producer()) {
      for (Topic topic : Topic.values()) {
        for (String key : List.of(USER.toString(), HOSTILE)) {
          for (String value :
              List.of(
                  HOSTILE + "x".repeat(LONG),
                  head + "\"requested_by\":\"" + inJson + "\",\"shell\":\"" + inJson + "\"}",
                  head + "\"command\":[\"" + inJson + "\"]}",
                  head + exited.formatted(now, inJson.substring(0, 2000)),
                  head + exited.formatted(now, inJson))) {
            ProducerRecord<byte[], byte[]> record =
                new ProducerRecord<>(
                    topic.named("sandbox."),
                    new KeyPartitions(2).of(USER),
                    key.getBytes(UTF_8),
                    value.getBytes(UTF_8));
            for (String header : List.of("error", "topic", "partition", "offset", HOSTILE)) {
              record
                  .headers()
                  .add("zcbot_" + header, (HOSTILE + "x".repeat(LONG / 10)).getBytes(UTF_8));
            }
            producer.send(record);
          }
        }
      }
      producer
          .send(
              new ProducerRecord<>(
                  "sandbox.live",
                  new KeyPartitions(2).of(USER),
                  codec.liveKey(USER, "c" + HOSTILE),
                  codec.encodeLive(
                      new LiveSandbox(USER, "c" + HOSTILE, "h" + HOSTILE, "w" + HOSTILE, now))))
          .get();
      producer.flush();
    }
  }

  private String shown(String... command) {
    out.getBuffer().setLength(0);
    PrintWriter to = new PrintWriter(out, true);
    Cli.commandLine(new Console(env, to, to, false)).execute(command);
    String said = out.toString();
    assertThat(said).as(String.join(" ", command)).isNotBlank();
    return said;
  }

  @Test
  void noTerminalObeysAnyOfIt() {
    String user = USER.toString();
    List<List<String>> commands =
        List.of(
            List.of("watch", "--from-beginning", "--count", "60"),
            List.of("watch", "--from-beginning", "--count", "60", "--json"),
            List.of("get", user),
            List.of("get", user, "--json"),
            List.of("ps", "--all-hosts"),
            List.of("ps", "--all-hosts", "--json"),
            List.of("audit"),
            List.of("audit", "--json"),
            List.of("usage"),
            List.of("usage", "--csv"),
            List.of("usage", "--json"),
            List.of("audit", "--user", user),
            List.of("audit", "--user", user, "--json"),
            List.of("dead-letters", "list"),
            List.of("dead-letters", "show", "0-0"),
            List.of("dead-letters", "show", HOSTILE),
            List.of("dead-letters", "redrive", "--yes"),
            List.of("audit", "--input", HOSTILE),
            List.of("--verbose", "export", "--output", "/no/" + HOSTILE.replace("/", "")),
            List.of("exec", HOSTILE, "--", "true"),
            List.of("export"));
    assertThat(ACTING.matcher(HOSTILE).results()).hasSizeGreaterThan(8);
    for (List<String> command : commands) {
      String said = shown(command.toArray(String[]::new));
      assertThat(ACTING.matcher(said).results().map(r -> (int) r.group().charAt(0)))
          .as(String.join(" ", command))
          .isEmpty();
    }
  }

  @Test
  void noLineIsLongerThanAPersonCanRead() {
    for (String[] command :
        List.of(
            new String[] {"watch", "--from-beginning", "--count", "60"},
            new String[] {"get", USER.toString()},
            new String[] {"audit", "--user", USER.toString()},
            new String[] {"dead-letters", "list"})) {
      assertThat(shown(command).lines().mapToInt(String::length).max().orElseThrow())
          .as(String.join(" ", command))
          .isLessThan(10_000);
    }
  }
}
