/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import org.jspecify.annotations.Nullable;

/**
 * Thrown when no broker of Kafka was reached since the client was made: within 10 s, or by an
 * earlier deadline of the call. Nothing was published. A broker that was reached before and is away
 * now is waited for until the call's deadline, with a {@link NoAnswerException} at its end.
 */
public final class KafkaUnreachableException extends SandboxException {
  private static final long serialVersionUID = 1L;

  private final String address;

  KafkaUnreachableException(String address, String reason, @Nullable Throwable cause) {
    super(
        "no Kafka broker was reached at "
            + address
            + ": "
            + reason
            + "; nothing was published. Check bootstrap.servers, and that the brokers run",
        cause);
    this.address = address;
  }

  /** Returns the addresses that were tried, as in {@code bootstrap.servers}. */
  public String address() {
    return address;
  }
}
