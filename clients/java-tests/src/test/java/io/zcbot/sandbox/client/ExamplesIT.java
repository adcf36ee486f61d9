/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Topic;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** The examples in the documents work as they are written there. */
@Tag("engine")
@Tag("kcat")
@Tag("oldest-java")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Order(1)
class ExamplesIT {
  private static final Pattern JAVA = Pattern.compile("(?s)```java\n(.*?)```");
  private static final Pattern SHELL = Pattern.compile("(?s)```sh[^\n]*\n(.*?)```");

  private TestBed bed;

  @BeforeAll
  void start() throws Exception {
    bed = TestBed.onTheEngine().start();
  }

  @AfterAll
  void stop() throws Exception {
    bed.close();
  }

  @Test
  void theFirstProgramOfTheDocumentRunsAsItIs(@TempDir Path directory) throws Exception {
    String program = javaBlocks().getFirst().replace("127.0.0.1:9092", bed.bootstrapServers());
    Path file = Files.writeString(directory.resolve("Hello.java"), program);
    assertThat(SourceFiles.run(file, directory)).isEqualTo("42\n");
  }

  /** The other blocks of the document are statements, which follow one another in one program. */
  @Test
  void theStatementsOfTheDocumentDoWhatTheySay(@TempDir Path directory) throws Exception {
    List<String> blocks = javaBlocks();
    assertThat(blocks).hasSizeGreaterThan(4);
    Path program = directory.resolve("Document.java");
    Files.writeString(
        program,
        """
        import io.zcbot.sandbox.client.*;
        import io.zcbot.sandbox.events.*;
        import java.io.InputStream;
        import java.time.Duration;
        import java.util.UUID;
        class Document {
          public static void main(String[] args) throws Exception {
            try (SandboxClient client = SandboxClient.connect(args[0]);
                Sandbox sandbox = client.sandbox(args[1])) {
        """
            + String.join("\n", blocks.subList(1, blocks.size()))
            + "}}}");
    assertThat(SourceFiles.run(program, directory, bed.bootstrapServers(), TestBed.newUser()))
        .startsWith("0 HELLO\n1\n2\n3\nline\ntrue\na,b\nin.csv\nkilled, after it wrote started\n");
  }

  private static List<String> javaBlocks() throws IOException {
    return JAVA.matcher(Files.readString(SourceFiles.REPOSITORY.resolve("docs/clients.md")))
        .results()
        .map(block -> block.group(1))
        .toList();
  }

  @Test
  void theAgentLoopGetsItsAnswer(@TempDir Path directory) throws Exception {
    Path program = SourceFiles.REPOSITORY.resolve("examples/java/AgentLoop.java");
    assertThat(SourceFiles.run(program, directory, bed.bootstrapServers(), TestBed.newUser()))
        .isEqualTo("the sum is 55\n");
  }

  @Test
  void theWebHandlerRunsScripts(@TempDir Path directory) throws Exception {
    Path program = SourceFiles.REPOSITORY.resolve("examples/java/WebHandler.java");
    Process server = SourceFiles.start(program, directory, bed.bootstrapServers(), "0");
    try (HttpClient http = HttpClient.newHttpClient()) {
      Path output = SourceFiles.output(directory);
      await()
          .atMost(Duration.ofMinutes(2))
          .until(() -> !server.isAlive() || Files.readString(output).endsWith("\n"));
      String users = Files.readString(output).strip() + "/users/";
      String run = users + TestBed.newUser() + "/run";
      HttpResponse<String> answer = post(http, run, "echo hello; exit 3");
      assertThat(answer.statusCode()).isEqualTo(200);
      assertThat(answer.body()).isEqualTo("hello\n");
      assertThat(answer.headers().firstValue("X-Exit-Code")).contains("3");
      assertThat(post(http, run, "true").body()).isEmpty();
      assertThat(post(http, users + "nobody/run", "true"))
          .returns(400, HttpResponse::statusCode)
          .satisfies(refusal -> assertThat(refusal.body()).startsWith("user_id: "));
      assertThat(post(http, run, "#".repeat(100_000)).statusCode()).isEqualTo(413);
      assertThat(post(http, users, "true").statusCode()).isEqualTo(404);
    } finally {
      server.destroyForcibly();
    }
  }

  private static HttpResponse<String> post(HttpClient http, String to, String body)
      throws Exception {
    return http.send(
        HttpRequest.newBuilder(URI.create(to))
            .timeout(Duration.ofMinutes(2))
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }

  @Test
  void theAuditJobCountsCommands(@TempDir Path directory) throws Exception {
    String user = TestBed.newUser();
    try (SandboxClient client = bed.client()) {
      client.sandbox(user).run("true");
      client.sandbox(user).run("false");
    }
    bed.forge(Topic.EXITED, user, new byte[] {1, 2, 3});
    String forger = TestBed.newUser();
    bed.forge(Topic.EXITED, forger, hugeProcessorTime(forger, "f1"));
    bed.forge(Topic.EXITED, forger, hugeProcessorTime(forger, "f2"));
    Path program = SourceFiles.REPOSITORY.resolve("examples/java/AuditJob.java");
    assertThat(SourceFiles.run(program, directory, bed.bootstrapServers()))
        .containsPattern(user + " +2 +0 +\\d+ +1\n")
        .containsPattern(forger + " +2 +0 +18446744073709551614 +0\n");
  }

  private static byte[] hugeProcessorTime(String user, String id) {
    return """
        {"event_id":"%s","user_id":"%s","exec_id":"e-1","exited_at":"2026-11-24T12:00:00Z",
        "reason":"exited","exit_code":0,"output_count":0,"truncated":false,"host":"h",
        "worker_id":"w","container_name":"c","container_id":"c","took_ms":0,"retryable":false,
        "cpu_ms":9223372036854775807}
        """
        .formatted(id, user)
        .getBytes(StandardCharsets.UTF_8);
  }

  /** What reads an answer shows the latest one there is, so it is repeated until that has come. */
  @Test
  void kcatAsksForASandboxAndRunsACommandAsTheDocumentSays() throws Exception {
    List<String> blocks = blocksWith("kcat", "docs/kafka-clients.md");
    assertThat(blocks).hasSize(3);
    String user = TestBed.newUser();
    assertThat(kcat(blocks.get(0), user, "container_name")).contains("\"user_id\":\"" + user);
    assertThat(kcat(blocks.get(1), user, "e1")).contains("\"stdout\":\"42\\n\"");
    assertThat(kcat(blocks.get(2), user, "container_name")).startsWith(user); // the table
  }

  @Test
  void theEngineRunsACommandAsTheDocumentSays() throws Exception {
    List<String> blocks = blocksWith("docker -H", "docs/kafka-clients.md");
    assertThat(blocks).hasSize(1);
    try (SandboxClient client = bed.client()) {
      Ready ready = client.sandbox(TestBed.newUser()).ensure();
      Map<String, String> names =
          Map.of(
              "engine", ready.environment().engine(), "container_name", ready.container().name());
      assertThat(bash(blocks.getFirst(), names)).isEqualTo("hello\n");
    }
  }

  private static List<String> blocksWith(String word, String document) throws IOException {
    return SHELL
        .matcher(Files.readString(SourceFiles.REPOSITORY.resolve(document)))
        .results()
        .map(block -> block.group(1))
        .filter(block -> block.contains(word))
        .toList();
  }

  /** The line that kcat reads and that contains both the user and the other text. */
  private String kcat(String block, String user, String other) throws Exception {
    int reading = block.indexOf("kcat -C ");
    assertThat(reading).isNotNegative();
    String asking = block.substring(0, reading).replaceFirst("(?m)^user=.*$", "");
    String script =
        asking
            + "for i in $(seq 300); do\n  { "
            + block.substring(reading).strip()
            + "; } 2>/dev/null | grep -- \"$user.*$other\" && exit\n  sleep 0.2\ndone\nexit 1\n";
    return bash(
        script.replace("127.0.0.1:9092", bed.bootstrapServers()),
        Map.of("user", user, "other", other));
  }

  private static String bash(String script, Map<String, String> variables) throws Exception {
    ProcessBuilder bash = new ProcessBuilder("bash", "-c", "set -euo pipefail\n" + script);
    bash.environment().putAll(variables);
    Process process = bash.redirectError(ProcessBuilder.Redirect.INHERIT).start();
    try {
      assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).as(script).isZero();
      return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    } finally {
      process.destroyForcibly();
    }
  }
}
