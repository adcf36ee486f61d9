/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * The client library for agent services. {@link io.zcbot.sandbox.client.SandboxClient#connect}
 * opens one connection for all users of a process; {@link io.zcbot.sandbox.client.Sandbox} is one
 * user's sandbox. Methods block, are made for virtual threads, and have a deadline each.
 */
@NullMarked
package io.zcbot.sandbox.client;

import org.jspecify.annotations.NullMarked;
