/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.mcp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.modelcontextprotocol.spec.McpSchema;
import io.modelcontextprotocol.spec.McpSchema.BlobResourceContents;
import io.modelcontextprotocol.spec.McpSchema.ErrorCodes;
import io.modelcontextprotocol.spec.McpSchema.ListResourceTemplatesResult;
import io.modelcontextprotocol.spec.McpSchema.ListResourcesResult;
import io.modelcontextprotocol.spec.McpSchema.ReadResourceResult;
import io.modelcontextprotocol.spec.McpSchema.Resource;
import io.modelcontextprotocol.spec.McpSchema.ResourceContents;
import io.modelcontextprotocol.spec.McpSchema.ResourceTemplate;
import io.modelcontextprotocol.spec.McpSchema.TextResourceContents;
import io.zcbot.sandbox.client.CommandNotStartedException;
import io.zcbot.sandbox.client.Sandbox;
import io.zcbot.sandbox.client.SandboxException;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.gateway.BodyMemory;
import io.zcbot.sandbox.gateway.e2b.E2bException;
import io.zcbot.sandbox.gateway.files.FileContent;
import io.zcbot.sandbox.gateway.files.FileInfo;
import io.zcbot.sandbox.gateway.files.SandboxFileSystem;
import io.zcbot.sandbox.gateway.files.SandboxFileSystemException;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLConnection;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The files of a sandbox as resources. The SDK's server knows only resources that are registered,
 * and matches no template with slashes, so these methods are answered here. They make no sandbox.
 */
final class Resources {
  private static final int PAGE = 500;
  private static final int LEVELS = 3;
  private static final int MOST_READ = 4 << 20;

  /**
   * What a file takes at most for each of its bytes, as bytes, text and JSON, without what is
   * escaped.
   */
  private static final long FACTOR = 5;

  private Resources() {}

  /** A request that is answered with an error. */
  private static final class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final int code;

    Refusal(int code, String message) {
      super(message, null, false, false);
      this.code = code;
    }
  }

  /** What a method does. */
  private interface Method {
    Object result(McpCaller caller, JsonNode params) throws IOException, InterruptedException;
  }

  /** Returns the answer to a request; null if it is about something else. */
  static @Nullable JsonNode answer(McpCaller caller, JsonNode request) {
    Method method =
        switch (request.path("method").asText()) {
          case McpSchema.METHOD_RESOURCES_LIST -> Resources::list;
          case McpSchema.METHOD_RESOURCES_READ -> Resources::read;
          case McpSchema.METHOD_RESOURCES_TEMPLATES_LIST -> (c, params) -> templates();
          default -> null;
        };
    if (method == null) {
      return null;
    }
    JsonNode id = request.get("id");
    try {
      ObjectNode answer =
          McpEndpoint.JSON.createObjectNode().put("jsonrpc", McpSchema.JSONRPC_VERSION);
      answer.set("id", id);
      answer.set(
          "result",
          McpEndpoint.JSON.valueToTree(
              caller.life().use(() -> method.result(caller, request.path("params")))));
      return answer;
    } catch (Refusal e) {
      return McpEndpoint.error(id, e.code, String.valueOf(e.getMessage()));
    } catch (SandboxFileSystemException e) {
      return McpEndpoint.error(
          id,
          e.kind() == SandboxFileSystemException.Kind.NOT_FOUND
              ? ErrorCodes.RESOURCE_NOT_FOUND
              : ErrorCodes.INVALID_PARAMS,
          String.valueOf(e.getMessage()));
    } catch (CommandNotStartedException e) {
      boolean isGone = e.reason() == Exited.Reason.NO_SANDBOX;
      return McpEndpoint.error(
          id,
          isGone ? ErrorCodes.RESOURCE_NOT_FOUND : ErrorCodes.INTERNAL_ERROR,
          isGone ? "there is no sandbox; tools make one" : String.valueOf(e.getMessage()));
    } catch (SandboxException | E2bException | IOException e) {
      return McpEndpoint.error(id, ErrorCodes.INTERNAL_ERROR, String.valueOf(e.getMessage()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return McpEndpoint.error(id, ErrorCodes.INTERNAL_ERROR, "the server is stopping");
    }
  }

  private static SandboxFileSystem files(Sandbox sandbox) {
    return new SandboxFileSystem(sandbox, Tools.WORKSPACE);
  }

  private static ListResourceTemplatesResult templates() {
    return ListResourceTemplatesResult.builder(
            List.of(
                ResourceTemplate.builder("file:///{+path}", "file")
                    .title("A file of the sandbox")
                    .description("Any file of up to 4 MiB. Files of the user are below /workspace.")
                    .build()))
        .build();
  }

  private static ListResourcesResult list(McpCaller caller, JsonNode params)
      throws InterruptedException {
    int from = from(params.path("cursor").asText("0"));
    List<Resource> page = new ArrayList<>();
    int count = 0;
    for (FileInfo file : all(caller.sandbox())) {
      if (file.type() == FileInfo.Type.FILE && !file.path().contains("/.")) {
        if (count >= from && page.size() < PAGE) {
          Resource resource = resource(file);
          takeRoom(caller, FACTOR * (resource.uri().length() + resource.name().length()));
          page.add(resource);
        }
        count++;
      }
    }
    return ListResourcesResult.builder(page)
        .nextCursor(count > from + PAGE ? Integer.toString(from + PAGE) : null)
        .build();
  }

  private static int from(String cursor) {
    try {
      return Integer.parseUnsignedInt(cursor);
    } catch (NumberFormatException e) {
      throw new Refusal(ErrorCodes.INVALID_PARAMS, "cursor is none of this server");
    }
  }

  /** Returns the files in the workspace; none if there is no sandbox. */
  private static List<FileInfo> all(Sandbox sandbox) throws InterruptedException {
    try {
      return files(sandbox).list(Tools.WORKSPACE, LEVELS);
    } catch (CommandNotStartedException e) {
      if (e.reason() == Exited.Reason.NO_SANDBOX) {
        return List.of();
      }
      throw e;
    }
  }

  private static Resource resource(FileInfo file) {
    String name = file.path().substring(Tools.WORKSPACE.length() + 1);
    return Resource.builder(uri(file.path()), name)
        .mimeType(URLConnection.guessContentTypeFromName(name))
        .size(file.size())
        .build();
  }

  private static String uri(String path) {
    try {
      return new URI("file", "", path, null).toASCIIString();
    } catch (URISyntaxException e) {
      throw new AssertionError(e); // an absolute path is one of a URI
    }
  }

  private static ReadResourceResult read(McpCaller caller, JsonNode params)
      throws IOException, InterruptedException {
    String uri = params.path("uri").asText();
    String path = path(uri);
    byte[] bytes;
    try (FileContent content = files(caller.sandbox()).read(path, 0, MOST_READ)) {
      if (content.fileLength() > MOST_READ) {
        throw new Refusal(
            ErrorCodes.INVALID_PARAMS,
            "the file has " + content.fileLength() + " bytes; read parts of it with read_file");
      }
      takeRoom(caller, FACTOR * content.fileLength());
      bytes = content.readAllBytes();
    }
    takeRoom(caller, 2 * escapes(bytes));
    return ReadResourceResult.builder(List.of(contents(uri, path, bytes))).build();
  }

  private static void takeRoom(McpCaller caller, long bytes) {
    if (!caller.room().test(bytes)) {
      throw new Refusal(ErrorCodes.INTERNAL_ERROR, BodyMemory.ANSWER_FULL);
    }
  }

  /** Returns by how much text grows at most when it is written as JSON. */
  static long escapes(byte[] text) {
    long more = 0;
    for (byte each : text) {
      more +=
          switch (each) {
            case '"', '\\', '\n', '\r', '\t' -> 1;
            default -> each >= 0 && each < ' ' ? 5 : (each & 0xf8) == 0xf0 ? 8 : 0;
          };
    }
    return more;
  }

  private static String path(String uri) {
    try {
      URI read = new URI(uri);
      if ("file".equals(read.getScheme()) && read.getPath() != null) {
        return read.getPath();
      }
    } catch (URISyntaxException e) {
      // told below
    }
    throw new Refusal(ErrorCodes.RESOURCE_NOT_FOUND, "resources are files: file:///workspace/NAME");
  }

  private static ResourceContents contents(String uri, String path, byte[] bytes) {
    String type = URLConnection.guessContentTypeFromName(path);
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      return TextResourceContents.builder(uri, text)
          .mimeType(type == null ? "text/plain" : type)
          .build();
    } catch (CharacterCodingException e) {
      return BlobResourceContents.builder(uri, Base64.getEncoder().encodeToString(bytes))
          .mimeType(type == null ? "application/octet-stream" : type)
          .build();
    }
  }
}
