/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.http.HeaderNames;
import io.helidon.http.Status;
import io.helidon.webserver.http.Handler;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import io.zcbot.sandbox.events.Network;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.gateway.BodyMemory;
import io.zcbot.sandbox.gateway.GatewayOptions;
import io.zcbot.sandbox.gateway.TimedOutput;
import io.zcbot.sandbox.gateway.keys.AccessTokens;
import io.zcbot.sandbox.gateway.keys.ApiKey;
import io.zcbot.sandbox.gateway.keys.ApiKeys;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * E2B's control plane: makes, finds, extends and ends the sandboxes of the tenant whose key a
 * request has. Another tenant's sandbox is answered as one that does not exist.
 */
final class ControlPlane {
  /** The version of E2B's daemon whose features the data plane has. */
  static final String ENVD_VERSION = "0.6.4";

  private static final int MAX_BODY = 64 * 1024;
  private static final Duration DEFAULT_LIFE = Duration.ofMinutes(5);
  private static final Duration DEFAULT_LIFE_V1 = Duration.ofSeconds(15);
  private static final int MAX_PAGE = 100;

  private static final Pattern IDEMPOTENCY_KEY = Pattern.compile("[ -~]{1,255}");

  /** What may name a user of a tenant in a sandbox's metadata. */
  static final String USER_ID = "user_id";

  private final ApiKeys keys;
  private final AccessTokens tokens;
  private final Sandboxes sandboxes;
  private final Samples samples;
  private final GatewayOptions options;
  private final Templates templates;

  ControlPlane(ApiKeys keys, AccessTokens tokens, Sandboxes sandboxes, GatewayOptions options) {
    this.keys = keys;
    this.tokens = tokens;
    this.sandboxes = sandboxes;
    this.samples = new Samples(sandboxes);
    this.options = options;
    this.templates = new Templates(options);
  }

  /** What a request of a tenant is answered with. */
  private interface Answer {
    void answer(ServerRequest request, ServerResponse response, ApiKey key);
  }

  /** Adds the routes. */
  void routes(HttpRouting.Builder routing) {
    routing
        .post("/v2/sandboxes", keyed((in, out, key) -> create(in, out, key, DEFAULT_LIFE)))
        .post("/sandboxes", keyed((in, out, key) -> create(in, out, key, DEFAULT_LIFE_V1)))
        .post("/v2/sandboxes/{id}/connect", keyed(this::connect))
        .post("/sandboxes/{id}/connect", keyed(this::connect))
        .get("/v2/sandboxes", keyed(this::list))
        .get("/sandboxes", keyed(this::list))
        .get("/sandboxes/{id}", keyed(this::get))
        .delete("/sandboxes/{id}", keyed(this::kill))
        .post("/sandboxes/{id}/timeout", keyed(this::setTimeout))
        .get("/sandboxes/{id}/metrics", keyed(this::metrics))
        .put("/sandboxes/{id}/network", keyed(this::setNetwork));
    for (String missing : List.of("pause", "snapshots", "fork", "resume")) {
      routing.post(
          "/sandboxes/{id}/" + missing,
          keyed(
              (in, out, key) -> {
                SandboxView _ = own(in, key);
                throw unsupported(missing);
              }));
    }
    for (String missing : List.of("snapshots", "templates", "volumes", "secrets")) {
      Handler refusal =
          keyed(
              (in, out, key) -> {
                throw unsupported(missing);
              });
      routing.any("/" + missing, refusal).any("/" + missing + "/*", refusal);
    }
    Handler templates =
        keyed(
            (in, out, key) -> {
              throw unsupported("building templates");
            });
    routing.any("/v2/templates/*", templates).any("/v3/templates", templates);
    routing.any("/v3/templates/*", templates);
  }

  private static E2bException unsupported(String what) {
    return new E2bException(501, what + " is not supported");
  }

  private Handler keyed(Answer answer) {
    return (request, response) -> {
      try {
        answer.answer(request, response, key(request));
      } catch (E2bException e) {
        refuse(response, e);
      }
    };
  }

  /** Answers with an error in the form of E2B's API. */
  static void refuse(ServerResponse response, E2bException e) {
    refuse(response, e, Status.create(e.status()));
  }

  /** Answers with an error whose status has a reason of its own. */
  static void refuse(ServerResponse response, E2bException e, Status status) {
    if (e.retryAfter() > 0) {
      response.header("Retry-After", Integer.toString(e.retryAfter()));
    }
    ObjectNode body =
        Json.MAPPER.createObjectNode().put("code", e.status()).put("message", e.text());
    response.status(status).header("Content-Type", "application/json").send(Json.write(body));
  }

  private ApiKey key(ServerRequest request) {
    String text = request.headers().first(HeaderNames.create("X-API-KEY")).orElse(null);
    if (text == null) {
      throw new E2bException(401, "the header X-API-KEY is missing");
    }
    ApiKey key =
        keys.find(text).orElseThrow(() -> new E2bException(401, "the API key is not valid"));
    BodyMemory.of(request).isOf(key.tenant());
    int wait = keys.enter(key);
    if (wait > 0) {
      throw new E2bException(
          429, "this key allows " + key.requestsPerSecond() + " requests a second", wait);
    }
    return key;
  }

  private void create(
      ServerRequest request, ServerResponse response, ApiKey key, Duration defaultLife) {
    ObjectNode body = Json.body(request, MAX_BODY);
    String template = Json.text(body, "templateID");
    String profile = templates.profile(template, key);
    refuseUnsupported(body);
    Network network = EgressOptions.of(body, object(body, "network"), "network.");
    Duration life = life(body, defaultLife);
    Map<String, String> metadata = Json.texts(body, "metadata");
    Map<String, String> environment = Json.texts(body, "envVars");
    String repeatable = repeatable(request);
    boolean isFresh = false;
    UserId user;
    if (metadata.containsKey(USER_ID)) {
      user = SandboxId.named(key.tenant(), String.valueOf(metadata.get(USER_ID)));
    } else if (repeatable != null) {
      user = SandboxId.repeatable(key.tenant(), repeatable);
      Optional<SandboxView> made = sandboxes.current(user);
      if (made.isPresent()) {
        send(response, 201, withToken(made.get()));
        return;
      }
    } else {
      user = SandboxId.fresh();
      isFresh = true;
    }
    Instant startedAt = Instant.now().truncatedTo(ChronoUnit.MILLIS);
    Map<String, String> labels =
        SandboxView.labels(key, template, metadata, environment, hasPublicPorts(body), startedAt);
    SandboxView made;
    try {
      made =
          sandboxes.create(
              key, user, isFresh, labels, life, profile, network == null ? Network.WHOLE : network);
    } catch (E2bException e) {
      throw EgressOptions.explained(e, network);
    }
    send(response, 201, withToken(made));
  }

  /** Returns what tells a create that is repeated from others; null if the request has none. */
  private static @Nullable String repeatable(ServerRequest request) {
    String text = request.headers().first(HeaderNames.create("Idempotency-Key")).orElse(null);
    if (text != null && !IDEMPOTENCY_KEY.matcher(text).matches()) {
      throw new E2bException(400, "Idempotency-Key must have 1 to 255 characters of ASCII");
    }
    return text;
  }

  /** Refuses options that change what a sandbox may do, and that would not be in force. */
  private static void refuseUnsupported(ObjectNode body) {
    refuseIf(Json.flag(body, "autoPause", false), "autoPause");
    refuseIf(Json.flag(object(body, "autoResume"), "enabled", false), "autoResume");
    for (String field : List.of("mcp", "volumeMounts")) {
      refuseIf(isSet(body.path(field)), field);
    }
    refuseIf(isSet(object(body, "iam").path("tokens")), "iam");
    refuseNetwork(object(body, "network"));
  }

  private static JsonNode object(ObjectNode body, String field) {
    JsonNode node = body.path(field);
    if (!node.isMissingNode() && !node.isNull() && !node.isObject()) {
      throw new E2bException(400, field + " is not an object");
    }
    return node;
  }

  /** Other than with E2B, ports are private unless a client asks for public ones. */
  private static boolean hasPublicPorts(ObjectNode body) {
    return Json.flag(body.path("network"), "allowPublicTraffic", false);
  }

  private static void refuseNetwork(JsonNode network) {
    for (String field : List.of("rules", "egressProxy", "maskRequestHost")) {
      refuseIf(isSet(network.path(field)), "network." + field);
    }
  }

  private static boolean isSet(JsonNode node) {
    return !node.isMissingNode() && !node.isNull() && !(node.isContainerNode() && node.isEmpty());
  }

  private static void refuseIf(boolean isSet, String option) {
    if (isSet) {
      throw new E2bException(
          400, option + " is not supported by this server; leave the option out");
    }
  }

  private Duration life(ObjectNode body, Duration otherwise) {
    Long seconds = Json.optionalNumber(body, "timeout");
    if (seconds == null) {
      return otherwise;
    }
    if (seconds <= 0 || seconds > options.longestLife().toSeconds()) {
      throw new E2bException(
          400,
          "timeout is "
              + seconds
              + " s; it must be from 1 to "
              + options.longestLife().toSeconds());
    }
    return Duration.ofSeconds(seconds);
  }

  private void connect(ServerRequest request, ServerResponse response, ApiKey key) {
    Duration life = life(Json.body(request, MAX_BODY), DEFAULT_LIFE);
    SandboxView sandbox = own(request, key);
    Instant end = Instant.now().plus(life);
    if (sandbox.endsAt() == null || sandbox.endsAt().isAfter(end)) {
      send(response, 200, withToken(sandbox));
      return;
    }
    send(
        response,
        200,
        withToken(sandboxes.moveEnd(sandbox, end).orElseThrow(() -> unknown(sandbox.id()))));
  }

  private void setTimeout(ServerRequest request, ServerResponse response, ApiKey key) {
    ObjectNode body = Json.body(request, MAX_BODY);
    if (!body.has("timeout")) {
      throw new E2bException(400, "timeout is missing");
    }
    Duration life = life(body, DEFAULT_LIFE);
    SandboxView sandbox = own(request, key);
    if (sandboxes.moveEnd(sandbox, Instant.now().plus(life)).isEmpty()) {
      throw unknown(sandbox.id());
    }
    response.status(204).send();
  }

  private void setNetwork(ServerRequest request, ServerResponse response, ApiKey key) {
    ObjectNode body = Json.body(request, MAX_BODY);
    SandboxView sandbox = own(request, key);
    refuseNetwork(body);
    Network network = EgressOptions.of(body, body, "");
    boolean isSet;
    try {
      isSet = sandboxes.setNetwork(sandbox, network == null ? Network.WHOLE : network);
    } catch (E2bException e) {
      throw EgressOptions.explained(e, network);
    }
    if (!isSet) {
      throw unknown(sandbox.id());
    }
    response.status(204).send();
  }

  private void get(ServerRequest request, ServerResponse response, ApiKey key) {
    SandboxView sandbox = own(request, key);
    ObjectNode answer = describe(sandbox);
    answer
        .put("envdAccessToken", token(sandbox))
        .put("trafficAccessToken", sandbox.trafficToken(tokens, keys))
        .put("domain", options.domain())
        .putObject("lifecycle")
        .put("onTimeout", "kill")
        .put("autoResume", false);
    answer.putObject("network").put("allowPublicTraffic", sandbox.hasPublicPorts());
    send(response, 200, answer);
  }

  private void kill(ServerRequest request, ServerResponse response, ApiKey key) {
    SandboxView sandbox = own(request, key);
    boolean _ = sandboxes.kill(sandbox.user());
    response.status(204).send();
  }

  private void metrics(ServerRequest request, ServerResponse response, ApiKey key) {
    SandboxView sandbox = own(request, key);
    Instant start = second(request, "start", Instant.EPOCH);
    Instant end = second(request, "end", Instant.MAX);
    ArrayNode answer = Json.MAPPER.createArrayNode();
    Instant now = Instant.now();
    if (!now.isBefore(start) && !now.minusSeconds(1).isAfter(end)) {
      answer.add(samples.take(sandbox, options, now));
    }
    send(response, 200, answer);
  }

  private static Instant second(ServerRequest request, String name, Instant otherwise) {
    String text = parameter(request, name);
    if (text == null) {
      return otherwise;
    }
    try {
      return Instant.ofEpochSecond(Long.parseLong(text));
    } catch (NumberFormatException | DateTimeException e) {
      throw new E2bException(400, name + " is not a number of seconds");
    }
  }

  private void list(ServerRequest request, ServerResponse response, ApiKey key) {
    Map<String, String> metadata = wantedMetadata(parameter(request, "metadata"));
    String state = parameter(request, "state");
    if (state != null && !List.of(state.split(",", -1)).contains("running")) {
      send(response, 200, Json.MAPPER.createArrayNode());
      return;
    }
    Instant startedAfter = time(parameter(request, "startedAfter"));
    String template = parameter(request, "template");
    boolean isAscending = "asc".equals(parameter(request, "order"));
    int limit = limit(parameter(request, "limit"));
    Comparator<SandboxView> order =
        Comparator.comparing(SandboxView::startedAt).thenComparing(SandboxView::id);
    if (!isAscending) {
      order = order.reversed();
    }
    String after = parameter(request, "nextToken");
    Comparator<SandboxView> ordered = order;
    Optional<SandboxView> last = Optional.ofNullable(after).map(ControlPlane::position);
    List<SandboxView> found =
        sandboxes.current(key.tenant()).stream()
            .filter(view -> view.metadata().entrySet().containsAll(metadata.entrySet()))
            .filter(view -> template == null || view.template().equals(template))
            .filter(view -> startedAfter == null || !view.startedAt().isBefore(startedAfter))
            .filter(view -> last.isEmpty() || ordered.compare(view, last.get()) > 0)
            .sorted(order)
            .limit(limit + 1L)
            .toList();
    if (found.size() > limit) {
      response.header(
          "X-Next-Token", token(found.get(limit - 1).startedAt(), found.get(limit - 1)));
    }
    ArrayNode answer = Json.MAPPER.createArrayNode();
    found.stream().limit(limit).forEach(view -> answer.add(describe(view)));
    send(response, 200, answer);
  }

  private static int limit(@Nullable String text) {
    if (text == null) {
      return MAX_PAGE;
    }
    try {
      int limit = Integer.parseInt(text);
      if (limit >= 1 && limit <= MAX_PAGE) {
        return limit;
      }
    } catch (NumberFormatException e) {
      // told below
    }
    throw new E2bException(400, "limit is '" + text + "'; it must be from 1 to " + MAX_PAGE);
  }

  private static @Nullable Instant time(@Nullable String text) {
    try {
      return text == null ? null : OffsetDateTime.parse(text).toInstant();
    } catch (DateTimeException e) {
      throw new E2bException(400, "startedAfter is not a time such as 2026-01-31T12:00:00Z");
    }
  }

  /** Reads pairs that clients encode once more than a query needs. */
  private static Map<String, String> wantedMetadata(@Nullable String text) {
    Map<String, String> wanted = new LinkedHashMap<>();
    if (text == null || text.isEmpty()) {
      return wanted;
    }
    try {
      for (String pair : text.split("&", -1)) {
        int equals = pair.indexOf('=');
        String name = equals < 0 ? pair : pair.substring(0, equals);
        String value = equals < 0 ? "" : pair.substring(equals + 1);
        wanted.put(decoded(decoded(name)), decoded(decoded(value)));
      }
      return wanted;
    } catch (IllegalArgumentException e) {
      throw new E2bException(400, "metadata is not a list of encoded pairs");
    }
  }

  private static String decoded(String text) {
    return URLDecoder.decode(text, StandardCharsets.UTF_8);
  }

  private static String token(Instant startedAt, SandboxView view) {
    return Base64.getUrlEncoder()
        .withoutPadding()
        .encodeToString((startedAt + " " + view.id()).getBytes(StandardCharsets.UTF_8));
  }

  /** Returns a sandbox that stands where a page ended. */
  private static SandboxView position(String token) {
    try {
      String[] parts =
          new String(Base64.getUrlDecoder().decode(token), StandardCharsets.UTF_8).split(" ", -1);
      if (parts.length == 2) {
        UserId user = SandboxId.user(parts[1]).orElseThrow(IllegalArgumentException::new);
        return new SandboxView(
            user, "", "", "", "", Map.of(), Map.of(), false, Instant.parse(parts[0]), null, "");
      }
    } catch (IllegalArgumentException | DateTimeException e) {
      // told below
    }
    throw new E2bException(400, "nextToken is not one that this server gave");
  }

  private SandboxView own(ServerRequest request, ApiKey key) {
    String id = request.path().pathParameters().get("id");
    if (!SandboxId.isPossible(id)) {
      throw new E2bException(400, "Invalid sandbox ID");
    }
    return SandboxId.user(id)
        .flatMap(sandboxes::current)
        .filter(view -> view.tenant().equals(key.tenant()))
        .orElseThrow(() -> unknown(id));
  }

  private static E2bException unknown(String id) {
    return new E2bException(
        404, "Sandbox \"" + id + "\" doesn't exist or you don't have access to it");
  }

  private ObjectNode withToken(SandboxView sandbox) {
    return Json.MAPPER
        .createObjectNode()
        .put("sandboxID", sandbox.id())
        .put("templateID", sandbox.template())
        .put("clientID", "zcbot")
        .put("envdVersion", ENVD_VERSION)
        .put("envdAccessToken", token(sandbox))
        .put("trafficAccessToken", sandbox.trafficToken(tokens, keys))
        .put("domain", options.domain());
  }

  private ObjectNode describe(SandboxView sandbox) {
    GatewayOptions.Size size = templates.size(sandbox.profile());
    ObjectNode answer =
        Json.MAPPER
            .createObjectNode()
            .put("sandboxID", sandbox.id())
            .put("templateID", sandbox.template())
            .put("clientID", "zcbot")
            .put("startedAt", sandbox.startedAt().toString())
            .put("endAt", end(sandbox).toString())
            .put("state", "running")
            .put("cpuCount", size.cpus())
            .put("memoryMB", size.memoryMb())
            .put("diskSizeMB", 0)
            .put("envdVersion", ENVD_VERSION);
    ObjectNode metadata = answer.putObject("metadata");
    sandbox.metadata().forEach(metadata::put);
    return answer;
  }

  /**
   * Returns an end for clients, which don't know sandboxes without one: as late as they may ask.
   */
  private Instant end(SandboxView sandbox) {
    return sandbox.endsAt() == null
        ? Instant.now().plus(options.longestLife()).truncatedTo(ChronoUnit.MILLIS)
        : sandbox.endsAt();
  }

  private String token(SandboxView sandbox) {
    return sandbox.token(tokens, keys);
  }

  private static @Nullable String parameter(ServerRequest request, String name) {
    return request.query().first(name).orElse(null);
  }

  private static void send(ServerResponse response, int status, JsonNode body) {
    response.status(status).header("Content-Type", "application/json");
    TimedOutput.send(response, Json.write(body));
  }
}
