/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.nodes.SequenceNode;
import org.yaml.snakeyaml.nodes.Tag;

/** A mapping in a YAML file, read without making objects of what it says. */
final class YamlMapping {
  private static final int MOST_QUOTED = 64;

  private final int line;
  private final Map<String, Node> fields = new LinkedHashMap<>();

  /** Receives what is wrong in a line of the file. */
  @FunctionalInterface
  interface Problems {
    void add(int line, String where, String value, String problem);
  }

  private YamlMapping(int line) {
    this.line = line;
  }

  /**
   * Reads a mapping.
   *
   * @param where what it says of itself in problems
   * @return null if it is none, which is a problem
   */
  static @Nullable YamlMapping of(Node node, String where, Problems problems) {
    if (!(node instanceof MappingNode mapping)) {
      problems.add(lineOf(node), where, shown(node), "must be a mapping, a list of name: value");
      return null;
    }
    YamlMapping read = new YamlMapping(lineOf(node));
    for (NodeTuple entry : mapping.getValue()) {
      int line = lineOf(entry.getKeyNode());
      if (!(entry.getKeyNode() instanceof ScalarNode key)) {
        problems.add(line, where, shown(entry.getKeyNode()), "a name must be a text");
      } else if (read.fields.putIfAbsent(key.getValue(), entry.getValueNode()) != null) {
        problems.add(line, where, key.getValue(), "is there twice; remove one");
      }
    }
    return read;
  }

  /** The line that it begins in, from 1 on. */
  int line() {
    return line;
  }

  Map<String, Node> fields() {
    return fields;
  }

  /**
   * The text of a value; that of a list has its elements separated by commas. Null if there is none
   * or it is no such value, which is a problem.
   */
  static @Nullable String text(Node node, boolean mayBeList, String where, Problems problems) {
    if (node instanceof ScalarNode scalar && !scalar.getTag().equals(Tag.NULL)) {
      return scalar.getValue();
    }
    if (mayBeList && node instanceof SequenceNode list) {
      List<String> elements = new ArrayList<>();
      for (Node element : list.getValue()) {
        if (!(element instanceof ScalarNode scalar) || scalar.getTag().equals(Tag.NULL)) {
          problems.add(lineOf(element), where, shown(element), "each element must be a text");
          return null;
        }
        elements.add(scalar.getValue());
      }
      return elements.stream().collect(Collectors.joining(","));
    }
    problems.add(
        lineOf(node),
        where,
        shown(node),
        node instanceof ScalarNode
            ? "has no value; give it one, or remove it"
            : mayBeList ? "must be a value or a list of values" : "must be one value");
    return null;
  }

  /** The line that a node begins in, from 1 on. */
  static int lineOf(Node node) {
    return node.getStartMark() == null ? 1 : node.getStartMark().getLine() + 1;
  }

  /** A text of the file in a message. */
  static String quoted(String text) {
    return "'" + (text.length() > MOST_QUOTED ? text.substring(0, MOST_QUOTED) + "…" : text) + "'";
  }

  private static String shown(Node node) {
    return switch (node) {
      case ScalarNode scalar -> quoted(scalar.getValue());
      case SequenceNode _ -> "[…]";
      default -> "{…}";
    };
  }
}
