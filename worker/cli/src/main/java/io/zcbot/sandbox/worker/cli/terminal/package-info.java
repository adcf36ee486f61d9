/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * The terminal in front of a command: its mode, its size, signals, and output that is safe on it.
 */
@NullMarked
package io.zcbot.sandbox.worker.cli.terminal;

import org.jspecify.annotations.NullMarked;
