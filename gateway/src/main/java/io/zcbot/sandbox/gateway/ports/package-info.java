/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * Ports of sandboxes over HTTP and WebSocket. A connection to a port passes through the standard
 * streams of a command in the sandbox, so neither the host nor the sandbox opens anything.
 */
@NullMarked
package io.zcbot.sandbox.gateway.ports;

import org.jspecify.annotations.NullMarked;
