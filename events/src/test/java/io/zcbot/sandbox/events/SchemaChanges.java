/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Finds what a change of a schema breaks. Requests may become wider, because workers are upgraded
 * before agents use the new values. Results may become neither wider nor narrower, because there
 * are older readers, and older records in the log. Every change that is not known to be harmless
 * counts as a break.
 */
final class SchemaChanges {
  private static final Set<String> ANNOTATIONS =
      Set.of("$schema", "$comment", "$defs", "title", "description", "examples");

  private final JsonNode before;
  private final JsonNode after;
  private final boolean isRequest;
  private final List<String> breaks = new ArrayList<>();

  private SchemaChanges(JsonNode before, JsonNode after, boolean isRequest) {
    this.before = before;
    this.after = after;
    this.isRequest = isRequest;
  }

  /** The breaking changes, each with the path of the field. */
  static List<String> breaks(JsonNode before, JsonNode after, boolean isRequest) {
    SchemaChanges changes = new SchemaChanges(before, after, isRequest);
    changes.compare("", before, after);
    return changes.breaks;
  }

  private void compare(String path, JsonNode from, JsonNode to) {
    JsonNode old = resolved(from, before);
    JsonNode now = resolved(to, after);
    Set<String> keywords = new LinkedHashSet<>();
    old.fieldNames().forEachRemaining(keywords::add);
    now.fieldNames().forEachRemaining(keywords::add);
    keywords.removeAll(ANNOTATIONS);
    if (keywords.removeAll(Set.of("enum", "const", "anyOf"))) {
      values(path, Values.of(old), Values.of(now));
    }
    for (String keyword : keywords) {
      JsonNode was = old.get(keyword);
      JsonNode is = now.get(keyword);
      switch (keyword) {
        case "properties" -> properties(path, was, is);
        case "required" -> required(path, texts(was), texts(is));
        case "minimum", "minLength", "minItems", "minProperties" -> bound(path, keyword, is, was);
        case "maximum", "maxLength", "maxItems", "maxProperties" -> bound(path, keyword, was, is);
        case "oneOf" -> alternatives(path, elements(was), elements(is));
        case "allOf" -> conditions(path, elements(was), elements(is));
        case "items", "additionalProperties", "propertyNames" -> inside(path, keyword, was, is);
        default -> other(path, keyword, was, is);
      }
    }
  }

  /** A schema with the schemas that it refers to; its own keywords take precedence. */
  private static JsonNode resolved(JsonNode schema, JsonNode root) {
    if (!schema.has("$ref")) {
      return schema;
    }
    ObjectNode resolved = root.at(schema.get("$ref").asText().substring(1)).deepCopy();
    resolved.setAll((ObjectNode) schema);
    resolved.remove("$ref");
    return resolved;
  }

  private void properties(String path, @Nullable JsonNode was, @Nullable JsonNode is) {
    if (was == null) {
      return;
    }
    was.properties()
        .forEach(
            property -> {
              String field = path + "/" + property.getKey();
              JsonNode now = is == null ? null : is.get(property.getKey());
              if (now == null) {
                breaks.add(field + ": removed");
              } else {
                compare(field, property.getValue(), now);
              }
            });
  }

  private void required(String path, Set<String> was, Set<String> is) {
    for (String field : difference(is, was)) {
      breaks.add(path + "/" + field + ": required now, and older records lack it");
    }
    if (!isRequest) {
      for (String field : difference(was, is)) {
        breaks.add(path + "/" + field + ": optional now, and older readers need it");
      }
    }
  }

  /** Compares a bound before and after the change; a missing one is infinite. */
  private void bound(
      String path, String keyword, @Nullable JsonNode least, @Nullable JsonNode most) {
    // Called with what was and what is for a maximum, and the other way round for a minimum.
    double left = least == null ? endless(keyword) : least.asDouble();
    double right = most == null ? endless(keyword) : most.asDouble();
    if (right < left) {
      breaks.add(path + ": " + keyword + " narrowed");
    } else if (right > left) {
      widened(path, keyword);
    }
  }

  private static double endless(String keyword) {
    return keyword.startsWith("max") ? Double.POSITIVE_INFINITY : Double.NEGATIVE_INFINITY;
  }

  private void values(String path, @Nullable Values was, @Nullable Values is) {
    if (was == null || is == null) {
      other(path, "values", was, is);
      return;
    }
    for (JsonNode value : difference(was.known(), is.known())) {
      breaks.add(path + ": the value " + value + " removed");
    }
    if (was.isOpen() && !is.isOpen()) {
      breaks.add(path + ": no further values allowed");
    }
    boolean isWider = !was.isOpen() && (is.isOpen() || !was.known().containsAll(is.known()));
    if (isWider) {
      widened(path, "values");
    }
  }

  private void alternatives(String path, Set<JsonNode> was, Set<JsonNode> is) {
    if (was.isEmpty() || !is.containsAll(was)) {
      breaks.add(path + ": oneOf narrowed");
    } else if (!was.containsAll(is)) {
      widened(path, "oneOf");
    }
  }

  private void conditions(String path, Set<JsonNode> was, Set<JsonNode> is) {
    if (!was.containsAll(is)) {
      breaks.add(path + ": allOf narrowed");
    } else if (!is.containsAll(was)) {
      widened(path, "allOf");
    }
  }

  private void inside(String path, String keyword, @Nullable JsonNode was, @Nullable JsonNode is) {
    if (was != null && is != null && was.isObject() && is.isObject()) {
      compare(path + "/" + keyword, was, is);
    } else {
      other(path, keyword, was, is);
    }
  }

  private void other(String path, String keyword, @Nullable Object was, @Nullable Object is) {
    if (is == null) {
      widened(path, keyword);
    } else if (was == null) {
      breaks.add(path + ": " + keyword + " narrowed");
    } else if (!was.equals(is)) {
      breaks.add(path + ": " + keyword + " changed");
    }
  }

  private void widened(String path, String keyword) {
    if (!isRequest) {
      breaks.add(path + ": " + keyword + " widened, and older readers refuse it");
    }
  }

  private static <T> Set<T> difference(Set<T> all, Set<T> without) {
    Set<T> left = new LinkedHashSet<>(all);
    left.removeAll(without);
    return left;
  }

  private static Set<String> texts(@Nullable JsonNode array) {
    return elements(array).stream().map(JsonNode::asText).collect(Collectors.toSet());
  }

  private static Set<JsonNode> elements(@Nullable JsonNode array) {
    return array == null
        ? Set.of()
        : array.valueStream().collect(Collectors.toCollection(LinkedHashSet::new));
  }

  /** Values that a schema lists, and whether it allows others. */
  private record Values(Set<JsonNode> known, boolean isOpen) {
    static @Nullable Values of(JsonNode schema) {
      if (schema.has("enum")) {
        return new Values(elements(schema.get("enum")), false);
      }
      if (schema.has("const")) {
        return new Values(Set.of(schema.get("const")), false);
      }
      if (!schema.has("anyOf")) {
        return null;
      }
      Set<JsonNode> known = new LinkedHashSet<>();
      boolean isOpen = false;
      for (JsonNode each : schema.get("anyOf")) {
        if (each.has("const")) {
          known.add(each.get("const"));
        } else {
          isOpen = true;
        }
      }
      return new Values(known, isOpen);
    }
  }
}
