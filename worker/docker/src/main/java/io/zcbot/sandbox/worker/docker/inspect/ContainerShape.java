/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.inspect;

import static io.zcbot.sandbox.worker.docker.inspect.ContainerReading.part;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.SandboxLabels;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/**
 * Everything that the engine reports about how a container was created or updated, in a form that
 * is equal for two containers of one spec on one engine. All fields count, also those that the
 * worker does not know, so that a limit can't be lifted unnoticed.
 *
 * @param image id of the container's image
 * @param limits fields that the spec alone determines, by name, without empty ones
 * @param process fields that the image influences, by name
 */
record ContainerShape(String image, Map<String, JsonNode> limits, Map<String, JsonNode> process) {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
  private static final JsonNode OWN_WORKSPACE = JSON.textNode("(the user's workspace)");
  private static final JsonNode OWN_USER = JSON.textNode("(a user of its own)");
  private static final Pattern OWN_GROUP = Pattern.compile("(\\d{1,9}):\\1");
  private static final JsonNode SILENT = JSON.textNode("");
  private static final String OWN_ENVIRONMENT = "ZCBOT_";

  /** Fields that differ between containers or are handled separately. */
  private static final Set<String> NO_MATTER = Set.of("Labels", "Env", "Image");

  /**
   * Extracts the shape from the answer to an inspect.
   *
   * @param workspace the path that counts as the same for all containers
   * @param uids a user id of this range counts as the same user for all, if the label names the
   *     same id
   * @throws IOException if the answer is incomplete
   */
  static ContainerShape of(JsonNode answer, Path workspace, SandboxUids uids) throws IOException {
    Map<String, JsonNode> limits = new TreeMap<>();
    part(answer, "HostConfig")
        .properties()
        .forEach(field -> put(limits, field.getKey(), field.getValue(), workspace));
    put(limits, "mounted", sorted(answer.path("Mounts")), workspace);
    limits.put("networks", names(part(part(answer, "NetworkSettings"), "Networks")));

    JsonNode config = part(answer, "Config");
    limits.put("image", config.path("Image"));
    limits.put("environment", own(config.path("Env")));
    Map<String, JsonNode> process = new TreeMap<>();
    config
        .properties()
        .forEach(
            each -> {
              String field = each.getKey();
              if (field.equals("User")) {
                limits.put(field, user(config, uids));
              } else if (field.equals("WorkingDir")) {
                put(limits, field, each.getValue(), workspace);
              } else if (!NO_MATTER.contains(field) && !isNoHealthcheck(field, each.getValue())) {
                put(process, field, each.getValue(), workspace);
              }
            });
    process.put("Env", config.path("Env"));
    return new ContainerShape(answer.path("Image").asText(), limits, process);
  }

  /** The engine lists mounts in an order that differs from one answer to the next. */
  private static JsonNode sorted(JsonNode mounts) {
    ArrayNode sorted = JSON.arrayNode();
    StreamSupport.stream(mounts.spliterator(), false)
        .sorted(Comparator.comparing(each -> each.path("Destination").asText()))
        .forEach(sorted::add);
    return sorted;
  }

  /** Whether a field only says that no health check runs. Earlier versions left it out. */
  private static boolean isNoHealthcheck(String field, JsonNode value) {
    return field.equals("Healthcheck") && value.path("Test").path(0).asText().equals("NONE");
  }

  private static JsonNode user(JsonNode config, SandboxUids uids) {
    JsonNode user = config.path("User");
    Matcher own = OWN_GROUP.matcher(user.asText());
    if (uids.isShared() || !own.matches() || !uids.contains(Integer.parseInt(own.group(1)))) {
      return user;
    }
    JsonNode label = config.path("Labels").path(SandboxLabels.UID);
    return label.isMissingNode() || label.asText().equals(own.group(1)) ? OWN_USER : user;
  }

  private static JsonNode names(JsonNode object) {
    ArrayNode names = JSON.arrayNode();
    Set<String> sorted = new TreeSet<>();
    object.fieldNames().forEachRemaining(sorted::add);
    sorted.forEach(names::add);
    return names;
  }

  private static JsonNode own(JsonNode environment) {
    ArrayNode own = JSON.arrayNode();
    for (JsonNode variable : environment) {
      if (variable.asText().startsWith(OWN_ENVIRONMENT)) {
        own.add(variable);
      }
    }
    return own;
  }

  /** Describes how another container differs from this one; empty if it does not. */
  List<String> differences(ContainerShape other) {
    List<String> differences = new ArrayList<>();
    compare(limits, other.limits, differences);
    // The image's name may stand for another image by now, with other process settings.
    if (image.equals(other.image)) {
      compare(process, other.process, differences);
    }
    return differences;
  }

  private static void compare(
      Map<String, JsonNode> wanted, Map<String, JsonNode> found, List<String> differences) {
    Set<String> fields = new TreeSet<>(wanted.keySet());
    fields.addAll(found.keySet());
    for (String field : fields) {
      JsonNode here = wanted.get(field);
      JsonNode there = found.get(field);
      if (!Objects.equals(here, there)) {
        differences.add(field + " is " + shown(there) + " instead of " + shown(here));
      }
    }
  }

  private static String shown(@Nullable JsonNode value) {
    return value == null
        ? "unset"
        : EngineErrors.clean(value.isContainerNode() ? value.toString() : value.asText());
  }

  /**
   * Adds a field unless it is empty, false or 0: engines differ in whether they send such fields.
   */
  private static void put(
      Map<String, JsonNode> into, String field, JsonNode value, Path workspace) {
    if (!isSilent(value)) {
      into.put(field, neutral(value, workspace.toString()));
    }
  }

  private static boolean isSilent(JsonNode value) {
    return switch (value.getNodeType()) {
      case MISSING, NULL -> true;
      case STRING -> value.textValue().isEmpty();
      case BOOLEAN -> !value.booleanValue();
      case NUMBER -> value.doubleValue() == 0;
      case ARRAY, OBJECT -> value.isEmpty();
      case BINARY, POJO -> false;
    };
  }

  private static JsonNode neutral(JsonNode value, String workspace) {
    return switch (value) {
      case TextNode text -> text.textValue().equals(workspace) ? OWN_WORKSPACE : text;
      case ArrayNode list -> {
        ArrayNode copy = JSON.arrayNode();
        list.forEach(each -> copy.add(neutral(each, workspace)));
        yield copy;
      }
      case ObjectNode object -> {
        ObjectNode copy = JSON.objectNode();
        object
            .properties()
            .forEach(each -> copy.set(each.getKey(), neutral(each.getValue(), workspace)));
        yield copy;
      }
      default -> value.isNull() ? SILENT : value;
    };
  }
}
