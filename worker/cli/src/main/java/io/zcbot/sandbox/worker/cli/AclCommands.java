/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static io.zcbot.sandbox.worker.kafka.KafkaTool.quoted;

import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.kafka.Denials;
import io.zcbot.sandbox.worker.kafka.KafkaTool;
import io.zcbot.sandbox.worker.kafka.Role;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.jspecify.annotations.Nullable;

/**
 * Prints the invocations of {@code kafka-acls.sh} that give each role exactly the permissions that
 * it needs. Makes no calls.
 */
final class AclCommands {
  private final KafkaConfig config;
  private final String agentGroups;
  private final String tool;

  /**
   * Creates the invocations for one cluster.
   *
   * @param agentGroups prefix of the consumer groups of agent services
   * @param clientProperties the properties file with which the tool connects; null for none
   */
  AclCommands(KafkaConfig config, String agentGroups, @Nullable String clientProperties) {
    this.config = config;
    this.agentGroups = agentGroups;
    this.tool =
        KafkaTool.line("kafka-acls.sh", config)
            + (clientProperties == null ? "" : " --command-config " + quoted(clientProperties))
            + " --add";
  }

  /**
   * Determines the principals of each role.
   *
   * @param given each {@code role=principal}, or a principal of the role {@code ofAll}; if empty,
   *     one principal for each role, named after it
   * @param ofAll the role of principals that are given without one; null if there is none
   * @throws CommandException if a principal does not have this form
   */
  static Map<Role, List<String>> principals(List<String> given, @Nullable String ofAll)
      throws CommandException {
    Role all = ofAll == null ? null : known(ofAll, "--role " + ofAll);
    Map<Role, List<String>> principals = new EnumMap<>(Role.class);
    if (given.isEmpty()) {
      for (Role role : all == null ? Role.values() : new Role[] {all}) {
        principals.put(role, List.of("User:sandbox-" + name(role)));
      }
    }
    for (String each : given) {
      int end = each.indexOf('=');
      Role named = end < 0 ? null : role(each.substring(0, end));
      Role role = named == null ? all : named;
      String principal = named == null ? each : each.substring(end + 1);
      if (role == null || !principal.matches("[^:=]+:.+")) {
        throw new CommandException(
            ExitCode.USAGE,
            "--principal "
                + each
                + ": must be ROLE=TYPE:NAME, for example worker=User:host-1, or TYPE:NAME with"
                + " --role, with one of the roles "
                + roles(),
            null);
      }
      principals.computeIfAbsent(role, _ -> new ArrayList<>()).add(principal);
    }
    return principals;
  }

  private static Role known(String name, String typed) throws CommandException {
    Role role = role(name);
    if (role == null) {
      throw new CommandException(
          ExitCode.USAGE, typed + ": must be one of the roles " + roles(), null);
    }
    return role;
  }

  private static @Nullable Role role(String name) {
    for (Role role : Role.values()) {
      if (name(role).equals(name)) {
        return role;
      }
    }
    return null;
  }

  private static String roles() {
    return List.of(Role.values()).stream().map(AclCommands::name).collect(Collectors.joining(", "));
  }

  private static String name(Role role) {
    return role.name().toLowerCase(Locale.ROOT);
  }

  /** Returns the lines for a role: a comment, then one invocation for each resource. */
  List<String> of(Role role, List<String> principals) {
    List<String> lines = new ArrayList<>();
    lines.add("# " + name(role) + ": " + String.join(", ", principals));
    for (Role.Permission permission : role.permissions(config, agentGroups)) {
      StringBuilder line = new StringBuilder(tool);
      principals.forEach(each -> line.append(" --allow-principal ").append(quoted(each)));
      for (AclOperation operation : permission.operations()) {
        line.append(" --operation ").append(Denials.spelt(operation));
      }
      lines.add(line.append(resource(permission.resource())).toString());
    }
    return lines;
  }

  private static String resource(ResourcePattern resource) {
    String pattern =
        resource.patternType() == PatternType.PREFIXED ? " --resource-pattern-type prefixed" : "";
    return switch (resource.resourceType()) {
      case TOPIC -> " --topic " + quoted(resource.name()) + pattern;
      case GROUP -> " --group " + quoted(resource.name()) + pattern;
      case CLUSTER -> " --cluster";
      case UNKNOWN, ANY, TRANSACTIONAL_ID, DELEGATION_TOKEN, USER ->
          throw new IllegalStateException("no role needs " + resource);
    };
  }
}
