/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.DescriptorValidationException;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.TextFormat;
import com.google.protobuf.TimestampProto;
import com.google.protobuf.util.JsonFormat;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/** The messages of one method in Protobuf, by Protobuf's own mapping to and from JSON. */
final class Protobuf implements Codec {
  private static final FileDescriptor MESSAGES = messages();

  private final Descriptor request;
  private final Descriptor response;

  /**
   * @throws IllegalArgumentException if there is no such method
   */
  Protobuf(String method) {
    this.request = message(method + "Request");
    this.response = message(method + "Response");
  }

  private static Descriptor message(String name) {
    Descriptor message = MESSAGES.findMessageTypeByName(name);
    if (message == null) {
      throw new IllegalArgumentException("envd.textproto has no " + name);
    }
    return message;
  }

  private static FileDescriptor messages() {
    try (InputStream text = Protobuf.class.getResourceAsStream("envd.textproto")) {
      if (text == null) {
        throw new AssertionError("the class path has no envd.textproto; build the module again");
      }
      FileDescriptorProto.Builder file = FileDescriptorProto.newBuilder();
      TextFormat.merge(new InputStreamReader(text, StandardCharsets.UTF_8), file);
      return FileDescriptor.buildFrom(
          file.build(), new FileDescriptor[] {TimestampProto.getDescriptor()});
    } catch (IOException | DescriptorValidationException e) {
      throw new AssertionError("envd.textproto can't be read", e);
    }
  }

  @Override
  public String name() {
    return "proto";
  }

  @Override
  public ObjectNode read(byte[] bytes) {
    try {
      String json = JsonFormat.printer().print(DynamicMessage.parseFrom(request, bytes));
      return Json.object(json.getBytes(StandardCharsets.UTF_8));
    } catch (InvalidProtocolBufferException e) {
      throw new E2bException(400, "the message is not Protobuf: " + e.getMessage());
    }
  }

  @Override
  public byte[] write(JsonNode message) {
    DynamicMessage.Builder builder = DynamicMessage.newBuilder(response);
    try {
      JsonFormat.parser().merge(message.toString(), builder);
    } catch (InvalidProtocolBufferException e) {
      throw new AssertionError(e); // all fields of answers are in envd.textproto
    }
    return builder.build().toByteArray();
  }
}
