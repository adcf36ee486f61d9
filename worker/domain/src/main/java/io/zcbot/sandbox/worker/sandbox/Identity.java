/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

/**
 * The worker and the host that announcements name.
 *
 * @param engineAddress the address at which clients are to reach the engine
 */
public record Identity(String workerId, String host, String engineAddress) {}
