/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.http.Status;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import io.zcbot.sandbox.client.CommandLostException;
import io.zcbot.sandbox.client.CommandTimeoutException;
import io.zcbot.sandbox.client.SandboxException;
import io.zcbot.sandbox.gateway.GatewayOptions;
import io.zcbot.sandbox.gateway.TimedOutput;
import io.zcbot.sandbox.gateway.interpreter.Interpreter;
import io.zcbot.sandbox.gateway.interpreter.InterpreterException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * What {@code @e2b/code-interpreter} asks of port 49999: code that runs in contexts, which keep
 * their variables.
 */
final class CodeInterpreter {
  static final int PORT = 49999;

  private static final int MAX_BODY = 4 << 20;
  private static final int MAX_REASON = 200;

  /** How long a call other than an execution may take, the start of a kernel included. */
  private static final Duration QUICK = Duration.ofSeconds(90);

  private final Sandboxes sandboxes;
  private final GatewayOptions options;

  CodeInterpreter(Sandboxes sandboxes, GatewayOptions options) {
    this.sandboxes = sandboxes;
    this.options = options;
  }

  /** Serves {@code POST /execute}: lines of JSON as they come. */
  void execute(SandboxView sandbox, ServerRequest request, ServerResponse response) {
    ObjectNode in = Json.body(request, MAX_BODY);
    ObjectNode ask = Json.MAPPER.createObjectNode().put("operation", "execute");
    ask.put("code", Json.text(in, "code"))
        .put("context_id", Json.optionalText(in, "context_id"))
        .put("language", Json.optionalText(in, "language"));
    ObjectNode variables = ask.putObject("env_vars");
    Json.texts(in, "env_vars").forEach(variables::put);
    try (Lines lines = new Lines(response)) {
      execute(sandbox, ask, lines);
    } catch (UncheckedIOException e) {
      // The client is gone, and its execution interrupted.
    } catch (InterpreterException e) {
      throw new E2bException(e.status(), e.text());
    } catch (InterruptedException e) {
      throw Sandboxes.stopping();
    }
  }

  private void execute(SandboxView sandbox, ObjectNode ask, Lines lines)
      throws InterruptedException {
    try {
      boolean isComplete =
          sandboxes
              .brokers()
              .begin(
                  begun -> {
                    lines.onAccepted(begun);
                    return of(sandbox).ask(ask, options.longestCommand(), lines);
                  });
      lines.end(isComplete ? null : "the code interpreter has ended, and with it its variables");
    } catch (CommandTimeoutException e) {
      lines.end("interrupted at the longest time that a command may take");
    } catch (CommandLostException e) {
      if (!lines.isBegun()) {
        throw FileTransfer.gone(e);
      }
      sandboxes.awaitEnd(sandbox);
      // The client asks whether the sandbox runs when its connection is closed.
      throw new CloseConnectionException("the sandbox has ended", e);
    } catch (SandboxException e) {
      if (!lines.isBegun()) {
        throw FileTransfer.gone(e);
      }
      lines.end(String.valueOf(e.getMessage()));
    }
  }

  /** Serves {@code GET /contexts}. */
  void list(SandboxView sandbox, ServerRequest request, ServerResponse response) {
    answer(sandbox, response, "list", null, Json.MAPPER.createObjectNode());
  }

  /** Serves {@code POST /contexts}. */
  void create(SandboxView sandbox, ServerRequest request, ServerResponse response) {
    ObjectNode in = Json.body(request, MAX_BODY);
    answer(
        sandbox,
        response,
        "create",
        null,
        Json.MAPPER
            .createObjectNode()
            .put("language", Json.optionalText(in, "language"))
            .put("cwd", Json.optionalText(in, "cwd")));
  }

  /** Serves {@code DELETE /contexts/{id}}. */
  void remove(SandboxView sandbox, ServerRequest request, ServerResponse response) {
    answer(sandbox, response, "remove", request, Json.MAPPER.createObjectNode());
  }

  /** Serves {@code POST /contexts/{id}/restart}. */
  void restart(SandboxView sandbox, ServerRequest request, ServerResponse response) {
    answer(sandbox, response, "restart", request, Json.MAPPER.createObjectNode());
  }

  private void answer(
      SandboxView sandbox,
      ServerResponse response,
      String operation,
      @Nullable ServerRequest named,
      ObjectNode ask) {
    ask.put("operation", operation);
    if (named != null) {
      ask.put("context_id", named.path().pathParameters().get("id"));
    }
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    try {
      boolean _ = sandboxes.brokers().use(() -> of(sandbox).ask(ask, QUICK, body::writeBytes));
    } catch (InterpreterException e) {
      throw new E2bException(e.status(), e.text());
    } catch (SandboxException e) {
      throw FileTransfer.gone(e);
    } catch (InterruptedException e) {
      throw Sandboxes.stopping();
    }
    if (body.size() == 0) {
      response.status(204).send();
    } else {
      response
          .status(operation.equals("create") ? 201 : 200)
          .header("Content-Type", "application/json");
      TimedOutput.send(response, body.toByteArray());
    }
  }

  private Interpreter of(SandboxView sandbox) {
    return new Interpreter(
        sandboxes.of(sandbox), command -> Processes.asUser(command, sandbox, Processes.HOME));
  }

  /**
   * Refuses a request. Its reason is also where older versions of HTTP have one, since the client
   * shows nothing else of most errors.
   */
  static void refuse(ServerResponse response, E2bException e) {
    StringBuilder reason = new StringBuilder();
    e.text()
        .chars()
        .limit(MAX_REASON)
        .forEach(c -> reason.append(c >= ' ' && c <= '~' ? (char) c : '?'));
    ControlPlane.refuse(response, e, Status.create(e.status(), reason.toString()));
  }

  /** The lines of an execution, sent as they come. */
  private static final class Lines implements Interpreter.Answer, AutoCloseable {
    private static final Duration KEEP_ALIVE = Duration.ofSeconds(2);
    private static final byte[] KEPT_ALIVE = line("{\"type\": \"keepalive\"}");

    private final ServerResponse response;
    private @Nullable OutputStream out;
    private Runnable begun = () -> {};
    private @Nullable Runnable kill;
    private @Nullable Thread keepAlive;
    private boolean isEnded;
    private byte last = '\n';
    private long sentAt = System.nanoTime();

    Lines(ServerResponse response) {
      this.response = response;
    }

    private static byte[] line(String text) {
      return (text + "\n").getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public synchronized void asked(Runnable kill) {
      this.kill = kill;
    }

    /** Sets what is run when the execution is accepted. */
    void onAccepted(Runnable begun) {
      this.begun = begun;
    }

    @Override
    public synchronized void accepted() {
      begun.run();
      sentAt = System.nanoTime();
      keepAlive = Thread.ofVirtual().name("keep-alive").start(this::keepAlive);
    }

    @Override
    public synchronized void part(byte[] bytes) {
      write(bytes);
    }

    synchronized boolean isBegun() {
      return out != null;
    }

    /** Tells a client that is silent that it is not forgotten, and notices when it is gone. */
    private void keepAlive() {
      try {
        while (true) {
          Thread.sleep(KEEP_ALIVE);
          synchronized (this) {
            if (isEnded) {
              return;
            }
            // between lines only
            if (last == '\n' && System.nanoTime() - sentAt >= KEEP_ALIVE.toNanos()) {
              write(KEPT_ALIVE);
            }
          }
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } catch (UncheckedIOException e) {
        Runnable ending;
        synchronized (this) {
          ending = kill;
        }
        if (ending != null) {
          ending.run();
        }
      }
    }

    private void write(byte[] bytes) {
      try {
        if (out == null) {
          response
              .status(200)
              .header("Content-Type", "application/x-ndjson")
              .header("X-Content-Type-Options", "nosniff");
          out = new TimedOutput(response.outputStream());
        }
        out.write(bytes);
        out.flush();
        last = bytes[bytes.length - 1];
        sentAt = System.nanoTime();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    /** Ends the answer, with an error if there is one. */
    synchronized void end(@Nullable String error) {
      if (error != null) {
        ObjectNode event = Json.MAPPER.createObjectNode();
        event.put("type", "error").put("name", "InterpreterError").put("value", error);
        event.put("traceback", "");
        write(line((last == '\n' ? "" : "\n") + event));
      }
      isEnded = true;
      try {
        if (out == null) {
          response.status(200).send();
        } else {
          out.close();
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public void close() {
      Thread running;
      synchronized (this) {
        isEnded = true;
        running = keepAlive;
      }
      if (running != null) {
        running.interrupt();
      }
    }
  }
}
