/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import java.util.TreeSet;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.ClusterAuthorizationException;
import org.apache.kafka.common.errors.GroupAuthorizationException;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.jspecify.annotations.Nullable;

/**
 * Describes Kafka's errors for operators. Errors for missing permissions name the permission, as
 * Kafka's tools spell it.
 */
public final class Denials {
  private static final String REMEDY =
      "; 'sandbox topics acls' prints the permissions of each role";

  private Denials() {}

  /** Whether a failure was caused by a missing permission. */
  public static boolean isDenial(Throwable failure) {
    return find(failure) != null;
  }

  /**
   * Whether a failure to read or write partitions has a cause that they have in common. Credentials
   * are the same for all brokers; a broken certificate may be that of one.
   */
  public static boolean isOfAllPartitions(Throwable failure) {
    return isDenial(failure) || failure instanceof SaslAuthenticationException;
  }

  /**
   * Describes an error.
   *
   * @param needed the operation that the caller tried, which the error does not tell
   * @param otherwise the text for every other error
   */
  public static String reason(AclOperation needed, Throwable failure, String otherwise) {
    return switch (find(failure)) {
      case TopicAuthorizationException e when !e.unauthorizedTopics().isEmpty() ->
          "no permission "
              + spelt(needed)
              + " on topic "
              + String.join(", ", new TreeSet<>(e.unauthorizedTopics()))
              + REMEDY;
      case GroupAuthorizationException e when e.groupId() != null ->
          "no permission " + spelt(needed) + " on group " + e.groupId() + REMEDY;
      // A producer requests its id first, which requires Write on any topic.
      case ClusterAuthorizationException _ when needed == AclOperation.WRITE ->
          "no permission Write on any topic" + REMEDY;
      case null -> otherwise;
      case AuthorizationException e ->
          "no permission " + spelt(needed) + " (" + e.getMessage() + ")" + REMEDY;
    };
  }

  /** An operation as Kafka's tools spell it, for example DescribeConfigs. */
  public static String spelt(AclOperation operation) {
    StringBuilder spelt = new StringBuilder();
    for (String word : operation.name().split("_", -1)) {
      spelt.append(word.charAt(0)).append(word.substring(1).toLowerCase(java.util.Locale.ROOT));
    }
    return spelt.toString();
  }

  private static @Nullable AuthorizationException find(Throwable failure) {
    for (Throwable each = failure; each != null; each = each.getCause()) {
      if (each instanceof AuthorizationException denial) {
        return denial;
      }
    }
    return null;
  }
}
