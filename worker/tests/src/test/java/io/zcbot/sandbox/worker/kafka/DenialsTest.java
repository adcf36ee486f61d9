/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.errors.ClusterAuthorizationException;
import org.apache.kafka.common.errors.DisconnectException;
import org.apache.kafka.common.errors.GroupAuthorizationException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.junit.jupiter.api.Test;

class DenialsTest {
  private static String reason(AclOperation needed, Throwable failure) {
    return Denials.reason(needed, failure, "something else");
  }

  @Test
  void namesWhatIsMissing() {
    assertThat(reason(AclOperation.READ, new TopicAuthorizationException(Set.of("b", "a"))))
        .startsWith("no permission Read on topic a, b; ");
    assertThat(reason(AclOperation.READ, GroupAuthorizationException.forGroupId("workers")))
        .startsWith("no permission Read on group workers; ");
    assertThat(reason(AclOperation.WRITE, new ClusterAuthorizationException("no")))
        .startsWith("no permission Write on any topic; ");
    assertThat(
            reason(
                AclOperation.DESCRIBE_CONFIGS,
                new ExecutionException(new TopicAuthorizationException("denied"))))
        .startsWith("no permission DescribeConfigs (denied); ");
  }

  @Test
  void leavesOtherErrorsToTheCaller() {
    assertThat(reason(AclOperation.READ, new DisconnectException())).isEqualTo("something else");
    assertThat(Denials.isDenial(new DisconnectException())).isFalse();
  }
}
