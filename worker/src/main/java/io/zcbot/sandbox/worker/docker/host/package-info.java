/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** What sandboxes need on an engine and its host: its features, the image, the network. */
@NullMarked
package io.zcbot.sandbox.worker.docker.host;

import org.jspecify.annotations.NullMarked;
