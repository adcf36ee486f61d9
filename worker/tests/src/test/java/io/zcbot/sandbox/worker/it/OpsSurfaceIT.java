/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.config.Setting;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.WorkerOps;
import io.zcbot.sandbox.worker.testkit.deployment.WorkerProcess;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a worker's process exposes, with secrets in its settings and at its most verbose. */
class OpsSurfaceIT {
  private static final String IN_ENVIRONMENT = "hunter2-environment";
  private static final String IN_FILE = "hunter2-file";

  @TempDir Path directory;

  private ProcessBuilder worker(Path output, String... arguments) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-cp",
                WorkerProcess.classPath(),
                "io.zcbot.sandbox.worker.cli.Main"));
    command.addAll(List.of(arguments));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
    Map<String, String> env = builder.environment();
    env.keySet().removeIf(key -> key.startsWith("ZCBOT_"));
    return builder;
  }

  private Map<String, String> settings(int port) throws IOException {
    Path properties =
        Files.writeString(
            directory.resolve("kafka.properties"),
            "ssl.keystore.password=" + IN_FILE + "\nssl.key.password=" + IN_FILE + "\n",
            StandardCharsets.UTF_8);
    Files.setPosixFilePermissions(properties, PosixFilePermissions.fromString("rw-------"));
    Map<String, String> settings = new HashMap<>();
    settings.put("ZCBOT_WORKER_ID", "surface");
    settings.put("ZCBOT_WORKSPACE_ROOT", directory.resolve("workspaces").toString());
    settings.put("ZCBOT_LOG_LEVEL", "trace");
    settings.put("ZCBOT_OPS_ADDRESS", "127.0.0.1:" + port);
    // Nobody is there: the worker goes on trying, and saying so.
    settings.put("ZCBOT_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1");
    settings.put("ZCBOT_KAFKA_DEFAULT_API_TIMEOUT_MS", "1000");
    settings.put("ZCBOT_KAFKA_REQUEST_TIMEOUT_MS", "1000");
    settings.put("ZCBOT_KAFKA_PROPERTIES_FILE", properties.toString());
    settings.put("ZCBOT_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT");
    settings.put("ZCBOT_KAFKA_SASL_MECHANISM", "PLAIN");
    settings.put(
        "ZCBOT_KAFKA_SASL_JAAS_CONFIG",
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\""
            + " password=\""
            + IN_ENVIRONMENT
            + "\";");
    return settings;
  }

  @Test
  void aProcessThatIsLoudTellsNoSecretAndListensOnLoopback() throws Exception {
    int port = WorkerOps.freePort();
    Path output = directory.resolve("output");
    ProcessBuilder builder = worker(output, "run");
    builder.environment().putAll(settings(port));
    Process process = builder.start();
    List<String> shown = new ArrayList<>();
    try (HttpClient http = HttpClient.newHttpClient()) {
      await("the worker says what it waits for")
          .atMost(Deployment.SOON)
          .ignoreExceptions()
          .until(() -> Files.readString(output).contains("check the topics"));
      assertSlowClientIsCutOff(port);
      for (String path :
          List.of(
              "/", "/metrics", "/health/live", "/health/ready", "/env", "/config", "/../x?a=b")) {
        HttpRequest request =
            HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                .timeout(Duration.ofSeconds(60))
                .build();
        shown.add(http.send(request, HttpResponse.BodyHandlers.ofString()).body());
      }
      assertThat(shown.getFirst()).contains("surface");
      for (InetAddress address : others()) {
        assertThatThrownBy(() -> connect(address, port))
            .as(address.toString())
            // Not only refused: it may be the address of a bridge that goes meanwhile.
            .isInstanceOfAny(SocketException.class, SocketTimeoutException.class);
      }
    } finally {
      process.destroy();
      assertThat(process.waitFor(180, TimeUnit.SECONDS)).isTrue();
    }
    String said = Files.readString(output);
    assertThat(said).contains("stopping");
    shown.add(said);
    assertNoSecret(shown);
  }

  /**
   * A client that never completes a request occupies one of the few connections only for a short
   * time.
   */
  private static void assertSlowClientIsCutOff(int port) throws IOException {
    try (Socket slow = new Socket(InetAddress.getLoopbackAddress(), port)) {
      slow.getOutputStream().write("GET / HTTP/1.1\r\nX: ".getBytes(StandardCharsets.UTF_8));
      slow.setSoTimeout(90_000);
      assertThat(slow.getInputStream().read()).as("end of the connection").isEqualTo(-1);
    }
  }

  /** Other addresses of this machine, at which the default must not be reachable. */
  private static List<InetAddress> others() throws IOException {
    return NetworkInterface.networkInterfaces()
        .flatMap(NetworkInterface::inetAddresses)
        .filter(Inet4Address.class::isInstance)
        .filter(address -> !address.isLoopbackAddress())
        .toList();
  }

  private static void connect(InetAddress address, int port) throws IOException {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(address, port), 3000);
    }
  }

  @Test
  void theDefaultIsLoopback() {
    assertThat(Setting.markdown()).contains("| `ZCBOT_OPS_ADDRESS` | `127.0.0.1:8080` |");
  }

  @Test
  void helpAndErrorsRepeatNoSecret() throws Exception {
    Map<String, String> wrong = new HashMap<>(settings(1));
    wrong.put("ZCBOT_SANDBOX_MEMORY", "much");
    wrong.put("ZCBOT_KAFKA_SSL_TRUSTSTORE_PASWORD", IN_ENVIRONMENT);
    wrong.put("ZCBOT_PASSWORD", IN_ENVIRONMENT);
    List<String> shown = new ArrayList<>();
    for (List<String> arguments :
        List.of(List.of("run", "--help"), List.of("--help"), List.of("run"))) {
      Path output = directory.resolve("output-" + shown.size());
      ProcessBuilder builder = worker(output, arguments.toArray(String[]::new));
      builder.environment().putAll(wrong);
      Process process = builder.start();
      assertThat(process.waitFor(180, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue())
          .as(arguments.toString())
          .isEqualTo(arguments.contains("--help") ? 0 : 78);
      shown.add(Files.readString(output));
    }
    assertThat(shown.getFirst()).contains("ZCBOT_KAFKA_BOOTSTRAP_SERVERS");
    assertThat(shown.getLast()).contains("ZCBOT_SANDBOX_MEMORY=much", "ZCBOT_PASSWORD");
    assertNoSecret(shown);
  }

  private static void assertNoSecret(List<String> shown) {
    assertThat(shown)
        .flatMap(text -> text.lines().toList())
        .filteredOn(line -> line.contains(IN_ENVIRONMENT) || line.contains(IN_FILE))
        .isEmpty();
  }
}
