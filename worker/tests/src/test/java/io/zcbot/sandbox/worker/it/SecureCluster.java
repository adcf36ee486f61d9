/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.cli.Cli;
import io.zcbot.sandbox.worker.cli.Console;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.KafkaAccess;
import io.zcbot.sandbox.worker.testkit.deployment.SecureBroker;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.Resource;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/**
 * A secure Kafka on which each role has exactly the permissions that {@code topics acls} prints.
 */
final class SecureCluster implements AutoCloseable {
  private static final String[] ROLES = {
    "agent", "worker", "gateway", "commander", "auditor", "operator"
  };
  private static final int SECONDS = 90;

  private final SecureBroker broker;
  private final Admin admin;

  private SecureCluster(SecureBroker broker) {
    this.broker = broker;
    this.admin = broker.admin();
  }

  static SecureCluster start(Path directory) throws Exception {
    return new SecureCluster(SecureBroker.start(directory, ROLES));
  }

  /** The result of a command, as seen by the role that it ran for. */
  record Ran(int exitCode, String out, String err) {}

  /** A deployment on this cluster; its workers create no topics. */
  Deployment deploy() throws Exception {
    return new Deployment(
            new KafkaAccess(
                broker.bootstrapServers(),
                client("worker"),
                client("agent"),
                client("auditor"),
                broker.administrator()))
        .with("ZCBOT_TOPICS_CREATE", "false");
  }

  /** The client properties of a role. */
  Map<String, String> client(String role) {
    return broker.clientOf(role);
  }

  /** The client properties of the administrator. */
  Map<String, String> administrator() {
    return broker.administrator();
  }

  String bootstrapServers() {
    return broker.bootstrapServers();
  }

  Admin admin() {
    return admin;
  }

  /** Runs a command for a role of a deployment. */
  Ran sandbox(Deployment deployment, String role, String... args) {
    Map<String, String> env = new HashMap<>(deployment.environment("a"));
    env.putAll(KafkaAccess.settings(client(role)));
    env.put("ZCBOT_TOPICS_CREATE", "true");
    env.put("ZCBOT_KAFKA_DEFAULT_API_TIMEOUT_MS", "60000"); // as in CliProcess
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    Console console =
        new Console(env, new PrintWriter(out, true), new PrintWriter(err, true), false);
    int exitCode = Cli.commandLine(console).execute(args);
    return new Ran(exitCode, out.toString(), err.toString());
  }

  /** Creates the topics as an operator does. */
  void createTopics(Deployment deployment) {
    assertThat(sandbox(deployment, "operator", "topics", "create").err()).isEmpty();
  }

  /** Grants each role the permissions that the command prints; returns them by role. */
  Map<String, List<AclBinding>> allowAll(Deployment deployment) throws Exception {
    Map<String, List<AclBinding>> printed = new HashMap<>();
    for (String role : ROLES) {
      Ran ran =
          sandbox(
              deployment, role, "topics", "acls", "--principal", "User:" + role, "--role", role);
      assertThat(ran.err()).isEmpty();
      assertThat(ran.exitCode()).isZero();
      List<AclBinding> bindings =
          ran.out()
              .lines()
              .filter(line -> !line.startsWith("#"))
              .flatMap(SecureCluster::parse)
              .toList();
      printed.put(role, bindings);
      allow(bindings);
    }
    return printed;
  }

  void allow(Collection<AclBinding> bindings) throws Exception {
    admin.createAcls(bindings).all().get(SECONDS, TimeUnit.SECONDS);
  }

  /** Revokes a permission; returns when it is gone from the only broker, too. */
  void forbid(AclBinding binding) throws Exception {
    List<AclBindingFilter> filters = List.of(binding.toFilter());
    assertThat(admin.deleteAcls(filters).all().get(SECONDS, TimeUnit.SECONDS))
        .containsExactly(binding);
    await().atMost(Deployment.SOON).until(() -> !isInForce(binding));
  }

  /** Waits until the permission is effective on the only broker. */
  void awaitAllowed(AclBinding binding) {
    await().atMost(Deployment.SOON).until(() -> isInForce(binding));
  }

  /** The permissions that the broker lists are those that it decides by. */
  private boolean isInForce(AclBinding binding) throws Exception {
    return !admin
        .describeAcls(binding.toFilter())
        .values()
        .get(SECONDS, TimeUnit.SECONDS)
        .isEmpty();
  }

  /** A permission of a worker or another role. */
  static AclBinding binding(
      String role, ResourceType type, String name, PatternType pattern, AclOperation operation) {
    return new AclBinding(
        new ResourcePattern(type, name, pattern),
        new AccessControlEntry("User:" + role, "*", operation, AclPermissionType.ALLOW));
  }

  /** The permissions that Kafka's own tool derives from such a command. */
  private static java.util.stream.Stream<AclBinding> parse(String command) {
    List<String> words = new ArrayList<>(Arrays.asList(command.split(" ")));
    assertThat(words.subList(0, 2)).containsExactly("kafka-acls.sh", "--bootstrap-server");
    assertThat(words.get(3)).isEqualTo("--add");
    List<AclOperation> operations = new ArrayList<>();
    String principal = null;
    ResourceType type = null;
    String name = null;
    PatternType pattern = PatternType.LITERAL;
    for (int i = 4; i < words.size(); i++) {
      switch (words.get(i)) {
        case "--allow-principal" -> principal = words.get(++i);
        case "--operation" ->
            operations.add(
                AclOperation.fromString(words.get(++i).replaceAll("(?<=[a-z])(?=[A-Z])", "_")));
        case "--topic" -> {
          type = ResourceType.TOPIC;
          name = words.get(++i);
        }
        case "--group" -> {
          type = ResourceType.GROUP;
          name = words.get(++i);
        }
        case "--cluster" -> {
          type = ResourceType.CLUSTER;
          name = Resource.CLUSTER_NAME;
        }
        case "--resource-pattern-type" ->
            pattern = PatternType.fromString(words.get(++i).toUpperCase(java.util.Locale.ROOT));
        default -> throw new AssertionError(words.get(i) + " in " + command);
      }
    }
    ResourcePattern resource = new ResourcePattern(type, name, pattern);
    String allowed = principal;
    return operations.stream()
        .map(
            operation ->
                new AclBinding(
                    resource,
                    new AccessControlEntry(allowed, "*", operation, AclPermissionType.ALLOW)));
  }

  @Override
  public void close() {
    admin.close();
    broker.close();
  }
}
