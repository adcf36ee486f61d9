/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** The gateway: HTTP for agents that speak no Kafka. */
@NullMarked
package io.zcbot.sandbox.gateway;

import org.jspecify.annotations.NullMarked;
