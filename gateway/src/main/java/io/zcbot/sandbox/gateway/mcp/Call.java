/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.mcp;

import io.modelcontextprotocol.common.McpTransportContext;
import io.modelcontextprotocol.spec.McpSchema;
import io.modelcontextprotocol.spec.McpSchema.CallToolRequest;
import io.modelcontextprotocol.spec.McpSchema.CallToolResult;
import io.zcbot.sandbox.client.Sandbox;
import io.zcbot.sandbox.gateway.files.SandboxFileSystem;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One call of a tool: its arguments, and the sandbox that it is about. */
final class Call {
  /** The key of a call's {@link Context} in the SDK's context. */
  static final String CONTEXT = "call";

  /** The longest text of one notification of progress. */
  private static final int MAX_PROGRESS = 4096;

  private final Context context;
  private final Map<String, Object> arguments;
  private final @Nullable Object progressToken;
  private double progress;
  private boolean isGone;

  /**
   * Where a call comes from.
   *
   * @param mark what the call's command has in its environment
   */
  record Context(McpCaller caller, String mark, Consumer<byte[]> progress) {}

  Call(McpTransportContext transport, CallToolRequest request) {
    this.context = (Context) transport.get(CONTEXT);
    this.arguments = request.arguments() == null ? Map.of() : request.arguments();
    this.progressToken = request.meta() == null ? null : request.meta().get("progressToken");
  }

  /** Thrown if an argument is missing or wrong. The model that called is told. */
  static final class ArgumentException extends RuntimeException {
    private static final long serialVersionUID = 1;

    ArgumentException(String message) {
      super(message, null, false, false);
    }
  }

  String mark() {
    return context.mark();
  }

  /** Returns the sandbox, which exists. */
  Sandbox ensured() throws InterruptedException {
    context.caller().life().ensure(isGone);
    return context.caller().sandbox();
  }

  /** Does work that is over soon, as long as brokers answer. */
  CallToolResult asLongAsBrokersAnswer(Tools.Work work) throws InterruptedException {
    return context.caller().life().use(() -> work.of(this));
  }

  /** Makes room for a part of the answer. Returns false if there is none. */
  boolean takeRoom(long bytes) {
    return context.caller().room().test(bytes);
  }

  /** Notes that the sandbox, which was there, has ended, so that the next try makes another one. */
  void sandboxIsGone() {
    isGone = true;
  }

  /** Ends the sandbox. Returns whether there was one. */
  boolean stop() throws InterruptedException {
    return context.caller().life().stop();
  }

  /** Returns the files of the sandbox, which exists. */
  SandboxFileSystem files() throws InterruptedException {
    return new SandboxFileSystem(ensured(), Tools.WORKSPACE);
  }

  /** Passes text on while the call goes on, if its client wants that. */
  void progress(String text) {
    if (progressToken != null) {
      String shown = text.length() > MAX_PROGRESS ? text.substring(0, MAX_PROGRESS) + "…" : text;
      progress++;
      context
          .progress()
          .accept(
              McpEndpoint.write(
                  new McpSchema.JSONRPCNotification(
                      McpSchema.JSONRPC_VERSION,
                      "notifications/progress",
                      McpSchema.ProgressNotification.builder(progressToken, progress)
                          .message(shown)
                          .build())));
    }
  }

  boolean wantsProgress() {
    return progressToken != null;
  }

  @Nullable String text(String name) {
    Object value = arguments.get(name);
    if (value == null || value instanceof String) {
      return (String) value;
    }
    throw new ArgumentException(name + " must be a string");
  }

  String text(String name, String otherwise) {
    String text = text(name);
    return text == null ? otherwise : text;
  }

  String required(String name) {
    String text = text(name);
    if (text == null) {
      throw new ArgumentException(name + " is missing");
    }
    return text;
  }

  long number(String name, long otherwise, long least, long most) {
    Object value = arguments.get(name);
    if (value == null) {
      return otherwise;
    }
    if (!(value instanceof Number number)
        || number.doubleValue() != Math.rint(number.doubleValue())
        || number.doubleValue() < least
        || number.doubleValue() > most) {
      throw new ArgumentException(name + " must be a whole number from " + least + " to " + most);
    }
    return number.longValue();
  }
}
