/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import org.jspecify.annotations.Nullable;

/**
 * What the headers of a request say of its answers.
 *
 * @param replyTo the topic to which they are copied; null if to none
 * @param problem what is wrong with the headers, for which it is rejected; null if nothing is
 */
public record RequestContext(@Nullable String replyTo, @Nullable String problem) {
  /** Of a request without such headers. */
  public static final RequestContext NONE = new RequestContext(null, null);
}
