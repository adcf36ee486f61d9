/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.ports;

import io.zcbot.sandbox.events.UserId;

/**
 * A sandbox whose ports can be reached.
 *
 * @param tenant whose it is
 * @param id its id in the names of hosts
 * @param token what a request must have, unless the sandbox is public
 * @param isPublic whether anybody may reach its ports
 */
public record ExposedSandbox(
    UserId user, String tenant, String id, String token, boolean isPublic) {}
