/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A separate Prometheus: it listens on the loopback address only, and has its own data directory.
 */
final class PrometheusServer implements AutoCloseable {
  private static final JsonMapper JSON = new JsonMapper();
  private static final Pattern ADDRESS =
      Pattern.compile("msg=\"Listening on\" address=(127\\.0\\.0\\.1:[0-9]+)");

  /** The latest time of its end, even if nobody is left to end it. */
  private static final Duration LONGEST = Duration.ofMinutes(15);

  private final Process process;
  private final Path log;
  private final HttpClient http = HttpClient.newHttpClient();
  private final String address;

  private PrometheusServer(Process process, Path log) {
    this.process = process;
    this.log = log;
    this.address =
        await("Prometheus listens")
            .atMost(Deployment.SOON)
            .until(this::found, found -> !found.isEmpty());
  }

  /**
   * Starts one.
   *
   * @param directory for its data and its log
   */
  static PrometheusServer start(Path configuration, Path directory) throws IOException {
    Path log = directory.resolve("prometheus.log");
    Process process =
        new ProcessBuilder(
                "timeout",
                Long.toString(LONGEST.toSeconds()),
                program(),
                "--config.file=" + configuration,
                "--storage.tsdb.path=" + directory.resolve("data"),
                "--web.listen-address=127.0.0.1:0")
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    try {
      return new PrometheusServer(process, log);
    } catch (RuntimeException | AssertionError e) {
      process.destroy();
      throw e;
    }
  }

  /** The program, which is installed or only unpacked: Debian's package would start a service. */
  private static String program() {
    return Stream.concat(
            Stream.of(System.getenv("PATH").split(File.pathSeparator)).map(Path::of),
            Stream.of(Path.of("../../target/setup/prometheus/usr/bin")))
        .map(directory -> directory.resolve("prometheus"))
        .filter(Files::isExecutable)
        .findFirst()
        .orElseThrow(() -> new AssertionError("there is no prometheus; run bin/test --setup"))
        .toString();
  }

  private String found() throws IOException {
    String said = Files.readString(log);
    assertThat(process.isAlive()).describedAs("%s", said).isTrue();
    Matcher address = ADDRESS.matcher(said);
    return address.find() ? address.group(1) : "";
  }

  /** The data of an answer; the address is relative to {@code /api/v1/}. */
  JsonNode get(String what) throws Exception {
    HttpResponse<String> answer =
        http.send(
            HttpRequest.newBuilder(URI.create("http://" + address + "/api/v1/" + what))
                .timeout(Duration.ofSeconds(60))
                .build(),
            HttpResponse.BodyHandlers.ofString());
    assertThat(answer.statusCode()).describedAs("%s: %s", what, answer.body()).isEqualTo(200);
    JsonNode body = JSON.readTree(answer.body());
    assertThat(body.get("status").asText()).describedAs("%s", body).isEqualTo("success");
    return body.get("data");
  }

  /** The current result of an expression: a series each. */
  JsonNode query(String expression) throws Exception {
    return get("query?query=" + URLEncoder.encode(expression, StandardCharsets.UTF_8))
        .get("result");
  }

  /** Names of the alerts that are pending or firing, with this state in front. */
  List<String> alerts() throws Exception {
    return get("alerts")
        .get("alerts")
        .valueStream()
        .map(
            alert ->
                alert.get("state").asText() + " " + alert.get("labels").get("alertname").asText())
        .toList();
  }

  @Override
  public void close() {
    try (http) {
      process.destroy(); // passed on by timeout
      process
          .onExit()
          .orTimeout(Deployment.SOON.toSeconds(), TimeUnit.SECONDS)
          .whenComplete(
              (_, late) -> {
                if (late != null) {
                  process.descendants().forEach(ProcessHandle::destroyForcibly);
                }
              })
          .join();
    }
  }
}
