/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.inspect;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.worker.docker.api.SandboxLabels;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Container.State;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Parses the engine's descriptions of containers. Determines ownership for one worker. Thread-safe.
 */
public final class ContainerReading {
  /** Path of the request that lists all sandboxes and slots, of all workers and in all states. */
  public static final String LISTING =
      "/containers/json?all=true&filters="
          + URLEncoder.encode(
              "{\"label\":[\""
                  + SandboxLabels.PRODUCT
                  + "="
                  + SandboxLabels.PRODUCT_SANDBOX
                  + "\"]}",
              StandardCharsets.UTF_8);

  private static final Logger log = LoggerFactory.getLogger(ContainerReading.class);
  private static final ObjectMapper JSON = new ObjectMapper();

  private final String workerId;

  public ContainerReading(String workerId) {
    this.workerId = workerId;
  }

  /**
   * Parses a description as the engine sent it. docker-java's classes would drop fields that they
   * don't know.
   */
  static JsonNode parse(byte[] answer) throws IOException {
    JsonNode parsed = JSON.readTree(answer);
    return required(parsed.isObject() ? parsed : null, "a body");
  }

  /**
   * Parses the answer to an inspect.
   *
   * @throws IOException if a required field is missing
   */
  public Container inspected(byte[] answer) throws IOException {
    return ofInspect(parse(answer));
  }

  /**
   * Parses a listing. Containers that have neither a valid user nor a slot's id are logged and left
   * out; start time, exit code and out-of-memory flag are not in a listing.
   */
  public List<Container> listed(byte[] answer) throws IOException {
    JsonNode list = JSON.readTree(answer);
    List<Container> sandboxes = new ArrayList<>();
    for (JsonNode each : required(list.isArray() ? list : null, "a list")) {
      Container container = ofListing(each);
      if (container.user() == null && container.ownership().slotId() == null) {
        log.warn(
            "Container {} ({}) is labelled as a sandbox, but its user is not valid; ignored",
            container.name(),
            container.id());
      } else {
        sandboxes.add(container);
      }
    }
    return List.copyOf(sandboxes);
  }

  Container ofInspect(JsonNode answer) throws IOException {
    JsonNode state = part(answer, "State");
    Map<String, String> labels = labels(part(answer, "Config").path("Labels"));
    JsonNode exitCode = state.path("ExitCode");
    String name = withoutSlash(text(answer, "Name"));
    return new Container(
        text(answer, "Id"),
        name,
        state(state.path("Status").textValue()),
        SandboxLabels.ownership(labels, name, workerId),
        labels.get(SandboxLabels.SPEC),
        instant(state.path("StartedAt").textValue()),
        exitCode.isIntegralNumber() ? exitCode.intValue() : null,
        state.path("OOMKilled").booleanValue(),
        profile(labels));
  }

  /**
   * Returns the user id that a container was created with, from its label.
   *
   * @throws IOException if there is no such label
   */
  static int uid(JsonNode answer) throws IOException {
    JsonNode label = part(answer, "Config").path("Labels").path(SandboxLabels.UID);
    try {
      return Integer.parseInt(required(label.textValue(), SandboxLabels.UID));
    } catch (NumberFormatException e) {
      throw new IOException("the label " + SandboxLabels.UID + " is no number: " + label, e);
    }
  }

  private Container ofListing(JsonNode answer) throws IOException {
    Map<String, String> labels = labels(answer.path("Labels"));
    String name = ownName(answer.path("Names"));
    return new Container(
        text(answer, "Id"),
        name,
        state(answer.path("State").textValue()),
        SandboxLabels.ownership(labels, name, workerId),
        labels.get(SandboxLabels.SPEC),
        null,
        null,
        false,
        profile(labels));
  }

  private static String profile(Map<String, String> labels) {
    return labels.getOrDefault(SandboxLabels.PROFILE, ProfileName.DEFAULT);
  }

  private static State state(@Nullable String status) {
    return switch (status) {
      case "created" -> State.CREATED;
      case "running" -> State.RUNNING;
      case "paused" -> State.PAUSED;
      // exited, dead, removing; also restarting, a state that the worker's containers never have
      case null, default -> State.ENDED;
    };
  }

  /**
   * Returns the container's name. A listing also has aliases that links give it; those have two
   * slashes.
   */
  private static String ownName(JsonNode names) {
    String own = "";
    for (JsonNode each : names) {
      String name = each.asText();
      if (name.lastIndexOf('/') <= 0) {
        own = withoutSlash(name);
      }
    }
    return own;
  }

  private static String withoutSlash(String name) {
    return name.startsWith("/") ? name.substring(1) : name;
  }

  /**
   * Parses a time; null if there is none. The engine writes the year 1 for a time that never was.
   */
  private static @Nullable Instant instant(@Nullable String text) {
    if (text == null || text.isEmpty() || text.startsWith("0001-")) {
      return null;
    }
    try {
      return OffsetDateTime.parse(text).toInstant();
    } catch (DateTimeException e) {
      return null;
    }
  }

  private static Map<String, String> labels(JsonNode labels) {
    Map<String, String> texts = new HashMap<>();
    labels.properties().forEach(label -> texts.put(label.getKey(), label.getValue().asText()));
    return texts;
  }

  /**
   * Returns a field that is an object.
   *
   * @throws IOException if it is missing, so that the answer is incomplete
   */
  static JsonNode part(JsonNode answer, String field) throws IOException {
    return required(answer.path(field).isObject() ? answer.path(field) : null, field);
  }

  private static String text(JsonNode answer, String field) throws IOException {
    return required(answer.path(field).textValue(), field);
  }

  private static <T> T required(@Nullable T value, String field) throws IOException {
    if (value == null) {
      throw new IOException("the engine's description of a container lacks " + field);
    }
    return value;
  }
}
