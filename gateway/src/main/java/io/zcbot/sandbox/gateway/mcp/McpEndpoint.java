/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.mcp;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.modelcontextprotocol.common.McpTransportContext;
import io.modelcontextprotocol.json.McpJsonMapper;
import io.modelcontextprotocol.json.jackson2.JacksonMcpJsonMapper;
import io.modelcontextprotocol.json.schema.JsonSchemaValidator.ValidationResponse;
import io.modelcontextprotocol.server.McpServer;
import io.modelcontextprotocol.server.McpStatelessServerHandler;
import io.modelcontextprotocol.spec.McpSchema;
import io.modelcontextprotocol.spec.McpSchema.ErrorCodes;
import io.modelcontextprotocol.spec.McpSchema.JSONRPCMessage;
import io.modelcontextprotocol.spec.McpSchema.JSONRPCNotification;
import io.modelcontextprotocol.spec.McpSchema.JSONRPCRequest;
import io.modelcontextprotocol.spec.McpSchema.JSONRPCResponse;
import io.modelcontextprotocol.spec.McpStatelessServerTransport;
import io.modelcontextprotocol.spec.ProtocolVersions;
import io.zcbot.sandbox.gateway.BodyMemory;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;

/**
 * Answers messages of the protocol, wherever they come from. The SDK's server for transports
 * without sessions does it, so nothing is kept between messages. What the SDK's server does not
 * know, it finds in the context of a request: whose sandbox it is, where progress goes, and the
 * mark by which a cancellation finds the request's command. Safe for concurrent use.
 */
final class McpEndpoint {
  private static final Logger log = LoggerFactory.getLogger(McpEndpoint.class);

  /** The versions of the protocol, the oldest first. */
  static final List<String> VERSIONS =
      List.of(
          ProtocolVersions.MCP_2025_03_26,
          ProtocolVersions.MCP_2025_06_18,
          ProtocolVersions.MCP_2025_11_25);

  /** The longest message, in bytes. */
  static final int MAX_MESSAGE = 8 << 20;

  static final ObjectMapper JSON =
      JsonMapper.builder(
              com.fasterxml.jackson.core.JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(50)
                          .maxStringLength(MAX_MESSAGE)
                          .maxTokenCount(100_000)
                          .build())
                  .build())
          .build();

  private static final McpJsonMapper MAPPER = new JacksonMcpJsonMapper(JSON);
  private static final int MAX_BATCH = 20;

  /** What an answer that waits for the others of its batch takes for each of its bytes. */
  private static final int FACTOR_OF_BATCH = 3;

  private static final String CANCELLED = "notifications/cancelled";

  private static final String INSTRUCTIONS =
      """
      These tools use one Linux sandbox of your own. It is made when it is first needed, and ends \
      when it is unused for a while or at 'stop'. Work in /workspace: what is elsewhere is gone then.""";

  private final Transport transport = new Transport();
  private final Tools tools;

  /**
   * Creates a server.
   *
   * @param longestCommand the longest time that a worker lets a command run
   */
  McpEndpoint(Duration longestCommand) {
    this.tools = new Tools(longestCommand);
    var _ = // the transport has its handler
        McpServer.sync(transport)
            .serverInfo("zcbot-sandbox", version())
            .instructions(INSTRUCTIONS)
            .capabilities(
                McpSchema.ServerCapabilities.builder().tools(false).resources(false, false).build())
            .jsonMapper(MAPPER)
            // The tools check their arguments, and say what to do.
            .jsonSchemaValidator((schema, content) -> ValidationResponse.asValid("{}"))
            .validateToolInputs(false)
            .immediateExecution(true)
            .tools(tools.all())
            .build();
  }

  private static String version() {
    return Objects.requireNonNullElse(
        McpEndpoint.class.getPackage().getImplementationVersion(), "0");
  }

  /** Connects the SDK's server to {@link #answer}. */
  private static final class Transport implements McpStatelessServerTransport {
    private @Nullable McpStatelessServerHandler handler;

    @Override
    public void setMcpHandler(McpStatelessServerHandler handler) {
      this.handler = handler;
    }

    @Override
    public Mono<Void> closeGracefully() {
      return Mono.empty();
    }

    @Override
    public List<String> protocolVersions() {
      return VERSIONS;
    }

    McpStatelessServerHandler handler() {
      return Objects.requireNonNull(handler);
    }
  }

  /** Returns whether an answer may take notifications of progress with it. */
  static boolean wantsProgress(JsonNode message) {
    return !message.at("/params/_meta/progressToken").isMissingNode();
  }

  /**
   * Reads a message, or a batch of them as clients of 2025-03-26 may send.
   *
   * @return null if it is not JSON
   */
  static @Nullable JsonNode read(byte[] text) {
    try {
      return JSON.readTree(text);
    } catch (JacksonException e) {
      return null;
    } catch (IOException e) {
      throw new AssertionError(e); // it is in memory
    }
  }

  /** Returns the error for what is not JSON. */
  static byte[] parseError() {
    return write(error(null, ErrorCodes.PARSE_ERROR, "the message is not JSON"));
  }

  /** Returns a message, or those of a batch that is answered. */
  static List<JsonNode> messages(JsonNode message) {
    return !message.isArray()
        ? List.of(message)
        : message.size() > MAX_BATCH ? List.of() : message.valueStream().toList();
  }

  /** Returns whether a message ends a call, and is served at once. */
  static boolean isCancellation(JsonNode message) {
    return message.path("method").asText().equals(CANCELLED);
  }

  /**
   * Answers a message. Returns when its command has ended.
   *
   * @param progress takes notifications while the message is served
   * @return null if the message needs no answer
   */
  byte @Nullable [] answer(McpCaller caller, JsonNode message, Consumer<byte[]> progress) {
    if (!message.isArray()) {
      JsonNode response = response(caller, message, progress);
      return response == null ? null : write(response);
    }
    if (message.isEmpty() || message.size() > MAX_BATCH) {
      return write(
          error(null, ErrorCodes.INVALID_REQUEST, "a batch has 1 to " + MAX_BATCH + " messages"));
    }
    ByteArrayOutputStream answers = new ByteArrayOutputStream();
    for (JsonNode each : message) {
      JsonNode response = response(caller, each, progress);
      if (response != null) {
        byte[] written = write(response);
        answers.write(answers.size() == 0 ? '[' : ',');
        answers.writeBytes(
            caller.room().test((long) FACTOR_OF_BATCH * written.length)
                ? written
                : write(error(each.get("id"), ErrorCodes.INTERNAL_ERROR, BodyMemory.ANSWER_FULL)));
      }
    }
    if (answers.size() == 0) {
      return null;
    }
    answers.write(']');
    return answers.toByteArray();
  }

  /** Tells the kinds of messages apart as the SDK does, which reads them from text only. */
  private static Class<? extends JSONRPCMessage> type(JsonNode message) {
    if (message.has("method")) {
      return message.has("id") ? JSONRPCRequest.class : JSONRPCNotification.class;
    }
    if (message.has("result") || message.has("error")) {
      return JSONRPCResponse.class;
    }
    throw new IllegalArgumentException("it has neither a method nor a result");
  }

  private @Nullable JsonNode response(McpCaller caller, JsonNode node, Consumer<byte[]> progress) {
    JSONRPCMessage message;
    try {
      message = JSON.treeToValue(node, type(node));
    } catch (JacksonException | RuntimeException e) {
      return error(
          node.get("id"), ErrorCodes.INVALID_REQUEST, "this is no message of JSON-RPC 2.0");
    }
    return switch (message) {
      case JSONRPCRequest request -> {
        Call.Context context = new Call.Context(caller, mark(caller, request.id()), progress);
        try {
          JsonNode resources = Resources.answer(caller, node);
          if (resources != null) {
            yield resources;
          }
          yield JSON.valueToTree(
              transport
                  .handler()
                  .handleRequest(McpTransportContext.create(Map.of(Call.CONTEXT, context)), request)
                  .block());
        } catch (RuntimeException e) {
          log.error("{} failed", request.method(), e);
          yield error(
              node.get("id"), ErrorCodes.INTERNAL_ERROR, "an error in the server; its log has it");
        }
      }
      case JSONRPCNotification notification -> {
        if (notification.method().equals(CANCELLED)) {
          JsonNode id = node.at("/params/requestId");
          tools.cancel(caller, mark(caller, id.isNumber() ? id.numberValue() : id.asText()));
        }
        yield null;
      }
      default -> null; // an answer; nothing was asked
    };
  }

  /** Returns what a command has in its environment, so that any gateway finds it. */
  private static String mark(McpCaller caller, Object id) {
    return caller.session() + "/" + (id instanceof Number ? "" : "'") + id;
  }

  /**
   * Returns an error as an answer.
   *
   * @param id the request's; null if it is not known, for which the SDK has no form
   */
  static JsonNode error(@Nullable JsonNode id, int code, String text) {
    ObjectNode answer = JSON.createObjectNode().put("jsonrpc", McpSchema.JSONRPC_VERSION);
    answer.set("id", id == null || !id.isValueNode() ? NullNode.getInstance() : id);
    answer.putObject("error").put("code", code).put("message", text);
    return answer;
  }

  static byte[] write(Object message) {
    try {
      return JSON.writeValueAsBytes(message);
    } catch (JacksonException e) {
      throw new AssertionError(e); // what the SDK makes can be written
    }
  }
}
