/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/** The engine and its host, as far as sandboxes need them: features, image, network. */
@NullMarked
package io.zcbot.sandbox.worker.docker.host;

import org.jspecify.annotations.NullMarked;
