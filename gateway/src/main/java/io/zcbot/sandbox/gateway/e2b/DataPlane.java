/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.webserver.http.Handler;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import io.zcbot.sandbox.client.SandboxException;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.gateway.BodyMemory;
import io.zcbot.sandbox.gateway.GatewayOptions;
import io.zcbot.sandbox.gateway.e2b.ConnectException.Code;
import io.zcbot.sandbox.gateway.keys.AccessTokens;
import io.zcbot.sandbox.gateway.keys.ApiKey;
import io.zcbot.sandbox.gateway.keys.ApiKeys;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.Base64;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * E2B's data plane: commands and files of the sandbox that a request names by two headers or by the
 * name of the host, and whose token it has.
 */
final class DataPlane {
  /** The port of E2B's daemon in a sandbox. */
  static final int ENVD_PORT = 49983;

  private static final HeaderName TOKEN = HeaderNames.create("X-Access-Token");
  private static final HeaderName TRAFFIC_TOKEN = HeaderNames.create("E2B-Traffic-Access-Token");
  private static final Pattern HOST = Pattern.compile("([0-9]{1,5})-([0-9a-z]+)\\..*");

  private final Sandboxes sandboxes;
  private final ApiKeys keys;
  private final AccessTokens tokens;
  private final Processes processes;
  private final Filesystem filesystem;
  private final FileTransfer transfer;
  private final Samples samples;
  private final GatewayOptions options;
  private final CodeInterpreter interpreter;
  private final SignedPaths signedPaths;

  DataPlane(Sandboxes sandboxes, ApiKeys keys, AccessTokens tokens, GatewayOptions options) {
    this.sandboxes = sandboxes;
    this.keys = keys;
    this.tokens = tokens;
    this.processes = new Processes(sandboxes, options);
    this.filesystem = new Filesystem(sandboxes, options);
    this.transfer = new FileTransfer(sandboxes);
    this.samples = new Samples(sandboxes);
    this.options = options;
    this.interpreter = new CodeInterpreter(sandboxes, options);
    this.signedPaths = new SignedPaths(sandboxes::entries, tokens, keys::revokedAt);
  }

  /** A call that is answered with one message. */
  private interface Call {
    ObjectNode answer(SandboxView sandbox, ObjectNode message) throws InterruptedException;
  }

  /** A call that answers by itself. */
  private interface Action {
    void answer(SandboxView sandbox, ServerRequest request, ServerResponse response);
  }

  /** A call that starts a command, and closes the place when that has ended. */
  private interface CommandAction {
    void answer(
        SandboxView sandbox, ServerRequest request, ServerResponse response, ApiKeys.Place place);
  }

  /** Adds the routes. */
  void routes(HttpRouting.Builder routing) {
    routing
        .get("/health", this::health)
        .get("/envs", used(this::environment))
        .get("/files", transferred("read", transfer::read))
        .post("/files", transferred("write", transfer::write))
        .post("/files/compose", used(transfer::compose))
        .get("/metrics", used(this::metrics))
        .post("/filesystem.Filesystem/Stat", unary(filesystem::stat))
        .post("/filesystem.Filesystem/MakeDir", unary(filesystem::makeDir))
        .post("/filesystem.Filesystem/Move", unary(filesystem::move))
        .post("/filesystem.Filesystem/ListDir", unary(filesystem::list))
        .post("/filesystem.Filesystem/Remove", unary(filesystem::remove))
        .post("/filesystem.Filesystem/WatchDir", streamed(filesystem::watch))
        .post("/filesystem.Filesystem/CreateWatcher", unary(filesystem::createWatcher))
        .post("/filesystem.Filesystem/GetWatcherEvents", unary(filesystem::watcherEvents))
        .post("/filesystem.Filesystem/RemoveWatcher", unary(filesystem::removeWatcher))
        .post("/process.Process/Start", streamed(limited(processes::start)))
        .post("/process.Process/Connect", streamed(processes::connect))
        .post("/process.Process/List", unary((sandbox, in) -> processes.list(sandbox)))
        .post("/process.Process/SendInput", unary(processes::sendInput))
        .post("/process.Process/CloseStdin", unary(processes::closeStdin))
        .post("/process.Process/SendSignal", unary(processes::sendSignal))
        .post("/process.Process/Update", unary(processes::update))
        .post("/process.Process/StreamInput", used(asUser(processes::streamInput)))
        .post("/execute", interpreted(this::authorized, interpreter::execute))
        .get("/contexts", interpreted(this::withAnyToken, interpreter::list))
        .post("/contexts", interpreted(this::withAnyToken, interpreter::create))
        .delete("/contexts/{id}", interpreted(this::withAnyToken, interpreter::remove))
        .post("/contexts/{id}/restart", interpreted(this::withAnyToken, interpreter::restart));
  }

  private Handler interpreted(
      BiFunction<ServerRequest, Integer, SandboxView> named, Action action) {
    return (request, response) -> {
      try {
        SandboxView sandbox = named.apply(request, CodeInterpreter.PORT);
        BodyMemory.of(request).isOf(sandbox.tenant());
        sandboxes.brokers().require();
        try (ApiKeys.Place _ = enterCommand(sandbox)) {
          action.answer(sandbox, request, response);
        }
      } catch (E2bException e) {
        CodeInterpreter.refuse(response, e);
      }
    };
  }

  /** Accepts the token for ports as well: of contexts, E2B's clients send no other one. */
  private SandboxView withAnyToken(ServerRequest request, int port) {
    String traffic = request.headers().first(TRAFFIC_TOKEN).orElse("");
    return traffic.isEmpty()
        ? authorized(request, port)
        : with(
            id(request, port),
            sandbox -> AccessTokens.areEqual(traffic, sandbox.trafficToken(tokens, keys)));
  }

  private Handler used(Action action) {
    return (request, response) -> {
      try {
        action.answer(authorized(request), request, response);
      } catch (E2bException e) {
        refuse(response, e);
      }
    };
  }

  /**
   * Answers with a stream. That the service is unavailable is said in it, since clients take the
   * status 503 of a stream for a sandbox that is gone.
   */
  private Handler streamed(Action action) {
    return (request, response) -> {
      try {
        asUser(action).answer(authorized(request), request, response);
      } catch (E2bException e) {
        if (e.status() == 503) {
          new Connect.Stream(response, Codec.of(request))
              .end(new ConnectException(Code.UNAVAILABLE, e.text()));
        } else {
          refuse(response, e);
        }
      }
    };
  }

  /** Serves a transfer to who has the token, or a path that was signed with it. */
  private Handler transferred(String operation, Action action) {
    return (request, response) -> {
      try {
        sandboxes.brokers().require();
        String signature = request.query().first("signature").orElse(null);
        action.answer(
            signature == null ? authorized(request) : signed(request, operation, signature),
            request,
            response);
      } catch (E2bException e) {
        refuse(response, e);
      }
    };
  }

  /**
   * Returns the sandbox whose token signed a path. A signature names no sandbox, so without the
   * header the tokens of all are tried.
   */
  private SandboxView signed(ServerRequest request, String operation, String signature) {
    String expiration = request.query().first("signature_expiration").orElse(null);
    MessageDigest begun =
        Signatures.begun(
            request.query().first("path").orElse(""),
            operation,
            request.query().first("username").orElse(""));
    String id = target(request, ENVD_PORT);
    SandboxView sandbox;
    try {
      sandbox =
          (id == null
                  ? signedPaths.find(signature, begun, expiration)
                  : SandboxId.user(id)
                      .flatMap(sandboxes::current)
                      .filter(each -> isSigned(signature, begun, each, expiration)))
              .orElseThrow(() -> new E2bException(401, "invalid signature"));
    } catch (InterruptedException e) {
      throw Sandboxes.stopping();
    }
    if (Signatures.isExpired(expiration, Instant.now())) {
      throw new E2bException(401, "signature is already expired");
    }
    return sandbox;
  }

  private boolean isSigned(
      String signature, MessageDigest begun, SandboxView sandbox, @Nullable String expiration) {
    return AccessTokens.areEqual(signature, Signatures.of(begun, token(sandbox), expiration));
  }

  private Handler unary(Call call) {
    return used(
        (sandbox, request, response) -> {
          try {
            requireUser(request);
            Codec codec = Codec.of(request);
            ObjectNode message = Connect.unary(request, codec);
            Connect.answer(
                response, codec, sandboxes.brokers().use(() -> call.answer(sandbox, message)));
          } catch (ConnectException e) {
            Connect.answer(response, e);
          } catch (E2bException e) {
            Connect.answer(
                response,
                new ConnectException(
                    e.status() == 503 ? Code.UNAVAILABLE : Code.INVALID_ARGUMENT, e.text()));
          } catch (SandboxException e) {
            Connect.answer(response, Processes.failure(e));
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            Connect.answer(
                response, new ConnectException(Code.UNAVAILABLE, "the gateway is stopping"));
          }
        });
  }

  private static Action asUser(Action action) {
    return (sandbox, request, response) -> {
      try {
        requireUser(request);
      } catch (ConnectException e) {
        new Connect.Stream(response, Codec.of(request)).end(e);
        return;
      }
      action.answer(sandbox, request, response);
    };
  }

  /**
   * Refuses a command if its sandbox's key allows no more. The refusal is in the stream, since
   * clients take the status 429 of a stream for a sandbox that is gone.
   */
  private Action limited(CommandAction action) {
    return (sandbox, request, response) -> {
      ApiKeys.Place place;
      try {
        place = enterCommand(sandbox);
      } catch (E2bException e) {
        new Connect.Stream(response, Codec.of(request))
            .end(new ConnectException(Code.RESOURCE_EXHAUSTED, e.text(), e.retryAfter()));
        return;
      }
      action.answer(sandbox, request, response, place);
    };
  }

  /**
   * Counts a command for the key with which its sandbox was made, or refuses it.
   *
   * @return is closed when the command has ended
   */
  private ApiKeys.Place enterCommand(SandboxView sandbox) {
    ApiKey key = keys.ofSandbox(sandbox.keyId(), sandbox.tenant());
    int wait = keys.enterCommand(key);
    if (wait > 0) {
      throw new E2bException(
          429,
          "the key of this sandbox allows " + key.commandsPerSecond() + " commands a second",
          wait);
    }
    return keys.placeOfCommand(key)
        .orElseThrow(
            () ->
                new E2bException(
                    429,
                    "the key of this sandbox allows " + key.maxCommands() + " commands at a time",
                    1));
  }

  /** Commands run as the sandbox's only user, whom E2B's clients call {@code user}. */
  private static void requireUser(ServerRequest request) {
    String basic = request.headers().first(HeaderNames.AUTHORIZATION).orElse("");
    if (!basic.regionMatches(true, 0, "Basic ", 0, 6)) {
      return;
    }
    String name;
    try {
      name =
          new String(
              Base64.getDecoder().decode(basic.substring(6).strip()), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      throw new ConnectException(Code.UNAUTHENTICATED, "Authorization is not base64");
    }
    int colon = name.indexOf(':');
    String user = colon < 0 ? name : name.substring(0, colon);
    if (!user.isEmpty() && !user.equals(Processes.USER)) {
      throw new ConnectException(
          Code.UNAUTHENTICATED, "invalid username: '" + user + "': sandboxes have only 'user'");
    }
  }

  private void health(ServerRequest request, ServerResponse response) {
    try {
      String id = target(request, ENVD_PORT);
      if (id != null) {
        SandboxView _ = withToken(id, request.headers().first(TOKEN).orElse(""));
      }
      response.status(204).send();
    } catch (E2bException e) {
      refuse(response, e);
    }
  }

  private void metrics(SandboxView sandbox, ServerRequest request, ServerResponse response) {
    ObjectNode sample = samples.takeAsDaemon(sandbox, options, Instant.now());
    response.status(200).header("Content-Type", "application/json").send(Json.write(sample));
  }

  private void environment(SandboxView sandbox, ServerRequest request, ServerResponse response) {
    ObjectNode answer = Json.MAPPER.createObjectNode();
    sandbox.environment().forEach(answer::put);
    response.status(200).header("Content-Type", "application/json").send(Json.write(answer));
  }

  /** Answers with an error in the form of E2B's proxy and daemon. */
  static void refuse(ServerResponse response, E2bException e) {
    ControlPlane.refuse(response, e);
  }

  /** Returns the sandbox that a request names, with a port, and whose token it has. */
  private SandboxView authorized(ServerRequest request, int port) {
    String id = id(request, port);
    String token = request.headers().first(TOKEN).orElse("");
    if (token.isEmpty()) {
      throw new E2bException(
          401,
          "unauthorized access, please provide a valid access token or method signing if"
              + " supported");
    }
    return withToken(id, token);
  }

  private SandboxView authorized(ServerRequest request) {
    SandboxView sandbox = authorized(request, ENVD_PORT);
    BodyMemory.of(request).isOf(sandbox.tenant());
    return sandbox;
  }

  private static String id(ServerRequest request, int port) {
    String id = target(request, port);
    if (id == null) {
      throw new E2bException(400, "the headers E2b-Sandbox-Id and E2b-Sandbox-Port are missing");
    }
    return id;
  }

  private String token(SandboxView sandbox) {
    return sandbox.token(tokens, keys);
  }

  private SandboxView withToken(String id, String token) {
    return with(id, sandbox -> AccessTokens.areEqual(token, token(sandbox)));
  }

  /**
   * Returns a sandbox to who has its token. For others there is none, since ids of users whom a
   * tenant names can be guessed; the table is read on in both cases, which takes the same time.
   */
  private SandboxView with(String id, Predicate<SandboxView> hasToken) {
    Optional<UserId> user = SandboxId.user(id);
    return user.flatMap(sandboxes::known)
        .filter(hasToken)
        .or(() -> user.flatMap(sandboxes::current).filter(hasToken))
        .orElseThrow(
            () ->
                new E2bException(
                    502, "The sandbox was not found, or this is not its access token"));
  }

  /**
   * Returns the id of the sandbox that a request names, by headers, the host's name, or its token;
   * null if it names none.
   */
  private static @Nullable String target(ServerRequest request, int expected) {
    String id = request.headers().first(HeaderNames.create("E2b-Sandbox-Id")).orElse(null);
    String port = request.headers().first(HeaderNames.create("E2b-Sandbox-Port")).orElse(null);
    if (id == null && port == null) {
      Matcher host = HOST.matcher(request.authority());
      if (!host.matches()) {
        return request
            .headers()
            .first(TOKEN)
            .filter(token -> token.length() > SandboxId.LENGTH)
            .map(token -> token.substring(0, SandboxId.LENGTH))
            .orElse(null);
      }
      port = host.group(1);
      id = host.group(2);
    }
    if (id == null || port == null) {
      throw new E2bException(400, "one of E2b-Sandbox-Id and E2b-Sandbox-Port is missing");
    }
    if (!port.equals(Integer.toString(expected))) {
      throw new E2bException(502, "The sandbox is running but port is not open");
    }
    return id;
  }
}
