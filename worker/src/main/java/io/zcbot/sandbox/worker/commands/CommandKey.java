/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.UserId;

/** Names a command: an exec's id means nothing without its user. */
record CommandKey(UserId user, String execId) {}
