/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import org.jspecify.annotations.Nullable;

/**
 * What the headers of a request say about its answers.
 *
 * @param replyTo the topic to which answers are copied; null for none
 * @param problem why the request is rejected because of its headers; null if they are valid
 */
public record RequestContext(@Nullable String replyTo, @Nullable String problem) {
  /** For a request without such headers. */
  public static final RequestContext NONE = new RequestContext(null, null);
}
