/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.http.HeaderNames;
import io.helidon.webserver.http.ServerRequest;
import java.util.Locale;

/** How the messages of a call are encoded. All else of the gateway knows them as JSON. */
interface Codec {
  /** Returns what comes behind {@code application/} in the type of a message's content. */
  String name();

  /**
   * Reads a message.
   *
   * @throws E2bException with 400 if the bytes are not one
   */
  ObjectNode read(byte[] bytes);

  byte[] write(JsonNode message);

  /** Returns the codec that a request's content type and path say; JSON unless it is Protobuf. */
  static Codec of(ServerRequest request) {
    String type = request.headers().first(HeaderNames.CONTENT_TYPE).orElse("");
    return switch (type.split(";", 2)[0].strip().toLowerCase(Locale.ROOT)) {
      case "application/proto", "application/connect+proto" -> {
        String path = request.path().rawPath();
        yield new Protobuf(path.substring(path.lastIndexOf('/') + 1));
      }
      default -> JSON;
    };
  }

  Codec JSON =
      new Codec() {
        @Override
        public String name() {
          return "json";
        }

        @Override
        public ObjectNode read(byte[] bytes) {
          return Json.object(bytes);
        }

        @Override
        public byte[] write(JsonNode message) {
          return Json.write(message);
        }
      };
}
