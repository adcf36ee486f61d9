/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.mcp;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import io.helidon.http.HeaderNames;
import io.helidon.http.Status;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import io.modelcontextprotocol.spec.McpSchema;
import io.modelcontextprotocol.spec.McpSchema.ErrorCodes;
import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.gateway.BodyMemory;
import io.zcbot.sandbox.gateway.GatewayOptions;
import io.zcbot.sandbox.gateway.TimedOutput;
import io.zcbot.sandbox.gateway.e2b.Brokers;
import io.zcbot.sandbox.gateway.e2b.NamedSandboxes;
import io.zcbot.sandbox.gateway.keys.ApiKey;
import io.zcbot.sandbox.gateway.keys.ApiKeys;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.LongPredicate;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The Streamable HTTP transport at {@code /mcp}. No session is kept: the id that a client gets at
 * its start tells only its requests from those of others, so every gateway serves every request.
 */
public final class Mcp {
  private static final String SESSION = "Mcp-Session-Id";
  private static final Pattern SESSION_FORM = Pattern.compile("[0-9a-f-]{36}");
  private static final String BEARER = "Bearer ";

  /** The server does not decode other bytes of a header: different names would be the same. */
  private static final Pattern USER = Pattern.compile("[ -~]{1,256}");

  private static final Pattern ADDRESS = Pattern.compile("[0-9.]+|\\[[0-9a-f:.%]+\\]");

  /** What runs commands in the sandbox. */
  private static final Set<String> COMMANDS =
      Set.of(
          McpSchema.METHOD_TOOLS_CALL,
          McpSchema.METHOD_RESOURCES_LIST,
          McpSchema.METHOD_RESOURCES_READ);

  private static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "[::1]");

  private final ApiKeys keys;
  private final NamedSandboxes sandboxes;
  private final Set<String> names;
  private final McpEndpoint endpoint;

  /** Creates the transport. */
  public Mcp(ApiKeys keys, NamedSandboxes sandboxes, GatewayOptions options) {
    this.keys = keys;
    this.sandboxes = sandboxes;
    this.names = new HashSet<>(LOOPBACK);
    names.add(options.host());
    names.add("[" + options.host() + "]");
    names.addAll(options.names());
    this.endpoint = new McpEndpoint(options.longestCommand());
  }

  /** A request that is refused. */
  private static final class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final int status;

    Refusal(int status, String message) {
      super(message, null, false, false);
      this.status = status;
    }
  }

  /** Adds the route. */
  public void routes(HttpRouting.Builder routing) {
    routing.any("/mcp", this::serve);
  }

  private void serve(ServerRequest request, ServerResponse response) {
    try {
      checkNames(request);
      ApiKey key = key(request);
      if (!request.prologue().method().text().equals("POST")) {
        response.header("Allow", "POST");
        throw new Refusal(405, "this server has no stream of its own and keeps no session; POST");
      }
      post(request, response, key);
    } catch (Refusal e) {
      if (e.status == 401) {
        response.header("WWW-Authenticate", "Bearer");
      }
      if (e.status == 429) {
        response.header("Retry-After", "1");
      }
      send(
          response,
          e.status,
          McpEndpoint.write(
              McpEndpoint.error(null, ErrorCodes.INVALID_REQUEST, String.valueOf(e.getMessage()))));
    } catch (UncheckedIOException e) {
      // The client is gone. Its command has ended.
    }
  }

  /** Refuses requests that a page of another site made, whose name leads here (DNS rebinding). */
  private void checkNames(ServerRequest request) {
    String name =
        hostName("//" + header(request, "Host").orElse(request.authority()))
            .orElseThrow(() -> new Refusal(403, "the header Host is not understood"));
    // A name can be made to lead here by anybody, an address cannot.
    if (!names.contains(name) && !ADDRESS.matcher(name).matches()) {
      throw new Refusal(
          403,
          "this server is not called '"
              + name
              + "'; use its address, or a name in ZCBOT_GATEWAY_NAMES");
    }
    Optional<String> origin = header(request, "Origin");
    if (origin.isPresent()) {
      String from = hostName(origin.get()).orElse("");
      if (!names.contains(from) && !from.equals(name)) {
        throw new Refusal(403, "pages of this Origin may not use this server");
      }
    }
  }

  private static Optional<String> hostName(String text) {
    try {
      return Optional.ofNullable(URI.create(text).getHost())
          .map(name -> name.toLowerCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  private ApiKey key(ServerRequest request) {
    String text =
        header(request, "Authorization")
            .filter(value -> value.regionMatches(true, 0, BEARER, 0, BEARER.length()))
            .map(value -> value.substring(BEARER.length()).strip())
            .orElseThrow(
                () -> new Refusal(401, "send the API key: 'Authorization: Bearer e2b_...'"));
    ApiKey key = keys.find(text).orElseThrow(() -> new Refusal(401, "the API key is not valid"));
    BodyMemory.of(request).isOf(key.tenant());
    enter(key);
    return key;
  }

  private void enter(ApiKey key) {
    if (keys.enter(key) > 0) {
      throw new Refusal(429, "this key allows " + key.requestsPerSecond() + " requests a second");
    }
  }

  /** Counts the commands of a message or a batch, and the batch's further messages. */
  private void count(ApiKey key, JsonNode message) {
    List<JsonNode> all = McpEndpoint.messages(message);
    for (int i = 0; i < all.size(); i++) {
      if (i > 0) {
        enter(key);
      }
      if (isCommand(all.get(i)) && keys.enterCommand(key) > 0) {
        throw new Refusal(429, "this key allows " + key.commandsPerSecond() + " commands a second");
      }
    }
  }

  private static Optional<String> header(ServerRequest request, String name) {
    return request.headers().first(HeaderNames.create(name));
  }

  private void post(ServerRequest request, ServerResponse response, ApiKey key) {
    checkHeaders(request);
    JsonNode message = McpEndpoint.read(body(request));
    if (message == null) {
      send(response, 400, McpEndpoint.parseError());
      return;
    }
    String session = header(request, SESSION).orElse(null);
    if (session == null) {
      session = UUID.randomUUID().toString();
      if (message.path("method").asText().equals("initialize")) {
        response.header(SESSION, session);
      }
    }
    count(key, message);
    McpCaller caller =
        caller(
            key,
            header(request, "X-User-Id").orElse("default"),
            header(request, "X-Profile").orElse(null),
            session,
            BodyMemory.of(request)::take);
    try (ApiKeys.Place _ = place(key, message)) {
      answer(response, caller, message);
    }
  }

  /** Messages of a batch are answered one after the other, so it has one command at a time. */
  private ApiKeys.Place place(ApiKey key, JsonNode message) {
    if (McpEndpoint.messages(message).stream().noneMatch(Mcp::isCommand)) {
      return () -> {};
    }
    return keys.placeOfCommand(key)
        .orElseThrow(
            () -> new Refusal(429, "this key allows " + key.maxCommands() + " commands at a time"));
  }

  private static boolean isCommand(JsonNode message) {
    return COMMANDS.contains(message.path("method").asText());
  }

  private void answer(ServerResponse response, McpCaller caller, JsonNode message) {
    if (McpEndpoint.wantsProgress(message)) {
      stream(response, caller, message);
      return;
    }
    byte[] answer = endpoint.answer(caller, message, notification -> {});
    if (answer == null) {
      response.status(Status.ACCEPTED_202).send();
    } else {
      send(response, 200, answer);
    }
  }

  private static void checkHeaders(ServerRequest request) {
    String type = header(request, "Content-Type").orElse("").toLowerCase(Locale.ROOT);
    if (!type.startsWith("application/json")) {
      throw new Refusal(415, "Content-Type must be application/json");
    }
    String accepted =
        String.join(",", request.headers().all(HeaderNames.ACCEPT, () -> List.of("*/*")));
    if (!accepted.contains("*/*")
        && !(accepted.contains("application/json") && accepted.contains("text/event-stream"))) {
      throw new Refusal(406, "Accept must have application/json and text/event-stream");
    }
    Optional<String> version = header(request, "MCP-Protocol-Version");
    if (version.isPresent() && !McpEndpoint.VERSIONS.contains(version.get())) {
      throw new Refusal(
          400, "MCP-Protocol-Version must be one of " + String.join(", ", McpEndpoint.VERSIONS));
    }
    Optional<String> session = header(request, SESSION);
    if (session.isPresent() && !SESSION_FORM.matcher(session.get()).matches()) {
      throw new Refusal(404, "there is no such session; initialize again");
    }
  }

  private McpCaller caller(
      ApiKey key, String user, @Nullable String profile, String session, LongPredicate room) {
    if (!USER.matcher(user).matches()) {
      throw new Refusal(
          400,
          "X-User-Id must have 1 to 256 printable characters of ASCII; encode others, for example"
              + " with %");
    }
    if (profile != null && !ProfileName.isValid(profile)) {
      throw new Refusal(
          400, "X-Profile is not the name of a profile, which has " + ProfileName.RULE);
    }
    McpCaller.Life life =
        new McpCaller.Life() {
          @Override
          public void ensure(boolean isGone) {
            sandboxes.ensure(key, user, profile, isGone);
          }

          @Override
          public <T, E extends Exception> T use(Brokers.Use<T, E> use)
              throws E, InterruptedException {
            return sandboxes.use(use);
          }

          @Override
          public boolean stop() {
            return sandboxes.kill(key, user);
          }
        };
    return new McpCaller(sandboxes.of(key, user), life, session, room);
  }

  private static byte[] body(ServerRequest request) {
    try (InputStream in = request.content().inputStream()) {
      byte[] bytes = BodyMemory.of(request).read(in, McpEndpoint.MAX_MESSAGE);
      if (bytes == null) {
        throw new Refusal(429, BodyMemory.FULL);
      }
      if (bytes.length > McpEndpoint.MAX_MESSAGE) {
        throw new Refusal(413, "the message has more than 8 MiB");
      }
      return bytes;
    } catch (IOException e) {
      throw new Refusal(400, "the message can't be read: " + e.getMessage());
    }
  }

  /** Answers with a stream of server-sent events: notifications, then the answer. */
  private void stream(ServerResponse response, McpCaller caller, JsonNode message) {
    response
        .status(200)
        .header("Content-Type", "text/event-stream")
        .header("Cache-Control", "no-cache")
        .header("X-Accel-Buffering", "no");
    try (OutputStream out = new TimedOutput(response.outputStream())) {
      Events events = new Events(out);
      Thread keepAlive = Thread.ofVirtual().name("keep-alive").start(events::keepAlive);
      try {
        byte[] answer = endpoint.answer(caller, message, events::send);
        if (answer != null) {
          events.send(answer);
        }
      } finally {
        keepAlive.interrupt();
        keepAlive.join();
      }
      events.throwIfGone();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Sends events until the client is gone, which does not end its command. */
  private static final class Events {
    private static final Duration KEEP_ALIVE = Duration.ofSeconds(15);
    private static final byte[] KEPT_ALIVE = ": still working\n\n".getBytes(UTF_8);
    private static final byte[] BEGIN = "event: message\ndata: ".getBytes(UTF_8);
    private static final byte[] END = "\n\n".getBytes(UTF_8);

    private final OutputStream out;
    private @Nullable IOException failure;

    Events(OutputStream out) {
      this.out = out;
    }

    /** Sends comments, since proxies and clients give up a connection that is silent. */
    void keepAlive() {
      try {
        while (true) {
          Thread.sleep(KEEP_ALIVE);
          write(KEPT_ALIVE);
        }
      } catch (InterruptedException e) {
        // the answer was sent
      }
    }

    void send(byte[] message) {
      write(BEGIN, message, END);
    }

    private synchronized void write(byte[]... parts) {
      if (failure != null) {
        return;
      }
      try {
        for (byte[] part : parts) {
          out.write(part);
        }
        out.flush();
      } catch (IOException e) {
        failure = e;
      }
    }

    synchronized void throwIfGone() throws IOException {
      if (failure != null) {
        throw failure;
      }
    }
  }

  private static void send(ServerResponse response, int status, byte[] json) {
    response.status(status).header("Content-Type", "application/json");
    TimedOutput.send(response, json);
  }
}
