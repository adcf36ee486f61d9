/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
/**
 * The worker with a Kafka broker of its own, in one process, and the training of the JVM for the
 * worker's image, which needs a broker as well.
 */
@NullMarked
package io.zcbot.sandbox.standalone;

import org.jspecify.annotations.NullMarked;
