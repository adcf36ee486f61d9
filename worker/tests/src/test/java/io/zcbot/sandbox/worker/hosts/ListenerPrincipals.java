/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import org.apache.kafka.common.security.auth.AuthenticationContext;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder;

/**
 * Names each client after the listener that it connects to. So the controllers, which vote before
 * anybody knows the permissions, can be super users, and clients without a name are not.
 */
public final class ListenerPrincipals extends DefaultKafkaPrincipalBuilder {
  /** As Kafka creates it. */
  public ListenerPrincipals() {
    super(null, null);
  }

  @Override
  public KafkaPrincipal build(AuthenticationContext context) {
    return new KafkaPrincipal(KafkaPrincipal.USER_TYPE, context.listenerName());
  }
}
