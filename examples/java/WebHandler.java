/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.zcbot.sandbox.client.Command;
import io.zcbot.sandbox.client.CommandResult;
import io.zcbot.sandbox.client.CommandTimeoutException;
import io.zcbot.sandbox.client.InvalidRequestException;
import io.zcbot.sandbox.client.NoAnswerException;
import io.zcbot.sandbox.client.SandboxClient;
import io.zcbot.sandbox.client.SandboxException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A web service that runs scripts: {@code POST /users/USER/run} with a script for bash. It answers
 * with the script's standard output, and its exit code is in a header.
 *
 * <p>One client serves all requests, each in a virtual thread. There is no authentication here: a
 * real service decides first who may run commands as which user. docs/clients.md has the command
 * that collects CLASS_PATH.
 *
 * <pre>java -cp CLASS_PATH examples/java/WebHandler.java BOOTSTRAP_SERVERS PORT
 * curl -i -d 'echo hello' http://127.0.0.1:8000/users/7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10/run
 * </pre>
 */
public final class WebHandler {
  private static final int MAX_BODY = 64 * 1024;
  private static final Pattern PATH = Pattern.compile("/users/([^/]+)/run");

  private final SandboxClient client;

  WebHandler(SandboxClient client) {
    this.client = client;
  }

  void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      Matcher path = PATH.matcher(exchange.getRequestURI().getPath());
      byte[] script = exchange.getRequestBody().readNBytes(MAX_BODY + 1);
      if (!path.matches() || !exchange.getRequestMethod().equals("POST")) {
        answer(exchange, 404, "POST to /users/USER/run");
      } else if (script.length > MAX_BODY) {
        answer(exchange, 413, "send a script of at most " + MAX_BODY + " bytes");
      } else {
        run(exchange, path.group(1), new String(script, StandardCharsets.UTF_8));
      }
    }
  }

  private void run(HttpExchange exchange, String user, String script) throws IOException {
    Command command = Command.shell(script).timeout(Duration.ofSeconds(20));
    try {
      CommandResult result = client.sandbox(user).run(command);
      exchange.getResponseHeaders().set("X-Exit-Code", String.valueOf(result.exitCode()));
      exchange.getResponseHeaders().set("X-Truncated", String.valueOf(result.isTruncated()));
      answer(exchange, 200, new String(result.stdoutBytes(), StandardCharsets.UTF_8));
    } catch (InvalidRequestException e) {
      answer(exchange, 400, e.getMessage());
    } catch (CommandTimeoutException | NoAnswerException e) {
      answer(exchange, 504, e.getMessage());
    } catch (SandboxException e) {
      answer(exchange, 503, e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** What a sandbox writes is hostile: no browser may take it for a page. */
  private static void answer(HttpExchange exchange, int status, String text) throws IOException {
    byte[] body = text.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "text/plain; charset=utf-8");
    exchange.getResponseHeaders().set("X-Content-Type-Options", "nosniff");
    exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
    if (body.length > 0) {
      exchange.getResponseBody().write(body);
    }
  }

  public static void main(String[] args) throws IOException {
    SandboxClient client = SandboxClient.connect(args[0]);
    HttpServer server =
        HttpServer.create(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(args[1])), 0);
    server.createContext("/", new WebHandler(client)::handle);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.start();
    System.out.println("http://127.0.0.1:" + server.getAddress().getPort());
  }
}
