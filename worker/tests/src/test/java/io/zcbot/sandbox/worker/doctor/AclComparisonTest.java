/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.kafka.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.junit.jupiter.api.Test;

class AclComparisonTest {
  private static final KafkaConfig CONFIG =
      new KafkaConfig(Map.of(), "workers", "sandbox.", false, 1, (short) 1);

  private final List<AclBinding> inForce = new ArrayList<>();

  private void give(String principal, Role role) {
    for (Role.Permission permission : role.permissions(CONFIG, "agents")) {
      permission.operations().forEach(each -> allow(principal, permission.resource(), each));
    }
  }

  private void allow(String principal, ResourcePattern resource, AclOperation operation) {
    inForce.add(
        new AclBinding(
            resource, new AccessControlEntry(principal, "*", operation, AclPermissionType.ALLOW)));
  }

  private static ResourcePattern topic(String name) {
    return new ResourcePattern(ResourceType.TOPIC, name, PatternType.LITERAL);
  }

  private Finding finding() {
    return new AclComparison(CONFIG).of(inForce);
  }

  @Test
  void whatRolesNeedIsFine() {
    give("User:a", Role.AGENT);
    give("User:w", Role.WORKER);
    give("User:both", Role.COMMANDER);
    give("User:both", Role.AUDITOR);
    allow("User:stranger", topic("other"), AclOperation.ALL);
    assertThat(finding().level()).isEqualTo(Finding.Level.OK);
    assertThat(finding().detail())
        .contains("3 principals")
        .endsWith("agent, worker, commander, auditor");
  }

  @Test
  void whatIsMissingAndWhatIsTooMuchIsNamed() {
    give("User:a", Role.AGENT);
    inForce.removeIf(
        each ->
            each.pattern().name().equals("sandbox.exec")
                || each.pattern().name().equals("sandbox.ready"));
    allow("User:a", topic("sandbox.live"), AclOperation.WRITE);
    assertThat(finding().level()).isEqualTo(Finding.Level.WARN);
    assertThat(finding().detail())
        .isEqualTo(
            "User:a (agent) lacks Read on sandbox.ready, Write on sandbox.exec, and has more: Write"
                + " on sandbox.live");
  }

  @Test
  void wildcardsAndPrefixesCount() {
    give("User:c", Role.COMMANDER);
    allow("User:*", topic("*"), AclOperation.READ);
    allow(
        "User:p",
        new ResourcePattern(ResourceType.TOPIC, "sandbox.e", PatternType.PREFIXED),
        AclOperation.DELETE);
    assertThat(finding().detail())
        .contains("User:p")
        .contains("Delete on sandbox.ensure")
        .contains("Delete on sandbox.exec")
        .doesNotContain("User:c");
  }

  @Test
  void nothingAtAllIsSaid() {
    assertThat(finding().detail()).contains("nobody but super users");
  }
}
