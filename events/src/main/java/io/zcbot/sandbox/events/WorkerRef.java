/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

/**
 * A worker and its host.
 *
 * @param host the machine that the worker serves
 * @param workerId the worker's id
 */
public record WorkerRef(String host, String workerId) implements Site {}
