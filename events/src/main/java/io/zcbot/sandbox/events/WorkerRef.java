/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

/** A worker and its host. */
public record WorkerRef(String host, String workerId) implements Site {}
