/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.zcbot.sandbox.client.ClientOptions;
import io.zcbot.sandbox.client.Command;
import io.zcbot.sandbox.client.RunningCommand;
import io.zcbot.sandbox.client.SandboxClient;
import io.zcbot.sandbox.client.TestBed;
import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.gateway.keys.KeyFile;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The gateway, with a real broker, worker and engine, used by E2B's own SDKs in Node and by plain
 * HTTP. No other class shows it: all others speak Kafka.
 */
@Tag("engine")
@Tag("node")
class GatewayIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String TABLE_BEGIN = "<!-- calls:begin -->";
  private static final String TABLE_END = "<!-- calls:end -->";
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  @TempDir private static Path directory;
  private static TestBed bed;
  private static SandboxClient client;
  private static Gateway gateway;
  private static KeyFile keys;
  private static String key;
  private static String otherKey;

  @BeforeAll
  static void start() throws Exception {
    Path profiles = directory.resolve("profiles.yaml");
    Files.writeString(
        profiles, "profiles: {data-science: {memory: 256m, environment: {PROFILE: data-science}}}");
    bed =
        TestBed.onTheEngine()
            .with("ZCBOT_SANDBOX_IDLE_TTL_MAX", "24h")
            .with("ZCBOT_PROFILES", profiles.toString())
            .start();
    client = bed.client();
    keys = KeyFile.in(directory);
    key = keys.add("one", 0, 0).text();
    otherKey = keys.add("other", 0, 0).text();
    gateway = startGateway();
  }

  private static Gateway startGateway() throws IOException, InterruptedException {
    return start(client, keys, directory);
  }

  /** Starts a gateway with the options of tests. */
  static Gateway start(SandboxClient client, KeyFile keys, Path directory)
      throws IOException, InterruptedException {
    return Gateway.start(
        client,
        new GatewayOptions(
            "127.0.0.1",
            0,
            keys.path(),
            directory.resolve("secret"),
            1,
            512,
            Duration.ofHours(24),
            Duration.ofHours(1)));
  }

  @AfterAll
  static void stop() throws Exception {
    if (gateway != null) {
      gateway.close();
    }
    if (client != null) {
      client.close();
    }
    bed.close();
  }

  /**
   * Each check is in {@code gateway/sdk/checks.mjs}. Run with -Dreadme.update=true to write the
   * table in docs/e2b.md instead of checking it.
   */
  @Test
  void unchangedSdksWork() throws Exception {
    SdkChecks checks = new SdkChecks(sdkDirectory(), List.of(url(gateway), key, otherKey));
    checks.run("e2b", false);
    checks.run("e2b", true);
    checks.run("e2b-older", false);
    assertThat(checks.failed()).isEmpty();
    assertThat(checks.rows()).isGreaterThanOrEqualTo(150);
    Path file = Path.of("../../docs/e2b.md");
    String text = Files.readString(file);
    assertThat(text).contains(TABLE_BEGIN, TABLE_END);
    int begin = text.indexOf(TABLE_BEGIN) + TABLE_BEGIN.length();
    int end = text.indexOf(TABLE_END);
    String wanted = "\n" + checks.table();
    if (Boolean.getBoolean("readme.update")) {
      Files.writeString(file, text.substring(0, begin) + wanted + text.substring(end));
      return;
    }
    assertThat(text.substring(begin, end))
        .as("the table in docs/e2b.md; run this test with -Dreadme.update=true to renew it")
        .isEqualTo(wanted);
  }

  /** Each check is a line of {@code gateway/sdk/ports.mjs}. */
  @Test
  void portsAreReached() throws Exception {
    assertThat(SdkProgram.run("ports.mjs", url(gateway), key, otherKey)).isGreaterThan(25);
  }

  /** Further checks are in {@link InterpreterIT}. */
  @Test
  void anImageWithoutAnInterpreterIsTold() throws Exception {
    assertThat(SdkProgram.run("interpreter.mjs", url(gateway), key, url(gateway), "base"))
        .isEqualTo(4);
  }

  /** Installs what the checks need, in the versions of the lock file, unless it is there. */
  static synchronized Path sdkDirectory() throws Exception {
    Path checks = Path.of("..", "..", "gateway", "sdk").toAbsolutePath().normalize();
    if (!Files.exists(checks.resolve("node_modules"))) {
      int code =
          new ProcessBuilder("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
              .directory(checks.toFile())
              .inheritIO()
              .start()
              .waitFor();
      assertThat(code).isZero();
    }
    return checks;
  }

  @Test
  void anotherGatewayFindsWhatOneStarted() throws Exception {
    Sandbox made = create(key, "{\"templateID\":\"base\",\"timeout\":120}");
    try (Gateway second = startGateway()) {
      HttpResponse<String> found =
          send(get(second, "/sandboxes/" + made.id()).header("X-API-KEY", key));
      assertThat(found.statusCode()).isEqualTo(200);
      assertThat(JSON.readTree(found.body()).path("envdAccessToken").asText())
          .isEqualTo(made.token());
      // started by one, listed, killed and signalled by the other
      String start =
          "{\"process\":{\"cmd\":\"/bin/bash\",\"args\":[\"-c\",\"echo here; sleep 60\"]},\"tag\":\"mine\"}";
      HttpResponse<java.io.InputStream> stream =
          HTTP.send(
              data(gateway, made, "/process.Process/Start")
                  .header("Content-Type", "application/connect+json")
                  .POST(HttpRequest.BodyPublishers.ofByteArray(Frames.of(start)))
                  .build(),
              BodyHandlers.ofInputStream());
      assertThat(stream.statusCode()).isEqualTo(200);
      JsonNode first = Frames.next(stream.body());
      int pid = first.path("event").path("start").path("pid").asInt();
      assertThat(pid).isPositive();
      HttpResponse<String> list = call(second, made, "/process.Process/List", "{}");
      assertThat(list.body()).contains("\"pid\":" + pid).contains("\"tag\":\"mine\"");
      HttpResponse<String> killed =
          call(
              second,
              made,
              "/process.Process/SendSignal",
              "{\"process\":{\"tag\":\"mine\"},\"signal\":\"SIGNAL_SIGKILL\"}");
      assertThat(killed.statusCode()).describedAs(killed.body()).isEqualTo(200);
      assertThat(Frames.rest(stream.body())).last().asString().isEqualTo("{}");
    }
    kill(made);
  }

  @Test
  void aRevokedKeyIsRefusedAndLimitsHold() throws Exception {
    KeyFile.Added limited = keys.add("limited", 1, 5);
    Sandbox made;
    long end = System.nanoTime() + 10_000_000_000L;
    while (get("/v2/sandboxes", limited.text()).statusCode() == 401) {
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.sleep(100);
    }
    Thread.sleep(1000); // the bucket is full again
    made = create(limited.text(), "{\"templateID\":\"base\",\"timeout\":60}");
    HttpResponse<String> second =
        post("/v2/sandboxes", limited.text(), "{\"templateID\":\"base\"}");
    assertThat(second.statusCode()).isEqualTo(429);
    assertThat(second.headers().firstValue("Retry-After")).isPresent();
    List<Integer> codes = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      codes.add(get("/v2/sandboxes", limited.text()).statusCode());
    }
    assertThat(codes).contains(200, 429);
    assertThat(keys.revoke(limited.key().id())).isPresent();
    end = System.nanoTime() + 10_000_000_000L;
    while (get("/v2/sandboxes", limited.text()).statusCode() != 401) {
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.sleep(100);
    }
    assertThat(client.sandbox(made.user()).release(Duration.ofSeconds(30))).isPresent();
  }

  @Test
  void templatesAreProfilesOfWhichAKeyMayHaveSome() throws Exception {
    String some = known(keys.add("some", 0, 0, 0, 0, Set.of("data-science")));
    HttpResponse<String> refused = post("/v2/sandboxes", some, "{\"templateID\":\"base\"}");
    assertThat(refused.statusCode()).isEqualTo(403);
    assertThat(refused.body()).contains("it may use: data-science");
    assertThat(mcp(some, "ada", "true").body()).contains("may not use the template 'default'");

    Sandbox made = create(some, "{\"templateID\":\"data-science\",\"timeout\":60}");
    assertThat(JSON.readTree(get("/sandboxes/" + made.id(), some).body()).path("templateID"))
        .hasToString("\"data-science\"");
    assertThat(get("/v2/sandboxes?template=data-science", some).body()).contains(made.id());
    assertThat(client.sandbox(made.user()).shell("echo $PROFILE").stdout())
        .isEqualTo("data-science\n");
    assertThat(client.sandbox(made.user()).release(Duration.ofSeconds(30))).isPresent();

    HttpResponse<String> unknown = post("/v2/sandboxes", key, "{\"templateID\":\"nosuch\"}");
    assertThat(unknown.statusCode()).isEqualTo(400);
    assertThat(unknown.body()).contains("no profile nosuch", "default, data-science");
  }

  /** A user of a tenant has one sandbox. */
  @Test
  void aSandboxOfAnotherTemplateIsReplacedUnlessCommandsRunInIt() throws Exception {
    Sandbox base = create(key, named("grace"));
    Sandbox other = create(key, named("grace").replace("base", "data-science"));
    assertThat(other.id()).isEqualTo(base.id());
    assertThat(other.token()).as("of another container").isNotEqualTo(base.token());
    try (RunningCommand running =
        client.sandbox(other.user()).start(Command.of("sleep", "60").announceStart())) {
      running.awaitStart(Duration.ofSeconds(60));
      HttpResponse<String> busy = post("/v2/sandboxes", key, named("grace"));
      assertThat(busy.statusCode()).isEqualTo(400);
      assertThat(busy.body()).contains("whose profile is data-science, not default");
      assertThat(mcp(key, "grace", "echo $PROFILE").body())
          .as("any profile")
          .contains("data-science");
      running.signal(CommandSignal.KILL);
      assertThat(running.await().signal()).isEqualTo(9);
    }
    HttpResponse<String> back =
        send(mcpRequest(key, "grace", "echo is:$PROFILE").header("X-Profile", "default"));
    assertThat(back.body()).contains("is:\\n");
    assertThat(send(mcpRequest(key, "grace", "true").header("X-Profile", "No")).statusCode())
        .isEqualTo(400);
    kill(base);
  }

  @Test
  void aRepeatedCreateMakesOneSandbox() throws Exception {
    String repeat = "order 7";
    List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      answers.add(HTTP.sendAsync(create(key, repeat, 60).build(), BodyHandlers.ofString()));
    }
    Set<String> bodies = new HashSet<>();
    for (CompletableFuture<HttpResponse<String>> answer : answers) {
      assertThat(answer.join().statusCode()).as(answer.join().body()).isEqualTo(201);
      bodies.add(JSON.readTree(answer.join().body()).path("sandboxID").asText());
    }
    HttpResponse<String> later = send(create(key, repeat, 60));
    assertThat(later.statusCode()).isEqualTo(201);
    bodies.add(JSON.readTree(later.body()).path("sandboxID").asText());
    assertThat(bodies).hasSize(1);
    HttpResponse<String> others = send(create(otherKey, repeat, 60));
    String other = JSON.readTree(others.body()).path("sandboxID").asText();
    assertThat(bodies).doesNotContain(other);
    assertThat(send(create(key, "x".repeat(256), 60)).statusCode()).isEqualTo(400);
    kill(new Sandbox(bodies.iterator().next(), ""));
    assertThat(
            send(request("/sandboxes/" + other).header("X-API-KEY", otherKey).DELETE())
                .statusCode())
        .isEqualTo(204);
  }

  private static HttpRequest.Builder create(String apiKey, String idempotencyKey, int seconds) {
    return request("/v2/sandboxes")
        .header("X-API-KEY", apiKey)
        .header("Idempotency-Key", idempotencyKey)
        .POST(
            HttpRequest.BodyPublishers.ofString(
                "{\"templateID\":\"base\",\"timeout\":" + seconds + "}"));
  }

  @Test
  void commandsOfAKeyAreLimited() throws Exception {
    KeyFile.Added limited = keys.add("limited", 0, 0, 2, 0, Set.of());
    long end = System.nanoTime() + 10_000_000_000L;
    while (get("/v2/sandboxes", limited.text()).statusCode() == 401) {
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.sleep(100);
    }
    Sandbox made = create(limited.text(), "{\"templateID\":\"base\",\"timeout\":60}");
    List<CompletableFuture<HttpResponse<InputStream>>> answers = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      answers.add(
          HTTP.sendAsync(
              data(gateway, made, "/process.Process/Start")
                  .header("Content-Type", "application/connect+json")
                  .POST(
                      HttpRequest.BodyPublishers.ofByteArray(
                          Frames.of("{\"process\":{\"cmd\":\"true\"}}")))
                  .build(),
              BodyHandlers.ofInputStream()));
    }
    int refused = 0;
    for (CompletableFuture<HttpResponse<InputStream>> answer : answers) {
      JsonNode last = Frames.rest(answer.join().body()).getLast();
      if (last.has("error")) {
        assertThat(last.path("error").path("code").asText()).isEqualTo("resource_exhausted");
        assertThat(last.path("error").path("message").asText()).contains("2 commands a second");
        assertThat(answer.join().headers().firstValue("Retry-After")).isPresent();
        refused++;
      }
    }
    assertThat(refused).isBetween(1, 6);
    assertThat(
            send(request("/sandboxes/" + made.id()).header("X-API-KEY", limited.text()).DELETE())
                .statusCode())
        .isEqualTo(204);
  }

  @Test
  void changesOfASandboxAtTheSameTimeAreAllAnswered() throws Exception {
    Sandbox made = create(key, "{\"templateID\":\"base\",\"timeout\":600}");
    List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      String body = "{\"timeout\":" + (600 + i * 37 % 20) + "}";
      String change = i % 2 == 0 ? "/timeout" : "/connect";
      answers.add(
          HTTP.sendAsync(
              request("/sandboxes/" + made.id() + change)
                  .header("X-API-KEY", key)
                  .POST(HttpRequest.BodyPublishers.ofString(body))
                  .build(),
              BodyHandlers.ofString()));
    }
    for (CompletableFuture<HttpResponse<String>> answer : answers) {
      assertThat(answer.join().statusCode()).as(answer.join().body()).isIn(200, 204);
    }
    kill(made);
  }

  /** MCP makes it, and says nothing of an end. */
  @Test
  void aSandboxWithoutAnEndIsListedAndGetsNone() throws Exception {
    HttpResponse<String> answer = mcp(key, "endless", "true");
    assertThat(answer.body()).contains("exit code 0");
    JsonNode listed = JSON.readTree(get("/v2/sandboxes?metadata=user_id%3Dendless", key).body());
    assertThat(listed).hasSize(1);
    String id = listed.path(0).path("sandboxID").asText();
    assertThat(Instant.parse(listed.path(0).path("endAt").asText())).isAfter(Instant.now());
    assertThat(post("/sandboxes/" + id + "/connect", key, "{\"timeout\":60}").statusCode())
        .isEqualTo(200);
    JsonNode connected = JSON.readTree(get("/sandboxes/" + id, key).body());
    assertThat(Instant.parse(connected.path("endAt").asText()))
        .isAfter(Instant.now().plus(Duration.ofHours(1)));
    kill(new Sandbox(id, ""));
  }

  private static HttpRequest.Builder mcpRequest(String apiKey, String user, String script) {
    return request("/mcp")
        .header("Authorization", "Bearer " + apiKey)
        .header("Content-Type", "application/json")
        .header("X-User-Id", user)
        .POST(
            HttpRequest.BodyPublishers.ofString(
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"run_shell\","
                    + "\"arguments\":{\"command\":\""
                    + script
                    + "\"}}}"));
  }

  private static HttpResponse<String> mcp(String apiKey, String user, String script)
      throws Exception {
    return send(mcpRequest(apiKey, user, script));
  }

  @Test
  void createsAtTheSameTimeKeepALimit() throws Exception {
    String limited = known(keys.add("narrow", 1, 0));
    List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      answers.add(
          HTTP.sendAsync(
              request("/v2/sandboxes")
                  .header("X-API-KEY", limited)
                  .POST(HttpRequest.BodyPublishers.ofString(named("user-" + i)))
                  .build(),
              BodyHandlers.ofString()));
    }
    List<Integer> made = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      if (answers.get(i).join().statusCode() == 201) {
        made.add(i);
      } else {
        assertThat(answers.get(i).join().statusCode()).isEqualTo(429);
      }
    }
    assertThat(made).hasSize(1);
    // This makes none.
    Sandbox sandbox = create(limited, named("user-" + made.getFirst()));
    assertThat(post("/v2/sandboxes", limited, named("another")).statusCode()).isEqualTo(429);
    assertThat(client.sandbox(sandbox.user()).release(Duration.ofSeconds(30))).isPresent();
  }

  private static String named(String user) {
    return "{\"templateID\":\"base\",\"timeout\":600,\"metadata\":{\"user_id\":\"" + user + "\"}}";
  }

  /** Waits until the gateway knows a key. */
  private static String known(KeyFile.Added added) throws Exception {
    awaitStatus("/v2/sandboxes?limit=1", added.text(), 200);
    return added.text();
  }

  private static void awaitStatus(String path, String apiKey, int status) throws Exception {
    long end = System.nanoTime() + 10_000_000_000L;
    while (get(path, apiKey).statusCode() != status) {
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.sleep(100);
    }
  }

  /** Whoever has no token of a sandbox does not learn whether it is there. */
  @Test
  void aWrongTokenIsAnsweredAsAnUnknownSandbox() throws Exception {
    Sandbox made = create(key, "{\"templateID\":\"base\",\"timeout\":60}");
    Sandbox unknown = new Sandbox("0".repeat(32), "");
    for (String token : List.of("wrong", made.token().replaceFirst(".$", "x"))) {
      Sandbox wrong = new Sandbox(made.id(), token);
      for (String path :
          List.of("/health", "/envs", "/files?path=a", "/files?path=a&signature=v1_x")) {
        HttpResponse<String> answer = send(data(gateway, wrong, path));
        HttpResponse<String> other = send(data(gateway, new Sandbox(unknown.id(), token), path));
        assertThat(answer.statusCode()).as(path).isEqualTo(other.statusCode()).isGreaterThan(400);
        assertThat(answer.body()).isEqualTo(other.body());
      }
    }
    for (String header : List.of("X-Other", "E2b-Traffic-Access-Token", "Cookie")) {
      assertThat(atPort(made, header)).isEqualTo(atPort(unknown, header)).startsWith("502 ");
    }
    HttpRequest.Builder none =
        request("/health").header("E2b-Sandbox-Id", made.id()).header("E2b-Sandbox-Port", "49983");
    assertThat(send(none).statusCode()).isEqualTo(502);
    assertThat(send(data(gateway, made, "/health")).statusCode()).isEqualTo(204);
    kill(made);
  }

  /** Returns what is answered at a port to who has no token, or a wrong one in a header. */
  private static String atPort(Sandbox sandbox, String header) throws Exception {
    HttpResponse<String> answer =
        send(
            request("/")
                .header("E2b-Sandbox-Id", sandbox.id())
                .header("E2b-Sandbox-Port", "3000")
                .header(header, "e2b-traffic-access-token=wrong"));
    return answer.statusCode() + " " + answer.body().replace(sandbox.id(), "ID");
  }

  @Test
  void aRevokedKeysTokensAreWorthNothing() throws Exception {
    KeyFile.Added lost = keys.add("careless", 0, 0);
    String kept = known(keys.add("careless", 0, 0));
    Sandbox made = create(lost.text(), "{\"templateID\":\"base\",\"timeout\":60}");
    assertThat(send(data(gateway, made, "/envs")).statusCode()).isEqualTo(200);
    assertThat(keys.revoke(lost.key().id())).isPresent();
    awaitStatus("/v2/sandboxes", lost.text(), 401);
    assertThat(send(data(gateway, made, "/envs")).statusCode()).isEqualTo(502);
    String renewed =
        JSON.readTree(get("/sandboxes/" + made.id(), kept).body()).path("envdAccessToken").asText();
    assertThat(send(data(gateway, new Sandbox(made.id(), renewed), "/envs")).statusCode())
        .isEqualTo(200);
    assertThat(client.sandbox(made.user()).release(Duration.ofSeconds(30))).isPresent();
  }

  /** A gateway whose client can't read the table any more. */
  @Test
  void aTableThatCannotBeReadIsAServiceThatIsUnavailable() throws Exception {
    SandboxClient closed = bed.client();
    try (Gateway other = start(closed, keys, directory)) {
      closed.close();
      HttpResponse<String> list = send(get(other, "/v2/sandboxes").header("X-API-KEY", key));
      assertThat(list.statusCode()).as(list.body()).isEqualTo(503);
      assertThat(list.headers().firstValue("Retry-After")).isPresent();
      Sandbox some = new Sandbox("0".repeat(32), "token");
      assertThat(send(data(other, some, "/envs")).statusCode()).isEqualTo(503);
      HttpResponse<InputStream> stream =
          HTTP.send(
              data(other, some, "/process.Process/Start")
                  .header("Content-Type", "application/connect+json")
                  .POST(HttpRequest.BodyPublishers.ofByteArray(Frames.of("{}")))
                  .build(),
              BodyHandlers.ofInputStream());
      assertThat(stream.statusCode()).isEqualTo(200);
      assertThat(Frames.rest(stream.body()))
          .singleElement()
          .satisfies(
              last ->
                  assertThat(last.path("error").path("code").asText()).isEqualTo("unavailable"));
    }
  }

  @Test
  void badRequestsAreAnswered() throws Exception {
    assertThat(post("/v2/sandboxes", key, "{").statusCode()).isEqualTo(400);
    assertThat(post("/v2/sandboxes", key, "[]").statusCode()).isEqualTo(400);
    assertThat(post("/v2/sandboxes", key, "{\"templateID\":7}").statusCode()).isEqualTo(400);
    assertThat(post("/v2/sandboxes", key, "{\"templateID\":\"base\",\"metadata\":7}").statusCode())
        .isEqualTo(400);
    String large = "x".repeat(5000);
    HttpResponse<String> metadata =
        post(
            "/v2/sandboxes",
            key,
            "{\"templateID\":\"base\",\"metadata\":{\"a\":\"" + large + "\"}}");
    assertThat(metadata.statusCode()).isEqualTo(400);
    assertThat(metadata.body()).contains("labels");
    assertThat(post("/v2/sandboxes", key, "{\"a\":\"" + "x".repeat(70_000) + "\"}").statusCode())
        .isEqualTo(413);
    assertThat(get("/v2/sandboxes?limit=0", key).statusCode()).isEqualTo(400);
    assertThat(get("/v2/sandboxes?nextToken=x", key).statusCode()).isEqualTo(400);
    assertThat(get("/v2/sandboxes", "e2b_wrong").statusCode()).isEqualTo(401);
    assertThat(get("/sandboxes/../keys", key).statusCode()).isBetween(400, 499);
    assertThat(get("/templates", key).statusCode()).isEqualTo(501);
    assertThat(get("/nosuch", key).statusCode()).isEqualTo(404);
    for (String option :
        List.of(
            "\"mcp\":\"x\"",
            "\"volumeMounts\":1",
            "\"network\":\"x\"",
            "\"iam\":\"x\"",
            "\"iam\":{\"tokens\":1}",
            "\"autoResume\":true")) {
      HttpResponse<String> answer =
          post("/v2/sandboxes", key, "{\"templateID\":\"base\"," + option + "}");
      assertThat(answer.statusCode()).as(option).isEqualTo(400);
    }
    Sandbox made = create(key, "{\"templateID\":\"base\",\"timeout\":60}");
    HttpResponse<String> input =
        call(
            gateway,
            made,
            "/process.Process/SendInput",
            "{\"process\":{\"pid\":1},\"input\":{\"stdin\":5}}");
    assertThat(input.statusCode()).as(input.body()).isEqualTo(400);
    assertThat(get("/sandboxes/" + made.id() + "/metrics?end=31556889864403199", key).statusCode())
        .isEqualTo(200);
    for (String body : List.of("hello", "")) {
      String type = "application/connect+json";
      HttpResponse<String> start = notGzip(made, "/process.Process/Start", type, body);
      assertThat(start.statusCode()).isEqualTo(200);
      assertThat(start.body()).contains("invalid_argument", "can't be read");
      HttpResponse<String> stat =
          notGzip(made, "/filesystem.Filesystem/Stat", "application/json", body);
      assertThat(stat.statusCode()).as(stat.body()).isEqualTo(400);
      HttpResponse<String> upload =
          notGzip(made, "/files?path=x", "application/octet-stream", body);
      assertThat(upload.statusCode()).as(upload.body()).isEqualTo(400);
      assertThat(notGzip(made, "/mcp", "application/json", body).statusCode()).isEqualTo(400);
    }
    String tokens = "{\"a\":[" + "{},".repeat(200_000) + "0]}";
    HttpResponse<String> many = call(gateway, made, "/filesystem.Filesystem/Stat", tokens);
    assertThat(many.statusCode()).as(many.body()).isEqualTo(400);
    assertThat(many.body()).contains("100000");
    kill(made);
  }

  private static HttpResponse<String> notGzip(Sandbox in, String path, String type, String body)
      throws Exception {
    return send(
        data(gateway, in, path)
            .header("Authorization", "Bearer " + key) // for MCP; others ignore it
            .header("Content-Type", type)
            .header("Content-Encoding", "gzip")
            .POST(
                HttpRequest.BodyPublishers.fromPublisher( // without a length
                    HttpRequest.BodyPublishers.ofString(body))));
  }

  /** A sandbox has room for 32 of them, and nothing of a client that left may keep its part. */
  @Test
  void clientsThatAreGoneAtTheStartLeaveNothing() throws Exception {
    Sandbox made = create(key, "{\"templateID\":\"base\",\"timeout\":120}");
    byte[] start = Frames.of("{\"process\":{\"cmd\":\"/bin/true\"}}");
    String head =
        "POST /process.Process/Start HTTP/1.1\r\nHost: localhost\r\nE2b-Sandbox-Id: %s\r\n"
                .formatted(made.id())
            + "E2b-Sandbox-Port: 49983\r\nX-Access-Token: %s\r\n".formatted(made.token())
            + "Content-Type: application/connect+json\r\nContent-Length: %d\r\n\r\n"
                .formatted(start.length);
    for (int i = 0; i < 60; i++) {
      try (Socket socket = new Socket("127.0.0.1", gateway.port())) {
        socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
        socket.getOutputStream().write(start);
        Thread.sleep(10); // the request is read, and the command has not started yet
        socket.setSoLinger(true, 0); // the next write fails
      }
    }
    HttpResponse<InputStream> stream = start(made, "exit 7", 30);
    assertThat(Frames.rest(stream.body()).toString()).contains("\"exitCode\":7");
    kill(made);
  }

  /** Through a gateway that follows 8 commands at a time, so that few are enough. */
  @Test
  void aTenantLeavesRoomForOthersAndWhatIsUnusedIsLetGo() throws Exception {
    String crowd = known(keys.add("crowd", 0, 0, 0, 5, Set.of()));
    Sandbox made = create(crowd, "{\"templateID\":\"base\",\"timeout\":300}");
    Sandbox other = create(otherKey, "{\"templateID\":\"base\",\"timeout\":300}");
    List<HttpResponse<InputStream>> streams = new ArrayList<>();
    List<Integer> pids = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      HttpResponse<InputStream> stream = start(made, "cat", 0);
      streams.add(stream);
      pids.add(Frames.next(stream.body()).at("/event/start/pid").asInt());
    }
    HttpResponse<InputStream> sixth = start(made, "true", 0);
    assertThat(Frames.rest(sixth.body()).toString())
        .contains("resource_exhausted")
        .contains("5 commands at a time");
    assertThat(sixth.headers().firstValue("Retry-After")).isPresent();
    try (SandboxClient few =
            SandboxClient.connect(
                Map.of("bootstrap.servers", bed.bootstrapServers()),
                ClientOptions.defaults().withBounds(8, 64 << 20));
        Gateway small = start(few, keys, directory)) {
      List<InputStream> connected = new ArrayList<>();
      for (int pid : pids.subList(0, 4)) {
        InputStream stream = connect(small, made, pid);
        connected.add(stream);
        assertThat(Frames.next(stream).at("/event/start/pid").asInt()).isEqualTo(pid);
      }
      HttpResponse<String> refused = sendInput(small, made, pids.get(4));
      assertThat(refused.statusCode()).as(refused.body()).isEqualTo(429);
      assertThat(refused.body()).contains("resource_exhausted");
      assertThat(refused.headers().firstValue("Retry-After")).isPresent();
      assertThat(stat(small, other)).as("another tenant's").isEqualTo(200);
      String kill = "{\"process\":{\"pid\":%d},\"signal\":\"SIGNAL_SIGKILL\"}";
      HttpResponse<String> killed =
          call(small, made, "/process.Process/SendSignal", kill.formatted(pids.get(4)));
      assertThat(killed.statusCode()).as(killed.body()).isEqualTo(200);
      assertThat(Frames.rest(streams.getLast().body()).toString()).contains("killed");
      for (InputStream stream : connected) {
        stream.close();
      }
      long end = System.nanoTime() + 120_000_000_000L;
      while (stat(small, made) != 200) {
        assertThat(System.nanoTime()).as("no process was let go").isLessThan(end);
      }
      HttpResponse<String> again = sendInput(small, made, pids.getFirst());
      assertThat(again.statusCode()).as(again.body()).isEqualTo(200);
      assertThat(Frames.next(streams.getFirst().body()).toString()).contains("stdout");
    }
    assertThat(Frames.rest(start(made, "exit 7", 0).body()).toString())
        .as("after the end of one")
        .contains("\"exitCode\":7");
    assertThat(delete(made, crowd)).isEqualTo(204);
    assertThat(delete(other, otherKey)).isEqualTo(204);
  }

  private static int delete(Sandbox sandbox, String apiKey) throws Exception {
    return send(request("/sandboxes/" + sandbox.id()).header("X-API-KEY", apiKey).DELETE())
        .statusCode();
  }

  private static int stat(Gateway of, Sandbox sandbox) throws Exception {
    return call(of, sandbox, "/filesystem.Filesystem/Stat", "{\"path\":\"/\"}").statusCode();
  }

  /** Connects to a process with a stream whose end the gateway notices within a second. */
  private static InputStream connect(Gateway of, Sandbox sandbox, int pid) throws Exception {
    String selector = "{\"process\":{\"pid\":" + pid + "}}";
    return HTTP.send(
            data(of, sandbox, "/process.Process/Connect")
                .header("Content-Type", "application/connect+json")
                .header("Keepalive-Ping-Interval", "1")
                .POST(HttpRequest.BodyPublishers.ofByteArray(Frames.of(selector)))
                .build(),
            BodyHandlers.ofInputStream())
        .body();
  }

  private static HttpResponse<String> sendInput(Gateway of, Sandbox sandbox, int pid)
      throws Exception {
    return call(
        of,
        sandbox,
        "/process.Process/SendInput",
        "{\"process\":{\"pid\":%d},\"input\":{\"stdin\":\"YQo=\"}}".formatted(pid));
  }

  @Test
  void aCommandWithoutTimeOutOutlivesTheEndThatItsSandboxHad() throws Exception {
    Sandbox made = create(key, "{\"templateID\":\"base\",\"timeout\":5}");
    HttpResponse<InputStream> stream = start(made, "sleep 9; exit 3", 0);
    assertThat(Frames.next(stream.body()).path("event").has("start")).isTrue();
    assertThat(post("/sandboxes/" + made.id() + "/timeout", key, "{\"timeout\":120}").statusCode())
        .isEqualTo(204);
    assertThat(Frames.rest(stream.body()).toString()).contains("\"exitCode\":3");
    kill(made);
  }

  /** The time that each variable took grew with their number. */
  @Test
  void soManyVariablesAreRefusedAtOnce() throws Exception {
    Sandbox made = create(key, "{\"templateID\":\"base\",\"timeout\":60}");
    StringBuilder variables = new StringBuilder("\"k\":\"\"");
    for (int i = 0; i < 50_000; i++) {
      variables.append(",\"k").append(i).append("\":\"\"");
    }
    HttpResponse<InputStream> stream =
        stream(
            made, "Start", "{\"process\":{\"cmd\":\"/bin/true\",\"envs\":{" + variables + "}}}", 0);
    assertThat(Frames.rest(stream.body()).toString()).contains("invalid_argument");
    kill(made);
  }

  private static HttpResponse<InputStream> start(Sandbox in, String script, int seconds)
      throws Exception {
    return stream(
        in,
        "Start",
        JSON.createObjectNode()
            .set(
                "process",
                JSON.createObjectNode()
                    .put("cmd", "/bin/bash")
                    .set("args", JSON.createArrayNode().add("-c").add(script)))
            .toString(),
        seconds);
  }

  private static HttpResponse<InputStream> stream(
      Sandbox in, String call, String message, int seconds) throws Exception {
    return HTTP.send(
        data(gateway, in, "/process.Process/" + call)
            .header("Content-Type", "application/connect+json")
            .header("Connect-Timeout-Ms", seconds + "000")
            .POST(HttpRequest.BodyPublishers.ofByteArray(Frames.of(message)))
            .build(),
        BodyHandlers.ofInputStream());
  }

  /**
   * Requests that no client sends are refused in time, and leave nothing behind. {@code bin/test
   * --all} sends 100,000. The seed is printed with each failure.
   */
  @Test
  void hostileRequestsAreRefused() throws Exception {
    Sandbox made = create(key, "{\"templateID\":\"base\",\"timeout\":3600}");
    int count = "yes".equals(System.getenv("ZCBOT_TEST_ALL")) ? 25_000 : 500;
    long seed = System.nanoTime();
    assertThat(send(hostile(seed, made), 200)).as("answers, with seed %d", seed).isEmpty();
    long before = usedMemory();
    List<Future<List<String>>> senders = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      for (int i = 1; i <= 4; i++) {
        HostileRequests requests = hostile(seed + i, made);
        senders.add(threads.submit(() -> send(requests, count)));
      }
    }
    for (Future<List<String>> sender : senders) {
      assertThat(sender.get()).as("answers, with seed %d", seed).isEmpty();
    }
    assertThat(usedMemory() - before).isLessThan(64L << 20);
    assertThat(
            call(gateway, made, "/filesystem.Filesystem/Stat", "{\"path\":\"/tmp\"}").statusCode())
        .isEqualTo(200);
    kill(made);
  }

  private static HostileRequests hostile(long seed, Sandbox sandbox) {
    return new HostileRequests(seed, key, sandbox.id(), sandbox.token());
  }

  private static long usedMemory() throws InterruptedException {
    System.gc();
    Thread.sleep(200);
    System.gc();
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  /** Returns what was answered wrongly. */
  private static List<String> send(HostileRequests requests, int count) throws IOException {
    List<String> wrong = new ArrayList<>();
    RawHttp connection = new RawHttp(gateway.port());
    try {
      for (int i = 0; i < count && wrong.size() < 10; i++) {
        HostileRequests.Request request = requests.next();
        List<RawHttp.Response> responses;
        if (request.isFramed()) {
          connection.send(request.bytes());
          RawHttp.Response response = connection.next();
          responses = response == null ? List.of() : List.of(response);
          if (response == null || response.isLast()) {
            connection.close();
            connection = new RawHttp(gateway.port());
          }
        } else {
          try (RawHttp another = new RawHttp(gateway.port())) {
            another.send(request.bytes());
            responses = another.rest();
          }
        }
        responses.stream()
            .filter(response -> !isRefusal(response))
            .forEach(response -> wrong.add(response + " for " + shown(request.bytes())));
      }
    } catch (SocketTimeoutException e) {
      wrong.add("no answer within the time");
    } finally {
      connection.close();
    }
    return wrong;
  }

  /**
   * What the gateway or HTTP's encodings do not have is 501, and a sandbox that is not there is
   * 502, as E2B's proxy says.
   */
  private static boolean isRefusal(RawHttp.Response response) {
    boolean isKnown = response.status() == 501 || response.status() == 502;
    return (response.status() < 500 || isKnown)
        && !response.body().contains("\"code\":\"internal\"");
  }

  private static String shown(byte[] bytes) {
    return new String(bytes, 0, Math.min(bytes.length, 1000), StandardCharsets.ISO_8859_1);
  }

  /** A server that divides them otherwise than a proxy before it would execute a hidden request. */
  @Test
  void noRequestIsHiddenInAnother() throws Exception {
    for (String text : HostileRequests.smuggled()) {
      try (RawHttp connection = new RawHttp(gateway.port())) {
        connection.send(text.getBytes(StandardCharsets.ISO_8859_1));
        List<RawHttp.Response> responses = connection.rest();
        assertThat(responses).as(text).hasSizeLessThanOrEqualTo(1);
        assertThat(responses).as(text).allMatch(response -> response.status() / 100 == 4);
      }
    }
  }

  /** None of the clients reads what its stream brings. */
  @Test
  void aThousandOpenStreamsTakeLittleMemoryAndDelayNobody() throws Exception {
    Sandbox made = create(key, "{\"templateID\":\"base\",\"timeout\":600}");
    List<RawHttp> streams = new ArrayList<>();
    try {
      String script = "until [ -e go ]; do sleep 0.2; done; head -c 6000000 /dev/zero; sleep 60";
      String start = "{\"process\":{\"cmd\":\"bash\",\"args\":[\"-c\",\"" + script + "\"]}}";
      List<String> pids = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        RawHttp stream = open(made, "Start", start);
        streams.add(stream);
        pids.add(stream.firstChunk().replaceAll("(?s).*\"pid\":([0-9]+).*", "$1"));
      }
      long before = usedMemory();
      while (streams.size() < 1000) {
        String selector = "{\"process\":{\"pid\":" + pids.get(streams.size() % 4) + "}}";
        RawHttp stream = open(made, "Connect", selector);
        streams.add(stream);
        assertThat(stream.firstChunk()).contains("start");
      }
      assertThat(usedMemory() - before).isLessThan(128L << 20);
      HttpResponse<String> go =
          send(
              data(gateway, made, "/files?path=go")
                  .header("Content-Type", "application/octet-stream")
                  .POST(HttpRequest.BodyPublishers.ofString("")));
      assertThat(go.statusCode()).isEqualTo(200);
      for (int i = 0; i < 20; i++) { // while nobody reads
        assertThat(
                call(gateway, made, "/filesystem.Filesystem/Stat", "{\"path\":\"go\"}")
                    .statusCode())
            .isEqualTo(200);
      }
      assertThat(usedMemory() - before).isLessThan(256L << 20);
      assertThat(streams.get(999).chunk()).contains("stdout");
    } finally {
      for (RawHttp stream : streams) {
        stream.close();
      }
    }
    kill(made);
  }

  /** Opens a stream of a process. */
  private static RawHttp open(Sandbox sandbox, String method, String message) throws IOException {
    RawHttp stream = new RawHttp(gateway.port());
    byte[] body = Frames.of(message);
    String head =
        "POST /process.Process/"
            + method
            + " HTTP/1.1\r\nHost: localhost\r\nE2b-Sandbox-Id: "
            + sandbox.id()
            + "\r\nE2b-Sandbox-Port: 49983\r\nX-Access-Token: "
            + sandbox.token()
            + "\r\nContent-Type: application/connect+json\r\nContent-Length: "
            + body.length
            + "\r\n\r\n";
    stream.send(head.getBytes(StandardCharsets.ISO_8859_1));
    stream.send(body);
    return stream;
  }

  private record Sandbox(String id, String token) {
    String user() {
      return id.replaceFirst("(.{8})(.{4})(.{4})(.{4})(.{12})", "$1-$2-$3-$4-$5");
    }
  }

  private static Sandbox create(String apiKey, String body) throws Exception {
    HttpResponse<String> answer = post("/v2/sandboxes", apiKey, body);
    assertThat(answer.statusCode()).describedAs(answer.body()).isEqualTo(201);
    JsonNode made = JSON.readTree(answer.body());
    return new Sandbox(made.path("sandboxID").asText(), made.path("envdAccessToken").asText());
  }

  private static void kill(Sandbox sandbox) throws Exception {
    HttpResponse<String> answer =
        send(request("/sandboxes/" + sandbox.id()).header("X-API-KEY", key).DELETE());
    assertThat(answer.statusCode()).isEqualTo(204);
  }

  private static HttpResponse<String> post(String path, String apiKey, String body)
      throws Exception {
    return send(
        request(path)
            .header("X-API-KEY", apiKey)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body)));
  }

  private static HttpResponse<String> get(String path, String apiKey) throws Exception {
    return send(request(path).header("X-API-KEY", apiKey));
  }

  private static HttpRequest.Builder get(Gateway of, String path) {
    return HttpRequest.newBuilder(URI.create(url(of) + path)).timeout(Duration.ofSeconds(60));
  }

  private static HttpRequest.Builder request(String path) {
    return get(gateway, path);
  }

  private static HttpRequest.Builder data(Gateway of, Sandbox sandbox, String path) {
    return get(of, path)
        .header("E2b-Sandbox-Id", sandbox.id())
        .header("E2b-Sandbox-Port", "49983")
        .header("X-Access-Token", sandbox.token());
  }

  private static HttpResponse<String> call(Gateway of, Sandbox sandbox, String path, String message)
      throws Exception {
    return send(
        data(of, sandbox, path)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(message)));
  }

  private static HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
    return HTTP.send(request.build(), BodyHandlers.ofString());
  }

  private static String url(Gateway of) {
    return "http://127.0.0.1:" + of.port();
  }
}
