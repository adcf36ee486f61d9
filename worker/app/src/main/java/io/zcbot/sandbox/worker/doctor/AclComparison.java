/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.kafka.Denials;
import io.zcbot.sandbox.worker.kafka.Role;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/**
 * Compares the permissions of Kafka's principals on the topics with the roles: each principal
 * should have exactly what one or more roles need. Makes no calls. DENY entries are ignored.
 */
final class AclComparison {
  /** Operations that exist for topics; the others belong to other resources. */
  private static final Set<AclOperation> OF_TOPICS =
      EnumSet.of(
          AclOperation.READ,
          AclOperation.WRITE,
          AclOperation.CREATE,
          AclOperation.DELETE,
          AclOperation.ALTER,
          AclOperation.DESCRIBE_CONFIGS,
          AclOperation.ALTER_CONFIGS);

  private final Map<Role, Set<Right>> roles = new TreeMap<>();
  private final Set<ResourcePattern> topics = new HashSet<>();

  /**
   * A permitted operation on a topic or a prefix of topics. Describe is left out, because every
   * other permission implies it.
   */
  private record Right(String topic, AclOperation operation) {
    @Override
    public String toString() {
      return Denials.spelt(operation) + " on " + topic;
    }
  }

  AclComparison(KafkaConfig config) {
    for (Role role : Role.values()) {
      Set<Right> rights = new HashSet<>();
      for (Role.Permission each : role.permissions(config, "any")) {
        if (each.resource().resourceType() == ResourceType.TOPIC) {
          topics.add(each.resource());
          each.operations().forEach(it -> rights.add(new Right(each.resource().name(), it)));
        }
      }
      roles.put(role, rights);
    }
  }

  Finding of(Collection<AclBinding> inForce) {
    Map<String, Set<Right>> allowed = new TreeMap<>();
    for (AclBinding binding : inForce) {
      if (binding.entry().permissionType() == AclPermissionType.ALLOW) {
        for (Right right : rights(binding)) {
          allowed.computeIfAbsent(binding.entry().principal(), _ -> new HashSet<>()).add(right);
        }
      }
    }
    if (allowed.isEmpty()) {
      return Finding.warn(
          "acls",
          "nobody but super users is allowed anything on the topics",
          "'sandbox topics acls' prints the commands that allow each role what it needs");
    }
    Set<Role> found = EnumSet.noneOf(Role.class);
    List<String> differences = new ArrayList<>();
    allowed.forEach(
        (principal, rights) -> {
          Set<Role> nearest = nearest(rights);
          found.addAll(nearest);
          String difference = difference(rights, union(nearest));
          if (!difference.isEmpty()) {
            differences.add(principal + " (" + names(nearest) + ")" + difference);
          }
        });
    return differences.isEmpty()
        ? Finding.ok(
            "acls",
            allowed.size() + " principals have what their roles need and no more: " + names(found))
        : Finding.warn(
            "acls",
            String.join("; ", differences),
            "'sandbox topics acls --principal … --role …' prints what a role needs; take the rest"
                + " away with kafka-acls.sh --remove");
  }

  /** Returns what a binding permits on the worker's topics. */
  private List<Right> rights(AclBinding binding) {
    ResourcePattern pattern = binding.pattern();
    AclOperation operation = binding.entry().operation();
    if (pattern.resourceType() != ResourceType.TOPIC) {
      return List.of();
    }
    return topics.stream()
        .filter(topic -> covers(pattern, topic))
        .flatMap(
            topic ->
                OF_TOPICS.stream()
                    .filter(each -> operation == AclOperation.ALL || operation == each)
                    .map(each -> new Right(topic.name(), each)))
        .toList();
  }

  private static boolean covers(ResourcePattern pattern, ResourcePattern topic) {
    return pattern.patternType() == PatternType.PREFIXED
        ? topic.name().startsWith(pattern.name())
        : pattern.name().equals(ResourcePattern.WILDCARD_RESOURCE)
            || (pattern.name().equals(topic.name()) && topic.patternType() == PatternType.LITERAL);
  }

  /**
   * Returns the combination of roles whose permissions differ least from the given ones; of
   * several, the smallest.
   */
  private Set<Role> nearest(Set<Right> rights) {
    List<Set<Role>> all = new ArrayList<>();
    for (Role role : Role.values()) {
      for (Set<Role> others : List.copyOf(all)) {
        Set<Role> more = EnumSet.of(role);
        more.addAll(others);
        all.add(more);
      }
      all.add(EnumSet.of(role));
    }
    return all.stream()
        .min(
            Comparator.<Set<Role>>comparingInt(
                    some -> minus(rights, union(some)).size() + minus(union(some), rights).size())
                .thenComparingInt(Set::size))
        .orElseThrow();
  }

  private Set<Right> union(Set<Role> some) {
    return some.stream()
        .flatMap(role -> Objects.requireNonNull(roles.get(role)).stream())
        .collect(Collectors.toSet());
  }

  private static String difference(Set<Right> is, Set<Right> needed) {
    String more = list(minus(is, needed));
    String less = list(minus(needed, is));
    return (less.isEmpty() ? "" : " lacks " + less)
        + (more.isEmpty() ? "" : (less.isEmpty() ? " has more: " : ", and has more: ") + more);
  }

  private static Set<Right> minus(Set<Right> one, Set<Right> other) {
    Set<Right> rest = new HashSet<>(one);
    rest.removeAll(other);
    return rest;
  }

  private static String list(Set<Right> rights) {
    return String.join(
        ", ", rights.stream().map(Right::toString).collect(Collectors.toCollection(TreeSet::new)));
  }

  private static String names(Set<Role> some) {
    return some.stream()
        .map(role -> role.name().toLowerCase(Locale.ROOT))
        .collect(Collectors.joining(", "));
  }
}
