/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

/**
 * The worker and the host that announcements name.
 *
 * @param engineAddress the address clients are told to reach the engine at
 */
public record Identity(String workerId, String host, String engineAddress) {}
